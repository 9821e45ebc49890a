//! The workloads that both runtimes are measured with.
//!
//! Each workload is written once, in `suite/`, against a crate that it knows only as `rt`. The folder is compiled
//! twice: `rt` is selvedge in [`on_selvedge`], and tokio in [`on_tokio`]. So two figures differ by the runtime and
//! by nothing else.
//!
//! ```text
//!  suite/*.rs (use super::rt) --+-- on_selvedge --+-- benches/suite.rs   criterion, one group per workload
//!                               +-- on_tokio -----+-- bin/paired.rs      quick ABBA rounds, ratio of medians
//!                                                 +-- bin/footprint.rs   memory, stalls, idle wake-ups
//!                                                 +-- bin/curves.rs      cost by workers, latency by load
//!                                                 +-- bin/one.rs         one workload, for profilers
//!                                                 +-- bin/count.rs       fixed numbers of operations, to be counted
//!                    (selvedge alone)             +-- bin/insight.rs     the cost of recorder and task lists
//! ```
//! `bin/lateness.rs` (late sleeps) and `bin/datagrams.rs` (batches) are not made from the suite.

#![allow(clippy::duplicate_mod)]

pub mod clients;
pub mod on_selvedge;
pub mod on_tokio;

/// The kind of runtime a workload runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    /// One thread: the one that calls `block_on`.
    Current,
    /// So many worker threads.
    Multi(usize),
}

/// The number of workers for workloads that use all processors.
pub fn all_workers() -> usize {
    std::thread::available_parallelism().map_or(2, |n| n.get())
}

/// Connections of a server that is kept busy.
pub const CONNECTIONS: u64 = 64;
/// Connections of a server that is idle most of the time.
pub const PACED_CONNECTIONS: u64 = 8;
