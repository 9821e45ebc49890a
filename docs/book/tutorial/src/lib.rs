//! The parts of the key-value server of the tutorial in docs/book/src, a module for what each chapter adds.
//!
//! ```text
//! protocol   the lines that client and server exchange
//! store      the map that all connections share
//! shared     the first server
//! client     what programs use that talk to it
//! limits     a server that gives up the silent, the slow and the endless
//! pressure   a server that takes no more work than it can do
//! graceful   a server that stops in order, and tells its figures
//! guides     listings of the guides for those who come from elsewhere, no part of the server
//! ```

pub mod client;
pub mod graceful;
pub mod guides;
pub mod limits;
pub mod pressure;
pub mod protocol;
pub mod shared;
pub mod store;
