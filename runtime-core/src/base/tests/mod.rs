//! Unit tests of the ground floor, and its models under the model checker.

#[cfg(not(runtime_loom))]
mod atomic64;
#[cfg(all(runtime_loom, not(runtime_shuttle)))]
mod loom;
#[cfg(not(runtime_loom))]
mod parker;
#[cfg(not(runtime_loom))]
mod slab;
#[cfg(not(runtime_loom))]
mod unit;
