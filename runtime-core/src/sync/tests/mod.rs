//! Tests of the room: models for loom, and small unit tests.

#[cfg(not(runtime_loom))]
mod accounting;
#[cfg(runtime_loom)]
mod loom_accounting;
#[cfg(runtime_loom)]
mod loom_channels;
#[cfg(runtime_loom)]
mod loom_ends;
#[cfg(runtime_loom)]
mod loom_locks;
#[cfg(not(runtime_loom))]
mod unit;
