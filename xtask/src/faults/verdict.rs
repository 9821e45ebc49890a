//! Judges a case's run.

use super::cases::{Case, Expect};
use super::trace::Seen;
use std::os::unix::process::ExitStatusExt;

/// More calls than this mean spinning: no scenario makes a quarter of them.
const MOST_CALLS: usize = 40_000;
const MOST_CPU_MS: i64 = 2_000;

/// Returns a summary of the run. An error describes what is wrong.
pub fn judge(case: &Case, seen: &Seen) -> Result<String, String> {
    let attempts: Vec<&str> = seen
        .output
        .lines()
        .filter(|l| l.starts_with("attempt "))
        .filter_map(|l| l.split_once(": "))
        .map(|(_, answer)| answer)
        .collect();
    let mut wrong = Vec::new();
    match seen.status {
        None => wrong.push("HANGS".to_owned()),
        Some(status) => match status.signal() {
            Some(signal) => wrong.push(format!("killed by signal {signal}")),
            None if !status.success() => wrong.push(format!("ended with {status}")),
            None => {}
        },
    }
    if seen.status.is_some() && number(seen, "over ") != Some("true") {
        wrong.push("the runtime's drop panicked".to_owned());
    }
    let bad = |answer: &&&str| !case.expect.allows(answer, &case.errors);
    if let Some(answer) = attempts.iter().find(bad) {
        wrong.push(format!("not so: {answer}"));
    }
    let told = attempts.iter().filter(|answer| **answer != "ok").count();
    let recovers = matches!(case.expect, Expect::Tells | Expect::Says(_));
    if recovers && told > seen.injected && wrong.is_empty() {
        wrong.push("more attempts failed than calls".to_owned());
    }
    if recovers && told == attempts.len() && wrong.is_empty() {
        wrong.push("no attempt works, though the fault is over".to_owned());
    }
    if !case.injections.is_empty() && seen.injected == 0 {
        wrong.push("the call that was to fail was never made".to_owned());
    }
    if seen.calls > MOST_CALLS {
        wrong.push(format!("spins: {} system calls", seen.calls));
    }
    let figure = |name| number(seen, name).and_then(|n| n.parse::<i64>().ok());
    if let Some(ms @ MOST_CPU_MS..) = figure("cpu_ms ") {
        wrong.push(format!("spins: {ms} ms of CPU time"));
    }
    let fds = figure("fds ").unwrap_or(0);
    if fds > case.keeps {
        let open = seen.output.lines().filter_map(|l| l.strip_prefix("open "));
        let open: Vec<&str> = open.collect();
        wrong.push(format!(
            "{fds} descriptors stay open; open are {}",
            open.join(", ")
        ));
    }
    if let Some(zombies @ 2..) = figure("zombies ") {
        wrong.push(format!("{zombies} children were never reaped"));
    }
    if let Some(threads @ 1..) = figure("threads ") {
        wrong.push(format!("{threads} threads stay"));
    }
    if wrong.is_empty() {
        let text = in_short(&attempts);
        return Ok(format!(
            "{} injected, {} calls: {text}",
            seen.injected, seen.calls
        ));
    }
    let mut text = String::new();
    for line in wrong {
        text.push_str(&format!("    {line}\n"));
    }
    text.push_str(&format!("    seen: {}\n", in_short(&attempts)));
    if seen.status.is_none() || seen.calls > MOST_CALLS {
        for line in &seen.tail {
            text.push_str(&format!("        {line}\n"));
        }
    }
    Err(text)
}

/// The answers; equal answers in a row are written once, with their number.
fn in_short(answers: &[&str]) -> String {
    let runs = answers.chunk_by(|one, two| one == two);
    let texts: Vec<String> = runs
        .map(|run| match run.len() {
            1 => run[0].to_owned(),
            n => format!("{n} x {}", run[0]),
        })
        .collect();
    texts.join(" | ")
}

fn number<'a>(seen: &'a Seen, name: &str) -> Option<&'a str> {
    seen.output.lines().find_map(|l| l.strip_prefix(name))
}

impl Expect {
    /// Does the case allow this answer of an attempt?
    fn allows(&self, answer: &str, errors: &[i32]) -> bool {
        let is_ok = answer == "ok";
        let is_told = errors
            .iter()
            .any(|code| answer.starts_with(&format!("error {code} ")));
        match self {
            Expect::Works => is_ok,
            Expect::Tells | Expect::WorksOrTells => is_ok || is_told,
            Expect::Fails => is_told,
            Expect::Says(text) | Expect::WorksOrSays(text) => {
                is_ok || is_told || answer.contains(text)
            }
        }
    }
}
