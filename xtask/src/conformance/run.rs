//! Runs one built test file and reads libtest's report.
//!
//! A file that hangs is killed at its limit; a file that aborts ends early. In either case the tests whose
//! result is unknown are run again one at a time, each with the limit for a single test. So a hang
//! fails only the tests that hang, not the whole file.

use super::build::Built;
use super::report::{Failure, FileResult};
use crate::env;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// After so many hangs in one file, its remaining tests are not run.
const MAX_HANGS: usize = 6;

/// Where test programs run.
pub struct Place<'a> {
    pub dir: &'a Path,
    /// Their output; each program overwrites it.
    pub log: PathBuf,
    /// The emulator's script, if they are built for another processor.
    pub runner: Option<&'a Path>,
}

pub fn run_file(
    place: &Place<'_>,
    file: &Built,
    limit: Duration,
    single_limit: Duration,
) -> Result<FileResult, Box<dyn std::error::Error>> {
    let Ok(executable) = &file.executable else {
        return Ok(FileResult::only_built(file));
    };
    let log = &place.log;
    let start = std::time::Instant::now();
    let listing = env::run_limited(test(place, executable).arg("--list"), single_limit, log)?;
    let names: Vec<&str> = listing
        .output
        .lines()
        .filter_map(|l| l.strip_suffix(": test"))
        .collect();

    let ended = env::run_limited(&mut test(place, executable), limit, log)?;
    let mut results = parse(&ended.output, &names);
    let complete = ended.output.contains("\ntest result: ");
    // Output of other threads may split a line of the report.
    if !complete || results.len() < names.len() {
        let whole = how_it_ended(&ended);
        let mut hangs = 0;
        for name in &names {
            if results.contains_key(*name) {
                continue;
            }
            let result = if hangs >= MAX_HANGS {
                TestResult::Failed(format!("not run: too many hangs (file: {whole})"))
            } else {
                let (result, has_hung) = alone(place, executable, name, single_limit)?;
                hangs += usize::from(has_hung);
                result
            };
            results.insert((*name).to_owned(), result);
        }
    }
    let mut out = FileResult::empty(&file.name, start.elapsed());
    if !complete {
        out.note = Some(how_it_ended(&ended));
    }
    for (name, result) in results {
        match result {
            TestResult::Passed => out.passed.push(name),
            TestResult::Ignored => out.ignored.push(name),
            TestResult::Failed(reason) => out.failures.push(Failure { name, reason }),
        }
    }
    Ok(out)
}

/// Does the test pass by itself?
pub fn passes_alone(
    place: &Place<'_>,
    executable: &Path,
    name: &str,
    limit: Duration,
) -> std::io::Result<bool> {
    let (result, _) = alone(place, executable, name, limit)?;
    Ok(matches!(result, TestResult::Passed))
}

/// The result of a test that runs by itself, and whether it was killed.
fn alone(
    place: &Place<'_>,
    executable: &Path,
    name: &str,
    limit: Duration,
) -> std::io::Result<(TestResult, bool)> {
    let mut command = test(place, executable);
    let ended = env::run_limited(command.args(["--exact", name]), limit, &place.log)?;
    let result = match parse(&ended.output, &[name]).remove(name) {
        Some(result) if ended.output.contains("\ntest result: ") => result,
        _ => TestResult::Failed(how_it_ended(&ended)),
    };
    Ok((result, ended.status.is_none()))
}

fn test(place: &Place<'_>, executable: &Path) -> Command {
    let mut command = Command::new(place.runner.unwrap_or(executable));
    if place.runner.is_some() {
        command.arg(executable);
    }
    command
        .current_dir(place.dir)
        .env("CARGO_MANIFEST_DIR", place.dir)
        // In a debug build, finding the names for a backtrace takes seconds.
        .env("RUST_BACKTRACE", "0")
        .env_remove("RUST_TEST_THREADS");
    command
}

enum TestResult {
    Passed,
    Ignored,
    Failed(String),
}

fn how_it_ended(ended: &env::Ended) -> String {
    match ended.status {
        None => format!("hangs (killed after {:.0?})", ended.took),
        Some(status) => {
            let signal = status.signal().map(|s| format!("signal {s}"));
            let how = signal.unwrap_or_else(|| format!("exit {}", status.code().unwrap_or(-1)));
            match first_panic(&ended.output) {
                Some(panic) => format!("{how}: {panic}"),
                None => format!("{how}: {}", ended.output.lines().last().unwrap_or_default()),
            }
        }
    }
}

/// Reads `test NAME ... ok` lines; output of the tests may stand between name and verdict.
fn parse(output: &str, names: &[&str]) -> BTreeMap<String, TestResult> {
    let mut results = BTreeMap::new();
    for line in output.lines() {
        let Some(start) = line.find("test ") else {
            continue;
        };
        let Some((name, verdict)) = line[start + 5..].split_once(" ... ") else {
            continue;
        };
        let name = name.strip_suffix(" - should panic").unwrap_or(name);
        if !names.contains(&name) {
            continue;
        }
        let result = match verdict.trim() {
            v if v.ends_with("ok") => TestResult::Passed,
            v if v.contains("ignored") => TestResult::Ignored,
            v if v.ends_with("FAILED") => TestResult::Failed(reason(output, name)),
            _ => continue,
        };
        results.insert(name.to_owned(), result);
    }
    results
}

fn reason(output: &str, name: &str) -> String {
    let marker = format!("---- {name} stdout ----");
    let Some(at) = output.find(&marker) else {
        return "failed".into();
    };
    let body = &output[at + marker.len()..];
    let body = body.split("\n---- ").next().unwrap_or(body);
    let body = body.split("\nfailures:\n").next().unwrap_or(body);
    first_panic(body)
        .or_else(|| {
            body.lines()
                .find(|l| !l.trim().is_empty())
                .map(str::to_owned)
        })
        .unwrap_or_else(|| "failed".into())
}

/// `message (file:line)` of the first panic reported in `text`.
fn first_panic(text: &str) -> Option<String> {
    let mut lines = text.lines();
    let place = loop {
        let line = lines.next()?;
        if let Some((_, place)) = line.split_once(" panicked at ") {
            break place.trim_end_matches(':').to_owned();
        }
    };
    let message = lines.next().unwrap_or_default();
    let more: Vec<&str> = lines
        .take(2)
        .map(str::trim)
        .filter(|l| l.starts_with("left:") || l.starts_with("right:"))
        .collect();
    let place = place.rsplit('/').next().unwrap_or(&place).to_owned();
    Some(format!("{message} {} ({place})", more.join(", ")).replace("  ", " "))
}
