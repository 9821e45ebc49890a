//! Time as programs see it: sleeps, intervals and time-outs.

#[path = "../support/mod.rs"]
mod support;

mod model;
mod order;
