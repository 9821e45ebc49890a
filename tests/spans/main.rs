//! What a subscriber of `tracing` sees of the runtime, with the feature `tracing`. A process of its own: what is set for
//! subscribers concerns all threads.

#[cfg(feature = "tracing")]
#[path = "../support/mod.rs"]
mod support;

#[cfg(feature = "tracing")]
mod spans;

#[cfg(feature = "tracing")]
mod told;
