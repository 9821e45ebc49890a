//! Panics, and other hostile acts of user code that the runtime calls: they affect only that code.

#[path = "../support/mod.rs"]
mod support;

mod contained;
mod hooks;
mod payloads;
mod unhandled;
mod user_code;
mod wakers;
mod within_panics;
