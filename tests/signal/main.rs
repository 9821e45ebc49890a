//! Signals: all listeners are notified, even if a runtime has ended, or many signals come at once.

#[path = "../support/mod.rs"]
mod support;

mod storm;
mod streams;
