//! Lock-depth audit: in debug builds every runtime lock counts itself per thread, and every
//! place about to run user code (a waker, a drop, a closure, a hook) asserts the count is zero.
//!
//! I1: `depth` is the number of `shim::sync::Mutex` guards this thread holds.
//! In release builds all of it compiles to nothing.
//!
//! And what user code does to those around it: [`contain`] keeps its panics from them.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

#[cfg(all(debug_assertions, not(runtime_loom)))]
mod counting {
    use std::cell::Cell;

    thread_local! {
        static DEPTH: Cell<usize> = const { Cell::new(0) };
    }

    pub(crate) fn locked() {
        // `try_with`: locks are also taken from thread-local destructors.
        let _ = DEPTH.try_with(|d| d.set(d.get() + 1));
    }

    pub(crate) fn unlocked() {
        let _ = DEPTH.try_with(|d| d.set(d.get().saturating_sub(1)));
    }

    /// How many locks of the runtime this thread holds.
    pub fn depth() -> usize {
        DEPTH.try_with(Cell::get).unwrap_or(0)
    }
}

#[cfg(not(all(debug_assertions, not(runtime_loom))))]
mod counting {
    #[inline(always)]
    pub(crate) fn locked() {}
    #[inline(always)]
    pub(crate) fn unlocked() {}
    /// Number of runtime locks this thread holds; always 0 where it is not counted.
    #[inline(always)]
    pub fn depth() -> usize {
        0
    }
}

pub use counting::depth;
#[cfg(not(runtime_loom))]
pub(crate) use counting::{locked, unlocked};

/// Runs code of a user's whose panic must cost nobody else anything; the panic hook has told of it.
#[inline]
#[track_caller]
pub fn contain(f: impl FnOnce()) {
    user_code();
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        discard(payload);
    }
}

/// Drops the payload of a panic that nobody asks for: user code as well. If its drop panics in turn, so that there is
/// another, that one is dropped likewise; but not for ever: the last of many is forgotten.
pub fn discard(mut payload: Box<dyn Any + Send>) {
    const MOST: usize = 16;
    for _ in 0..MOST {
        match catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return,
            Err(another) => payload = another,
        }
    }
    std::mem::forget(payload);
}

/// Wakes a task, perhaps from a destructor: a waker's panic goes on to the caller, but not where it would be the second
/// one and abort.
#[inline]
#[track_caller]
pub fn wake(waker: Waker) {
    if std::thread::panicking() {
        contain(|| waker.wake());
    } else {
        user_code();
        waker.wake();
    }
}

/// Declares that user code runs next: panics in debug builds if a runtime lock is held.
#[inline(always)]
#[track_caller]
pub fn user_code() {
    debug_assert!(
        depth() == 0 || std::thread::panicking(),
        "user code about to run while a runtime lock is held"
    );
}
