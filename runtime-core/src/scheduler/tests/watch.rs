//! The watch's rest and grace period, one thread at a time.

use super::*;
use crate::driver::Drivers;
use crate::runtime::{Config, Core, Handle};
use crate::spawn::spawn;
use crate::task::yield_now;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

/// Two workers, of which so many sleep.
fn idle(asleep: usize) -> Idle {
    let idle = Idle::new(2);
    (0..asleep).for_each(|worker| idle.announce(worker, false));
    idle
}

#[test]
fn the_first_call_starts_the_thread_and_others_end_its_rest() {
    let rest = Rest::new();
    let mut starts = 0;
    assert!(rest.needs_call());
    for _ in 0..3 {
        rest.call(|| {
            starts += 1;
            None
        });
        assert!(!rest.needs_call());
    }
    assert_eq!(starts, 1);
    // It was called, so it does not wait though all sleep; the call is used up.
    assert!(rest.rest(&idle(2), false, TICK));
    assert!(!rest.needs_call());
    assert!(!rest.state.lock().call);
    // A worker is awake: the watch waits for a tick, and no longer.
    assert!(rest.rest(&idle(1), false, TICK));
    assert!(!rest.needs_call());
}

/// A worker that was stuck is looked at until it has moved: otherwise it would be reported as stuck for ever.
#[test]
fn a_look_that_saw_workers_move_or_stuck_wants_another() {
    let (none, awake) = (Look::default(), true);
    let (any_moved, any_stuck) = (true, true);
    assert!(!none.wants_another());
    assert!(
        !Look {
            any_awake: awake,
            any_rescued: true,
            ..none
        }
        .wants_another()
    );
    assert!(Look { any_moved, ..none }.wants_another());
    assert!(Look { any_stuck, ..none }.wants_another());
}

#[test]
fn a_watch_that_saw_workers_move_waits_for_no_call_and_is_not_called() {
    let rest = Rest::new();
    rest.call(|| None);
    assert!(rest.rest(&idle(2), true, Duration::ZERO));
    assert!(!rest.state.lock().call);
    // All workers sleep and nobody calls: the watch would wait for ever, had the last look not seen workers move.
    assert!(rest.rest(&idle(2), true, Duration::ZERO));
    assert!(!rest.needs_call());
}

#[test]
fn looks_in_vain_grow_rarer_until_a_worker_needs_help() {
    let (asleep, awake) = (
        Look::default(),
        Look {
            any_awake: true,
            ..Look::default()
        },
    );
    let stuck = Look {
        any_stuck: true,
        ..awake
    };
    let helped = Look {
        any_rescued: true,
        ..stuck
    };
    let mut patience = Patience::default();
    for look in [asleep, awake, asleep, awake]
        .iter()
        .cycle()
        .take(FRUITLESS_TICKS as usize + 1)
    {
        assert_eq!(patience.pause_after(*look), TICK);
    }
    let pauses = [4, 8, 16, 16].map(Duration::from_millis);
    for pause in pauses {
        // A worker that is awake is looked at again a tick later, and then not again.
        assert_eq!(patience.pause_after(awake), TICK);
        assert_eq!(patience.pause_after(awake), pause);
    }
    assert_eq!(patience.pause_after(asleep), LONGEST_PAUSE);
    patience.fruitless = u32::MAX;
    assert_eq!(patience.pause_after(asleep), LONGEST_PAUSE);
    // A worker that is stuck is looked at a tick later; only help makes the looks frequent again.
    assert_eq!(patience.pause_after(stuck), TICK);
    assert_eq!(patience.pause_after(asleep), LONGEST_PAUSE);
    assert_eq!(patience.pause_after(helped), TICK);
    for look in [asleep, awake, stuck] {
        assert_eq!(patience.pause_after(look), TICK);
    }
    assert_eq!(patience.fruitless, 2);
}

#[test]
fn a_watch_that_was_stopped_neither_rests_nor_starts() {
    let rest = Rest::new();
    rest.stop();
    rest.call(|| panic!("it starts"));
    assert!(rest.needs_call(), "nobody rests or ticks");
    for asleep in [0, 2] {
        assert!(!rest.rest(&idle(asleep), false, TICK));
    }
}

#[test]
fn a_stop_ends_a_rest_and_waits_for_the_thread() {
    let rest = Arc::new(Rest::new());
    let ended = Arc::new(AtomicBool::new(false));
    let (resting, ends) = (rest.clone(), ended.clone());
    rest.call(|| {
        let thread = thread::Builder::new().spawn(move || {
            let idle = idle(2);
            while resting.rest(&idle, false, TICK) {}
            ends.store(true, Ordering::Relaxed);
        });
        thread.ok()
    });
    rest.stop();
    assert!(ended.load(Ordering::Relaxed));
    // Again, as another thread that ends the runtime does.
    rest.stop();
}

/// The watch's thread ends though nobody calls the watch any more, and does not keep the runtime alive.
#[test]
fn a_rest_ends_with_its_runtime() {
    for _ in 0..5 {
        let core = Core::start(Config::new(Some(2), "test"), Drivers::default()).unwrap();
        let policy = core.handle().shared.policy.multi_thread();
        core.block_on(async {
            let busy = spawn(async {
                let handle = Handle::current();
                while handle.shared.policy.multi_thread().watch.rest.needs_call() {
                    yield_now().await;
                }
            });
            busy.await.unwrap();
        });
        while !policy.watch.rest.needs_call() || !policy.idle.all_asleep() {
            thread::yield_now();
        }
        let shared = Arc::downgrade(&core.handle().shared);
        drop(core);
        assert_eq!(shared.strong_count(), 0);
    }
}

#[test]
fn whoever_ends_the_grace_period_calls_if_anybody_is_awake() {
    for asleep in [0, 1, 2] {
        let grace = GracePeriod::new();
        assert!(!grace.is_over());
        assert_eq!(grace.end(&idle(asleep)), asleep < 2);
        assert!(grace.is_over());
        assert_eq!(grace.end(&idle(asleep)), asleep < 2);
    }
}

#[test]
fn a_new_watch_is_in_its_grace_period_and_tells_once_that_timers_are_overdue() {
    let before = clock::now();
    let watch = Watch::new();
    assert!(
        watch
            .grace_ends
            .is_some_and(|end| end >= before + GRACE_PERIOD)
    );
    assert!(!watch.take_overdue());
    watch.overdue.store(true, Ordering::Relaxed);
    assert!(watch.take_overdue());
    assert!(!watch.take_overdue());
}

#[test]
fn nobody_calls_before_the_grace_period_is_over() {
    let mut watch = Watch::new();
    let calls = AtomicU32::new(0);
    let call = || _ = calls.fetch_add(1, Ordering::Relaxed);
    let far = Duration::from_secs(1000);
    watch.grace_ends = Some(clock::now() + far);
    let left = watch.grace_left(&idle(0), call).unwrap();
    assert!(left <= far && left > Duration::from_secs(10));
    assert!(watch.rest.needs_call() && !watch.needs_call());
    watch.grace_ends = Some(clock::now());
    assert_eq!(watch.grace_left(&idle(1), call), None);
    assert!(watch.needs_call());
    // It is over for good.
    watch.grace_ends = Some(clock::now() + far);
    assert_eq!(watch.grace_left(&idle(0), call), None);
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    watch.rest.call(|| None);
    assert!(!watch.needs_call());
    // Where all sleep, it ends without a call.
    let mut watch = Watch::new();
    watch.grace_ends = Some(clock::now());
    assert_eq!(watch.grace_left(&idle(2), call), None);
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}
