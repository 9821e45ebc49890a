//! Automatic snapshots: `RecordOptions::snapshot_on`.

use crate::files::folder;
use crate::{alone, current, multi};
use selvedge::runtime::{Builder, RecordOptions, Recorder, Runtime, SnapshotTrigger};
use selvedge_trace::{Analysis, FindingKind, Recording};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::MutexGuard;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

/// A runtime with one trigger, and the snapshots that it writes.
struct Recorded {
    runtime: Runtime,
    snapshots: Receiver<(PathBuf, SnapshotTrigger)>,
    folder: PathBuf,
    recorder: Recorder,
    _alone: MutexGuard<'static, ()>,
}

impl Recorded {
    fn new(mut builder: Builder, name: &str, trigger: SnapshotTrigger) -> Recorded {
        let alone = alone();
        let folder = folder(name);
        let (written, snapshots) = channel();
        let options = RecordOptions::new()
            .snapshot_on(trigger)
            .snapshots_in(&folder)
            .max_snapshots(1)
            .on_snapshot(move |path, trigger| {
                let _ = written.send((path.to_owned(), trigger));
            });
        let runtime = builder.record(options).build().unwrap();
        Recorded {
            recorder: runtime.handle().recorder(),
            runtime,
            snapshots,
            folder,
            _alone: alone,
        }
    }

