//! Locks, channels and the rest of `sync` as programs see them.

#[path = "../support/mod.rs"]
mod support;

mod drop_chains;
mod large_values;
mod models;
mod wake_order;
