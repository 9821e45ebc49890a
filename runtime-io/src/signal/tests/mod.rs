//! Models of a latch, under `--cfg runtime_loom`.

#[cfg(runtime_loom)]
mod loom;
