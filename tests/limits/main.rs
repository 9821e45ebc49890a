//! The system's limits and the runtime's own: descriptors, threads, the size of files. Tests that change a limit of the
//! process run in a process of their own.
#![cfg(target_os = "linux")]

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/system.rs"]
mod system;

mod blocking_threads;
mod children;
mod descriptors;
mod listeners;
mod no_thread;
mod no_thread_for_a_call;
mod pool;
