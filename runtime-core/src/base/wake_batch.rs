//! `WakeBatch`: wakers taken under a lock, woken in the order they were taken once the lock is released.
//!
//! The first `INLINE` need no allocation. A batch is large: it stays where it was made, and its methods borrow it.
//!
//! I1: slots `taken..len` of `inline` hold a waker each; those in `spilled` came later.
//! I2: a waker that panics costs the others nothing: they are woken while the panic unwinds.

use super::contain;
use super::waker_slot::Taken;
use std::collections::VecDeque;
use std::fmt;
use std::mem::MaybeUninit;
use std::task::Waker;

const INLINE: usize = 16;

/// See the module's page.
pub struct WakeBatch {
    len: usize,
    taken: usize,
    inline: [MaybeUninit<Waker>; INLINE],
    spilled: VecDeque<Waker>,
}

impl WakeBatch {
    /// An empty batch.
    #[inline]
    pub const fn new() -> WakeBatch {
        WakeBatch {
            len: 0,
            taken: 0,
            inline: [const { MaybeUninit::uninit() }; INLINE],
            spilled: VecDeque::new(),
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
            self.spilled.push_back(waker);
        }
    }

    /// Unlocks, then wakes all, the first taken first.
    #[inline]
    #[track_caller]
    pub fn wake_after<G>(&mut self, held: G) {
        drop(held);
        while let Some(waker) = self.pop() {
            contain::wake(waker);
        }
        self.len = 0;
        self.taken = 0;
    }

    #[inline]
    fn pop(&mut self) -> Option<Waker> {
        if self.taken < self.len {
            let slot = &self.inline[self.taken];
            self.taken += 1;
            // SAFETY: by I1; `taken` has passed this slot for good.
            Some(unsafe { slot.assume_init_read() })
        } else {
            self.spilled.pop_front()
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
        // Something is left only while a panic unwinds; a second one would abort.
        while let Some(waker) = self.pop() {
            contain::contain(|| waker.wake());
        }
    }
}

impl fmt::Debug for WakeBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.len - self.taken + self.spilled.len();
        f.debug_struct("WakeBatch").field("left", &left).finish()
    }
}
