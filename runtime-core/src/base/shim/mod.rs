//! The one place that picks between std, parking_lot and loom.
//!
//! Rooms take their atomics, locks, cells and threads from here, so that building with
//! `--cfg runtime_loom` puts the very same code under the model checker. Locks have one API on
//! both sides: no poisoning, and `Condvar::wait` takes and returns the guard.

#[doc(hidden)]
pub mod lock;
pub mod lock_audit;

#[cfg(not(runtime_loom))]
mod native;
#[cfg(not(runtime_loom))]
pub use native::*;

#[cfg(runtime_loom)]
mod model;
#[cfg(runtime_loom)]
mod model_atomic;
#[cfg(runtime_loom)]
mod model_deque;
#[cfg(runtime_loom)]
mod mutant;
#[cfg(runtime_loom)]
pub use model::*;

#[cfg(all(test, runtime_loom))]
#[path = "tests/loom_deque.rs"]
mod loom_deque;

/// Like `thread_local!`, with loom's per-model storage under the model checker.
#[macro_export]
#[doc(hidden)]
macro_rules! runtime_thread_local {
    ($(#[$a:meta])* $v:vis static $name:ident: $ty:ty = $init:expr) => {
        #[cfg(not(runtime_loom))]
        ::std::thread_local! { $(#[$a])* $v static $name: $ty = const { $init } }
        #[cfg(runtime_loom)]
        ::loom::thread_local! { $(#[$a])* $v static $name: $ty = $init }
    };
}
