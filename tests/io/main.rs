//! Readiness and what is done with it: edges at which data, an error or a wake-up could be lost, and waits that
//! must not become loops.

#[path = "../support/mod.rs"]
mod support;

mod closed_sides;
mod edges;
