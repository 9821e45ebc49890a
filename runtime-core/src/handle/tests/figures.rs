//! Which counters go up: a runtime's own, or those of one of its workers.

use super::{both, core};
use crate::coop;
use crate::handle::{Handle, worker_index};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Barrier};

/// How many tasks were spawned from outside, and by each of two workers.
fn spawned(handle: &Handle) -> (u64, u64) {
    let shared = &handle.shared;
    let workers = (0..handle.workers()).map(|worker| shared.policy.counters(worker).spawned.get());
    (
        shared.counters.spawned.load(Ordering::Relaxed),
        workers.sum(),
    )
}

#[test]
fn a_task_is_counted_where_it_was_spawned() {
    for core in both(|_| ()) {
        let handle = core.handle();
        let task = handle.spawn(async {
            let handle = Handle::current();
            for _ in 0..5 {
                handle.spawn(async {}).await.unwrap();
            }
        });
        core.block_on(task).unwrap();
        assert_eq!(spawned(handle), (1, 5));
    }
}

/// A worker has an index only in its own runtime.
#[test]
fn workers_spawn_on_a_runtime_that_has_fewer() {
    let small = core(None, |_| ());
    let large = core(Some(2), |_| ());
    let meet = Arc::new(Barrier::new(2));
    let tasks = [(); 2].map(|()| {
        let (small, meet) = (small.handle().clone(), meet.clone());
        large.handle().spawn(async move {
            // Each on a worker of its own.
            meet.wait();
            let task = small.spawn(async { worker_index() });
            let (thread, metrics) = (std::thread::current().id(), Handle::current().metrics());
            let noted = worker_index().and_then(|worker| metrics.worker_thread_id(worker));
            assert_eq!(noted, Some(thread));
            (worker_index(), task)
        })
    });
    small.block_on(async {
        let mut workers = Vec::new();
        for task in tasks {
            let (worker, inner) = task.await.unwrap();
            workers.push(worker);
            assert_eq!(inner.await.unwrap(), Some(0));
        }
        workers.sort_unstable();
        assert_eq!(workers, [Some(0), Some(1)]);
    });
    assert_eq!(spawned(small.handle()), (2, 0));
}

#[test]
fn budgets_that_are_used_up_are_counted() {
    for core in both(|_| ()) {
        let metrics = core.handle().metrics();
        let task = core.handle().spawn(async {
            for _ in 0..3 * u32::from(coop::BUDGET) {
                coop::consume_budget().await;
            }
        });
        core.block_on(task).unwrap();
        assert_eq!(metrics.budget_forced_yield_count(), 3);
    }
}
