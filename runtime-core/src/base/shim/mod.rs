//! The one place that picks between std, parking_lot, loom and shuttle.
//!
//! Rooms take their atomics, locks, cells and threads from here, so that building with
//! `--cfg runtime_loom` puts the very same code under the model checker. Locks have one API on
//! both sides: no poisoning, and `Condvar::wait` takes and returns the guard.
//!
//! With `--cfg runtime_shuttle` as well, shuttle takes loom's place: it runs larger scenarios, under random schedules
//! instead of all, and makes every access sequentially consistent.

pub mod atomic64;
#[doc(hidden)]
pub mod lock;
pub mod lock_audit;
pub mod watched;

#[cfg(not(runtime_loom))]
mod native;
#[cfg(not(runtime_loom))]
pub use native::*;

#[cfg(all(runtime_loom, not(runtime_shuttle)))]
pub(crate) use ::loom as checker;
#[cfg(runtime_shuttle)]
pub(crate) use ::shuttle as checker;

#[cfg(any(runtime_shuttle, not(runtime_loom)))]
mod plain_cell;

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

#[cfg(all(test, runtime_loom, not(runtime_shuttle)))]
#[path = "tests/loom_deque.rs"]
mod loom_deque;

#[cfg(all(test, runtime_shuttle))]
#[path = "tests/explore.rs"]
pub(crate) mod explore;

/// Like `thread_local!`, with the checker's storage under a model checker.
#[macro_export]
#[doc(hidden)]
macro_rules! runtime_thread_local {
    ($(#[$a:meta])* $v:vis static $name:ident: $ty:ty = $init:expr) => {
        #[cfg(not(runtime_loom))]
        ::std::thread_local! { $(#[$a])* $v static $name: $ty = const { $init } }
        #[cfg(all(runtime_loom, not(runtime_shuttle)))]
        ::loom::thread_local! { $(#[$a])* $v static $name: $ty = $init }
        #[cfg(runtime_shuttle)]
        ::shuttle::thread_local! { $(#[$a])* $v static $name: $ty = $init }
    };
}
