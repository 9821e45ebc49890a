//! `spawn`.

use crate::handle::Handle;
use crate::task::{JoinHandle, is_large};
use std::future::Future;

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
    let handle = Handle::current();
    if const { is_large::<F>() } {
        handle.spawn_boxed(Box::pin(future))
    } else {
        handle.spawn(future)
    }
}
