//! What can be seen of a runtime from outside: task dumps (feature `taskdump`), and spans (feature `tracing`).

#[path = "../support/mod.rs"]
mod support;

#[cfg(feature = "taskdump")]
mod dumps;
#[cfg(feature = "tracing")]
mod spans;
