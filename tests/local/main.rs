//! `LocalSet` and its tasks, which stay on one thread.

#[path = "../support/steps.rs"]
mod steps;
#[path = "../support/mod.rs"]
mod support;

mod driving;
mod model;
mod order;
mod set;
