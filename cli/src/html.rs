//! A page with a timeline, findings and tasks: one file that needs no network.
//!
//! The data are columns of numbers in base64, which the page's script reads as typed arrays: polls, sleeps and wakes by time. So a page of
//! millions of events is a few tens of megabytes, and opens without a parse of them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use selvedge_trace::{Analysis, Recording, Waker};
use serde_json::json;
use std::io::{self, Write};

const PAGE: &str = include_str!("../assets/report.html");

pub fn page(recording: &Recording, analysis: &Analysis) -> String {
    let first = recording.events.first().map_or(0, |event| event.nanos);
    let first = first.max(recording.whole_from);
    let polls = &analysis.polls;
    let f64s = |values: Vec<f64>| {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        STANDARD.encode(bytes)
    };
    let since = |nanos: u64| nanos.saturating_sub(first) as f64;
    let data = json!({
        "program": recording.program,
        "process": recording.process,
        "nanos": recording.nanos(),
        "events": recording.events.len(),
        "lost": recording.lost,
        "threads": analysis.threads.values().collect::<Vec<_>>(),
        "tasks": analysis.tasks.values().collect::<Vec<_>>(),
        "findings": analysis.findings.iter().map(|finding| {
            let mut object = json!(finding);
            object["at"] = json!(since(finding.at));
            object
        }).collect::<Vec<_>>(),
        "polls": {
            "begin": f64s(polls.iter().map(|p| since(p.time.begin)).collect()),
            "end": f64s(polls.iter().map(|p| since(p.time.end)).collect()),
            "thread": f64s(polls.iter().map(|p| p.thread.into()).collect()),
            "task": f64s(polls.iter().map(|p| p.task as f64).collect()),
            "delay": f64s(polls.iter().map(|p| p.delay as f64).collect()),
        },
        "sleeps": {
            "begin": f64s(analysis.sleeps.iter().map(|s| since(s.1.begin)).collect()),
            "end": f64s(analysis.sleeps.iter().map(|s| since(s.1.end)).collect()),
            "thread": f64s(analysis.sleeps.iter().map(|s| s.0.into()).collect()),
        },
        "wakes": {
            "at": f64s(analysis.wakes.iter().map(|w| since(w.nanos)).collect()),
            "thread": f64s(analysis.wakes.iter().map(|w| w.thread.into()).collect()),
            "task": f64s(analysis.wakes.iter().map(|w| w.task as f64).collect()),
            // Positive: a task. 0: a timer. -1: a thread. From -2 down: a descriptor.
            "by": f64s(analysis.wakes.iter().map(|w| match w.by {
                Waker::Task(task) => task as f64,
                Waker::Timer => 0.0,
                Waker::Thread(_) => -1.0,
                Waker::Io(fd) => -2.0 - fd as f64,
            }).collect()),
        },
    });
    // What would end the script is not in it.
    let data = data.to_string().replace('<', "\\u003c");
    PAGE.replacen("{{data}}", &data, 1)
}

pub fn write(out: &mut impl Write, recording: &Recording, analysis: &Analysis) -> io::Result<()> {
    out.write_all(page(recording, analysis).as_bytes())
}
