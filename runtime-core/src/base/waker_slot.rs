//! `WakerSlot`: a task's waker inside a lock, out of reach of the thread that holds the lock.
//!
//! Cloning, dropping and waking a waker run user code, which must not run under a lock of the runtime. So a slot
//! gives its waker to nobody: [`register`] clones before it locks and drops after it unlocks, and [`Taken`] wakes or
//! drops only after it was given the guard.
//!
//! I1: a waker enters a slot cloned outside of the lock, or is the runtime's own, whose clone runs no user code. It
//!     leaves the slot as a [`Taken`].
//! I2: a [`Taken`] is used up outside of the lock: its methods unlock first.
//!
//! A slot that is dropped with its waker drops the waker. Its owner is dropped then, outside of any lock; debug builds check it.

use super::contain;
use super::lock_audit;
use super::shim::sync::Mutex;
use std::fmt;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::task::{RawWakerVTable, Waker};

/// See the module's page.
#[derive(Default)]
pub struct WakerSlot(Option<Waker>);

impl WakerSlot {
    /// A slot without a waker.
    pub const fn new() -> WakerSlot {
        WakerSlot(None)
    }

    /// Does nobody wait here?
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The waker, to be woken or dropped once the lock is released.
    #[inline]
    #[must_use = "a waker that is dropped under the lock runs user code there"]
    pub fn take(&mut self) -> Taken {
        Taken(self.0.take())
    }

    /// A slot with a clone of `waker`, made outside of any lock.
    #[inline]
    #[track_caller]
    pub fn holding(waker: &Waker) -> WakerSlot {
        lock_audit::user_code();
        WakerSlot(Some(waker.clone()))
    }

    /// Unlocks, then drops the waker, if there is one.
    #[inline]
    pub fn drop_after<G>(mut self, held: G) {
        self.take().drop_after(held);
    }

    fn holds(&self, waker: &Waker) -> bool {
        self.0.as_ref().is_some_and(|held| held.will_wake(waker))
    }
}

impl Drop for WakerSlot {
    #[inline]
    fn drop(&mut self) {
        if self.0.is_some() {
            lock_audit::user_code();
        }
    }
}

impl fmt::Debug for WakerSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() {
            "WakerSlot(empty)"
        } else {
            "WakerSlot(set)"
        })
    }
}

/// A waker on its way out of a lock, or none.
#[derive(Default)]
#[must_use = "a waker that is dropped under the lock runs user code there"]
pub struct Taken(Option<Waker>);

impl Taken {
    /// Unlocks, then wakes the task. A panic of the waker goes on to the caller, unless the thread is unwinding already.
    #[inline]
    #[track_caller]
    pub fn wake_after<G>(self, held: G) {
        drop(held);
        if let Some(waker) = self.0 {
            contain::wake(waker);
        }
    }

    /// As [`wake_after`](Self::wake_after), for drivers, which no waker may stop: a panic of the waker is caught, after the panic
    /// hook has reported it.
    #[inline]
    pub fn wake_contained_after<G>(self, held: G) {
        drop(held);
        if let Some(waker) = self.0 {
            contain::contain(|| waker.wake());
        }
    }

    /// Unlocks, then drops the waker: its task does not wait here any more.
    #[inline]
    #[track_caller]
    pub fn drop_after<G>(self, held: G) {
        drop(held);
        if let Some(waker) = self.0 {
            lock_audit::user_code();
            drop(waker);
        }
    }

    pub(super) fn into_inner(self) -> Option<Waker> {
        self.0
    }
}

impl fmt::Debug for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Taken(waker)"
        } else {
            "Taken(none)"
        })
    }
}

/// A slot with a lock of its own, for one waiter whose condition is elsewhere.
///
/// A thread that makes the condition true calls [`wake`](Self::wake) afterwards; the waiter [`register`](Self::register)s
/// before it checks the condition. The lock orders the two: either the waker is found, or the condition is seen.
#[derive(Debug, Default)]
pub struct LockedWaker(Mutex<WakerSlot>);

impl LockedWaker {
    /// Without a waker.
    pub fn new() -> LockedWaker {
        LockedWaker(Mutex::new(WakerSlot::new()))
    }

    /// Stores `waker` in place of the previous one.
    pub fn register(&self, waker: &Waker) {
        register(&self.0, waker, |slot| Look::<()>::Wait(slot));
    }

    /// Takes the waker out, if there is one, and wakes it.
    #[track_caller]
    pub fn wake(&self) {
        let mut slot = self.0.lock();
        slot.take().wake_after(slot);
    }

    /// Forgets the waiter.
    pub fn clear(&self) {
        let mut slot = self.0.lock();
        slot.take().drop_after(slot);
    }
}

/// The result of a look under the lock: see [`register`].
#[derive(Debug)]
pub enum Look<'a, R> {
    /// The wait goes on in this slot.
    Wait(&'a mut WakerSlot),
    /// The wait is over, or was never needed.
    Over(R),
}

/// The vtable of the runtime's own wakers: cloning such a waker counts a reference and runs no user code.
static OWN: AtomicPtr<RawWakerVTable> = AtomicPtr::new(ptr::null_mut());

/// Tells which wakers are the runtime's own, so that [`register`] may clone them under a lock.
pub(crate) fn set_own_vtable(vtable: &'static RawWakerVTable) {
    // Ordering: Relaxed; compared as an address only.
    OWN.store(ptr::from_ref(vtable).cast_mut(), Ordering::Relaxed);
}

fn is_own(waker: &Waker) -> bool {
    // Ordering: Relaxed; as above.
    ptr::eq(waker.vtable(), OWN.load(Ordering::Relaxed))
}

/// Stores `waker` in a slot that `lock` protects, unless `look` finds the wait over; returns what `look` found then.
///
/// `look` runs under the lock. If the slot is empty, or holds another task's waker, it runs twice: the lock is released in
/// between, while the waker is cloned. The wakers of the runtime's own tasks are cloned under the lock, and it runs once.
pub fn register<S, R>(
    lock: &Mutex<S>,
    waker: &Waker,
    mut look: impl FnMut(&mut S) -> Look<'_, R>,
) -> Option<R> {
    let mut clone = None;
    loop {
        let mut state = lock.lock();
        let slot = match look(&mut state) {
            Look::Over(found) => {
                // I1: the clone, if there is one, is dropped after the unlock. A panic of its drop must not lose what was
                // found, which may be taken out of the state already.
                drop(state);
                contain::contain(|| Taken(clone).drop_after(()));
                return Some(found);
            }
            Look::Wait(slot) => slot,
        };
        if slot.holds(waker) {
            Taken(clone).drop_after(state);
            return None;
        }
        if is_own(waker) {
            clone.get_or_insert_with(|| waker.clone());
        }
        if let Some(clone) = clone.take() {
            Taken(slot.0.replace(clone)).drop_after(state);
            return None;
        }
        drop(state);
        lock_audit::user_code();
        clone = Some(waker.clone());
    }
}
