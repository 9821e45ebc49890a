//! `WakeBatch`: wakers taken under a lock, woken in the order they were taken once the lock is released.
//!
//! The first `ROOM` need no allocation. A batch is large: it stays where it was made, and its methods borrow it.
//!
//! I1: slots `taken..len` of `inline` hold a waker each; those in `spilled` came later.
//! I2: if a waker panics, the others are woken all the same: either while the panic unwinds, or after the panic was caught
//!     here (`wake_contained_after`), for drivers, which no waker may stop.

use super::contain;
use super::lock_audit;
use super::waker_slot::Taken;
use std::fmt;
use std::mem::MaybeUninit;
use std::task::Waker;

/// See the module's page.
pub struct WakeBatch {
    len: usize,
    taken: usize,
    inline: [MaybeUninit<Waker>; WakeBatch::ROOM],
    /// The wakers for which `inline` had no room; reversed before the first of them is woken.
    spilled: Vec<Waker>,
    is_turned: bool,
}

impl WakeBatch {
    /// How many wakers it holds without an allocation.
    pub const ROOM: usize = 16;

    /// An empty batch.
    #[inline]
    pub const fn new() -> WakeBatch {
        WakeBatch {
            len: 0,
            taken: 0,
            inline: [const { MaybeUninit::uninit() }; WakeBatch::ROOM],
            spilled: Vec::new(),
            is_turned: false,
        }
    }

    /// Adds what was taken out of a slot, if it held a waker.
    #[inline]
    pub fn push(&mut self, taken: Taken) {
        let Some(waker) = taken.into_inner() else {
            return;
        };
        if self.len < WakeBatch::ROOM {
            self.inline[self.len].write(waker);
            self.len += 1;
        } else {
            self.spilled.push(waker);
        }
    }

    /// Unlocks, then wakes all, the first taken first.
    #[inline]
    #[track_caller]
    pub fn wake_after<G>(&mut self, held: G) {
        drop(held);
        while self.taken < self.len {
            contain::wake(self.next_inline());
        }
        if !self.spilled.is_empty() {
            self.wake_spilled();
        }
        self.len = 0;
        self.taken = 0;
    }

    /// As [`wake_after`](Self::wake_after), but a waker's panic is caught, after the panic hook has reported it.
    #[inline]
    pub fn wake_contained_after<G>(&mut self, held: G) {
        drop(held);
        lock_audit::user_code();
        self.wake_contained();
        self.len = 0;
        self.taken = 0;
        self.is_turned = false;
    }

    /// How many wakers it holds.
    #[inline]
    pub fn len(&self) -> usize {
        self.len - self.taken + self.spilled.len()
    }

    /// Does it hold none?
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Would one more need an allocation? A caller that may release the lock in between wakes the batch first.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.len == WakeBatch::ROOM
    }

    /// The next waker of `inline`; at least one is left.
    #[inline]
    fn next_inline(&mut self) -> Waker {
        let slot = &self.inline[self.taken];
        self.taken += 1;
        // SAFETY: by I1, as it is below `len`; `taken` has passed this slot for good.
        unsafe { slot.assume_init_read() }
    }

    #[cold]
    fn wake_spilled(&mut self) {
        while let Some(waker) = self.next_spilled() {
            contain::wake(waker);
        }
        self.is_turned = false;
    }

    fn next_spilled(&mut self) -> Option<Waker> {
        if !self.is_turned {
            self.is_turned = true;
            self.spilled.reverse();
        }
        self.spilled.pop()
    }

    /// Wakes what is left, and contains the panics.
    fn wake_contained(&mut self) {
        while self.taken < self.len {
            let waker = self.next_inline();
            contain::contain(|| waker.wake());
        }
        if !self.spilled.is_empty() {
            while let Some(waker) = self.next_spilled() {
                contain::contain(|| waker.wake());
            }
        }
    }
}

impl Default for WakeBatch {
    fn default() -> Self {
        WakeBatch::new()
    }
}

impl Drop for WakeBatch {
    #[inline]
    fn drop(&mut self) {
        // Some are left only after a waker panicked; a second panic would abort.
        if !self.is_empty() {
            self.wake_contained();
        }
    }
}

impl fmt::Debug for WakeBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WakeBatch")
            .field("left", &self.len())
            .finish()
    }
}
