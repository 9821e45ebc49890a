//! `JoinSet`: a group of tasks.

#[path = "../support/mod.rs"]
mod support;

mod model;
mod order;
