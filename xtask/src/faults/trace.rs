//! Runs one case: the program, and strace, which answers some calls in the kernel's place.
//!
//! strace counts the calls of each thread separately (`when=`), from the moment when it attaches to the thread. So it attaches
//! when the program is about to begin its first attempt. Earlier calls, of the loader and the standard library, do not count.

use super::cases::{Case, Paths};
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The result of a run.
pub struct Seen {
    /// `None` if it was killed at the limit.
    pub status: Option<ExitStatus>,
    /// What the program printed.
    pub output: String,
    /// The number of calls that strace saw.
    pub calls: usize,
    /// The number of calls that strace answered with an error.
    pub injected: usize,
    /// The last calls, for the report.
    pub tail: Vec<String>,
}

pub fn run(program: &Path, case: &Case, limit: Duration, stem: &Path) -> io::Result<Seen> {
    let (log, said, input) = (
        stem.with_extension("calls"),
        stem.with_extension("out"),
        stem.with_extension("in"),
    );
    let _ = fs::remove_dir_all(stem);
    fs::create_dir_all(stem)?;
    fs::write(&input, "line.\n".repeat(100))?;
    let _ = fs::remove_file(&log);
    let is_traced = !case.injections.is_empty();
    let mut child = Command::new(program)
        .args([case.scenario, case.flavor, &case.attempts.to_string()])
        .arg(if is_traced { "traced" } else { "storm" })
        .env("RUST_BACKTRACE", "0")
        .env("FAULTS_DIR", stem)
        .stdin(File::open(&input)?)
        .stdout(File::create(&said)?)
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    // The first line comes when the program has made its first runtime.
    let start = Instant::now();
    while is_traced && start.elapsed() < limit && fs::read_to_string(&said)?.is_empty() {
        thread::sleep(Duration::from_millis(1));
    }
    let tracer = match is_traced {
        true => attach(case, &child, &log, stem),
        false => Ok(None),
    };
    let mut tracer = match tracer {
        Ok(tracer) => tracer,
        Err(error) => {
            let _ = child.kill();
            child.wait()?;
            return Err(error);
        }
    };
    let status = wait(&mut child, limit)?;
    if let Some(tracer) = &mut tracer {
        wait(tracer, Duration::from_secs(5))?
            .ok_or_else(|| io::Error::other("strace did not end with the program"))?;
    }
    // The main thread only watches the attempts: its calls do not count.
    let main = format!("{} ", child.id());
    let calls = fs::read_to_string(&log).unwrap_or_default();
    let lines: Vec<&str> = calls.lines().collect();
    Ok(Seen {
        status,
        output: fs::read_to_string(&said)?,
        calls: lines.len(),
        injected: lines
            .iter()
            .filter(|line| line.contains("(INJECTED)") && !line.starts_with(&main))
            .count(),
        tail: lines[lines.len().saturating_sub(15)..]
            .iter()
            .map(|l| l.to_string())
            .collect(),
    })
}

fn attach(case: &Case, child: &Child, log: &Path, stem: &Path) -> io::Result<Option<Child>> {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(log);
    for injection in &case.injections {
        strace.args(["-e", &format!("inject={injection}")]);
    }
    for path in paths(case, stem) {
        strace.arg("-P").arg(path);
    }
    let errors = stem.with_extension("strace");
    strace
        .args(["-p", &child.id().to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&errors)?)
        .process_group(0);
    let mut tracer = strace.spawn()?;
    // If strace refuses its arguments, it ends at once.
    thread::sleep(Duration::from_millis(20));
    let ended = tracer.try_wait()?;
    if ended.is_some_and(|status| !status.success()) {
        let text = fs::read_to_string(&errors).unwrap_or_default();
        return Err(io::Error::other(format!("strace: {text}")));
    }
    Ok(Some(tracer))
}

/// The paths to which the injections are limited.
fn paths(case: &Case, stem: &Path) -> Vec<PathBuf> {
    match case.paths {
        Paths::All => Vec::new(),
        Paths::File => (1..=case.attempts)
            .map(|n| stem.join(n.to_string()).join("file"))
            .collect(),
        Paths::Stdin => vec![stem.with_extension("in")],
        Paths::Stderr => vec!["/dev/null".into()],
    }
}

/// Waits for the child's status. At the limit, kills the child and returns `None`.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() >= limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(3));
    }
}
