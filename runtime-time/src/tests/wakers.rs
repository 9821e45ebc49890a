//! Which waker a timer has, and that none is kept, lost or dropped under the lock. The slot is a current-thread runtime's
//! own, and time passes by the argument of `fire`.

use crate::due::Due;
use crate::entry::{Entry, Phase};
use crate::slots::{Armed, Slot, single_slot};
use runtime_core::base::waker_slot::WakerSlot;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

const SOON: u64 = 1_000_000;

fn due(tick: u64) -> Due {
    Due { tick, within: 1 }
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        assert_eq!(runtime_core::base::lock_audit::depth(), 0);
        // Ordering: Relaxed; one thread.
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        assert_eq!(
            runtime_core::base::lock_audit::depth(),
            0,
            "dropped under a lock"
        );
    }
}

impl Count {
    fn get(&self) -> usize {
        // Ordering: Relaxed; one thread.
        self.0.load(Ordering::Relaxed)
    }
}

fn counted() -> (Arc<Count>, Waker) {
    let count = Arc::<Count>::default();
    (count.clone(), count.into())
}

fn armed(slot: &Slot, waker: &Waker) -> Pin<Box<Entry>> {
    let entry = Box::pin(Entry::new());
    // SAFETY: pinned in its box, and fired or disarmed before that goes.
    let armed = unsafe { slot.arm(&entry, due(SOON), WakerSlot::holding(waker)) };
    assert!(matches!(armed, Armed::Pending));
    entry
}

#[test]
fn the_newest_waker_is_woken_and_the_older_ones_are_let_go() {
    let slot = single_slot();
    let (first, waker) = counted();
    let entry = armed(&slot, &waker);
    drop(waker);
    let mut last = first;
    for _ in 0..3 {
        let (next, waker) = counted();
        assert_eq!(slot.update_waker(&entry, &waker), Phase::Armed);
        assert_eq!((last.get(), Arc::strong_count(&last)), (0, 1));
        // The same again is left as it is.
        assert_eq!(slot.update_waker(&entry, &waker), Phase::Armed);
        drop(waker);
        assert_eq!(Arc::strong_count(&next), 2);
        last = next;
    }
    assert_eq!(slot.fire(SOON - 1), 0);
    assert_eq!(slot.fire(SOON), 1);
    assert_eq!((last.get(), Arc::strong_count(&last)), (1, 1));
    assert_eq!(entry.as_ref().get_ref().phase(), Phase::Fired);
}

#[test]
fn a_timer_that_has_fired_takes_no_waker() {
    let slot = single_slot();
    let (first, waker) = counted();
    let entry = armed(&slot, &waker);
    drop(waker);
    assert_eq!(slot.fire(SOON), 1);
    let (late, waker) = counted();
    assert_eq!(slot.update_waker(&entry, &waker), Phase::Fired);
    assert!(slot.take_waker(&entry).is_none());
    drop(waker);
    assert_eq!((first.get(), late.get()), (1, 0));
    assert_eq!(
        (Arc::strong_count(&first), Arc::strong_count(&late)),
        (1, 1)
    );
}

#[test]
fn a_timer_that_is_given_up_lets_its_waker_go_unwoken() {
    for takes in [false, true] {
        let slot = single_slot();
        let (count, waker) = counted();
        let entry = armed(&slot, &waker);
        drop(waker);
        if takes {
            let taken = slot.take_waker(&entry).unwrap();
            assert_eq!(Arc::strong_count(&count), 2);
            drop(taken);
        } else {
            slot.disarm(&entry);
        }
        assert_eq!(entry.as_ref().get_ref().phase(), Phase::Idle);
        assert_eq!((count.get(), Arc::strong_count(&count)), (0, 1));
        assert_eq!(slot.fire(SOON), 0);
    }
}

#[test]
fn a_refused_timer_keeps_no_waker() {
    let slot = single_slot();
    slot.fire(0);
    let (count, waker) = counted();
    let entry = Box::pin(Entry::new());
    // SAFETY: in no wheel afterwards.
    let elapsed = unsafe { slot.arm(&entry, due(0), WakerSlot::holding(&waker)) };
    assert!(matches!(&elapsed, Armed::Elapsed(_)));
    drop((waker, elapsed));
    assert_eq!((count.get(), Arc::strong_count(&count)), (0, 1));
}
