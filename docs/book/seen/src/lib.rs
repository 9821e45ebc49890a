//! Programs whose recordings the chapters "What a runtime does, seen" of docs/book/src read.
//!
//! ```text
//! events      the events of a recording as lines
//! places      stands for a dependency that blocks
//! server      a server that asks the dependency, and its clients
//! futurelock  a lock that is handed to a future nobody polls, and the cures
//! ```
//! The programs themselves are in `src/bin`.

pub mod events;
pub mod futurelock;
pub mod places;
pub mod server;
