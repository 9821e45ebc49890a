//! Unit tests of latches, pipes and hubs and, under `--cfg runtime_loom`, models of a latch.

#[cfg(not(runtime_loom))]
mod hub;
#[cfg(runtime_loom)]
mod loom;
#[cfg(not(runtime_loom))]
mod unit;
