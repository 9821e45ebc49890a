//! Child processes: started, awaited, killed, dropped.

#[path = "../support/mod.rs"]
mod support;

mod children;
