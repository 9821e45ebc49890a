//! What the watch does for workers that are stuck, what its looks tell, and when it is called at all.

use super::timed::{as_worker, workers, workers_in_grace};
use crate::base::parker::ThreadParker;
use crate::scheduler::steal::take_injected;
use crate::scheduler::watch::{Look, STALL};
use crate::worker::asked::World;
use crate::worker::rescue;
use crate::worker::start::hand_off_core;
use std::sync::Arc;
use std::time::Duration;

fn told(look: Look) -> [bool; 4] {
    [
        look.any_awake,
        look.any_moved,
        look.any_stuck,
        look.any_rescued,
    ]
}

/// Also if no worker sleeps that could be woken for it: a busy sibling finds the task in the injector.
#[test]
fn a_task_that_is_moved_from_a_slot_counts_as_help() {
    let (handle, _, contexts) = workers(2, World::default(), |_| ());
    let policy = handle.shared.policy.multi_thread();
    let mut last = Vec::new();
    as_worker(&contexts[0], |_| drop(handle.spawn(async {})));
    assert_eq!(
        told(rescue::look(&handle, &mut last)),
        [true, true, false, false]
    );
    assert_eq!(
        told(rescue::look(&handle, &mut last)),
        [true, false, true, true]
    );
    take_injected(&policy.injector).unwrap().cancel();
    // Nothing is left that the watch could help with.
    assert_eq!(
        told(rescue::look(&handle, &mut last)),
        [true, false, true, false]
    );
}

/// What a look finds at one worker is not undone by what it finds at the next.
#[test]
fn a_look_tells_of_any_worker() {
    for other in [0, 1] {
        let (handle, _, contexts) = workers(2, World::default(), |_| ());
        let policy = handle.shared.policy.multi_thread();
        let mut last = Vec::new();
        policy.idle.announce(1 - other, false);
        rescue::look(&handle, &mut last);
        as_worker(&contexts[other], |worker| {
            worker.with_core(|core| worker.next_tick(core));
        });
        assert_eq!(
            told(rescue::look(&handle, &mut last)),
            [true, true, false, false]
        );
    }
}

/// A sleeper is woken, and told to fire the timers of the stuck worker.
#[test]
fn a_sibling_is_woken_for_timers_that_are_overdue() {
    for is_overdue in [false, true] {
        let world = World {
            is_overdue,
            ..World::default()
        };
        let (handle, _, _contexts) = workers(2, world, |_| ());
        let policy = handle.shared.policy.multi_thread();
        // The driver is taken, and nothing is queued.
        let _driver = policy.seat.take();
        policy.idle.announce(1, false);
        let mut last = Vec::new();
        rescue::look(&handle, &mut last);
        assert!(policy.idle.is_asleep(1) && !policy.watch.take_overdue());
        let look = rescue::look(&handle, &mut last);
        assert_eq!(told(look), [true, false, true, is_overdue]);
        assert_eq!(policy.idle.is_asleep(1), !is_overdue);
        assert_eq!(policy.watch.take_overdue(), is_overdue);
    }
}

/// The only worker of a runtime has no sibling that could help.
#[test]
fn the_watch_is_called_where_there_are_two_workers_or_more() {
    for (count, is_called) in [(1, false), (2, true), (3, true)] {
        let (handle, _, _contexts) = workers(count, World::default(), |_| ());
        let policy = handle.shared.policy.multi_thread();
        assert!(policy.watch.needs_call());
        rescue::attend(&handle);
        assert_eq!(policy.watch.needs_call(), !is_called, "{count}");
        policy.watch.stop();
    }
}

#[test]
fn the_watch_is_not_called_in_its_grace_period_nor_after_the_shutdown() {
    let (handle, ..) = workers_in_grace(2, World::default(), |_| ());
    let policy = handle.shared.policy.multi_thread();
    rescue::attend(&handle);
    std::thread::sleep(Duration::from_millis(5));
    (0..2).for_each(|worker| policy.idle.announce(worker, false));
    assert_eq!(policy.watch.grace_left(&policy.idle, || ()), None);
    assert!(policy.watch.needs_call(), "it was called before");
    policy.shut_down(&*handle.shared.unpark);
    rescue::call(&handle);
    assert!(policy.watch.needs_call(), "the runtime has shut down");
}

/// Tasks that were delivered before a waker that blocks do not wait until the waker goes on.
#[test]
fn a_worker_that_is_passed_on_in_a_delivery_tells_of_what_was_delivered() {
    for delivers in [true, false] {
        let (handle, _, contexts) = workers(3, World::default(), |config| {
            // No thread can be made: the worker stays here.
            config.thread_stack_size = Some(usize::MAX / 4 * 3);
        });
        let policy = handle.shared.policy.multi_thread();
        let sleepers = || {
            (1..3)
                .filter(|worker| policy.idle.is_asleep(*worker))
                .count()
        };
        let before = as_worker(&contexts[0], |worker| {
            if delivers {
                worker.begin_delivery();
            }
            (0..3).for_each(|_| drop(handle.spawn(async {})));
            (1..3).for_each(|worker| policy.idle.announce(worker, false));
            let before = sleepers();
            std::panic::catch_unwind(hand_off_core).unwrap_err();
            assert_eq!(worker.worker_index(), Some(0));
            before
        });
        assert_eq!(before - sleepers(), usize::from(delivers));
        as_worker(&contexts[0], |worker| worker.stop());
    }
}

/// The thread that wants to know of stalls is unparked by the look that finds a worker stuck for long, once for each stall.
#[test]
fn a_look_calls_who_wants_to_know_of_stalls() {
    let (handle, _, contexts) = workers(2, World::default(), |_| ());
    let policy = handle.shared.policy.multi_thread();
    let parker = Arc::new(ThreadParker::default());
    policy.watch.unpark_at_stalls(parker.clone());
    let mut last = Vec::new();
    let counters = &policy.remotes[0].counters;
    for _ in 0..2 {
        assert_eq!(counters.stuck_since(), None);
        let is_over = |since: u64| handle.shared.nanos() - since >= STALL.as_nanos() as u64;
        while !counters.stuck_since().is_some_and(is_over) {
            rescue::look(&handle, &mut last);
        }
        rescue::look(&handle, &mut last);
        parker.park(); // without a call it would not end
        as_worker(&contexts[0], |worker| {
            worker.with_core(|core| worker.next_tick(core));
        });
        rescue::look(&handle, &mut last);
    }
}
