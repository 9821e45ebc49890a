//! One slot on one thread: which waker is woken, which is given back, when the driver has to wake.
//!
//! Ticks are far in the future of the clock, and time passes by the argument of `fire`.

use super::{Armed, NEVER, Slot, TimeHandle};
use crate::due::Due;
use crate::entry::{Entry, Phase};
use runtime_core::base::wake_batch::WakeBatch;
use runtime_core::base::waker_slot::WakerSlot;
use runtime_core::driver::{DriverParams, Timers, Unpark};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

const SOON: u64 = 1_000_000;
const LATER: u64 = 2_000_000;

/// Counts wakes and unparks; its reference count shows how many wakers are held.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Unpark for Count {
    fn unpark(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A counter, and the only waker of it.
fn waker() -> (Arc<Count>, Waker) {
    let count = Arc::new(Count::default());
    (count.clone(), Waker::from(count))
}

/// One worker's slot (0) and the foreign one (1).
fn wheels(fire_at_shutdown: bool) -> (TimeHandle, Arc<Count>) {
    wheels_of(fire_at_shutdown, false)
}

fn wheels_of(fire_at_shutdown: bool, start_paused: bool) -> (TimeHandle, Arc<Count>) {
    let unparks = Arc::new(Count::default());
    let params = DriverParams {
        fire_at_shutdown,
        timer_resolution: std::time::Duration::from_millis(1),
        workers: 1,
        nevents: 1,
        start_paused,
        may_pause: start_paused,
    };
    (TimeHandle::new(&params, unparks.clone()), unparks)
}

fn arm(slot: &Slot, deadline: u64, waker: &Waker) -> (Pin<Box<Entry>>, bool) {
    let entry = Box::pin(Entry::new());
    // SAFETY: pinned in its box; the tests let it fire or disarm it before it goes.
    let armed = unsafe { slot.arm(&entry, Due::at(deadline), WakerSlot::holding(waker)) };
    (entry, matches!(armed, Armed::Pending))
}

#[test]
fn the_last_waker_is_woken_and_the_others_are_given_back() {
    let (wheels, _) = wheels(false);
    let slot = &wheels.slots[0];
    let ((first, first_waker), (second, second_waker)) = (waker(), waker());
    let (entry, is_armed) = arm(slot, SOON, &first_waker);
    assert!(is_armed);
    assert_eq!(Arc::strong_count(&first), 3);
    assert_eq!(slot.update_waker(&entry, &first_waker), Phase::Armed);
    assert_eq!(Arc::strong_count(&first), 3);
    assert_eq!(slot.update_waker(&entry, &second_waker), Phase::Armed);
    assert_eq!(
        (Arc::strong_count(&first), Arc::strong_count(&second)),
        (2, 3)
    );
    assert_eq!(slot.fire(SOON), 1);
    assert_eq!((first.get(), second.get()), (0, 1));
    // Nothing is left in an entry that has fired, and nothing is put there.
    assert_eq!(slot.update_waker(&entry, &first_waker), Phase::Fired);
    assert_eq!(
        (Arc::strong_count(&first), Arc::strong_count(&second)),
        (2, 2)
    );
    assert_eq!(slot.fire(LATER), 0);
    assert_eq!((first.get(), second.get()), (0, 1));
}

#[test]
fn what_is_given_up_is_not_woken_and_leaves_nothing() {
    let (wheels, _) = wheels(false);
    let slot = &wheels.slots[0];
    let (count, its_waker) = waker();
    let (entry, _) = arm(slot, SOON, &its_waker);
    slot.disarm(&entry);
    assert_eq!((entry.phase(), Arc::strong_count(&count)), (Phase::Idle, 2));
    slot.disarm(&entry);
    assert!(slot.take_waker(&entry).is_none());
    assert_eq!(slot.exact_next(), NEVER);
    assert_eq!(slot.fire(LATER), 0);
    let (entry, _) = arm(slot, SOON, &its_waker);
    let taken = slot.take_waker(&entry);
    assert_eq!((entry.phase(), count.get()), (Phase::Idle, 0));
    taken.unwrap().take().wake_after(());
    assert_eq!((Arc::strong_count(&count), count.get()), (2, 1));
    assert_eq!((slot.exact_next(), slot.fire(LATER)), (NEVER, 0));
}

#[test]
fn a_timer_that_is_postponed_fires_at_the_later_time_only() {
    let (wheels, _) = wheels(false);
    let slot = &wheels.slots[0];
    let (count, its_waker) = waker();
    let (entry, _) = arm(slot, SOON, &its_waker);
    assert!(!slot.postpone(&entry, Due::at(1)));
    assert!(slot.postpone(&entry, Due::at(LATER)));
    assert_eq!(
        (slot.fire(SOON), slot.fire(LATER - 1), count.get()),
        (0, 0, 0)
    );
    assert_eq!(entry.phase(), Phase::Armed);
    assert_eq!((slot.fire(LATER), count.get()), (1, 1));
    assert!(!slot.postpone(&entry, Due::at(LATER + 1)));
    assert_eq!(entry.phase(), Phase::Fired);
}

#[test]
fn the_earliest_timer_is_told_and_only_due_ones_fire() {
    let (wheels, _) = wheels(false);
    let slot = &wheels.slots[0];
    let (count, its_waker) = waker();
    assert_eq!(slot.next(), NEVER);
    let (late, _) = arm(slot, LATER, &its_waker);
    assert_eq!(slot.next(), LATER);
    let (soon, _) = arm(slot, SOON, &its_waker);
    assert_eq!(slot.next(), SOON);
    let (later, _) = arm(slot, LATER + 1, &its_waker);
    assert_eq!(slot.next(), SOON);
    assert_eq!(slot.fire(SOON - 1), 0);
    assert_eq!((slot.fire(SOON), count.get()), (1, 1));
    assert_eq!((soon.phase(), late.phase()), (Phase::Fired, Phase::Armed));
    assert!(slot.next() > SOON && slot.next() <= LATER);
    assert_eq!((slot.fire(LATER), slot.fire(LATER + 1)), (1, 1));
    assert_eq!(
        (later.phase(), slot.next(), count.get()),
        (Phase::Fired, NEVER, 3)
    );
}

#[test]
fn more_timers_than_a_batch_fire_in_one_go() {
    for many in [
        WakeBatch::ROOM - 1,
        WakeBatch::ROOM,
        WakeBatch::ROOM + 1,
        3 * WakeBatch::ROOM + 1,
    ] {
        let (wheels, _) = wheels(false);
        let slot = &wheels.slots[0];
        let (count, its_waker) = waker();
        let entries: Vec<_> = (0..many).map(|_| arm(slot, SOON, &its_waker).0).collect();
        assert_eq!((slot.fire(SOON), count.get()), (many, many));
        assert!(entries.iter().all(|entry| entry.phase() == Phase::Fired));
        assert_eq!(slot.next(), NEVER);
    }
}

#[test]
fn a_foreign_timer_wakes_the_driver_if_that_sleeps_longer() {
    let (wheels, unparks) = wheels(false);
    let (_, its_waker) = waker();
    let own = arm(&wheels.slots[0], LATER, &its_waker).0;
    // Nobody is parked.
    let first = arm(&wheels.slots[1], SOON + 2, &its_waker).0;
    assert_eq!(unparks.get(), 0);
    assert!(wheels.before_park(0, true).is_some());
    let later = arm(&wheels.slots[1], SOON + 3, &its_waker).0;
    assert_eq!(unparks.get(), 0);
    let earlier = arm(&wheels.slots[1], SOON + 1, &its_waker).0;
    assert_eq!(unparks.get(), 1);
    wheels.after_park(0, true);
    let earliest = arm(&wheels.slots[1], SOON, &its_waker).0;
    assert_eq!(unparks.get(), 1);
    // A worker's own timer does not unpark the driver.
    assert!(wheels.before_park(0, true).is_some());
    let mine = arm(&wheels.slots[0], SOON - 1, &its_waker).0;
    assert_eq!(unparks.get(), 1);
    for (slot, entry) in [
        (0, own),
        (1, first),
        (1, later),
        (1, earlier),
        (1, earliest),
        (0, mine),
    ] {
        wheels.slots[slot].disarm(&entry);
    }
    assert!(wheels.before_park(0, true).is_none());
    assert!(!wheels.is_overdue());
}

#[test]
fn a_shutdown_ends_what_is_armed_and_refuses_what_comes() {
    for (fires, phase) in [(false, Phase::Failed), (true, Phase::Fired)] {
        let (wheels, _) = wheels(fires);
        let (count, its_waker) = waker();
        let entries = [0, 1, 1].map(|slot| arm(&wheels.slots[slot], SOON, &its_waker).0);
        wheels.shutdown();
        assert!(entries.iter().all(|entry| entry.phase() == phase));
        assert_eq!((count.get(), Arc::strong_count(&count)), (3, 2));
        for slot in &wheels.slots {
            let entry = Box::pin(Entry::new());
            // SAFETY: refused, so in no wheel.
            let late = unsafe { slot.arm(&entry, Due::at(SOON), WakerSlot::holding(&its_waker)) };
            assert!(matches!(&late, Armed::Shutdown(_)));
            drop(late);
            assert_eq!((entry.phase(), Arc::strong_count(&count)), (Phase::Idle, 2));
        }
    }
}

#[test]
fn a_paused_clock_goes_from_timer_to_timer() {
    let (wheels, _) = wheels_of(false, true);
    let (count, its_waker) = waker();
    assert!(!wheels.advance_to_next() && !wheels.is_overdue());
    assert_eq!(
        (wheels.fire_overdue(), Timers::fire(&wheels, 0, true)),
        (0, 0)
    );
    let own = arm(&wheels.slots[0], 20, &its_waker).0;
    let foreign = arm(&wheels.slots[1], 10, &its_waker).0;
    assert!(!wheels.is_overdue());
    assert_eq!(wheels.fire_overdue(), 0);
    assert!(wheels.advance_to_next());
    assert_eq!(wheels.clock().now_tick(), 10);
    assert!(wheels.is_overdue());
    // The foreign slot's timers fire only with the driver.
    assert_eq!(Timers::fire(&wheels, 0, false), 0);
    assert_eq!((Timers::fire(&wheels, 0, true), count.get()), (1, 1));
    assert_eq!((foreign.phase(), own.phase()), (Phase::Fired, Phase::Armed));
    assert!(!wheels.is_overdue());
    assert!(wheels.advance_to_next());
    assert!(wheels.is_overdue());
    assert_eq!((wheels.fire_overdue(), count.get()), (1, 2));
    assert_eq!(own.phase(), Phase::Fired);
    assert!(!wheels.is_overdue() && !wheels.advance_to_next());
    // A timer that is due already has elapsed at once, and enters no wheel.
    for deadline in [0, 19, 20] {
        let entry = Box::pin(Entry::new());
        // SAFETY: in no wheel afterwards.
        let armed = unsafe {
            wheels.slots[0].arm(&entry, Due::at(deadline), WakerSlot::holding(&its_waker))
        };
        assert!(matches!(&armed, Armed::Elapsed(_)), "{deadline}");
        drop(armed);
        assert_eq!((entry.phase(), Arc::strong_count(&count)), (Phase::Idle, 2));
    }
    assert_eq!(wheels.slots[0].next(), NEVER);
}

#[test]
fn the_driver_is_told_when_a_paused_clock_may_advance_again() {
    let (wheels, unparks) = wheels_of(false, true);
    assert!(wheels.is_auto_advancing());
    wheels.inhibit_auto_advance();
    wheels.inhibit_auto_advance();
    assert!(!wheels.is_auto_advancing());
    wheels.allow_auto_advance();
    assert!(!wheels.is_auto_advancing());
    assert_eq!(unparks.get(), 0);
    wheels.allow_auto_advance();
    assert!(wheels.is_auto_advancing());
    assert_eq!(unparks.get(), 1);
}

#[test]
fn a_timer_that_is_postponed_within_its_list_is_filed_again() {
    for later in [11, 20, 63, 64, 70, 5_000] {
        let (wheels, _) = wheels_of(false, true);
        let slot = &wheels.slots[0];
        let (count, its_waker) = waker();
        let entry = arm(slot, 10, &its_waker).0;
        assert!(slot.postpone(&entry, Due::at(later)));
        assert_eq!((slot.fire(10), count.get()), (0, 0), "{later}");
        assert_eq!(entry.phase(), Phase::Armed);
        assert!(slot.next() > 10 && slot.next() <= later);
        assert_eq!((slot.fire(later - 1), count.get()), (0, 0), "{later}");
        assert_eq!((slot.fire(later), count.get()), (1, 1), "{later}");
        assert_eq!((entry.phase(), slot.next()), (Phase::Fired, NEVER));
    }
}

#[test]
fn a_shutdown_ends_more_timers_than_a_batch() {
    for many in [
        WakeBatch::ROOM - 1,
        WakeBatch::ROOM,
        WakeBatch::ROOM + 1,
        2 * WakeBatch::ROOM,
        2 * WakeBatch::ROOM + 1,
    ] {
        let (wheels, _) = wheels(false);
        let (count, its_waker) = waker();
        let slot = &wheels.slots[0];
        let entries: Vec<_> = (0..many)
            .map(|at| arm(slot, SOON + at as u64, &its_waker).0)
            .collect();
        wheels.shutdown();
        assert_eq!(count.get(), many);
        assert!(entries.iter().all(|entry| entry.phase() == Phase::Failed));
        assert_eq!((Arc::strong_count(&count), slot.exact_next()), (2, NEVER));
    }
}

/// Notes whether the slot is locked when it is dropped.
struct Watched {
    slot: Arc<Slot>,
    free: Arc<Count>,
}

impl Wake for Watched {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Watched {
    fn drop(&mut self) {
        assert!(self.slot.wheel.try_lock().is_some(), "under the lock");
        self.free.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn wakers_are_dropped_while_the_slot_is_free() {
    let (wheels, _) = wheels(false);
    let slot = &wheels.slots[0];
    let free = Arc::new(Count::default());
    let watched = || {
        Waker::from(Arc::new(Watched {
            slot: slot.clone(),
            free: free.clone(),
        }))
    };
    // Given up.
    let entry = arm(slot, LATER, &watched()).0;
    assert_eq!(free.get(), 0);
    slot.disarm(&entry);
    assert_eq!(free.get(), 1);
    // Replaced, or not needed any more.
    let entry = arm(slot, SOON, &watched()).0;
    assert_eq!(slot.update_waker(&entry, &watched()), Phase::Armed);
    assert_eq!(free.get(), 2);
    assert_eq!((slot.fire(SOON), free.get()), (1, 3));
    assert_eq!(slot.update_waker(&entry, &watched()), Phase::Fired);
    assert_eq!(free.get(), 4);
    // The wheel has gone further than the clock: it refuses.
    let late = arm(slot, LATER, &watched()).0;
    assert_eq!(slot.fire(SOON + 1), 0);
    let refused = Box::pin(Entry::new());
    // SAFETY: refused, so in no wheel.
    let armed = unsafe { slot.arm(&refused, Due::at(SOON), WakerSlot::holding(&watched())) };
    assert!(matches!(&armed, Armed::Elapsed(_)));
    drop(armed);
    assert_eq!((refused.phase(), free.get()), (Phase::Idle, 5));
    slot.disarm(&late);
    wheels.shutdown();
    // SAFETY: as above.
    let armed = unsafe { slot.arm(&refused, Due::at(SOON), WakerSlot::holding(&watched())) };
    assert!(matches!(&armed, Armed::Shutdown(_)));
    drop(armed);
    assert_eq!((refused.phase(), free.get()), (Phase::Idle, 7));
}

#[test]
fn what_is_overdue_fires_in_every_slot() {
    for slots in [&[0, 1][..], &[0], &[1]] {
        let (wheels, _) = wheels_of(false, true);
        let (count, its_waker) = waker();
        let entries: Vec<_> = slots
            .iter()
            .map(|slot| arm(&wheels.slots[*slot], 10, &its_waker).0)
            .collect();
        assert_eq!(wheels.fire_overdue(), 0);
        assert!(wheels.advance_to_next());
        assert!(wheels.is_overdue());
        assert_eq!(
            (wheels.fire_overdue(), count.get()),
            (slots.len(), slots.len())
        );
        assert!(entries.iter().all(|entry| entry.phase() == Phase::Fired));
    }
}

#[test]
fn a_clock_that_may_not_pause_never_advances_by_itself() {
    let (wheels, unparks) = wheels(false);
    assert!(!wheels.is_auto_advancing());
    wheels.inhibit_auto_advance();
    wheels.allow_auto_advance();
    assert!(!wheels.is_auto_advancing());
    assert_eq!(unparks.get(), 0);
}
