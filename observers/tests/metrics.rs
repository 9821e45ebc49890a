//! tokio-metrics: its figures match what was done.

use selvedge_observers::crew::give_turns;
use std::time::Duration;
use tokio::runtime::{Builder, HistogramConfiguration, LogHistogram, Runtime};
use tokio_metrics::{RuntimeMonitor, TaskMonitor};

fn runtime() -> Runtime {
    let histogram = HistogramConfiguration::log(LogHistogram::default());
    Builder::new_current_thread()
        .enable_all()
        .enable_metrics_poll_time_histogram()
        .metrics_poll_time_histogram_configuration(histogram)
        .build()
        .unwrap()
}

/// Runs 10 tasks that are polled 4 times each.
async fn ten_tasks() {
    let tasks: Vec<_> = (0..10).map(|_| tokio::spawn(give_turns(3))).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[test]
fn an_interval_counts_what_was_done_in_it() {
    let runtime = runtime();
    let monitor = RuntimeMonitor::new(runtime.handle());
    let mut intervals = monitor.intervals();
    runtime.block_on(ten_tasks());
    let first = intervals.next().unwrap();
    assert_eq!(first.workers_count, 1);
    assert_eq!(first.total_polls_count, 40);
    assert_eq!(first.live_tasks_count, 0);
    assert_eq!(first.total_steal_count, 0);
    // No task was scheduled from another thread.
    assert_eq!(first.num_remote_schedules, 0);
    let buckets = first.poll_time_histogram.buckets();
    let polls: u64 = buckets.iter().map(|bucket| bucket.count()).sum();
    assert_eq!(polls, 40);
    let second = intervals.next().unwrap();
    assert_eq!(second.total_polls_count, 0);
}

#[test]
fn what_comes_from_another_thread_is_told_apart() {
    let runtime = runtime();
    let mut intervals = RuntimeMonitor::new(runtime.handle()).intervals();
    let handle = runtime.handle().clone();
    let spawned = std::thread::spawn(move || {
        let tasks = (0..7).map(|_| handle.spawn(std::future::ready(())));
        tasks.collect::<Vec<_>>()
    });
    let tasks = spawned.join().unwrap();
    let before = intervals.next().unwrap();
    assert_eq!(before.num_remote_schedules, 7);
    assert_eq!((before.live_tasks_count, before.global_queue_depth), (7, 7));
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    let after = intervals.next().unwrap();
    assert_eq!((after.live_tasks_count, after.global_queue_depth), (0, 0));
    assert_eq!(after.total_polls_count, 7);
}

#[test]
fn polls_that_take_long_and_blocking_threads_are_seen() {
    let runtime = runtime();
    let mut intervals = RuntimeMonitor::new(runtime.handle()).intervals();
    runtime.block_on(async {
        let sleeping = async { std::thread::sleep(Duration::from_millis(20)) };
        tokio::spawn(sleeping).await.unwrap();
        tokio::task::spawn_blocking(|| ()).await.unwrap();
    });
    let interval = intervals.next().unwrap();
    assert!(interval.total_busy_duration >= Duration::from_millis(20));
    assert!(interval.total_busy_duration <= interval.elapsed);
    assert_eq!(interval.blocking_threads_count, 1);
    let long = interval.poll_time_histogram.buckets().iter();
    let long = long.filter(|bucket| bucket.range_end() > Duration::from_millis(20));
    assert_eq!(long.map(|bucket| bucket.count()).sum::<u64>(), 1);
}

#[test]
fn instrumented_tasks_are_counted() {
    let monitor = TaskMonitor::new();
    runtime().block_on(async {
        let task = |_| tokio::spawn(monitor.instrument(give_turns(3)));
        let tasks: Vec<_> = (0..10).map(task).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    let all = monitor.cumulative();
    assert_eq!((all.instrumented_count, all.dropped_count), (10, 10));
    assert_eq!((all.first_poll_count, all.total_poll_count), (10, 40));
    assert_eq!(all.total_scheduled_count, 30);
}
