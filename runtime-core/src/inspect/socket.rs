//! The socket: its place, its rights, its removal, and which users may connect.
//!
//! It is bound in a folder of its own that only this user may enter, gets the mode 0600 there, and is then moved to its place. So
//! it is never there with wider rights, whatever the process's umask, and it replaces a leftover socket in one step.

use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Modes of a folder that other users may not enter, and of a file that they may not open.
const OWN_FOLDER: u32 = 0o700;
const OWN_FILE: u32 = 0o600;
/// The rights of other users.
const OTHERS: u32 = 0o077;

/// See the module's page.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) listener: UnixListener,
    pub(super) file: SocketFile,
}

/// The socket's name in the file system.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode of the file, which tell it from a file that has replaced it.
    identity: (u64, u64),
}

impl Socket {
    /// Makes the socket at `path` (a folder, or the socket itself), or at the usual place.
    pub(super) fn open(path: Option<&Path>) -> io::Result<Socket> {
        let name = format!("{}.sock", std::process::id());
        let path = match path {
            None => usual_folder()?.join(name),
            Some(folder) if folder.is_dir() => folder.join(name),
            Some(path) => path.to_owned(),
        };
        open_at(&path).map_err(|error| told(&path, error))
    }

    pub(super) fn descriptor(&self) -> RawFd {
        self.listener.as_raw_fd()
    }
}

impl SocketFile {
    /// Removes the file, unless another file has replaced it.
    pub(super) fn remove(&self) {
        let is_own = |file: &Metadata| (file.dev(), file.ino()) == self.identity;
        if fs::symlink_metadata(&self.path).as_ref().is_ok_and(is_own) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn told(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn open_at(path: &Path) -> io::Result<Socket> {
    assert_free(path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let private = folder.join(format!(".{}", std::process::id()));
    let bound = private.join("s");
    // Left over from a process that had this id; if it is another user's, `create` fails.
    let _ = fs::remove_file(&bound);
    let _ = fs::remove_dir(&private);
    DirBuilder::new().mode(OWN_FOLDER).create(&private)?;
    let socket = bind(&bound, path);
    // The socket is still there if it could not be moved.
    let _ = fs::remove_file(&bound);
    let _ = fs::remove_dir(&private);
    socket
}

fn bind(bound: &Path, path: &Path) -> io::Result<Socket> {
    let listener = UnixListener::bind(bound)?;
    listener.set_nonblocking(true)?;
    fs::set_permissions(bound, Permissions::from_mode(OWN_FILE))?;
    let file = fs::symlink_metadata(bound)?;
    fs::rename(bound, path)?;
    Ok(Socket {
        listener,
        file: SocketFile {
            path: path.to_owned(),
            identity: (file.dev(), file.ino()),
        },
    })
}

/// Fails unless nothing is there, or a socket at which nobody listens any more.
fn assert_free(path: &Path) -> io::Result<()> {
    let file = match fs::symlink_metadata(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !file.file_type().is_socket() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(error),
    }
}

/// The folder where the tools look for sockets; made if it is not there.
fn usual_folder() -> io::Result<PathBuf> {
    let folder = folder_in(std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from));
    own_folder(&folder).map_err(|error| told(&folder, error))?;
    Ok(folder)
}

/// In the user's runtime folder, if there is one.
pub(super) fn folder_in(runtime: Option<PathBuf>) -> PathBuf {
    match runtime.filter(|dir| dir.is_absolute() && dir.is_dir()) {
        Some(dir) => dir.join("selvedge"),
        None => PathBuf::from(format!("/tmp/selvedge-{}", own_user())),
    }
}

/// Makes the folder. Fails if it is not this user's, or if other users may enter it.
fn own_folder(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(OWN_FOLDER).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(folder)?;
    let refusal = if !found.is_dir() {
        "is no folder"
    } else if found.uid() != own_user() {
        "belongs to another user"
    } else if found.mode() & OTHERS != 0 {
        "may be entered by other users; give it the mode 0700"
    } else {
        return Ok(());
    };
    Err(io::Error::new(io::ErrorKind::PermissionDenied, refusal))
}

fn own_user() -> u32 {
    // SAFETY: has no preconditions, and never fails.
    unsafe { libc::geteuid() }
}

/// Is the process at the other end this user's?
pub(super) fn is_own_user(stream: &UnixStream) -> bool {
    peer_user(stream) == Some(own_user())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn peer_user(stream: &UnixStream) -> Option<u32> {
    let mut peer = libc::ucred {
        pid: 0,
        uid: u32::MAX,
        gid: u32::MAX,
    };
    let mut len = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the descriptor is open; the pointers are to a value of the type that the option has, and to its length.
    let result = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut len,
        )
    };
    (result == 0).then_some(peer.uid)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn peer_user(stream: &UnixStream) -> Option<u32> {
    unsafe extern "C" {
        fn getpeereid(socket: RawFd, user: *mut u32, group: *mut u32) -> std::ffi::c_int;
    }
    let (mut user, mut group) = (u32::MAX, u32::MAX);
    // SAFETY: the descriptor is open; the pointers are to values of the types' size, for which the BSDs and macOS have 32 bits.
    let result = unsafe { getpeereid(stream.as_raw_fd(), &raw mut user, &raw mut group) };
    (result == 0).then_some(user)
}
