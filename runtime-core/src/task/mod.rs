//! Tasks: what is spawned, how it is referred to, and how it ends.
//!
//! | file | owns |
//! |---|---|
//! | `state` | the state word and its transitions |
//! | `cell` | the allocation, polling, completion, wakers |
//! | `runnable` | the permit in the queues |
//! | `owned` | the lists shutdown walks |
//! | `glance` | what others may read of a task: its state, its waits, its origin |
//! | `nested` | destructors that would run one inside the other |
//! | `join`, `error`, `id` | what users hold |
//! | `local_key`, `yield_now` | task-locals, and giving up a turn |
//! | `block_on` | one thread that waits for one future, without a scheduler |
//! | `recorded` | the future of a `block_on`, as others see it |
//! | `mains` | where others read of such futures |
//! | `burst_queue` | a queue whose memory comes back |
//! | `large` | what is moved to the heap at once |
//!
//! How tasks are made, and groups of them, is in the room `spawn`.
//!
//! The life of a task is told in `docs/life-of-a-task.md`.

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
