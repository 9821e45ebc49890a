//! Of the ground floor: unit tests, and models under the model checker.

#[cfg(runtime_loom)]
mod loom;
#[cfg(not(runtime_loom))]
mod unit;
