//! Tasks as their users see them: when they run, where, and how they end.

#[path = "../support/mod.rs"]
mod support;

mod idle_workers;
mod nested_destructors;
mod shutdown_order;
mod stuck_workers;
