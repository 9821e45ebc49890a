//! The loops that run tasks: one for each worker's thread, and one for the thread in a current-thread runtime's `block_on`.
//!
//! | file | owns |
//! |---|---|
//! | `multi_thread` | a worker's step machine: run a task, turn the driver, search, park |
//! | `next` | where a worker's next task comes from |
//! | `rescue` | the watch's thread: finds workers stuck in one poll and has their work taken over |
//! | `start`, `stop` | how workers get their threads, and how they end |
//! | `current_thread` | the loop of a current-thread runtime, from `block_on` to its shutdown |
//! | `pause` | how a shutdown waits for the last tasks |
//!
//! The state by which they decide is in the room `scheduler`.

pub(crate) mod current_thread;
mod multi_thread;
mod next;
mod pause;
pub(crate) mod rescue;
pub(crate) mod start;
mod stop;

#[cfg(all(test, runtime_shuttle))]
#[path = "tests/shuttle/mod.rs"]
mod shuttle;

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/asked.rs"]
mod asked;
