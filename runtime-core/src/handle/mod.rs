//! A runtime as all threads see it: the handle, what it refers to, and which runtime a thread is in.
//!
//! | file | owns |
//! |---|---|
//! | `shared` | what every handle points at: settings, pool, drivers' shared ends, owned tasks, the scheduler's state |
//! | `policy` | which of the two schedulers it is |
//! | `id` | the number of a runtime |
//! | `current`, `error` | the runtime that this thread is in, and why there is none |
//! | `context` | the scheduler whose thread this is, and how a task is queued there |
//! | `runtime_ref` | how a task reaches its scheduler |
//! | `spawn` | from a future or a closure to a scheduled task |
//! | `run_task` | one poll, with the hooks and histograms that are configured |
//! | `dumps` | which tasks a dump traces |
//!
//! `Handle`'s own methods are in the room `runtime`.

pub(crate) mod context;
pub(crate) mod current;
#[cfg(feature = "taskdump")]
pub(crate) mod dumps;
mod error;
mod id;
mod policy;
mod run_task;
mod runtime_ref;
pub(crate) mod shared;
pub(crate) mod spawn;

pub use context::worker_index;
pub use current::with_current;
pub use error::TryCurrentError;
pub use id::Id;
pub(crate) use policy::Policy;
pub(crate) use run_task::run_task;
pub use shared::Handle;

#[cfg(all(test, not(runtime_loom)))]
mod tests;
