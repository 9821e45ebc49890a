//! Tasks: their memory, their state, the handles and wakers that refer to them, and how they end.
//!
//! | file | owns |
//! |---|---|
//! | `state` | the state word and its transitions |
//! | `cell` | the allocation, polling, completion, wakers |
//! | `runnable` | the permit in the queues |
//! | `owned` | the lists that a shutdown walks |
//! | `glance`, `times` | what other threads may read about a task: its state, waits, origin and times |
//! | `nested` | destructors that would run one inside the other |
//! | `join`, `error`, `id` | what users hold: handles, errors, ids |
//! | `local_key`, `yield_now` | task-locals, and giving up a turn |
//! | `block_on` | one thread that waits for one future, without a scheduler |
//! | `recorded` | the future of a `block_on`, reported like a task |
//! | `mains` | the slots where other threads read about these futures |
//! | `burst_queue` | a queue that frees its memory after a burst |
//! | `large` | which futures are moved to the heap at once |
//!
//! The room `spawn` makes tasks and groups of tasks.
//!
//! `docs/life-of-a-task.md` describes the life of a task.

mod block_on;
mod burst_queue;
pub(crate) mod cell;
mod error;
pub(crate) mod glance;
mod id;
mod join;
mod large;
mod local_key;
pub(crate) mod mains;
pub(crate) mod nested;
pub(crate) mod owned;
mod recorded;
pub(crate) mod runnable;
pub(crate) mod state;
#[doc(hidden)]
pub mod times;
mod yield_now;

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/counts.rs"]
mod counts;

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/ends.rs"]
mod ends;
#[cfg(all(test, runtime_loom, not(runtime_shuttle)))]
#[path = "tests/loom.rs"]
mod loom;
#[cfg(all(test, runtime_loom, not(runtime_shuttle)))]
#[path = "tests/loom_cell.rs"]
mod loom_cell;
#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/unit.rs"]
mod unit;

pub(crate) use block_on::block_on;
pub use block_on::block_on_current_thread;
pub(crate) use burst_queue::BurstQueue;
pub use error::JoinError;
pub(crate) use id::forget_runtime;
pub use id::{Id, id, try_id};
pub(crate) use id::{polled, polled_or_main, running};
pub use join::{AbortHandle, JoinHandle};
#[doc(hidden)]
pub use large::is_large;
pub use local_key::{AccessError, LocalKey, TaskLocalFuture};
pub(crate) use recorded::Recorded;
pub(crate) use runnable::Runnable;
pub use yield_now::yield_now;
