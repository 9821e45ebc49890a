//! Models of one slot (arm, fire, give up, reset, rescue, shutdown) and of the handshake between a foreign
//! timer and the thread that sleeps on the driver.
//!
//! Ticks are far in the future of the clock, and time passes by the argument of `fire`. Loom watches the guarded
//! part of an entry; a model touches it before it frees the entry, so loom reports an access that is not ordered
//! before the free.

use super::{Armed, NEVER, Slot, TimeHandle};
use crate::due::Due;
use crate::entry::{Entry, Phase};
use ::loom::sync::atomic::{AtomicUsize, Ordering};
use ::loom::thread;
use runtime_core::base::waker_slot::WakerSlot;
use runtime_core::driver::{DriverParams, Timers, Unpark};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Wake, Waker};

const SOON: u64 = 1_000_000;
const LATER: u64 = 2_000_000;

/// Counts wakes and unparks. Relaxed: it only counts.
struct Count(AtomicUsize);

impl Count {
    fn new() -> Arc<Count> {
        Arc::new(Count(AtomicUsize::new(0)))
    }
    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

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

fn wheels() -> (Arc<TimeHandle>, Arc<Count>) {
    let unparks = Count::new();
    let params = DriverParams {
        fire_at_shutdown: false,
        timer_resolution: std::time::Duration::from_millis(1),
        workers: 1,
        nevents: 1,
        start_paused: false,
        may_pause: false,
    };
    let wheels = TimeHandle::new(&params, unparks.clone());
    (Arc::new(wheels), unparks)
}

/// An entry pinned in its box, which two threads may use at a time, as a wheel and an owner do.
struct Timer(Pin<Box<Entry>>);

impl Timer {
    fn armed(slot: &Slot, deadline: u64, waker: &Waker) -> Timer {
        let timer = Timer(Box::pin(Entry::new()));
        // SAFETY: pinned in its box; the models disarm it or let it fire before it goes.
        let armed = unsafe { slot.arm(&timer.0, Due::at(deadline), WakerSlot::holding(waker)) };
        assert!(matches!(armed, Armed::Pending));
        timer
    }

    /// As `Sleep` does when it is dropped. The memory goes at once.
    fn give_up(self, slot: &Slot) -> bool {
        slot.disarm(&self.0);
        self.free()
    }

