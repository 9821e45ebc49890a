//! Work that blocks: the pool of threads for it.
//!
//! | file | owns |
//! |---|---|
//! | `state` | which threads run, wait or are on the way, as plain data |
//! | `pool` | the lock, the threads, and what they do outside of the lock |
//! | `job` | a closure as a task in the queue |
//!
//! `spawn_blocking` and `block_in_place` are in the room `spawn`.

mod job;
pub(crate) mod pool;
mod state;

pub(crate) use job::BlockingTask;
pub(crate) use pool::{Pool, Refused, Start};

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/unit.rs"]
mod unit;

#[cfg(all(test, runtime_loom, not(runtime_shuttle)))]
#[path = "tests/loom.rs"]
mod loom;

#[cfg(all(test, runtime_shuttle))]
#[path = "tests/shuttle.rs"]
mod shuttle;

#[cfg(all(test, runtime_loom))]
#[path = "tests/world.rs"]
mod world;
