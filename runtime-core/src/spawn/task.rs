//! `spawn`: a task on the current runtime.

use crate::handle::Handle;
use crate::task::{JoinHandle, is_large};
use std::future::Future;

/// Spawns `future` on the current runtime and returns the handle that waits for its output.
///
/// The task starts at once, whether or not the handle is awaited, and may move between worker
/// threads at each `await`.
///
/// So the future must be `Send` and own what it uses. A value that is not `Send` must not be held across an `await`, as here:
///
/// ```compile_fail
/// # use runtime_core::{spawn, task};
/// # fn not_run() {
/// spawn::spawn(async {
///     let shared = std::rc::Rc::new(1);
///     task::yield_now().await;
///     drop(shared);
/// });
/// # }
/// ```
///
/// It may be dropped before the `await`, or be held in a task of a [`LocalSet`](super::LocalSet).
///
/// ```
/// # use runtime_core::{spawn, task};
/// # fn not_run() {
/// spawn::spawn(async {
///     let shared = std::rc::Rc::new(1);
///     drop(shared);
///     task::yield_now().await;
/// });
/// # }
/// ```
///
/// The output must be `Send` too. Nothing may be borrowed from the caller, which may return before the task ends:
///
/// ```compile_fail,E0277
/// # use runtime_core::spawn;
/// spawn::spawn(std::future::ready(std::rc::Rc::new(1)));
/// ```
///
/// ```compile_fail,E0597
/// # use runtime_core::spawn;
/// let text = String::from("gone by then");
/// let borrowed = &text;
/// spawn::spawn(async move { borrowed.len() });
/// ```
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
