//! Child processes: started, awaited, killed, let go of, also where the system gives less than usual.

#[path = "../support/mod.rs"]
mod support;

mod alone;
mod children;
mod no_descriptor;
mod without_pidfd;
