//! What all commands share: the places of files, and how child processes are run.
//!
//! A child with a time limit leads a process group of its own, so that the processes that it
//! started die with it. Its output goes to a file, never to a pipe: a child that outlives the
//! reader of a pipe could block.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The root of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the workspace")
        .to_path_buf()
}

/// The package whose sources lie in a folder: `runtime-core` is `selvedge-core`.
pub fn package(folder: &str) -> String {
    folder.replacen("runtime-", "selvedge-", 1)
}

/// The target directory that cargo uses. Cargo takes a relative path as relative to its own working directory.
pub fn target_dir() -> PathBuf {
    let named = ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"];
    match named.iter().find_map(std::env::var_os) {
        Some(dir) => std::env::current_dir().unwrap_or_default().join(dir),
        None => root().join("target"),
    }
}

/// Is the path a folder of build outputs, whatever its name?
pub fn is_build_output(path: &Path) -> bool {
    path.is_dir() && (path.ends_with("target") || path.join("CACHEDIR.TAG").exists())
}

/// The cargo that started this program, without the variables that it sets for its children.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// As [`cargo`], but of a named toolchain.
pub fn cargo_of(toolchain: &str) -> Command {
    let mut command = Command::new("cargo");
    command
        .arg(format!("+{toolchain}"))
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("CARGO");
    command
}

/// The target triple of this machine, which the sanitizers need.
pub fn host() -> Result<String, Box<dyn std::error::Error>> {
    let version = Command::new("rustc").arg("-vV").output()?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = version.lines().find_map(|l| l.strip_prefix("host: "));
    Ok(host.ok_or("rustc names no host")?.to_owned())
}

/// Writes `text` unless the file holds it already, so that cargo does not rebuild.
pub fn write_if_changed(path: &Path, text: &str) -> io::Result<()> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::create_dir_all(path.parent().expect("a file has a parent"))?;
    fs::write(path, text)
}

/// Today, as `2026-11-27`.
pub fn date() -> String {
    let output = Command::new("date").args(["-u", "+%F"]).output();
    output.map_or(String::new(), |output| {
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    })
}

/// The date and the machine, in a line, for pages with measurements.
pub fn machine() -> String {
    let text = |command: &str, args: &[&str]| {
        let output = Command::new(command).args(args).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned()).filter(|t| !t.is_empty())
    };
    let unknown = || "unknown".to_owned();
    let cpu = fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|t| {
            t.lines().find_map(|l| {
                l.strip_prefix("model name")?
                    .split_once(": ")
                    .map(|(_, n)| n.to_owned())
            })
        })
        .unwrap_or_else(unknown);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = text("uname", &["-sr"]).unwrap_or_else(unknown);
    let rustc = text("rustc", &["--version"]).unwrap_or_else(unknown);
    let date = text("date", &["-u", "+%F"]).unwrap_or_else(unknown);
    format!("{date}; {cpu}, {cores} cores; {kernel}; {rustc}.")
}

/// Files below `dir` whose name ends in `.suffix`, sorted; skips build outputs and hidden folders.
pub fn files_below(dir: &Path, suffix: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut pending = vec![dir.to_path_buf()];
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(&dir)? {
            let path = entry?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() {
                if !is_build_output(&path) && !name.starts_with('.') {
                    pending.push(path);
                }
            } else if path.extension().is_some_and(|e| e == suffix) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// How a child with a time limit ended.
pub struct Ended {
    /// `None` if it was killed.
    pub status: Option<ExitStatus>,
    pub output: String,
    pub took: Duration,
}

/// The reasons to kill a child.
pub struct Until<'a> {
    /// It has run for this time.
    pub limit: Duration,
    /// It has used no processor time for this long: it waits for something that does not come.
    pub idle: Option<Duration>,
    /// Its output contains this word.
    pub word: Option<&'a str>,
}

/// Runs `command` for at most `limit`. Standard output and standard error both go to the file `log`.
pub fn run_limited(command: &mut Command, limit: Duration, log: &Path) -> io::Result<Ended> {
    let until = Until {
        limit,
        idle: None,
        word: None,
    };
    run_until(command, &until, log)
}

/// As [`run_limited`], with more reasons to kill the child.
pub fn run_until(command: &mut Command, until: &Until<'_>, log: &Path) -> io::Result<Ended> {
    let file = File::create(log)?;
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .process_group(0)
        .spawn()?;
    let mut pause = Duration::from_millis(2);
    let (mut used, mut used_since) = (None, Instant::now());
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        let is_said = |word: &str| {
            fs::read(log).is_ok_and(|said| String::from_utf8_lossy(&said).contains(word))
        };
        if start.elapsed() >= until.limit || until.word.is_some_and(is_said) {
            break None;
        }
        let now_used = until.idle.and_then(|_| processor_time(child.id()));
        if now_used != used {
            (used, used_since) = (now_used, Instant::now());
        }
        if until
            .idle
            .is_some_and(|idle| used.is_some() && used_since.elapsed() >= idle)
        {
            break None;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    };
    // Also after a normal end: a test may leave child processes behind.
    kill_group(child.id());
    if status.is_none() {
        child.wait()?;
    }
    let output = String::from_utf8_lossy(&fs::read(log)?).into_owned();
    Ok(Ended {
        status,
        output,
        took: start.elapsed(),
    })
}

/// The processor time of the process, in the system's ticks; `None` where the system does not report it.
fn processor_time(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The process's name, in parentheses before the other fields, may hold blanks.
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks = fields.split(' ').skip(11).take(2);
    ticks.map(|field| field.parse::<u64>().ok()).sum()
}

fn kill_group(leader: u32) {
    let _ = Command::new("kill")
        .args(["-KILL", "--", &format!("-{leader}")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

#[cfg(test)]
mod tests {
    use super::{Until, run_until};
    use std::process::Command;
    use std::time::Duration;

    #[test]
    fn a_child_is_ended_when_it_waits_for_ever_or_says_the_word() {
        let log = std::env::temp_dir().join(format!("xtask-until-{}", std::process::id()));
        let run = |script: &str, idle: Option<Duration>| {
            let mut command = Command::new("sh");
            let until = Until {
                limit: Duration::from_secs(60),
                idle,
                word: Some("FAILED\n"),
            };
            let ended = run_until(command.args(["-c", script]), &until, &log).unwrap();
            assert!(ended.took < Duration::from_secs(50), "{script}");
            (ended.status.map(|s| s.success()), ended.output)
        };
        let idle = Some(Duration::from_millis(300));
        assert_eq!(run("sleep 600", idle), (None, String::new()));
        let (status, said) = run("echo FAILED; sleep 600", None);
        assert_eq!((status, said.as_str()), (None, "FAILED\n"));
        assert_eq!(run("exit 0", idle), (Some(true), String::new()));
        assert_eq!(run("exit 1", idle).0, Some(false));
        std::fs::remove_file(log).unwrap();
    }
}
