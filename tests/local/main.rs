//! `LocalSet` and its tasks, which stay on one thread.

#[path = "../support/mod.rs"]
mod support;

mod model;
mod order;
