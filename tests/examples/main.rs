//! Runs the examples as a reader would: help, wrong arguments, output cut off, Ctrl-C, no terminal.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

const LONG: Duration = Duration::from_secs(60);

/// All examples, each with arguments with which it soon ends by itself.
const EXAMPLES: [(&str, &[&str]); 8] = [
    ("chat", &["--demo"]),
    ("echo", &[]),
    ("graceful_shutdown", &[]),
    ("joinset_fanout", &[]),
    ("local_set", &[]),
    ("spawn_blocking", &[]),
    ("timeouts", &[]),
    (
        "web",
        &["--seconds", "1", "--connections", "4", "--workers", "2"],
    ),
];

/// The folder of the built examples, beside the folder of this test. `cargo test` builds them before it runs any test;
/// `cargo test --test examples` does not.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let this = std::env::current_exe().unwrap();
        let profile = this.parent().and_then(Path::parent).unwrap();
        let folder = profile.join("examples");
        if !are_built(&folder) {
            let name = profile.file_name().unwrap().to_str().unwrap();
            let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
            cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
            cargo.args(["build", "--quiet", "-p", "examples", "--examples"]);
            cargo.arg("--target-dir");
            cargo.arg(profile.parent().unwrap());
            if name != "debug" {
                cargo.args(["--profile", name]);
            }
            assert!(
                cargo.status().unwrap().success(),
                "cannot build the examples"
            );
        }
        folder
    })
}

fn are_built(folder: &Path) -> bool {
    fn newest(folder: &Path) -> SystemTime {
        let entries = std::fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().path());
        let times = entries.map(|path| match path.is_dir() {
            true => newest(&path),
            false => path.metadata().unwrap().modified().unwrap(),
        });
        times.max().unwrap()
    }
    let sources = newest(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples"));
    let is_new = |path: PathBuf| path.metadata().and_then(|m| m.modified()).ok() >= Some(sources);
    EXAMPLES.iter().all(|(name, _)| is_new(folder.join(name)))
}

/// A started example; it is killed when dropped.
struct Run(Child);

impl Run {
    fn start(name: &str, arguments: &[&str]) -> Run {
        let mut command = Command::new(folder().join(name));
        // Resets SIGINT: a shell makes background processes ignore it, and their children inherit that.
        let heeds_interrupts = || {
            // SAFETY: the call may be made between fork and exec.
            unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
            Ok(())
        };
        // SAFETY: as above; it does nothing else.
        unsafe { command.pre_exec(heeds_interrupts) };
        let child = command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .env_remove("NO_COLOR")
            .env("RUST_BACKTRACE", "0")
            .spawn()
            .unwrap();
        Run(child)
    }

    fn interrupt(&self) {
        // SAFETY: a signal to a child that has not been reaped.
        let answer = unsafe { libc::kill(self.0.id() as libc::pid_t, libc::SIGINT) };
        assert_eq!(answer, 0);
    }

