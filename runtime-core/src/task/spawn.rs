//! `spawn`: from a future to a scheduled task.

use super::JoinHandle;
use crate::runtime::Handle;
use std::future::Future;
use std::panic::Location;

/// Where a task comes from, and what its spawner calls it.
#[derive(Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) spawned_at: &'static Location<'static>,
}

impl Origin<'_> {
    /// The caller, without a name.
    #[track_caller]
    pub(crate) fn caller() -> Self {
        Origin {
            name: None,
            spawned_at: Location::caller(),
        }
    }
}

/// Spawns `future` on the current runtime and returns the handle that waits for its output.
///
/// The task starts at once, whether or not the handle is awaited, and may move between worker
/// threads at each `await`.
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Handle::current().spawn(future)
}
