//! Kernels without calls that the runtime prefers. A filter makes this kernel refuse them, in the test's own process.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/system.rs"]
mod system;

mod without_openat2;
mod without_pidfd;
