//! Unit tests of the readiness words, the waiters and the slots, and, under `--cfg runtime_loom`, their models.

#[cfg(runtime_loom)]
mod loom;
#[cfg(not(runtime_loom))]
mod registration;
#[cfg(not(runtime_loom))]
mod slots;
#[cfg(not(runtime_loom))]
mod unit;
