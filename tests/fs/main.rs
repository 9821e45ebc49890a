//! Files: contents, positions, cancelled reads, and slow files that must not make other tasks wait.

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/system.rs"]
mod system;

#[cfg(target_os = "linux")]
mod elsewhere;
mod files;
mod folder;
#[cfg(target_os = "linux")]
mod fuse;
#[cfg(target_os = "linux")]
mod given_up;
#[cfg(target_os = "linux")]
mod model;
#[cfg(target_os = "linux")]
mod mounts;
#[cfg(target_os = "linux")]
mod permission;
mod position;
#[cfg(target_os = "linux")]
mod served;
mod waiting;
