//! Signals: who is told, also when a runtime has gone or many come at once.

#[path = "../support/mod.rs"]
mod support;

mod storm;
mod streams;
