//! Prints a line per file as it finishes, then the totals; or everything as JSON.

use super::build::Built;
use serde_json::{Value, json};
use std::time::Duration;

pub struct Failure {
    pub name: String,
    pub reason: String,
}

pub struct FileResult {
    pub name: String,
    pub passed: Vec<String>,
    pub ignored: Vec<String>,
    pub failures: Vec<Failure>,
    /// The first error, if the file does not compile.
    pub compile_error: Option<String>,
    /// How the file as a whole ended, if it hung or crashed.
    pub note: Option<String>,
    pub took: Duration,
}

impl FileResult {
    pub fn empty(name: &str, took: Duration) -> FileResult {
        FileResult {
            name: name.to_owned(),
            passed: Vec::new(),
            ignored: Vec::new(),
            failures: Vec::new(),
            compile_error: None,
            note: None,
            took,
        }
    }

    pub fn only_built(file: &Built) -> FileResult {
        let mut result = FileResult::empty(&file.name, Duration::ZERO);
        result.compile_error = file.executable.as_ref().err().cloned();
        result
    }

    pub fn is_good(&self) -> bool {
        self.failures.is_empty() && self.compile_error.is_none()
    }
}

pub fn print_line(r: &FileResult, verbose: bool) {
    let verdict = match (&r.compile_error, r.failures.len(), r.passed.len()) {
        (Some(_), ..) => "NO BUILD",
        (None, 0, 0) => "empty",
        (None, 0, _) => "ok",
        _ => "FAILED",
    };
    let reason = match (&r.compile_error, r.failures.first()) {
        (Some(error), _) => shorten(error, 150),
        (None, Some(f)) if !verbose => shorten(&format!("{}: {}", f.name, f.reason), 150),
        _ => String::new(),
    };
    let note = r
        .note
        .as_ref()
        .map(|n| format!(" [file: {}]", shorten(n, 80)))
        .unwrap_or_default();
    println!(
        "{:<44} {:<8} {:>4} passed {:>3} failed {:>6.1}s {reason}{note}",
        r.name,
        verdict,
        r.passed.len(),
        r.failures.len(),
        r.took.as_secs_f64(),
    );
    if verbose {
        for f in &r.failures {
            println!("    {}: {}", f.name, shorten(&f.reason, 300));
        }
    }
}

pub fn print_total(results: &[FileResult]) {
    let sum = |f: fn(&FileResult) -> usize| results.iter().map(f).sum::<usize>();
    println!(
        "total: {} passed, {} failed, {} ignored; {} files: {} with passing tests only, {} with failures, {} do not compile, {} hold no test here",
        sum(|r| r.passed.len()),
        sum(|r| r.failures.len()),
        sum(|r| r.ignored.len()),
        results.len(),
        sum(|r| usize::from(r.is_good() && !r.passed.is_empty())),
        sum(|r| usize::from(!r.failures.is_empty())),
        sum(|r| usize::from(r.compile_error.is_some())),
        sum(|r| usize::from(r.is_good() && r.passed.is_empty())),
    );
}

pub fn as_json(results: &[FileResult]) -> Value {
    Value::Array(
        results
            .iter()
            .map(|r| {
                let failures: Vec<Value> = r
                    .failures
                    .iter()
                    .map(|f| json!({ "test": f.name, "reason": f.reason }))
                    .collect();
                json!({
                    "file": r.name,
                    "passed": r.passed.len(),
                    "failed": r.failures.len(),
                    "ignored": r.ignored.len(),
                    "compile_error": r.compile_error,
                    "failures": failures,
                    "note": r.note,
                    "seconds": r.took.as_secs_f64(),
                })
            })
            .collect(),
    )
}

fn shorten(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(max).collect();
    short.push_str("...");
    short
}
