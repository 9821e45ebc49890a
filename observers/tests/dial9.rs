//! dial9-tokio-telemetry: a trace file is written, and its reader finds what was done.

use dial9_tokio_telemetry::telemetry::analysis::{TraceReader, analyze_trace};
use dial9_tokio_telemetry::telemetry::analysis_events::Dial9Event;
use dial9_tokio_telemetry::telemetry::{
    Dial9HandleTokioExt, DiskBuffer, TokioAttachOptions, recorder,
};
use selvedge_observers::crew::give_turns;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tokio::runtime::Builder;

/// A process has one recorder at a time: a second recorder at the same time writes no trace.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The trace of 20 tasks that are polled 4 times each.
fn trace(mut builder: Builder) -> TraceReader {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = tempfile::tempdir().unwrap();
    let writer = DiskBuffer::single_file(dir.path().join("trace.bin")).unwrap();
    let recorder = recorder(writer).build();
    let options = TokioAttachOptions::builder().task_tracking_enabled(true);
    builder.enable_all();
    let runtime = recorder
        .handle()
        .attach_tokio_runtime(builder, options.build());
    let runtime = runtime.unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..20).map(|_| tokio::spawn(give_turns(3))).collect();
        for task in tasks {
            task.await.unwrap();
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    });
    drop(runtime);
    drop(recorder);
    let file = dir.path().join("trace.0.bin");
    TraceReader::new(&file.to_string_lossy()).unwrap()
}

fn check(trace: &TraceReader, workers: usize) {
    let spawned = trace.all_events.iter().filter_map(|event| match event {
        Dial9Event::TaskSpawnEvent(it) if it.spawn_loc.contains("dial9.rs") => Some(it.task_id),
        _ => None,
    });
    let mut polls: HashMap<_, usize> = spawned.map(|id| (id, 0)).collect();
    assert_eq!(polls.len(), 20);
    let (mut starts, mut ends, mut terminated) = (0, 0, 0);
    for event in &trace.all_events {
        match event {
            Dial9Event::PollStartEvent(it) => {
                starts += 1;
                polls.entry(it.task_id).and_modify(|count| *count += 1);
                assert!(it.worker_id.as_u64() < workers as u64);
            }
            Dial9Event::PollEndEvent(_) => ends += 1,
            Dial9Event::TaskTerminateEvent(it) if polls.contains_key(&it.task_id) => {
                terminated += 1
            }
            _ => {}
        }
    }
    assert!(polls.values().all(|count| *count == 4), "{polls:?}");
    assert_eq!(starts, ends);
    assert_eq!(terminated, 20);
    let analysis = analyze_trace(&trace.runtime_events);
    let parks: usize = analysis.worker_stats.values().map(|it| it.park_count).sum();
    assert!(parks > 0);
}

#[test]
fn a_trace_of_workers_has_each_task_and_each_poll() {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2);
    check(&trace(builder), 2);
}

#[test]
fn a_trace_of_one_thread_has_each_task_and_each_poll() {
    check(&trace(Builder::new_current_thread()), 1);
}
