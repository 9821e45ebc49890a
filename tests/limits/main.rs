//! What happens at the system's limits, and at the runtime's own.
#![cfg(target_os = "linux")]

#[path = "../support/mod.rs"]
mod support;

mod blocking_threads;
mod no_thread;
