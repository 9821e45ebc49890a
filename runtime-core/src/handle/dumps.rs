//! Which tasks a dump is to trace, and what was traced.
//!
//! I1: at most one request is installed; its guard takes it away, also when the dump's future is dropped.

use super::shared::Shared;
use crate::base::contain;
use crate::base::shim::lock::Mutex;
use crate::base::trace::{self, Trace};
use crate::record;
use crate::sync::Mutex as AsyncMutex;
use crate::task::{Id, Runnable};
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

/// A task of a dump.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// selvedge::spawn(std::future::pending::<()>());
/// selvedge::task::yield_now().await;
/// let dump = selvedge::runtime::Handle::current().dump().await;
/// for task in dump.tasks().iter() {
///     println!("{}:\n{}", task.id(), task.trace());
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Task {
    id: Id,
    trace: Trace,
}

impl Task {
    /// The task's id.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = selvedge::spawn(std::future::pending::<()>());
    /// selvedge::task::yield_now().await;
    /// let dump = selvedge::runtime::Handle::current().dump().await;
    /// assert_eq!(dump.tasks().iter().next().unwrap().id(), task.id());
    /// # }
    /// ```
    pub fn id(&self) -> Id {
        self.id
    }

    /// Where it waits.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// selvedge::spawn(std::future::pending::<()>());
    /// selvedge::task::yield_now().await;
    /// let dump = selvedge::runtime::Handle::current().dump().await;
    /// println!("{}", dump.tasks().iter().next().unwrap().trace());
    /// # }
    /// ```
    pub fn trace(&self) -> &Trace {
        &self.trace
    }
}

/// A runtime's place for a dump.
pub(crate) struct Dumps {
    /// Is a request installed? A hint for the workers.
    pub(crate) is_on: AtomicBool,
    pub(crate) request: Mutex<Option<Arc<Request>>>,
    pub(crate) turn: AsyncMutex<()>,
    /// Tasks in `block_in_place`, which no dump waits for.
    pub(crate) left_out: Mutex<HashSet<u64>>,
}

impl Default for Dumps {
    fn default() -> Self {
        Dumps {
            is_on: AtomicBool::new(false),
            request: Mutex::default(),
            turn: AsyncMutex::const_new(()), // not shown to a console
            left_out: Mutex::default(),
        }
    }
}

#[derive(Default)]
pub(crate) struct Request {
    pub(crate) state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) wanted: HashSet<u64>,
    pub(crate) traced: Vec<Task>,
    pub(crate) waiter: Option<Waker>,
}

impl Dumps {
    /// A task is complete and has left the list of owned tasks: no dump waits for it.
    pub(super) fn ended(&self, id: Id) {
        // Ordering: Acquire; pairs with the Release in `dump`. A dump that waits for the task found it in the list before the
        // task left the list, under the list's lock: so this load sees that dump.
        if self.is_on.load(Ordering::Acquire) {
            let request = self.request.lock().clone();
            if let Some(request) = request {
                request.settle(id.as_u64(), None);
            }
        }
    }
}

/// Takes the request away.
pub(crate) struct Uninstall<'a>(pub(crate) &'a Dumps);

impl Drop for Uninstall<'_> {
    fn drop(&mut self) {
        // Ordering: Relaxed; a hint, the lock decides.
        self.0.is_on.store(false, Ordering::Relaxed);
        let _request = self.0.request.lock().take();
    }
}

impl Request {
    /// Takes a task off the list, with its trace if there is one.
    pub(crate) fn settle(&self, id: u64, traced: Option<Task>) {
        let waiter = {
            let mut state = self.state.lock();
            // Two workers may trace a task, if it was woken in its traced poll and polled elsewhere before this call: one trace counts.
            if state.wanted.remove(&id) {
                state.traced.extend(traced);
            }
            match state.wanted.is_empty() {
                true => state.waiter.take(),
                false => None,
            }
        };
        if let Some(waiter) = waiter {
            contain::wake(waiter);
        }
    }
}

/// Runs a task, traced if a dump wants it.
#[inline]
pub(super) fn run(shared: &Shared, task: Runnable) {
    let dumps = &shared.dumps;
    // Ordering: Acquire; pairs with the Release in `dump`.
    if !dumps.is_on.load(Ordering::Acquire) {
        return task.run();
    }
    let id = task.raw().header().id;
    let request = dumps.request.lock().clone();
    let Some(request) = request.filter(|r| r.state.lock().wanted.contains(&id.as_u64())) else {
        return task.run();
    };
    record::time_passes();
    let mut task = Some(task);
    let ((), trace) = Trace::capture(|| {
        trace::within_root(&mut || {
            if let Some(task) = task.take() {
                task.run();
            }
        })
    });
    request.settle(id.as_u64(), Some(Task { id, trace }));
}

impl fmt::Debug for Dumps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dumps").finish_non_exhaustive()
    }
}
