//! Where processes have their sockets.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Which process is meant.
#[derive(Clone, Debug)]
pub enum Target {
    Process(u32),
    Socket(PathBuf),
}

/// A process's number, or the path of a socket.
pub fn target(text: &str) -> Result<Target, String> {
    match text.parse::<u32>() {
        Ok(0) => Err("no process has the number 0".to_owned()),
        Ok(number) => Ok(Target::Process(number)),
        Err(_) if text.contains('/') => Ok(Target::Socket(PathBuf::from(text))),
        Err(_) => Err("neither the number of a process nor the path of a socket".to_owned()),
    }
}

pub fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The folders where inspectors of this user's processes put their sockets.
pub fn folders() -> Vec<PathBuf> {
    let user = own_user();
    let mut folders = Vec::new();
    if let Some(dir) = std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty()) {
        folders.push(Path::new(&dir).join("selvedge"));
    }
    // The variable's value for processes that a session has started, whatever it is here.
    folders.push(PathBuf::from(format!("/run/user/{user}/selvedge")));
    folders.push(PathBuf::from(format!("/tmp/selvedge-{user}")));
    folders.dedup();
    folders
}

/// All sockets there, with the processes' numbers. Not more than one for a process.
pub fn sockets() -> Vec<(u32, PathBuf)> {
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    let folders = folders().into_iter().filter(|folder| is_own(folder));
    for entry in folders.flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten()) {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".sock"));
        let Some(number) = number.and_then(|number| number.parse().ok()) else {
            continue;
        };
        let is_socket = entry.file_type().is_ok_and(|kind| kind.is_socket());
        if is_socket && !found.iter().any(|(other, _)| *other == number) {
            found.push((number, entry.path()));
        }
    }
    found.sort();
    found
}

/// The socket of a process, if it has one where it is looked for.
pub fn socket_of(number: u32) -> Option<PathBuf> {
    let name = format!("{number}.sock");
    let paths = folders()
        .into_iter()
        .filter(|folder| is_own(folder))
        .map(|folder| folder.join(&name));
    paths
        .into_iter()
        .find(|path| fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket()))
}

/// A folder that another user made may hold anything.
fn is_own(folder: &Path) -> bool {
    fs::symlink_metadata(folder).is_ok_and(|dir| dir.is_dir() && dir.uid() == own_user())
}

/// What the system knows of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    None,
    Own,
    /// Another user's; with the user's number, if the system tells it.
    Others(Option<u32>),
}

pub fn process(number: u32) -> Process {
    use rustix::io::Errno;
    use rustix::process::{Pid, test_kill_process};

    let number = i32::try_from(number).ok();
    let Some((number, pid)) = number.and_then(|n| Pid::from_raw(n).map(|pid| (n, pid))) else {
        return Process::None;
    };
    let owner = fs::metadata(format!("/proc/{number}")).map(|dir| dir.uid());
    match (test_kill_process(pid), owner) {
        (Err(Errno::SRCH), _) => Process::None,
        (_, Ok(user)) if user != own_user() => Process::Others(Some(user)),
        (Err(_), Err(_)) => Process::Others(None),
        _ => Process::Own,
    }
}
