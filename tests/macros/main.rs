//! The macros: as users write them, and what the compiler says to those who write them wrongly.

#[path = "../support/mod.rs"]
mod support;

mod refused;
#[cfg(all(feature = "full", feature = "test-util"))]
mod used;
