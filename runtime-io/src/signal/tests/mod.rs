//! Models of a latch, under `--cfg runtime_loom`; the rest is tested one thread at a time.

#[cfg(runtime_loom)]
mod loom;
#[cfg(not(runtime_loom))]
mod unit;
