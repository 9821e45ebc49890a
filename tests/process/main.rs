//! Child processes: started, awaited, killed, let go of.

#[path = "../support/mod.rs"]
mod support;

mod children;
