//! selvedge's core: tasks, schedulers, the blocking pool and synchronisation.
//!
//! This crate knows no OS I/O and no timer wheel: it knows the [`driver`] contract. The facade composes
//! it with `runtime-io` and `runtime-time`.
//!
//! The rooms are floors: each knows those above it in this table only.
//!
//! | room | owns |
//! |---|---|
//! | `base` | what everything is built from: locks, lists, wakers, time, chance |
//! | `record` | the flight recorder |
//! | `instrument`, `coop` | spans for `tracing`; the budget of a poll |
//! | `task` | one task: its state, its memory, its end |
//! | `sync`, `blocking`, `driver` | channels and locks; the blocking pool; the contract with reactor and timers |
//! | `scheduler` | what the schedulers decide with: queues, who sleeps, who is woken |
//! | `handle` | a runtime as all threads see it |
//! | `worker` | the loops that run tasks |
//! | `runtime`, `spawn` | what users hold: runtimes, handles, figures; tasks and groups of them |
//! | `inspect` | a socket for tools that look into the process |

#[doc(hidden)]
pub mod base;
pub(crate) mod blocking;
pub mod coop;
pub mod driver;
pub(crate) mod handle;
#[cfg(all(unix, not(runtime_loom)))]
pub mod inspect;
#[doc(hidden)]
pub mod instrument;
#[doc(hidden)]
pub mod record;
pub mod runtime;
pub(crate) mod scheduler;
pub mod spawn;
pub mod sync;
pub mod task;
pub(crate) mod worker;

pub use handle::{with_current, worker_index};
