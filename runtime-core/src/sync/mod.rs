//! Synchronisation between tasks: channels, locks, semaphores, one-time cells.
//!
//! Owns everything under `sync`. Knows wakers, the cooperative budget and, for the `blocking_*`
//! methods, how to park a thread; nothing about schedulers, I/O or timers (`Sender::send_timeout` is in the
//! room `runtime`).
//!
//! ```text
//!   Mutex  RwLock  OnceCell   mpsc::Sender          watch  Barrier  SetOnce     broadcast
//!        \    |    /            /     \                \     |      /              |
//!       batch::BatchSemaphore        queue::Queue         Notify                   |
//!                 \_____________________________________/________________________ /
//!                                  base::wait_queue
//! ```
//!
//! Rules of the room:
//! - R1: a word that both sides change by RMW decides every race; the lock beside it is taken
//!   only when a task waits.
//! - R2: nothing of the user (waker, clone of a waker, drop, closure) runs under a lock of ours.
//!   Two exceptions the API forces: closures on a watched value, and `Clone` of a broadcast
//!   value; their locks guard that value alone.
//! - R3: every leaf future spends cooperative budget when it completes.

/// A `const fn`, or a plain one where the model checker's types have no const constructors.
macro_rules! const_fn {
    ($(#[$meta:meta])* $vis:vis const fn $($rest:tt)*) => {
        #[cfg(not(runtime_loom))]
        $(#[$meta])*
        $vis const fn $($rest)*
        #[cfg(runtime_loom)]
        $(#[$meta])*
        $vis fn $($rest)*
    };
}

mod batch;

mod semaphore;
pub use batch::{AcquireError, TryAcquireError};
pub use semaphore::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

pub mod oneshot;

mod notify;
pub use notify::Notify;

/// Named futures of this module.
pub mod futures {
    pub use super::notify::{Notified, OwnedNotified};
}

mod barrier;
pub use barrier::{Barrier, BarrierWaitResult};

mod mutex;
pub use mutex::{
    MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard, TryLockError,
};

mod once_cell;
pub use once_cell::{OnceCell, SetError};

mod set_once;
pub use set_once::{SetOnce, SetOnceError};

pub mod mpsc;

mod rwlock;
pub use rwlock::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock,
    RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard,
};

pub mod watch;

pub mod broadcast;

#[cfg(test)]
mod tests;
