//! The suite, compiled with tokio as its runtime.

pub use ::tokio as rt;

#[path = "suite/mod.rs"]
pub mod suite;
