//! The end of a runtime: the order in which its tasks are dropped, the places where it may end, and that it leaves nothing behind.

#[path = "../support/mod.rs"]
mod support;

mod blocked_in_place;
mod by_whom;
mod leaves_nothing;
mod meanwhile;
mod nested_destructors;
mod order;
