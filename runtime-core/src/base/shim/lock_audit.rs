//! Lock-depth audit: in debug builds the shim's locks count themselves per thread, and every place about to run user code
//! (a waker, a drop, a closure, a hook) asserts that the count is zero.
//!
//! I1: `depth` is the number of guards of `shim::sync::Mutex` and `ProcessMutex` that this thread holds. The locks of `shim::lock`, which may guard a
//!     value while user code looks at it, are not counted.
//!
//! In release builds all of it compiles to nothing.

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

/// Declares that user code runs next: panics in debug builds if a runtime lock is held.
#[inline(always)]
#[track_caller]
pub fn user_code() {
    debug_assert!(
        depth() == 0 || std::thread::panicking(),
        "user code about to run while a runtime lock is held"
    );
}
