//! Tests of `sync`: models for loom, and small unit tests.

#[cfg(not(runtime_loom))]
mod accounting;
#[cfg(not(runtime_loom))]
mod answers;
#[cfg(all(runtime_loom, not(runtime_shuttle)))]
mod loom_accounting;
#[cfg(all(runtime_loom, not(runtime_shuttle)))]
mod loom_channels;
#[cfg(all(runtime_loom, not(runtime_shuttle)))]
mod loom_ends;
#[cfg(all(runtime_loom, not(runtime_shuttle)))]
mod loom_locks;
#[cfg(all(runtime_loom, not(runtime_shuttle)))]
mod loom_queues;
#[cfg(not(runtime_loom))]
mod permits;
#[cfg(not(runtime_loom))]
mod unit;
