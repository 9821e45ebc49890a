//! Task dumps: a trace of every task of a runtime, without stopping it.
//!
//! A dump notes the tasks that it wants, wakes each, and waits. The worker that polls one of them traces that poll
//! (see `base::trace`): all leaf futures stay pending and have the task polled again, so the task loses only a turn. A task
//! that is in a long poll, or blocked, keeps the dump waiting: use a timeout.
//!
//! Tasks in `block_in_place`, tasks of a `LocalSet`, and blocking closures are not in a dump. A local runtime's tasks are in
//! the dumps that its own thread takes; other threads get an empty dump. A current-thread runtime has to be in `block_on`.

pub use crate::base::trace::{
    Backtrace, BacktraceFrame, BacktraceSymbol, Root, Trace, TraceMeta, is_tracing, trace_with,
};
pub use crate::handle::dumps::Task;

use crate::handle::dumps::{Request, Uninstall};
use crate::handle::{Handle, Policy, with_current};
use crate::task;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

/// The traces of a runtime's tasks; made by `Handle::dump`.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// let dump = selvedge::runtime::Handle::current().dump().await;
/// println!("{} tasks", dump.tasks().iter().count());
/// # }
/// ```
#[derive(Debug)]
pub struct Dump {
    tasks: Tasks,
}

/// The tasks of a [`Dump`].
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// let dump = selvedge::runtime::Handle::current().dump().await;
/// for task in dump.tasks().iter() {
///     println!("{}:\n{}", task.id(), task.trace());
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Tasks {
    tasks: Vec<Task>,
}

impl Dump {
    /// The tasks.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let dump = selvedge::runtime::Handle::current().dump().await;
    /// println!("{} tasks", dump.tasks().iter().count());
    /// # }
    /// ```
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }
}

impl Tasks {
    /// The tasks, in the order in which they were traced.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let dump = selvedge::runtime::Handle::current().dump().await;
    /// println!("{} tasks", dump.tasks().iter().count());
    /// # }
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter()
    }
}

impl Handle {
    /// Traces every task of this runtime, except the calling task.
    ///
    /// Each task is polled once while all leaf futures of this runtime stay pending. The dump is complete when each task
    /// has been polled: a task that blocks its worker keeps the dump waiting, so put a timeout around it.
    ///
    /// # Cancel safety
    /// Cancel safe: the traces taken so far are dropped.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// selvedge::spawn(std::future::pending::<()>());
    /// selvedge::task::yield_now().await;
    /// let dump = selvedge::runtime::Handle::current().dump().await;
    /// assert_eq!(dump.tasks().iter().count(), 1);
    /// # }
    /// ```
    pub async fn dump(&self) -> Dump {
        let shared = &*self.shared;
        let dumps = &shared.dumps;
        let _turn = dumps.turn.lock().await;
        let mut tasks = Vec::new();
        if self.is_local() && !self.can_spawn_local() {
            return Dump {
                tasks: Tasks { tasks: Vec::new() },
            };
        }
        let own = task::running();
        // The request is installed before the tasks are listed, and filled before they are checked again. So a task that
        // ends meanwhile is seen to be complete, or settles itself (`Dumps::ended`).
        let request = Arc::new(Request::default());
        let _uninstall = Uninstall(dumps);
        *dumps.request.lock() = Some(request.clone());
        // Ordering: Release; pairs with the Acquire in `run`, which then finds the request. With the locks of the owned
        // tasks' list it is seen by each task that leaves the list after it was listed.
        dumps.is_on.store(true, Ordering::Release);
        let left_out = dumps.left_out.lock().clone();
        shared.owned.for_each(|task| {
            let id = task.header().id.as_u64();
            if id != own && !left_out.contains(&id) && !task.state().load().is_complete() {
                task.reference();
                tasks.push(Held(task));
            }
        });
        let ids = tasks.iter().map(|task| task.0.header().id.as_u64());
        request.state.lock().wanted.extend(ids);
        for task in &tasks {
            task.0.wake_by_ref();
        }
        if let Policy::MultiThread(policy) = &shared.policy {
            // As in tokio, a dump wakes every worker that sleeps; hooks around parking see that.
            policy.wake_workers(&*shared.unpark);
        }
        let traced = poll_fn(|cx| {
            let waker = cx.waker().clone();
            let left_out = dumps.left_out.lock().clone();
            let mut state = request.state.lock();
            // The dump does not wait for tasks that ended before another poll, or that block in place by now.
            for task in &tasks {
                let id = task.0.header().id.as_u64();
                if task.0.state().load().is_complete() || left_out.contains(&id) {
                    state.wanted.remove(&id);
                }
            }
            if state.wanted.is_empty() {
                return Poll::Ready(std::mem::take(&mut state.traced));
            }
            let old = state.waiter.replace(waker);
            drop(state);
            drop(old);
            Poll::Pending
        })
        .await;
        Dump {
            tasks: Tasks { tasks: traced },
        }
    }

    /// Is this thread tracing a task?
    #[doc(hidden)]
    pub fn is_tracing() -> bool {
        is_tracing()
    }
}

/// A reference to a task.
struct Held(crate::task::cell::RawTask);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.unref();
    }
}

/// Keeps the current task out of dumps until this is dropped.
pub(crate) struct LeftOut(Handle, u64);

impl LeftOut {
    pub(crate) fn current() -> Option<LeftOut> {
        let handle = with_current(Handle::clone)?;
        let id = task::running();
        handle.shared.dumps.left_out.lock().insert(id);
        let request = handle.shared.dumps.request.lock().clone();
        if let Some(request) = request {
            request.settle(id, None);
        }
        Some(LeftOut(handle, id))
    }
}

impl Drop for LeftOut {
    fn drop(&mut self) {
        self.0.shared.dumps.left_out.lock().remove(&self.1);
    }
}
