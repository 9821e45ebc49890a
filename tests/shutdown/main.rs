//! Runtimes that end: in which order their tasks go, who may end them from where, and that nothing is left of them.

#[path = "../support/mod.rs"]
mod support;

mod blocked_in_place;
mod by_whom;
mod leaves_nothing;
mod meanwhile;
mod nested_destructors;
mod order;
