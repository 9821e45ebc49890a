//! Work that blocks: the pool of threads for it, and the ways in.

pub(crate) mod pool;
mod spawn;
mod state;

pub(crate) use spawn::{BlockingTask, spawn_on, start_thread_of};
pub use spawn::{
    block_in_place, drop_off_worker, spawn_blocking, spawn_mandatory_blocking, try_spawn_blocking,
    try_spawn_blocking_with,
};

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
