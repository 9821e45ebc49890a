//! Models of a latch, under `--cfg runtime_loom`; the rest is tested by itself.

#[cfg(not(runtime_loom))]
mod hub;
#[cfg(runtime_loom)]
mod loom;
#[cfg(not(runtime_loom))]
mod unit;
