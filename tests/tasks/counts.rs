//! The scheduler's counters, where the right numbers are known.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use super::support::{current, multi, within};
use tokio::runtime::Handle;
use tokio::task::yield_now;

#[test]
fn a_current_thread_runtime_tells_its_own_tasks_from_those_of_others() {
    let runtime = current();
    let metrics = runtime.metrics();
    runtime.handle().spawn(async {});
    runtime.handle().spawn(async {});
    assert_eq!(metrics.remote_schedule_count(), 2);
    assert_eq!(metrics.global_queue_depth(), 2);
    assert_eq!(metrics.worker_local_schedule_count(0), 0);
    assert_eq!(metrics.worker_local_queue_depth(0), 0);
    runtime.block_on(async {
        let metrics = Handle::current().metrics();
        for depth in 1..=5 {
            tokio::spawn(yield_now());
            assert_eq!(metrics.worker_local_queue_depth(0), depth);
        }
        assert_eq!(metrics.worker_local_schedule_count(0), 5);
        while metrics.num_alive_tasks() > 0 {
            yield_now().await;
        }
        // Each task yields once.
        assert_eq!(metrics.worker_local_schedule_count(0), 10);
        assert_eq!(metrics.worker_poll_count(0), 12);
        assert_eq!(metrics.worker_local_queue_depth(0), 0);
        assert_eq!(metrics.global_queue_depth(), 0);
        assert_eq!(metrics.remote_schedule_count(), 2);
    });
    assert_eq!(metrics.spawned_tasks_count(), 7);
}

/// A queue holds 256. Each time it is full, half of it goes to the injector.
#[test]
fn a_full_queue_gives_half_of_its_tasks_away() {
    within(20, || {
        let runtime = multi(1);
        let burst = runtime.spawn(async {
            let metrics = Handle::current().metrics();
            // The last task stays in the slot.
            let pushed = |spawned: usize| spawned - 1;
            for spawned in 1..=600 {
                tokio::spawn(async {});
                let overflows =
                    pushed(spawned).saturating_sub(257) / 128 + usize::from(pushed(spawned) >= 257);
                assert_eq!(
                    metrics.worker_overflow_count(0),
                    overflows as u64,
                    "{spawned}"
                );
                assert_eq!(metrics.global_queue_depth(), overflows * 128);
                let left = pushed(spawned) - overflows * 128;
                assert_eq!(metrics.worker_local_queue_depth(0), left);
                assert_eq!(metrics.worker_local_schedule_count(0), spawned as u64);
            }
        });
        runtime.block_on(burst).unwrap();
    });
}

/// The spawner's worker is stuck: the other worker steals the queued tasks, one by one or several at a time.
#[test]
fn tasks_taken_from_a_sibling_are_counted_once_each() {
    const MANY: usize = 9;
    within(20, || {
        let runtime = multi(2);
        let ran = Arc::new(AtomicUsize::new(0));
        let spawner = runtime.spawn({
            let ran = ran.clone();
            async move {
                let (all_ran, done) = mpsc::channel();
                for _ in 0..=MANY {
                    let (ran, all_ran) = (ran.clone(), all_ran.clone());
                    tokio::spawn(async move {
                        if ran.fetch_add(1, Ordering::Relaxed) == MANY {
                            all_ran.send(()).unwrap();
                        }
                    });
                }
                done.recv_timeout(Duration::from_secs(15)).unwrap();
            }
        });
        runtime.block_on(spawner).unwrap();
        let metrics = runtime.metrics();
        let sum = |count: &dyn Fn(usize) -> u64| count(0) + count(1);
        // One task was in the slot, and went through the injector.
        assert_eq!(sum(&|w| metrics.worker_steal_count(w)), MANY as u64);
        let operations = sum(&|w| metrics.worker_steal_operations(w));
        assert!((1..=MANY as u64).contains(&operations), "{operations}");
    });
}
