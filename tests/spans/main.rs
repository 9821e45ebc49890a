//! What a subscriber of `tracing` sees of the runtime, with the feature `tracing`. A test binary of its own, as settings of
//! subscribers affect all threads.

#[cfg(feature = "tracing")]
#[path = "../support/mod.rs"]
mod support;

#[cfg(feature = "tracing")]
mod spans;

#[cfg(feature = "tracing")]
mod told;