    /// True if it has fired.
    fn free(self) -> bool {
        let phase = self.0.phase();
        assert_ne!(phase, Phase::Armed);
        let _ = self.0.node();
        phase == Phase::Fired
    }
}

#[test]
fn a_fire_races_giving_up() {
    ::loom::model(|| {
        let (wheels, _) = wheels();
        let wakes = Count::new();
        let timer = Timer::armed(&wheels.slots[0], SOON, &wakes.clone().into());
        let rescuer = {
            let wheels = wheels.clone();
            thread::spawn(move || wheels.slots[0].fire(SOON))
        };
        let fired = timer.give_up(&wheels.slots[0]);
        assert_eq!(rescuer.join().unwrap(), usize::from(fired));
        assert_eq!(wakes.get(), usize::from(fired));
        assert_eq!(wheels.slots[0].exact_next(), NEVER);
    });
}

#[test]
fn worker_and_rescuer_fire_a_timer_once() {
    ::loom::model(|| {
        let (wheels, _) = wheels();
        let wakes = Count::new();
        let timer = Timer::armed(&wheels.slots[0], SOON, &wakes.clone().into());
        let rescuer = {
            let wheels = wheels.clone();
            thread::spawn(move || wheels.slots[0].fire(SOON))
        };
        let mine = wheels.slots[0].fire(SOON);
        let fired = mine + rescuer.join().unwrap();
        assert_eq!((fired, wakes.get()), (1, 1));
        assert!(timer.free());
    });
}

#[test]
fn a_change_of_waker_races_a_fire() {
    ::loom::model(|| {
        let (wheels, _) = wheels();
        let (old, new) = (Count::new(), Count::new());
        let timer = Timer::armed(&wheels.slots[0], SOON, &old.clone().into());
        let rescuer = {
            let wheels = wheels.clone();
            thread::spawn(move || wheels.slots[0].fire(SOON))
        };
        let phase = wheels.slots[0].update_waker(&timer.0, &new.clone().into());
        rescuer.join().unwrap();
        // If the poll was told that it waits, it is woken; if it saw the timer fired, it needs no wake.
        assert_eq!(new.get(), usize::from(phase == Phase::Armed));
        assert_eq!(old.get() + new.get(), 1);
        assert!(timer.free());
    });
}

#[test]
fn a_reset_to_later_races_a_fire() {
    ::loom::model(|| {
        let (wheels, _) = wheels();
        let wakes = Count::new();
        let timer = Timer::armed(&wheels.slots[0], SOON, &wakes.clone().into());
        let rescuer = {
            let wheels = wheels.clone();
            thread::spawn(move || wheels.slots[0].fire(SOON))
        };
        let postponed = wheels.slots[0].postpone(&timer.0, Due::at(LATER));
        let fired = rescuer.join().unwrap();
        assert_eq!(fired, usize::from(!postponed));
        assert_eq!(wheels.slots[0].fire(LATER), usize::from(postponed));
        assert_eq!(wakes.get(), 1);
        assert!(timer.free());
    });
}

/// As `Sleep::reset` does for an earlier deadline: out of one slot, into another.
#[test]
fn a_reset_to_another_slot_races_a_fire() {
    ::loom::model(|| {
        let (wheels, _) = wheels();
        let wakes = Count::new();
        let timer = Timer::armed(&wheels.slots[0], LATER, &wakes.clone().into());
        let rescuer = {
            let wheels = wheels.clone();
            thread::spawn(move || wheels.slots[0].fire(LATER))
        };
        let taken = wheels.slots[0].take_waker(&timer.0);
        if let Some(waker) = taken {
            // SAFETY: pinned, in no wheel, and fired below before it goes.
            let armed = unsafe { wheels.foreign().arm(&timer.0, Due::at(SOON), waker) };
            assert!(matches!(armed, Armed::Pending));
        }
        let fired = rescuer.join().unwrap() + wheels.foreign().fire(SOON);
        assert_eq!((fired, wakes.get()), (1, 1));
        assert!(timer.free());
    });
}

#[test]
fn arming_races_shutdown() {
    ::loom::model(|| {
        let (wheels, _) = wheels();
        let wakes = Count::new();
        let closer = {
            let wheels = wheels.clone();
            thread::spawn(move || wheels.shutdown())
        };
        let timer = Timer(Box::pin(Entry::new()));
        // SAFETY: pinned in its box, and in no wheel after the shutdown.
        let armed = unsafe {
            wheels.slots[0].arm(
                &timer.0,
                Due::at(SOON),
                WakerSlot::holding(&wakes.clone().into()),
            )
        };
        closer.join().unwrap();
        match armed {
            Armed::Pending => assert_eq!((timer.0.phase(), wakes.get()), (Phase::Failed, 1)),
            Armed::Shutdown(_) => assert_eq!((timer.0.phase(), wakes.get()), (Phase::Idle, 0)),
            Armed::Elapsed(_) => panic!("its time has not come"),
        }
        timer.free();
    });
}

#[test]
fn giving_up_races_shutdown() {
    ::loom::model(|| {
        let (wheels, _) = wheels();
        let wakes = Count::new();
        let timer = Timer::armed(&wheels.slots[0], SOON, &wakes.clone().into());
        let closer = {
            let wheels = wheels.clone();
            thread::spawn(move || wheels.shutdown())
        };
        timer.give_up(&wheels.slots[0]);
        closer.join().unwrap();
    });
}

/// Does the sleeper mean to sleep past `deadline`?
fn sleeps_past(wheels: &TimeHandle, deadline: u64) -> bool {
    match wheels.before_park(0, true) {
        None => true,
        Some(left) => {
            left > wheels.common.clock.until(deadline) + std::time::Duration::from_secs(1)
        }
    }
}

#[test]
fn a_foreign_timer_is_seen_or_unparks() {
    ::loom::model(|| {
        let (wheels, unparks) = wheels();
        let foreign = {
            let wheels = wheels.clone();
            thread::spawn(move || Timer::armed(wheels.foreign(), SOON, Waker::noop()))
        };
        let sleeps = sleeps_past(&wheels, SOON);
        let timer = foreign.join().unwrap();
        assert!(!sleeps || unparks.get() > 0);
        wheels.after_park(0, true);
        assert_eq!(wheels.foreign().fire(SOON), 1);
        assert!(timer.free());
    });
}

/// The sleeper has a deadline of its own, and two threads arm earlier ones.
#[test]
fn the_earlier_of_two_foreign_timers_counts() {
    ::loom::model(|| {
        let (wheels, unparks) = wheels();
        let own = Timer::armed(&wheels.slots[0], LATER, Waker::noop());
        let foreign = [SOON, SOON + 100_000].map(|deadline| {
            let wheels = wheels.clone();
            thread::spawn(move || Timer::armed(wheels.foreign(), deadline, Waker::noop()))
        });
        let sleeps = sleeps_past(&wheels, SOON);
        let timers = foreign.map(|thread| thread.join().unwrap());
        assert!(!sleeps || unparks.get() > 0);
        for timer in timers {
            timer.give_up(wheels.foreign());
        }
        own.give_up(&wheels.slots[0]);
    });
}

/// The driver changes hands: the thread that gives it up must not undo what the next holder announces.
#[test]
fn a_foreign_timer_finds_the_next_holder_of_the_driver() {
    ::loom::model(|| {
        let (wheels, unparks) = wheels();
        let seat = Arc::new(::loom::sync::Mutex::new(()));
        assert!(wheels.before_park(0, true).is_none());
        let held = seat.lock().unwrap();
        let next = {
            let (wheels, seat) = (wheels.clone(), seat.clone());
            thread::spawn(move || {
                let held = seat.lock().unwrap();
                let sleeps = sleeps_past(&wheels, SOON);
                drop(held);
                sleeps
            })
        };
        let foreign = {
            let wheels = wheels.clone();
            thread::spawn(move || Timer::armed(wheels.foreign(), SOON, Waker::noop()))
        };
        wheels.after_park(0, true);
        drop(held);
        let sleeps = next.join().unwrap();
        let timer = foreign.join().unwrap();
        assert!(!sleeps || unparks.get() > 0);
        timer.give_up(wheels.foreign());
    });
}
