//! Task dumps, with the feature `taskdump`.

#[cfg(feature = "taskdump")]
#[path = "../support/mod.rs"]
mod support;

#[cfg(feature = "taskdump")]
mod dumps;

#[cfg(all(feature = "taskdump", target_os = "linux"))]
mod stacks;
