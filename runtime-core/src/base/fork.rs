//! Fork detection: in which process a value was made.
//!
//! A child that forks without exec inherits a copy of its parent's runtimes, but none of their threads but the
//! forking one; and it shares the parent's epoll instance, eventfd and ring. A runtime that was made before the fork is
//! therefore left alone in the child: it is not dropped, not joined, not deregistered from, and using it panics.
//! A new runtime works.
//!
//! I1: `GENERATION` grows in each forked child, before `fork` returns there, and only then. So it is constant while a
//!     process has more than one thread, and Relaxed loads suffice.
//! I2: in the child, the forking thread is on no runtime any more: each room that has thread-locals of a runtime
//!     forgets them, by a handler of its own (`Watch`).
//!
//! The child's handler runs where only async-signal-safe calls are allowed: it writes to memory, and frees none.
//! A child made by a bare `clone` system call runs no handlers, and is not detected.

use std::fmt;
// Not a protocol of threads (I1): std's atomics under the model checker too.
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

static GENERATION: AtomicU32 = AtomicU32::new(0);

/// The process in which this value was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin(u32);

impl Origin {
    /// This process.
    pub fn here() -> Origin {
        static FORKS: Watch = Watch::in_child(count);
        FORKS.begin();
        Origin(generation())
    }

    /// Has the process forked since, and is this the child?
    #[inline]
    pub fn is_inherited(self) -> bool {
        self.0 != generation()
    }

    /// # Panics
    /// In a forked child.
    #[inline]
    #[track_caller]
    pub fn assert_here(self) {
        if self.is_inherited() {
            refuse();
        }
    }
}

/// The error of a forked child that uses its parent's runtime.
#[derive(Debug)]
pub struct InheritedError;

impl fmt::Display for InheritedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "this runtime was made before the process forked; its threads and its reactor stayed with the parent \
             process. Make a new runtime in the child",
        )
    }
}

impl std::error::Error for InheritedError {}

#[cold]
#[track_caller]
fn refuse() -> ! {
    panic!("{InheritedError}");
}

#[inline]
fn generation() -> u32 {
    // Ordering: Relaxed; by I1.
    GENERATION.load(Ordering::Relaxed)
}

type Handler = unsafe extern "C" fn();

/// Handlers that are called at each fork, once [`begin`](Watch::begin) was called.
pub(crate) struct Watch {
    has_begun: AtomicBool,
    /// Called before a fork, and after it in the parent.
    #[cfg_attr(any(not(unix), runtime_loom), expect(dead_code))]
    in_parent: Option<(Handler, Handler)>,
    /// Called in the child before `fork` returns there.
    #[cfg_attr(any(not(unix), runtime_loom), expect(dead_code))]
    in_child: Handler,
}

impl Watch {
    /// The handler takes nothing, does not unwind, and only writes to memory.
    pub(crate) const fn in_child(in_child: Handler) -> Watch {
        Watch {
            has_begun: AtomicBool::new(false),
            in_parent: None,
            in_child,
        }
    }

    /// `before` a fork, and `after` it in both processes. Neither unwinds.
    pub(super) const fn around(before: Handler, after: Handler) -> Watch {
        Watch {
            has_begun: AtomicBool::new(false),
            in_parent: Some((before, after)),
            in_child: after,
        }
    }

    /// The first call registers the handlers. No thread waits for another thread's call: a child forked meanwhile would wait for ever.
    pub(crate) fn begin(&'static self) {
        // Ordering: Relaxed, both; nothing is published.
        if self.has_begun.load(Ordering::Relaxed) || self.has_begun.swap(true, Ordering::Relaxed) {
            return;
        }
        #[cfg(all(unix, not(runtime_loom)))]
        {
            use std::ffi::c_int;

            type Any = Option<Handler>;
            unsafe extern "C" {
                fn pthread_atfork(prepare: Any, parent: Any, child: Any) -> c_int;
            }
            let (prepare, parent) = self.in_parent.unzip();
            // SAFETY: the handlers are as `in_child` and `around` ask. The call fails only without memory; then forks go undetected.
            unsafe { pthread_atfork(prepare, parent, Some(self.in_child)) };
        }
    }
}

unsafe extern "C" fn count() {
    // Ordering: Relaxed; by I1.
    GENERATION.fetch_add(1, Ordering::Relaxed);
    super::deferred::forget_runtime();
    super::rng::forget_runtime();
    super::thread::forget_runtime();
}
