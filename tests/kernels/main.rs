//! Kernels that lack what the runtime prefers. A filter makes this one refuse it, to a process of the test's own.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/system.rs"]
mod system;

mod without_openat2;
mod without_pidfd;
