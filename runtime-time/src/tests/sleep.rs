//! A sleep whose timer fires in the midst of its own calls.

use super::Sleep;
use crate::due::Due;
use crate::entry::{Entry, Phase};
use crate::instant::Instant;
use crate::slots::{Armed, Slot, single_slot};
use runtime_core::base::waker_slot::WakerSlot;
use runtime_core::instrument::{op, resource};
use std::cell::RefCell;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::time::Duration;

const SOON: u64 = 1_000_000;

thread_local! {
    /// Whose timers fire when the waker is cloned.
    static FIRES: RefCell<Option<Arc<Slot>>> = const { RefCell::new(None) };
}

/// A waker without data, whose clone fires all timers of a slot.
fn waker_that_fires() -> Waker {
    static VTABLE: RawWakerVTable = RawWakerVTable::new(
        |_| {
            FIRES.with_borrow(|slot| slot.as_ref().unwrap().fire(u64::MAX - 1));
            RawWaker::new(std::ptr::null(), &VTABLE)
        },
        |_| {},
        |_| {},
        |_| {},
    );
    // SAFETY: the functions touch no data.
    unsafe { Waker::new(std::ptr::null(), &VTABLE) }
}

fn sleep_in(slot: Arc<Slot>) -> Sleep {
    let resource = resource!("tokio::time::sleep", "Sleep", "timer", Location::caller());
    Sleep {
        deadline: Instant::now() + Duration::from_secs(3_600),
        slot,
        entry: Entry::new(),
        op: op!("tokio::time::sleep", resource, "Sleep::new_timeout"),
        resource,
    }
}

#[test]
fn a_timer_that_fires_while_its_waker_is_cloned_is_over() {
    let slot = single_slot();
    // The polling thread is no worker: the timer goes to the foreign slot.
    let foreign = slot.foreign.clone().unwrap();
    let mut sleep = Box::pin(sleep_in(slot));
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(sleep.as_mut().poll(&mut cx), Poll::Pending);
    FIRES.with_borrow_mut(|slot| *slot = Some(foreign));
    let waker = waker_that_fires();
    let mut cx = Context::from_waker(&waker);
    assert_eq!(sleep.as_mut().poll(&mut cx), Poll::Ready(()));
    FIRES.with_borrow_mut(|slot| *slot = None);
}

#[test]
fn a_timer_that_fires_as_it_is_reset_begins_anew() {
    let mut slot = single_slot();
    let entry = Box::pin(Entry::new());
    // SAFETY: pinned in its box; it fires before that goes.
    let armed = unsafe { slot.arm(&entry, Due::at(SOON), WakerSlot::holding(Waker::noop())) };
    assert!(matches!(armed, Armed::Pending));
    assert_eq!((slot.fire(SOON), entry.phase()), (1, Phase::Fired));
    Sleep::rearm(&mut slot, &entry, Due::at(2 * SOON));
    assert_eq!(entry.phase(), Phase::Idle);
    assert_eq!(slot.exact_next(), crate::slots::NEVER);
}