    /// The next snapshot: its trigger and its analysis.
    fn next(&self) -> (SnapshotTrigger, Analysis) {
        let (path, trigger) = self.snapshots.recv().unwrap();
        assert_eq!(path.parent(), Some(&*self.folder));
        (trigger, read(&path))
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        self.recorder.stop();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn read(path: &Path) -> Analysis {
    Analysis::of(&Recording::read(&std::fs::read(path).unwrap()).unwrap())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_long_poll_is_in_its_snapshot() {
    for builder in [multi(), current()] {
        // Not so short that a busy machine makes another poll as long.
        let trigger = SnapshotTrigger::LongPoll(200 * MS);
        let recorded = Recorded::new(builder, "long-poll", trigger);
        recorded.runtime.block_on(async {
            // A closure on the pool may take long: no trigger.
            let closure = selvedge::task::spawn_blocking(|| thread::sleep(300 * MS));
            closure.await.unwrap();
            let named = selvedge::task::Builder::new().name("the long one");
            let task = named.spawn(async { thread::sleep(400 * MS) });
            task.unwrap().await.unwrap();
        });
        let (trigger, analysis) = recorded.next();
        match trigger {
            SnapshotTrigger::LongPoll(time) => assert!(time >= 400 * MS, "{time:?}"),
            other => panic!("{other:?}"),
        }
        let stalls = analysis.findings.iter();
        let stall = stalls.clone().find(|f| f.kind == FindingKind::Stall);
        assert!(stall.unwrap().what.contains("\"the long one\""));
        assert_eq!(recorded.snapshots.try_recv(), Err(TryRecvError::Empty));
    }
}

#[test]
fn a_task_that_was_ready_for_long_calls_for_one() {
    for builder in [multi(), current()] {
        let mut builder = builder;
        builder.worker_threads(1);
        let trigger = SnapshotTrigger::LongDelay(20 * MS);
        let recorded = Recorded::new(builder, "long-delay", trigger);
        recorded.runtime.block_on(async {
            let blocks = selvedge::spawn(async { thread::sleep(40 * MS) });
            let waits = selvedge::spawn(async {});
            blocks.await.unwrap();
            waits.await.unwrap();
        });
        match recorded.next().0 {
            SnapshotTrigger::LongDelay(time) => assert!(time > 20 * MS, "{time:?}"),
            other => panic!("{other:?}"),
        }
    }
}

/// The snapshot is written while the worker is stuck: the poll ends only afterwards.
#[test]
fn a_stall_calls_for_one_while_it_lasts() {
    let recorded = Recorded::new(multi(), "stall", SnapshotTrigger::Stall);
    let (go_on, goes_on) = channel::<()>();
    let task = recorded.runtime.spawn(async move {
        goes_on.recv().unwrap();
    });
    let (trigger, analysis) = recorded.next();
    assert_eq!(trigger, SnapshotTrigger::Stall);
    let stalls = analysis.findings.iter();
    let stall = stalls.clone().find(|f| f.kind == FindingKind::Stall);
    assert!(stall.unwrap().place.contains("triggers.rs"));
    go_on.send(()).unwrap();
    recorded.runtime.block_on(task).unwrap();
}

#[test]
fn each_panic_calls_for_one_and_the_newest_is_kept() {
    let recorded = Recorded::new(multi(), "panics", SnapshotTrigger::Panic);
    let panics = || {
        let task = recorded.runtime.spawn(async { panic!("on purpose") });
        recorded.runtime.block_on(task).unwrap_err();
    };
    panics();
    let (trigger, analysis) = recorded.next();
    assert_eq!(trigger, SnapshotTrigger::Panic);
    assert!(analysis.tasks.values().any(|task| task.panicked));
    let first = files(&recorded.folder);
    assert_eq!(first.len(), 1);
    // A panic right after the first has no snapshot of its own; a later one has.
    let second = loop {
        panics();
        match recorded.snapshots.recv_timeout(200 * MS) {
            Ok((path, _)) => break path,
            Err(_) => continue,
        }
    };
    assert!(!first.contains(&second));
    assert_eq!(files(&recorded.folder), [second]);
}

#[test]
fn none_is_written_without_a_reason_or_after_the_end() {
    let recorded = Recorded::new(multi(), "none", SnapshotTrigger::Panic);
    recorded.runtime.block_on(async {
        let task = selvedge::spawn(async { thread::sleep(20 * MS) });
        task.await.unwrap();
    });
    recorded.recorder.stop();
    let task = recorded.runtime.spawn(async { panic!("on purpose") });
    recorded.runtime.block_on(task).unwrap_err();
    // The thread has ended without a snapshot, and its end of the channel is dropped.
    assert_eq!(
        recorded.snapshots.recv().map(drop),
        Err(std::sync::mpsc::RecvError)
    );
    assert!(files(&recorded.folder).is_empty());
}

/// Set in the process that is recorded.
const CHILD: &str = "TRIGGERS_TEST_CHILD";

/// This is no test, but the program that the next tests run.
#[test]
fn the_program_that_panics() {
    let Some(folder) = std::env::var_os(CHILD) else {
        return;
    };
    let runtime = multi().build().unwrap();
    let task = runtime.spawn(async { panic!("on purpose") });
    runtime.block_on(task).unwrap_err();
    while files(Path::new(&folder)).len() < 2 {
        thread::sleep(MS);
    }
}

fn run(folder: &Path, triggers: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "triggers::the_program_that_panics",
            "--nocapture",
        ])
        .env("SELVEDGE_RECORD", folder)
        .env("SELVEDGE_RECORD_ON", triggers)
        .env(CHILD, folder)
        .stdout(Stdio::null());
    command
}

#[test]
fn a_word_of_the_environment_does_so_too() {
    let folder = folder("environment");
    assert!(run(&folder, "poll=10s,panic").status().unwrap().success());
    let files = files(&folder);
    let snapshot = files
        .iter()
        .find(|path| path.to_string_lossy().ends_with(".1.recording"));
    let analysis = read(snapshot.unwrap());
    assert!(analysis.tasks.values().any(|task| task.panicked));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_word_that_is_none_is_told_and_the_recording_goes_on() {
    let folder = folder("no-word");
    let mut child = run(&folder, "panics")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut said, &mut line).unwrap();
    assert!(line.contains("SELVEDGE_RECORD_ON"), "{line}");
    assert!(line.contains("\"panics\" is none of poll=50ms"), "{line}");
    while files(&folder).is_empty() {
        thread::sleep(MS);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}

/// `SELVEDGE_RECORD` is not set, so there is no place for the recording.
#[test]
fn triggers_without_a_recording_are_told_of() {
    let folder = folder("no-recording");
    let mut command = run(&folder, "panic");
    let mut child = command
        .env_remove("SELVEDGE_RECORD")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut said, &mut line).unwrap();
    assert!(
        line.contains("SELVEDGE_RECORD_ON needs SELVEDGE_RECORD=PATH"),
        "{line}"
    );
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}