    #[track_caller]
    fn end(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < LONG, "does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Reads the output after the end: it is so small that it fits into the pipes.
    #[track_caller]
    fn output(mut self) -> Output {
        let status = self.end();
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let streams = (self.0.stdout.take(), self.0.stderr.take());
        if let Some(mut stream) = streams.0 {
            stream.read_to_end(&mut stdout).unwrap();
        }
        if let Some(mut stream) = streams.1 {
            stream.read_to_end(&mut stderr).unwrap();
        }
        Output {
            status,
            stdout,
            stderr,
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_list_is_complete() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let is_listed = EXAMPLES.iter().any(|(listed, _)| *listed == name);
        assert!(is_listed || ["support", "Cargo"].contains(&name), "{name}");
    }
}

#[test]
fn help_is_an_answer_and_not_an_error() {
    for (name, _) in EXAMPLES {
        let output = Run::start(name, &["--help"]).output();
        assert_eq!(output.status.code(), Some(0), "{name}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(&format!("Usage: {name}")), "{name}: {text}");
        assert!(!text.contains('\x1b'), "{name}: {text}");
    }
}

#[test]
fn a_wrong_argument_is_refused() {
    for (name, _) in EXAMPLES {
        for wrong in ["--no-such-argument", "surplus"] {
            let output = Run::start(name, &[wrong]).output();
            assert_eq!(output.status.code(), Some(2), "{name} {wrong}");
            let text = String::from_utf8(output.stderr).unwrap();
            assert!(text.contains(wrong), "{name}: {text}");
        }
    }
}

#[test]
fn each_ends_by_itself_and_draws_nothing_without_a_terminal() {
    for (name, arguments) in EXAMPLES {
        let output = Run::start(name, arguments).output();
        let (stdout, stderr) = (
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        );
        assert_eq!(output.status.code(), Some(0), "{name}: {stderr}");
        assert!(!stdout.is_empty(), "{name}");
        assert!(
            !stdout.contains('\x1b') && !stderr.contains('\x1b'),
            "{name}"
        );
        if name == "web" {
            web_says_what_can_be(&stdout);
        }
    }
}

/// The workers' busy time is at most the time that they had, and the histogram contains all requests.
fn web_says_what_can_be(text: &str) {
    let workers = text
        .lines()
        .find(|line| line.starts_with("workers"))
        .unwrap();
    let seconds: Vec<f64> = workers
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    let [count, each, busy, together] = seconds[..] else {
        panic!("{workers}");
    };
    assert!(busy <= together, "{workers}");
    assert!((count * each - together).abs() < 0.2, "{workers}");
    let requests = text
        .lines()
        .find(|line| line.starts_with("requests "))
        .unwrap();
    let requests = requests.split_whitespace().nth(1).unwrap();
    let requests: usize = requests.trim_end_matches(',').parse().unwrap();
    let bars: Vec<&str> = text.lines().filter(|line| line.contains(" - ")).collect();
    let counts = bars.iter().map(|line| {
        assert!(line.len() <= 80, "{line}");
        line.split_whitespace()
            .last()
            .unwrap()
            .parse::<usize>()
            .unwrap()
    });
    assert_eq!(counts.sum::<usize>(), requests, "{text}");
    assert!(bars.iter().any(|line| line.contains("#####")), "{text}");
}

/// The reader closes the pipe after the first line, as `| head -1` does, or before it.
#[test]
fn output_that_nobody_reads_ends_quietly() {
    for (name, arguments) in EXAMPLES {
        for lines in [0, 1] {
            let mut run = Run::start(name, arguments);
            let mut stdout = BufReader::new(run.0.stdout.take().unwrap());
            for _ in 0..lines {
                stdout.read_line(&mut String::new()).unwrap();
            }
            drop(stdout);
            let output = run.output();
            let stderr = String::from_utf8(output.stderr).unwrap();
            let is_quiet = !stderr.contains("failed printing") && !stderr.contains("Broken pipe");
            assert!(is_quiet, "{name}: {stderr}");
            let is_fine = output.status.success() || output.status.signal() == Some(libc::SIGPIPE);
            assert!(is_fine, "{name}: {}", output.status);
        }
    }
}

#[test]
fn an_interrupt_ends_each() {
    let endless: [(&str, &[&str]); 3] = [
        ("chat", &[]),
        ("web", &["--serve", "--workers", "2"]),
        (
            "web",
            &["--seconds", "3600", "--workers", "2", "--connections", "2"],
        ),
    ];
    for (name, arguments) in EXAMPLES.into_iter().chain(endless) {
        let mut run = Run::start(name, arguments);
        let mut line = String::new();
        let mut stdout = BufReader::new(run.0.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "{name}");
        run.interrupt();
        // It handled the signal, the signal ended it, or it had ended before.
        let status = run.end();
        let is_fine = status.success() || status.signal() == Some(libc::SIGINT);
        assert!(is_fine, "{name} {arguments:?}: {status}");
    }
}

/// A client that never ends its request does not keep the server from ending.
#[test]
fn a_second_interrupt_does_not_wait_for_requests() {
    let mut run = Run::start("web", &["--serve", "--workers", "2"]);
    let mut stdout = BufReader::new(run.0.stdout.take().unwrap());
    let mut lines = std::iter::from_fn(|| {
        let mut line = String::new();
        (stdout.read_line(&mut line).unwrap() > 0).then_some(line)
    });
    let first = lines.next().unwrap();
    let address = first.trim().rsplit("http://").next().unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    client
        .write_all(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n")
        .unwrap();
    // When the server has answered another request, it has the first one too.
    let mut other = TcpStream::connect(address).unwrap();
    other
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .unwrap();
    other.read_to_end(&mut Vec::new()).unwrap();
    run.interrupt();
    assert!(lines.any(|line| line.starts_with("stopping")));
    run.interrupt();
    assert!(run.end().success());
    drop(client);
}

/// Help is coloured in a terminal, but not with `NO_COLOR`.
#[test]
fn no_color_is_honoured_in_a_terminal() {
    for (name, _) in EXAMPLES {
        let (mut master, mut slave) = (0, 0);
        // SAFETY: room for two descriptors; nothing else is asked for. Both are ours then.
        let (master, slave) = unsafe {
            let none = std::ptr::null_mut();
            let made = libc::openpty(&mut master, &mut slave, none, none.cast(), none.cast());
            assert_eq!(made, 0);
            (
                std::fs::File::from_raw_fd(master),
                OwnedFd::from_raw_fd(slave),
            )
        };
        let mut child = Command::new(folder().join(name))
            .arg("--help")
            .env("NO_COLOR", "1")
            .env("TERM", "xterm-256color")
            .stdin(Stdio::null())
            .stdout(Stdio::from(slave))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The end comes as an error. The slave is closed: the command, which owned it, is dropped.
        let mut text = Vec::new();
        let _ = (&master).read_to_end(&mut text);
        assert!(child.wait().unwrap().success(), "{name}");
        let text = String::from_utf8_lossy(&text);
        assert!(
            text.contains("Usage") && !text.contains('\x1b'),
            "{name}: {text}"
        );
    }
}
