//! The macros: as users write them, and the compiler's errors for wrong uses.

#[path = "../support/mod.rs"]
mod support;

mod refused;
#[cfg(all(feature = "full", feature = "test-util"))]
mod used;
