//! What hooks and histograms are told of tasks: each of them alone, so that none depends on another.

use super::{both, core};
use crate::handle::Handle;
use crate::runtime::config::{HistogramBuckets, TaskCallback};
use crate::runtime::{Config, TaskMeta, UnhandledPanic};
use crate::task::Id;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Notes the word and the task, and panics.
fn hook(log: &Arc<Mutex<Vec<(&'static str, Id)>>>, word: &'static str) -> Option<TaskCallback> {
    let log = log.clone();
    Some(Arc::new(move |meta: &TaskMeta<'_>| {
        log.lock().unwrap().push((word, meta.id()));
        assert!(meta.spawned_at().file().ends_with("hooks.rs"));
        panic!("the hook's");
    }))
}

type Set = fn(&mut Config, Option<TaskCallback>);

#[test]
fn each_hook_is_called_whatever_others_there_are() {
    let sets: [(&str, Set); 3] = [
        ("before", |config, hook| config.before_poll = hook),
        ("after", |config, hook| config.after_poll = hook),
        ("ended", |config, hook| config.after_termination = hook),
    ];
    for (word, set) in sets {
        let log = Arc::default();
        for core in both(|config| set(config, hook(&log, word))) {
            let task = core.handle().spawn(async {});
            let id = task.id();
            core.block_on(task).unwrap();
            drop(core);
            let told = std::mem::take(&mut *log.lock().unwrap());
            assert_eq!(told, [(word, id)]);
        }
    }
}

#[test]
fn a_closures_end_is_told_too() {
    let log = Arc::default();
    let core = core(None, |config| {
        config.after_termination = hook(&log, "ended")
    });
    let join = core.handle().spawn_blocking(|| ());
    let id = join.id();
    core.block_on(join).unwrap();
    drop(core);
    assert_eq!(*log.lock().unwrap(), [("ended", id)]);
}

/// Two buckets: below so many nanoseconds, and the rest.
#[derive(Debug)]
struct Below(u64);

impl HistogramBuckets for Below {
    fn len(&self) -> usize {
        2
    }
    fn bucket_of(&self, nanos: u64) -> usize {
        usize::from(nanos >= self.0)
    }
    fn range(&self, bucket: usize) -> Range<Duration> {
        [
            Duration::ZERO..Duration::from_nanos(self.0),
            Duration::from_nanos(self.0)..Duration::MAX,
        ][bucket]
            .clone()
    }
}

const PAUSE: Duration = Duration::from_millis(5);
const FOR_EVER: u64 = u64::MAX;

#[test]
fn polls_are_in_the_bucket_of_their_time_before_the_next_hook_is_called() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let hook: TaskCallback = {
        let seen = seen.clone();
        Arc::new(move |_| {
            let metrics = Handle::current().metrics();
            let count = |bucket| metrics.poll_time_histogram_bucket_count(0, bucket);
            seen.lock().unwrap().push([count(0), count(1)]);
        })
    };
    for (bound, hook, expected) in [
        (PAUSE.as_nanos() as u64, None, [0, 1]),
        (FOR_EVER, None, [1, 0]),
        (FOR_EVER, Some(hook), [1, 0]),
    ] {
        let core = core(None, |config| {
            config.poll_histogram = Some(Arc::new(Below(bound)));
            config.after_poll = hook;
        });
        let metrics = core.handle().metrics();
        assert!(metrics.poll_time_histogram_enabled());
        core.block_on(core.handle().spawn(async { std::thread::sleep(PAUSE) }))
            .unwrap();
        let count = |bucket| metrics.poll_time_histogram_bucket_count(0, bucket);
        assert_eq!([count(0), count(1)], expected);
    }
    assert_eq!(*seen.lock().unwrap(), [[1, 0]]);
}

#[test]
fn the_time_between_being_scheduled_and_polled_is_told() {
    let latency = Arc::new(Mutex::new(Vec::new()));
    let hook: TaskCallback = {
        let latency = latency.clone();
        Arc::new(move |meta| latency.lock().unwrap().push(meta.schedule_latency()))
    };
    for (bound, expected) in [(PAUSE.as_nanos() as u64, [0, 1]), (FOR_EVER, [1, 0])] {
        let core = core(None, |config| {
            config.tracks_latency = true;
            config.schedule_latency_histogram = Some(Arc::new(Below(bound)));
            config.before_poll = Some(hook.clone());
        });
        // Not the time since the runtime's start.
        std::thread::sleep(10 * PAUSE);
        let start = Instant::now();
        let task = core.handle().spawn(async {});
        std::thread::sleep(PAUSE);
        core.block_on(task).unwrap();
        let told = latency.lock().unwrap().pop().unwrap().unwrap();
        assert!((PAUSE..=start.elapsed()).contains(&told), "{told:?}");
        let metrics = core.handle().metrics();
        let count = |bucket| metrics.schedule_latency_histogram_bucket_count(0, bucket);
        assert_eq!([count(0), count(1)], expected);
        assert!(latency.lock().unwrap().is_empty());
    }
    // The histogram alone.
    let core = core(None, |config| {
        config.tracks_latency = true;
        config.schedule_latency_histogram = Some(Arc::new(Below(0)));
    });
    core.block_on(core.handle().spawn(async {})).unwrap();
    let metrics = core.handle().metrics();
    assert_eq!(metrics.schedule_latency_histogram_bucket_count(0, 1), 1);
}

/// A hook that is called right after the panic finds the runtime closed.
#[test]
fn nothing_is_taken_in_after_a_panic_that_ends_the_runtime() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let core = core(None, |config| {
        config.unhandled_panic = UnhandledPanic::ShutdownRuntime;
        let seen = seen.clone();
        config.after_termination = Some(Arc::new(move |_| {
            // The hook is called for that task as well.
            if seen.lock().unwrap().is_empty() {
                seen.lock().unwrap().push(None);
                let task = Handle::current().spawn(async {});
                seen.lock().unwrap().push(Some(task.is_finished()));
            }
        }));
    });
    drop(core.handle().spawn(async { panic!("the task's") }));
    let ended = catch_unwind(AssertUnwindSafe(|| {
        core.block_on(std::future::pending::<()>())
    }));
    assert!(ended.is_err());
    assert_eq!(*seen.lock().unwrap(), [None, Some(true)]);
}
