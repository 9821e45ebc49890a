//! `WakeBatch`: wakers taken under a lock, woken in the order they were taken once the lock is released.
//!
//! The first `INLINE` need no allocation. A batch is large: it stays where it was made, and its methods borrow it.
//!
//! I1: slots `taken..len` of `inline` hold a waker each; those in `spilled` came later.
//! I2: a waker that panics costs the others nothing: they are woken while the panic unwinds.

use super::contain;
use super::waker_slot::Taken;
use std::fmt;
use std::mem::MaybeUninit;
use std::task::Waker;

const INLINE: usize = 16;

/// See the module's page.
pub struct WakeBatch {
    len: usize,
    taken: usize,
    inline: [MaybeUninit<Waker>; INLINE],
    /// Those for which `inline` had no room; turned round once the first of them is woken.
    spilled: Vec<Waker>,
    is_turned: bool,
}

impl WakeBatch {
    /// An empty batch.
    #[inline]
    pub const fn new() -> WakeBatch {
        WakeBatch {
            len: 0,
            taken: 0,
            inline: [const { MaybeUninit::uninit() }; INLINE],
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
        if self.len < INLINE {
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

    /// The next waker of `inline`, of which some are left.
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

    /// Wakes what is left after a waker has panicked. A second panic would abort.
    #[cold]
    fn wake_contained(&mut self) {
        while self.taken < self.len {
            let waker = self.next_inline();
            contain::contain(|| waker.wake());
        }
        while let Some(waker) = self.next_spilled() {
            contain::contain(|| waker.wake());
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
        if self.taken < self.len || !self.spilled.is_empty() {
            self.wake_contained();
        }
    }
}

impl fmt::Debug for WakeBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.len - self.taken + self.spilled.len();
        f.debug_struct("WakeBatch").field("left", &left).finish()
    }
}
