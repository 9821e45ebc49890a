//! Nested destructors, run one after another instead of one inside the other.
//!
//! A task that is spawned on a runtime that has shut down is cancelled by its spawner. Its destructor may spawn another task, and
//! so on: the user's program decides how deep. A join handle may also lie in the output of another handle's task, and so on. So
//! such work is done in place only [`DEPTH`] levels deep. Deeper work waits in a list of the thread, which the innermost level
//! empties before it returns.
//!
//! I1: the list exists only while the innermost level is on this thread's stack; that level empties it, on unwinding too.
//! I2: a thread that parks in the runtime empties the list first: it may be waiting for work that is in the list.
//!
//! The thread-local has no destructor, so that this holds in other thread-locals' destructors.

use crate::base::contain;
use crate::base::thread::{Entered, replace_entered};
use std::cell::Cell;
use std::collections::VecDeque;

/// Levels that are run in place: a destructor that waits for the task it has spawned finds it ended.
const DEPTH: u32 = 4;

type Work = Box<dyn FnOnce()>;

struct Nesting {
    depth: Cell<u32>,
    /// Null, or from `Box::into_raw` (I1). Never borrowed while work is run.
    waiting: Cell<*mut VecDeque<Work>>,
}

crate::runtime_thread_local! {
    static NESTING: Nesting = Nesting { depth: Cell::new(0), waiting: Cell::new(std::ptr::null_mut()) }
}

/// One level; its drop leaves the level.
pub(crate) struct Level(());

/// Enters a level. `None`: too deep, the work has to wait.
pub(crate) fn enter() -> Option<Level> {
    NESTING.with(|nesting| {
        let depth = nesting.depth.get();
        (depth < DEPTH).then(|| {
            nesting.depth.set(depth + 1);
            Level(())
        })
    })
}

/// Leaves work for the innermost level.
#[cold]
pub(crate) fn wait(work: Work) {
    NESTING.with(|nesting| {
        if nesting.waiting.get().is_null() {
            nesting.waiting.set(Box::into_raw(Box::default()));
        }
        // SAFETY: not null, so from `into_raw`; this thread's alone, and nobody borrows it now.
        unsafe { &mut *nesting.waiting.get() }.push_back(work);
    });
}

/// This thread is about to park (I2).
#[inline]
pub(crate) fn before_park() {
    if NESTING.with(|nesting| !nesting.waiting.get().is_null()) {
        // The waiting destructors do not belong to the call that parks here.
        let _outside = replace_entered(Entered::No);
        run_waiting();
    }
}

fn run_waiting() {
    while let Some(work) = next() {
        contain::contain(work);
    }
}

fn next() -> Option<Work> {
    NESTING.with(|nesting| {
        let waiting = nesting.waiting.get();
        if waiting.is_null() {
            return None;
        }
        // SAFETY: not null, so from `into_raw`; this thread's alone, and nobody borrows it now.
        let work = unsafe { &mut *waiting }.pop_front();
        if work.is_none() {
            nesting.waiting.set(std::ptr::null_mut());
            // SAFETY: from `into_raw`, and taken out of the cell: freed once. It is empty.
            drop(unsafe { Box::from_raw(waiting) });
        }
        work
    })
}

impl Drop for Level {
    fn drop(&mut self) {
        if NESTING.with(|nesting| nesting.depth.get()) == DEPTH {
            run_waiting();
        }
        NESTING.with(|nesting| nesting.depth.set(nesting.depth.get() - 1));
    }
}
