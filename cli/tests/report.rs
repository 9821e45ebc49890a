//! The command, called as a user does: on a recording that this test makes, in each form, and with mistakes.

mod support;

use selvedge::runtime::{Builder, RecordOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

fn selvedge(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_selvedge"))
        .args(args)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A recording with one stall, of a named task.
fn recording(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let options = RecordOptions::new();
    let mut builder = Builder::new_multi_thread();
    let runtime = builder
        .worker_threads(2)
        .enable_all()
        .record(options)
        .build();
    let runtime = runtime.unwrap();
    runtime.block_on(async {
        let mut tasks = selvedge::task::JoinSet::new();
        for n in 0..20 {
            tasks.spawn(selvedge::time::sleep(Duration::from_millis(n)));
        }
        let builder = selvedge::task::Builder::new().name("the culprit");
        let stalls = builder.spawn(async {
            let recorder = selvedge::runtime::Handle::current().recorder();
            let _span = recorder.span("reckon");
            std::thread::sleep(Duration::from_millis(50));
        });
        stalls.unwrap().await.unwrap();
        tasks.join_all().await;
    });
    let recorder = runtime.handle().recorder();
    recorder.snapshot_to(&path).unwrap();
    recorder.stop();
    path
}

/// One test, as the recorder is the process's.
#[test]
fn each_form_of_the_report_names_the_culprit() {
    let path = recording("report.recording");
    let path = path.to_str().unwrap();
    let (html, perfetto) = (format!("{path}.html"), format!("{path}.pftrace"));
    let output = selvedge(&["report", path, "--html", &html, "--perfetto", &perfetto]);
    assert!(output.status.success(), "{output:?}");
    let told = text(&output.stdout);
    assert!(
        told.contains("stall") && told.contains("\"the culprit\""),
        "{told}"
    );
    assert!(told.contains("cli/tests/report.rs"), "{told}");
    let span = told.lines().find(|line| line.starts_with("reckon"));
    assert_eq!(span.unwrap().split_whitespace().nth(1), Some("1"));
    assert!(
        std::fs::read_to_string(html)
            .unwrap()
            .contains("the culprit")
    );
    let trace = std::fs::read(perfetto).unwrap();
    assert!(trace.windows(11).any(|part| part == b"the culprit"));
    assert!(trace.windows(6).any(|part| part == b"reckon"));

    let output = selvedge(&["report", path, "--json"]);
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let schema = include_str!("../schema/report.json");
    support::check(&object, &serde_json::from_str(schema).unwrap(), "");
    let stall = object["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|f| f["kind"] == "stall" && f["what"].as_str().unwrap().contains("the culprit"));
    let culprit = &stall.unwrap()["task"];
    let tasks = object["tasks"].as_array().unwrap();
    let task = tasks.iter().find(|task| task["id"] == *culprit).unwrap();
    assert_eq!(task["name"], "the culprit");
    assert!(task["longest_poll"].as_u64().unwrap() >= 50_000_000);
    let span = &object["spans"][0];
    assert_eq!(
        (&span["name"], &span["times"]),
        (&"reckon".into(), &1.into())
    );
    assert!(span["total"].as_u64().unwrap() >= 50_000_000);
}

/// A part of a recording has its own events, and the tasks that are there by then.
#[test]
fn a_part_is_told_of() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("part.recording");
    std::fs::write(&path, many_tasks()).unwrap();
    let path = path.to_str().unwrap();
    let output = selvedge(&["report", path, "--json", "--from", "1us", "--to", "2us"]);
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&object["from"], &object["nanos"], &object["events"]),
        (&1_000.into(), &1_000.into(), &1_001.into())
    );
    assert_eq!(object["tasks"].as_array().unwrap().len(), 2_000);
    let output = selvedge(&["report", path, "--from", "2us", "--to", "1us"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("--to is not after --from"));
    let output = selvedge(&["report", path, "--from", "soon"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn mistakes_are_told_in_a_line() {
    let output = selvedge(&["report", "/no/such/file"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("/no/such/file: No such file"),
        "{output:?}"
    );
    let other = Path::new(env!("CARGO_TARGET_TMPDIR")).join("other");
    std::fs::write(&other, "something else").unwrap();
    let output = selvedge(&["report", other.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no recording"), "{output:?}");
    assert_eq!(selvedge(&["reports"]).status.code(), Some(2));
    assert_eq!(selvedge(&["report"]).status.code(), Some(2));
    assert!(selvedge(&["--help"]).status.success());
    assert!(selvedge(&["report", "--help"]).status.success());
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    // More than a pipe holds.
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("long.recording");
    std::fs::write(&path, many_tasks()).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_selvedge"))
        .args(["report", path.to_str().unwrap(), "--tasks", "100000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
}

/// A recording by hand: the first page, and a chunk of records of tasks that are spawned.
fn many_tasks() -> Vec<u8> {
    let count: u64 = 5_000;
    let mut words = vec![0; 512];
    words[0] = u64::from_le_bytes(*b"SELVEDGE");
    words[1] = 1;
    words[6] = 1 << 32;
    words.extend([3, (8 + 4 * count) * 8, 0, count, 0, 0, 0, 0]);
    for n in 1..=count {
        words.extend([n, 2 | 1 << 8, n, 0]);
    }
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
