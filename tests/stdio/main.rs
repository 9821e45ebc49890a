//! The standard streams: what happens when somebody else has a hand in them.

#[path = "../support/mod.rs"]
mod support;

mod non_blocking;
