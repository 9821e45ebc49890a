//! `spawn`: from a future to a scheduled task.

use super::JoinHandle;
use crate::runtime::Handle;
use std::future::Future;
use std::panic::Location;

/// Is a future or closure of this type moved to the heap before anything else is done with it? Each function that it
/// passes through might copy it on the stack otherwise; in a debug build, each does. So whatever takes one from the user
/// asks first: `if const { is_large::<F>() }`, which costs the branch not taken no stack either.
#[doc(hidden)]
pub const fn is_large<F>() -> bool {
    const LIMIT: usize = if cfg!(debug_assertions) {
        2048
    } else {
        16 * 1024
    };
    size_of::<F>() > LIMIT
}

/// Where a task comes from, and what its spawner calls it.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "tracing"), allow(dead_code))]
pub(crate) struct Origin<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) spawned_at: &'static Location<'static>,
    /// Size of the future before it was boxed; 0 if it was not.
    pub(crate) size: usize,
}

impl Origin<'_> {
    /// The same, of a future of type `F` that is boxed.
    pub(crate) fn boxed<F>(self) -> Self {
        Origin {
            size: size_of::<F>(),
            ..self
        }
    }

    /// The caller, without a name.
    #[track_caller]
    pub(crate) fn caller() -> Self {
        Origin {
            name: None,
            spawned_at: Location::caller(),
            size: 0,
        }
    }
}

/// Spawns `future` on the current runtime and returns the handle that waits for its output.
///
/// The task starts at once, whether or not the handle is awaited, and may move between worker
/// threads at each `await`.
///
/// So the future must be `Send` and own what it uses. What is not `Send` must not be held across an `await`, as here:
///
/// ```compile_fail
/// # use runtime_core::task;
/// # fn not_run() {
/// task::spawn(async {
///     let shared = std::rc::Rc::new(1);
///     task::yield_now().await;
///     drop(shared);
/// });
/// # }
/// ```
///
/// Dropped before, it does no harm; nor does it in a task of a [`LocalSet`](super::LocalSet).
///
/// ```
/// # use runtime_core::task;
/// # fn not_run() {
/// task::spawn(async {
///     let shared = std::rc::Rc::new(1);
///     drop(shared);
///     task::yield_now().await;
/// });
/// # }
/// ```
///
/// Nor may its output be other than `Send`, or anything be borrowed from the caller, which may return before the task ends:
///
/// ```compile_fail,E0277
/// # use runtime_core::task;
/// task::spawn(std::future::ready(std::rc::Rc::new(1)));
/// ```
///
/// ```compile_fail,E0597
/// # use runtime_core::task;
/// let text = String::from("gone by then");
/// let borrowed = &text;
/// task::spawn(async move { borrowed.len() });
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
