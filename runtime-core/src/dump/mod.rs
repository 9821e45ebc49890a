//! Task dumps: a trace of every task of a runtime, without stopping it.
//!
//! A dump notes the tasks it wants, wakes each, and waits. The worker that comes to poll one of them traces that poll
//! (see `trace`): all leaves stand still and have it polled again, so the task loses nothing but a turn. A task that is
//! in a long poll, or blocked, keeps the dump waiting: use a timeout.
//!
//! I1: at most one dump is installed (`turn`); it is taken away by its guard, whatever becomes of its future.
//! Tasks in `block_in_place`, those of a `LocalSet`, and blocking closures are not in it. A local runtime's tasks are in
//! the dumps its own thread takes; other threads get an empty one. A current-thread runtime has to be in `block_on`.

mod trace;

pub use trace::{
    Backtrace, BacktraceFrame, BacktraceSymbol, Root, Trace, TraceMeta, is_tracing, trace_with,
};
pub(crate) use trace::{poll_leaf, untraced};

use crate::base::contain;
use crate::base::shim::lock::Mutex;
use crate::context;
use crate::runtime::Handle;
use crate::runtime::shared::Shared;
use crate::sync::Mutex as AsyncMutex;
use crate::task::{Id, Runnable};
use std::collections::HashSet;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Waker};

/// The traces of a runtime's tasks; made by `Handle::dump`.
#[derive(Debug)]
pub struct Dump {
    tasks: Tasks,
}

/// The tasks of a [`Dump`].
#[derive(Debug)]
pub struct Tasks {
    tasks: Vec<Task>,
}

/// A task of a [`Dump`].
#[derive(Debug)]
pub struct Task {
    id: Id,
    trace: Trace,
}

impl Dump {
    /// The tasks.
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }
}

impl Tasks {
    /// One after the other, in the order in which they were traced.
    pub fn iter(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter()
    }
}

impl Task {
    /// The task's id.
    pub fn id(&self) -> Id {
        self.id
    }

    /// Where it waits.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }
}

/// A runtime's place for a dump.
pub(crate) struct Dumps {
    /// Is one installed? A hint for the workers.
    is_on: AtomicBool,
    request: Mutex<Option<Arc<Request>>>,
    turn: AsyncMutex<()>,
    /// Tasks in `block_in_place`, which no dump waits for.
    left_out: Mutex<HashSet<u64>>,
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

struct Request {
    state: Mutex<State>,
}

struct State {
    wanted: HashSet<u64>,
    traced: Vec<Task>,
    waiter: Option<Waker>,
}

/// Takes the request away.
struct Uninstall<'a>(&'a Dumps);

impl Drop for Uninstall<'_> {
    fn drop(&mut self) {
        // Ordering: Relaxed; a hint, the lock decides.
        self.0.is_on.store(false, Ordering::Relaxed);
        let request = self.0.request.lock().take();
        drop(request);
    }
}

impl Handle {
    /// Traces every task of this runtime, but for the one that calls.
    ///
    /// Each task is polled once with all leaf futures of this runtime standing still. The dump is complete when each
    /// has been: a task that blocks its worker keeps it waiting, so put a timeout around it.
    ///
    /// # Cancel safety
    /// Cancel safe: the traces taken so far are dropped.
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
        let own = context::task_id();
        let left_out = dumps.left_out.lock().clone();
        shared.owned.for_each(|task| {
            let id = task.header().id.as_u64();
            if id != own && !left_out.contains(&id) && !task.state().load().is_complete() {
                task.reference();
                tasks.push(Held(task));
            }
        });
        let request = Arc::new(Request {
            state: Mutex::new(State {
                wanted: tasks.iter().map(|t| t.0.header().id.as_u64()).collect(),
                traced: Vec::new(),
                waiter: None,
            }),
        });
        let _uninstall = Uninstall(dumps);
        *dumps.request.lock() = Some(request.clone());
        // Ordering: Release; pairs with the Acquire in `run`, which then finds the request.
        dumps.is_on.store(true, Ordering::Release);
        for task in &tasks {
            task.0.wake_by_ref();
        }
        shared.policy.wake_workers(shared);
        let traced = poll_fn(|cx| {
            let waker = cx.waker().clone();
            let left_out = dumps.left_out.lock().clone();
            let mut state = request.state.lock();
            // Those that ended before they were polled again, or block in place by now, are not waited for.
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

impl Request {
    /// Takes a task off the list, with its trace if there is one.
    fn settle(&self, id: u64, traced: Option<Task>) {
        let waiter = {
            let mut state = self.state.lock();
            state.wanted.remove(&id);
            state.traced.extend(traced);
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

/// Keeps the current task out of dumps for as long as it lives.
pub(crate) struct LeftOut(Handle, u64);

impl LeftOut {
    pub(crate) fn current() -> Option<LeftOut> {
        let handle = context::with_current(Handle::clone)?;
        let id = context::task_id();
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

/// Runs a task, traced if a dump wants it.
pub(crate) fn run(shared: &Shared, task: Runnable) {
    // Ordering: Acquire; pairs with the Release in `dump`.
    if !shared.dumps.is_on.load(Ordering::Acquire) {
        return task.run();
    }
    let id = task.raw().header().id;
    let request = shared.dumps.request.lock().clone();
    let Some(request) = request.filter(|r| r.state.lock().wanted.contains(&id.as_u64())) else {
        return task.run();
    };
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
