//! Panics, and whatever else user code may do where the runtime calls it: they stay with whom they belong to.

#[path = "../support/mod.rs"]
mod support;

mod contained;
mod hooks;
mod payloads;
mod unhandled;
mod user_code;
mod wakers;
mod within_panics;
