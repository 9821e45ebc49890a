//! The parts of the key-value server of the tutorial in docs/book/src, a module for what each chapter adds.
//!
//! ```text
//! protocol   the lines that client and server exchange
//! store      the map that all connections share
//! shared     the first server
//! client     the client that programs use to talk to the server
//! limits     a server that gives up silent clients, slow clients and endless lines
//! pressure   a server that takes no more work than it can do
//! graceful   a server that stops in order, and reports its metrics
//! guides     listings of the guides for users of threads and of smol, no part of the server
//! ```

pub mod client;
pub mod graceful;
pub mod guides;
pub mod limits;
pub mod pressure;
pub mod protocol;
pub mod shared;
pub mod store;
