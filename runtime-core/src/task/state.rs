//! The task's state word: who may poll it, who refers to it, who waits for it.
//!
//! ```text
//!  63            32 31                4   3            2              1          0
//! +----------------+-------------------+------------+---------------+-----------+----------+
//! |     wakes      |    references     | JOIN_WAKER | JOIN_INTEREST | CANCELLED | COMPLETE |
//! +----------------+-------------------+------------+---------------+-----------+----------+
//! ```
//!
//! **Wakes are counted, not flagged.** The wake that finds the count at zero obtains the *permit*:
//! the exclusive right to schedule, and then poll or cancel, the task. Every other wake only adds
//! one. A run reads the count before it polls and subtracts just that much when the future is
//! pending: at zero the permit is given up, else wakes came meanwhile and the task is scheduled
//! again. So a wake-run cycle costs two read-modify-writes, one on each side.
//!
//! | phase | wakes | COMPLETE |
//! |---|---|---|
//! | idle | 0 | no |
//! | scheduled or running: somebody holds the permit | > 0 | no |
//! | complete: the permit is never given up again | > 0 | yes |
//!
//! I1: only the permit's holder touches the future, makes the task complete, or gives up the permit.
//! I2: a task that is not complete is kept alive by its owner's reference (the scheduler's list of
//!     tasks, or the queue entry for blocking tasks), so a permit carries no reference of its own.
//! I3: the output belongs to the permit's holder until COMPLETE is set; then to the join handle if
//!     JOIN_INTEREST was set in that transition, else to the thread that set COMPLETE.
//! I4: the join waker's slot belongs to the join handle while JOIN_WAKER is clear; while it is set,
//!     both sides may only read it; after COMPLETE with JOIN_WAKER set, the completer clears it.
//! I5: a saturated count (half the range) stops growing; a run that began saturated leaves one wake
//!     behind, so it polls once more rather than losing a wake.
//!
//! Rejected: notified and running flags (three CAS loops for each cycle), a reference for each queue entry.

use crate::base::shim::sync::atomic::{AtomicU64, Ordering};

const COMPLETE: u64 = 1;
const CANCELLED: u64 = 1 << 1;
const JOIN_INTEREST: u64 = 1 << 2;
const JOIN_WAKER: u64 = 1 << 3;
const REF_ONE: u64 = 1 << 4;
const REF_MASK: u64 = ((1 << 32) - 1) & !(REF_ONE - 1);
const WAKE_ONE: u64 = 1 << 32;
const SATURATED: u32 = 1 << 31;
/// Half of what the word has room for: threads that are past the check at the same time cannot overflow it.
const MOST_REFERENCES: u64 = 1 << 27;

/// The word; see the module's page.
#[derive(Debug)]
pub(crate) struct State(AtomicU64);

/// One reading of the word.
#[derive(Clone, Copy)]
pub(crate) struct Snapshot(u64);

impl Snapshot {
    pub(crate) fn is_complete(self) -> bool {
        self.0 & COMPLETE != 0
    }
    pub(crate) fn is_cancelled(self) -> bool {
        self.0 & CANCELLED != 0
    }
    pub(crate) fn is_join_interested(self) -> bool {
        self.0 & JOIN_INTEREST != 0
    }
    pub(crate) fn has_join_waker(self) -> bool {
        self.0 & JOIN_WAKER != 0
    }
    pub(crate) fn wakes(self) -> u32 {
        (self.0 >> 32) as u32
    }
    pub(crate) fn references(self) -> u64 {
        (self.0 & REF_MASK) / REF_ONE
    }
}

/// What a wake has to do.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OnWake {
    /// The permit is the caller's: schedule the task.
    Schedule,
    /// Another holder has the permit, or the task is complete.
    Nothing,
    /// As `Nothing`, and the reference that was given up was the last: deallocate.
    Deallocate,
}

/// How a run without an output ends.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OnPending {
    /// The permit is given up; the task may be gone at once.
    Idle,
    /// Woken meanwhile: the caller still holds the permit and schedules the task again.
    Again,
    /// Cancelled meanwhile: the caller still holds the permit.
    Cancelled,
}

#[cfg(all(test, not(runtime_loom)))]
impl State {
    /// A word with these counts, and no join handle.
    pub(crate) fn of_counts(wakes: u32, references: u64) -> Self {
        State(AtomicU64::new(
            u64::from(wakes) * WAKE_ONE + references * REF_ONE,
        ))
    }
}

impl State {
    /// Scheduled, with the owner's reference and the join handle's.
    pub(crate) fn new() -> Self {
        State(AtomicU64::new(WAKE_ONE | (2 * REF_ONE) | JOIN_INTEREST))
    }

    pub(crate) fn load(&self) -> Snapshot {
        // Ordering: Acquire; pairs with the Release of `complete` and `wake`: what they published is seen.
        Snapshot(self.0.load(Ordering::Acquire))
    }

    /// The permit's holder begins to poll; the snapshot has the wakes that this run accounts for.
    pub(crate) fn begin_run(&self) -> Snapshot {
        // Ordering: Acquire; pairs with the Release in `wake` and `pending`: sees what the wakers
        // and the run before wrote.
        Snapshot(self.0.load(Ordering::Acquire))
    }

