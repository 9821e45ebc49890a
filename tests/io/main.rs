//! Readiness, byte streams and the standard streams: no byte, error or wake-up is lost, and no wait becomes a loop.

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/system.rs"]
mod system;

mod closed_sides;
mod copies;
mod readers;
mod readiness;
mod standard_streams;
