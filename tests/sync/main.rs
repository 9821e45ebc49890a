//! Locks, channels and the rest of `sync`, as programs use them.
#![allow(dropping_copy_types, dropping_references, clippy::drop_non_drop)] // it says that a result is not wanted
#![allow(clippy::type_complexity)]

#[path = "../support/steps.rs"]
mod steps;
#[path = "../support/mod.rs"]
mod support;

mod alive;
mod budget;
mod capacities;
mod closing;
mod debug_forms;
mod given_up;
mod large_values;
mod models;
mod panics;
mod plain_threads;
mod reentry;
mod wake_order;
