//! The flight recorder: a recording has everything that the program's tasks and threads did.

mod edges;
mod files;
mod findings;
mod times;
mod triggers;

use selvedge::runtime::{Builder, RecordOptions, Runtime};
use selvedge_trace::{Analysis, Recording};
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A process has one recorder: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn multi() -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all();
    builder
}

fn current() -> Builder {
    let mut builder = Builder::new_current_thread();
    builder.enable_all();
    builder
}

/// Runs a future on a new runtime, and returns the recording.
fn recorded<F: Future>(mut builder: Builder, future: impl FnOnce() -> F) -> Recording {
    let _alone = alone();
    let runtime = builder.record(RecordOptions::new()).build().unwrap();
    let recorder = runtime.handle().recorder();
    runtime.block_on(future());
    drop(runtime);
    let bytes = recorder.snapshot().unwrap();
    recorder.stop();
    Recording::read(&bytes).unwrap()
}

fn analysed<F: Future>(builder: Builder, future: impl FnOnce() -> F) -> Analysis {
    Analysis::of(&recorded(builder, future))
}

/// The recording of a long program has the newest events, in memory that does not grow.
#[test]
fn the_newest_events_are_kept_and_the_others_counted() {
    let _alone = alone();
    let options = RecordOptions::new().ring_bytes(64 * 1024);
    let runtime: Runtime = current().record(options).build().unwrap();
    let recorder = runtime.handle().recorder();
    runtime.block_on(async {
        for n in 0..20_000 {
            selvedge::spawn(async {}).await.unwrap();
            recorder.mark("n", n);
        }
    });
    let recording = Recording::read(&recorder.snapshot().unwrap()).unwrap();
    recorder.stop();
    let marks: Vec<u64> = recording
        .events
        .iter()
        .filter_map(|event| match event.kind {
            selvedge_trace::EventKind::Mark { value, .. } => Some(value),
            _ => None,
        })
        .collect();
    assert_eq!(marks.last(), Some(&19_999));
    assert!(
        marks.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{marks:?}"
    );
    // 2,048 records, and a few of the thread that made the runtime.
    assert!(
        (1_000..=2_300).contains(&recording.events.len()),
        "{}",
        recording.events.len()
    );
    assert!(recording.lost > 100_000, "{}", recording.lost);
}
