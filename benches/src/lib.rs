//! The workloads that both runtimes are measured with.
//!
//! Each workload is written once, in `suite/`, against a crate it only knows as `rt`. The folder is compiled
//! twice: [`on_selvedge`] names selvedge `rt`, [`on_tokio`] names tokio so. Whatever differs between two
//! figures is therefore the runtime and nothing else.
//!
//! ```text
//!  suite/*.rs (use super::rt) --+-- on_selvedge --+-- benches/suite.rs   criterion, one group per workload
//!                               +-- on_tokio -----+-- bin/paired.rs      quick ABBA rounds, ratio of medians
//!                                                 +-- bin/footprint.rs   memory, stalls, idle wake-ups
//!                                                 +-- bin/curves.rs      cost by workers, latency by load
//!                    (selvedge alone)             +-- bin/insight.rs     what it costs to look into a runtime
//!                                                 +-- bin/count.rs       fixed numbers of operations, to be counted
//! ```

#![allow(clippy::duplicate_mod)]

pub mod clients;
pub mod on_selvedge;
pub mod on_tokio;

/// The kind of runtime a workload runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    /// One thread: the one that calls `block_on`.
    Current,
    /// That many worker threads.
    Multi(usize),
}

/// Number of workers for the workloads that want "all of them".
pub fn all_workers() -> usize {
    std::thread::available_parallelism().map_or(2, |n| n.get())
}

/// Connections of a server that is kept busy.
pub const CONNECTIONS: u64 = 64;
/// Connections of a server that is asked now and then.
pub const PACED_CONNECTIONS: u64 = 8;
