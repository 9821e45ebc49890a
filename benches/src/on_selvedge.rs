//! The suite, compiled with selvedge as its runtime.

pub use ::selvedge as rt;

#[path = "suite/mod.rs"]
pub mod suite;