    /// running, no wake since `begin` -> idle; else unchanged but for the wakes accounted for.
    pub(crate) fn pending(&self, begin: Snapshot) -> OnPending {
        let seen = match begin.wakes() {
            n if n >= SATURATED => n - 1, // I5
            n => n,
        };
        let amount = u64::from(seen) * WAKE_ONE;
        // Ordering: AcqRel; Release publishes the future to the next run, Acquire sees what a
        // wake that came meanwhile published.
        let before = Snapshot(self.0.fetch_sub(amount, Ordering::AcqRel));
        if before.wakes() == seen {
            OnPending::Idle
        } else if before.is_cancelled() {
            OnPending::Cancelled
        } else {
            OnPending::Again
        }
    }

    /// idle -> scheduled; else one wake more.
    pub(crate) fn wake(&self) -> OnWake {
        // Ordering: AcqRel; Release publishes what the waker wrote to the run, even when the
        // count was not zero; Acquire lets the holder of a new permit see the run before.
        let before = Snapshot(self.0.fetch_add(WAKE_ONE, Ordering::AcqRel));
        self.after_wake(before)
    }

    /// Like `wake`, and gives up a reference in the same step.
    pub(crate) fn wake_and_unref(&self) -> OnWake {
        // Ordering: AcqRel; as in `wake`, and as in `unref`.
        let before = Snapshot(
            self.0
                .fetch_add(WAKE_ONE.wrapping_sub(REF_ONE), Ordering::AcqRel),
        );
        if before.references() == 1 {
            return OnWake::Deallocate;
        }
        self.after_wake(before)
    }

    fn after_wake(&self, before: Snapshot) -> OnWake {
        if before.wakes() == 0 {
            debug_assert!(!before.is_complete());
            return OnWake::Schedule;
        }
        if before.wakes() >= SATURATED + (1 << 20) {
            // I5: take the addition back; the count stays above SATURATED.
            // Ordering: Relaxed; the addition before it carried the Release.
            self.0.fetch_sub(WAKE_ONE, Ordering::Relaxed);
        }
        OnWake::Nothing
    }

    /// Marks the task cancelled; true unless it was complete or cancelled before.
    pub(crate) fn cancel(&self) -> bool {
        // Ordering: AcqRel; publishes the canceller's writes to the run that sees the flag.
        let before = Snapshot(self.0.fetch_or(CANCELLED, Ordering::AcqRel));
        !before.is_cancelled() && !before.is_complete()
    }

    /// running -> complete. The snapshot has the state of the join side.
    pub(crate) fn complete(&self) -> Snapshot {
        // Ordering: AcqRel; Release publishes the output to the join handle's Acquire load;
        // Acquire sees the join waker it stored.
        Snapshot(self.0.fetch_or(COMPLETE, Ordering::AcqRel) | COMPLETE)
    }

    /// The completer is done with the join waker. The snapshot tells whether the join handle is still there.
    pub(crate) fn unset_join_waker_after_complete(&self) -> Snapshot {
        // Ordering: AcqRel; Release orders our read of the waker before the handle's reuse of the
        // slot; Acquire sees a drop of the handle, which leaves the waker to us.
        let before = self.0.fetch_and(!JOIN_WAKER, Ordering::AcqRel);
        Snapshot(before & !JOIN_WAKER)
    }

    /// not complete -> JOIN_WAKER set. Err: complete.
    pub(crate) fn set_join_waker(&self) -> Result<(), Snapshot> {
        self.update(|s| (!s.is_complete()).then_some(s.0 | JOIN_WAKER))
            .map(drop)
    }

    /// not complete -> JOIN_WAKER cleared. Err: complete.
    pub(crate) fn unset_join_waker(&self) -> Result<(), Snapshot> {
        self.update(|s| (!s.is_complete()).then_some(s.0 & !JOIN_WAKER))
            .map(drop)
    }

    /// The join handle is dropped: JOIN_INTEREST cleared, and JOIN_WAKER unless complete (I4).
    /// Returns the word before: if JOIN_WAKER and COMPLETE are set in it, the completer has the waker.
    pub(crate) fn drop_join_interest(&self) -> Snapshot {
        let result = self.update(|s| {
            let mut next = s.0 & !JOIN_INTEREST;
            if !s.is_complete() {
                next &= !JOIN_WAKER;
            }
            Some(next)
        });
        match result {
            Ok(before) | Err(before) => before,
        }
    }

    fn update(&self, f: impl Fn(Snapshot) -> Option<u64>) -> Result<Snapshot, Snapshot> {
        // Ordering: Acquire; pairs with the Release in `complete`.
        let mut current = self.0.load(Ordering::Acquire);
        loop {
            let Some(next) = f(Snapshot(current)) else {
                return Err(Snapshot(current));
            };
            // Ordering: Release publishes the join waker's slot to `complete`; Acquire on failure
            // pairs with the Release in `complete`. None on success: `current` was read with it.
            match self
                .0
                .compare_exchange_weak(current, next, Ordering::Release, Ordering::Acquire)
            {
                Ok(_) => return Ok(Snapshot(current)),
                Err(actual) => current = actual,
            }
        }
    }

    pub(crate) fn reference(&self) {
        // Ordering: Relaxed; a new reference is made from one that keeps the task alive.
        let before = Snapshot(self.0.fetch_add(REF_ONE, Ordering::Relaxed));
        if before.references() > MOST_REFERENCES {
            // No program needs so many wakers: it leaks them in a loop.
            std::process::abort();
        }
    }

    /// Gives up a reference; true if it was the last.
    pub(crate) fn unref(&self) -> bool {
        // Ordering: AcqRel; Release orders our uses of the task before the deallocation, Acquire
        // lets the last one see all of them.
        let before = Snapshot(self.0.fetch_sub(REF_ONE, Ordering::AcqRel));
        debug_assert!(before.references() >= 1);
        before.references() == 1
    }
}

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/state.rs"]
mod tests;
