//! The functions that spawn tasks, and the types that hold groups of tasks.
//!
//! | file | owns |
//! |---|---|
//! | `task`, `builder` | a task on the current runtime, and one with a name |
//! | `blocking` | closures that may block |
//! | `join_set`, `join_set_builder` | a set of tasks that are awaited together |
//! | `local_set` | tasks that are not `Send` |

mod blocking;
mod builder;
mod join_set;
pub mod join_set_builder;
mod local_set;
mod task;

#[cfg(all(test, runtime_loom, not(runtime_shuttle)))]
#[path = "tests/loom_local.rs"]
mod loom_local;

pub use blocking::{
    block_in_place, drop_off_worker, spawn_blocking, spawn_mandatory_blocking, try_spawn_blocking,
    try_spawn_blocking_with,
};
pub use builder::Builder;
pub use join_set::JoinSet;
pub use local_set::{LocalEnterGuard, LocalSet, spawn_local};
pub use task::spawn;
