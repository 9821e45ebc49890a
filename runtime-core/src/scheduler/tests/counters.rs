//! What is counted and measured of a worker, against the same sums made here.

use super::*;
use crate::scheduler::config::HistogramBuckets;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug)]
struct Buckets(usize);

impl HistogramBuckets for Buckets {
    fn len(&self) -> usize {
        self.0
    }
    fn bucket_of(&self, _: u64) -> usize {
        0
    }
    fn range(&self, _: usize) -> Range<Duration> {
        Duration::ZERO..Duration::MAX
    }
}

#[test]
fn a_histogram_has_a_count_for_each_bucket() {
    let mut config = Config::new(None, "test");
    let lengths = |config: &Config| {
        let counters = WorkerCounters::new(config);
        (
            counters.poll_histogram.len(),
            counters.latency_histogram.len(),
        )
    };
    assert_eq!(lengths(&config), (0, 0));
    config.poll_histogram = Some(Arc::new(Buckets(3)));
    assert_eq!(lengths(&config), (3, 0));
    config.schedule_latency_histogram = Some(Arc::new(Buckets(5)));
    assert_eq!(lengths(&config), (3, 5));
}

#[test]
fn counts_of_a_runtime_go_up_one_by_one() {
    let counters = Counters::default();
    for before in 0..3 {
        assert_eq!(counters.note_spawn(), before);
        counters.note_remote_schedule();
        counters.note_forced_yield();
    }
    let counts = [
        &counters.spawned,
        &counters.remote_schedules,
        &counters.forced_yields,
    ];
    assert_eq!(counts.map(|c| c.load(Ordering::Relaxed)), [3; 3]);
}

#[test]
fn a_worker_notes_its_thread() {
    let counters = WorkerCounters::default();
    assert!(counters.thread.lock().is_none());
    counters.note_thread();
    assert_eq!(*counters.thread.lock(), Some(std::thread::current().id()));
    assert_eq!(counters.system_thread.get(), thread::system_id());
    if cfg!(target_os = "linux") {
        assert_ne!(counters.system_thread.get(), 0);
    }
}

const PAUSE: Duration = Duration::from_millis(2);

/// The time of each stretch, as it is counted, and the mean that comes of it.
#[test]
fn a_mean_of_the_time_for_a_poll_is_kept_where_it_is_asked_for() {
    for keeps_mean in [true, false] {
        let counters = WorkerCounters::default();
        let start = Instant::now();
        let mut watch = Stopwatch::new(keeps_mean);
        let mut expected = 0;
        let mut busy_before = 0;
        for polls in [3, 0, 1, 7] {
            std::thread::sleep(PAUSE);
            counters.polls.add(polls);
            assert_eq!(watch.account(&counters), polls > 0);
            let busy = counters.busy_nanos.get() - busy_before;
            busy_before = counters.busy_nanos.get();
            assert!(busy >= PAUSE.as_nanos() as u64);
            expected = match (expected, busy.checked_div(polls)) {
                (before, None) => before,
                (0, Some(mean)) => mean,
                (before, Some(mean)) => (before * 9 + mean) / 10,
            };
            let kept = if keeps_mean { expected } else { 0 };
            assert_eq!(counters.mean_poll_nanos.get(), kept);
        }
        // No stretch is counted twice.
        assert!(counters.busy_nanos.get() <= start.elapsed().as_nanos() as u64);
    }
}

/// A mean of zero stands for none yet.
#[test]
fn a_mean_is_never_nothing_and_a_single_nanosecond_is_one() {
    let counters = WorkerCounters::default();
    let mut watch = Stopwatch::new(true);
    counters.polls.add(1 << 60);
    assert!(watch.account(&counters));
    assert_eq!(counters.mean_poll_nanos.get(), 1);
    std::thread::sleep(PAUSE);
    counters.polls.add(1);
    assert!(watch.account(&counters));
    let before = counters.mean_poll_nanos.get();
    assert!(before >= PAUSE.as_nanos() as u64 / 10);
    assert!(before < counters.busy_nanos.get() / 5);
}

#[test]
fn parks_are_counted_and_so_are_those_after_which_nothing_was_polled() {
    let counters = WorkerCounters::default();
    let counts = || {
        let all = [&counters.parks, &counters.unparks, &counters.noops];
        all.map(Tally::get)
    };
    let mut watch = Stopwatch::new(false);
    watch.before_park(&counters);
    assert_eq!(counts(), [1, 1, 1]);
    watch.after_park(&counters);
    assert_eq!(counts(), [1, 2, 1]);
    counters.polls.add(1);
    watch.before_park(&counters);
    assert_eq!(counts(), [2, 3, 1]);
    // A worker that sleeps is not busy.
    let busy = counters.busy_nanos.get();
    let start = Instant::now();
    std::thread::sleep(PAUSE);
    let asleep = start.elapsed();
    watch.after_park(&counters);
    watch.account(&counters);
    let all = start.elapsed();
    let more = Duration::from_nanos(counters.busy_nanos.get() - busy);
    assert!(more <= all - asleep);
}

/// A stall lasts from the first look that finds the worker stuck. An odd time counts as the even one before it.
#[test]
fn a_stall_is_told_once_when_it_has_lasted() {
    let counters = WorkerCounters::default();
    let limit = Duration::from_nanos(100);
    for (start, begin) in [(0, 2), (1, 2), (500, 500), (701, 700)] {
        assert_eq!(counters.stuck_since(), None);
        assert!(!counters.note_stuck(start, limit));
        for (passed, is_news) in [
            (50, false),
            (99, false),
            (100, true),
            (101, false),
            (900, false),
        ] {
            assert_eq!(counters.note_stuck(begin + passed, limit), is_news);
            assert_eq!(counters.stuck_since(), Some(begin));
        }
        counters.note_moves();
        assert_eq!(counters.stuck_since(), None);
        counters.note_moves();
        assert_eq!(counters.stuck_since(), None);
    }
}

/// By what the system tells of the test's own thread.
#[cfg(target_os = "linux")]
#[test]
fn a_wait_for_a_processor_is_counted_from_when_it_was_noted() {
    let counters = WorkerCounters::default();
    counters.note_thread();
    assert_eq!(counters.waited_since(), Duration::ZERO);
    counters.note_wait();
    let noted = counters.waited_before.get();
    let least = thread::processor_waited(thread::system_id()).unwrap();
    assert!(noted >= 1 && least + 1 >= noted);
    // As if it had been noted when the thread began.
    counters.waited_before.set(1);
    assert!(counters.waited_since() >= Duration::from_nanos(least));
    // A thread that is gone has waited for nothing.
    counters.system_thread.set(u64::MAX);
    assert_eq!(counters.waited_since(), Duration::ZERO);
    counters.note_wait();
    assert_eq!(counters.waited_before.get(), 0);
}
