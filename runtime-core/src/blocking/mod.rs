//! Work that blocks: the pool of threads for it, and the ways in.

pub(crate) mod pool;
mod spawn;

pub(crate) use spawn::spawn_on;
pub use spawn::{block_in_place, drop_off_worker, spawn_blocking, spawn_mandatory_blocking};

#[cfg(all(test, runtime_loom))]
#[path = "tests/loom.rs"]
mod loom;
