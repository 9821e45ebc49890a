//! Tasks: what is spawned, how it is referred to, and how it ends.
//!
//! | file | owns |
//! |---|---|
//! | `state` | the state word and its transitions |
//! | `cell` | the allocation, polling, completion, wakers |
//! | `runnable` | the permit in the queues |
//! | `owned` | the lists shutdown walks |
//! | `nested` | destructors that would run one inside the other |
//! | `join`, `error`, `id` | what users hold |
//! | `spawn`, `builder` | how tasks are made |
//! | `join_set`, `local_set`, `local_key` | groups, `!Send` tasks, task-locals |
//! | `burst_queue` | a queue whose memory comes back |
//!
//! The life of a task is told in `docs/life-of-a-task.md`.

mod builder;
mod burst_queue;
pub(crate) mod cell;
mod error;
mod id;
mod join;
mod join_set;
pub mod join_set_builder;
mod local_key;
pub(crate) mod local_set;
pub(crate) mod nested;
pub(crate) mod owned;
pub(crate) mod runnable;
pub(crate) mod spawn;
pub(crate) mod state;
mod yield_now;

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/counts.rs"]
mod counts;

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/ends.rs"]
mod ends;
#[cfg(all(test, runtime_loom))]
#[path = "tests/loom.rs"]
mod loom;
#[cfg(all(test, runtime_loom))]
#[path = "tests/loom_cell.rs"]
mod loom_cell;
#[cfg(all(test, runtime_loom))]
#[path = "tests/loom_local.rs"]
mod loom_local;
#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/unit.rs"]
mod unit;

pub use builder::Builder;
pub use error::JoinError;
pub use id::{Id, id, try_id};
pub use join::{AbortHandle, JoinHandle};
pub use join_set::JoinSet;
pub use local_key::{AccessError, LocalKey, TaskLocalFuture};
pub use local_set::{LocalEnterGuard, LocalSet, spawn_local};
pub(crate) use runnable::Runnable;
#[doc(hidden)]
pub use spawn::is_large;
pub use spawn::spawn;
pub use yield_now::yield_now;

pub use crate::blocking::{block_in_place, spawn_blocking};
pub use crate::coop::{Unconstrained, consume_budget, unconstrained};
