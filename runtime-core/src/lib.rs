//! selvedge's core: tasks, schedulers, the blocking pool and synchronisation.
//!
//! This crate knows no OS I/O and no timer wheel: it knows the [`driver`] contract. The facade composes
//! it with `runtime-io` and `runtime-time`.

#[doc(hidden)]
pub mod base;
pub mod blocking;
pub mod context;
pub mod coop;
pub mod driver;
#[cfg(feature = "taskdump")]
pub mod dump;
#[doc(hidden)]
pub mod fork;
#[doc(hidden)]
pub mod instrument;
pub mod park;
pub mod runtime;
pub(crate) mod scheduler;
pub mod sync;
pub mod task;
