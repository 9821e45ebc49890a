//! The scheduler whose thread this is, and how a task is queued there.
//!
//! I1: the thread-local points to a live context or is null: the guard that set it outlives it.

use super::shared::{Handle, Shared};
use crate::base::deferred;
use crate::record::{self, Queue};
use crate::scheduler::current_thread::{CurrentThread, CurrentThreadCore};
use crate::scheduler::multi_thread::{Delivery, MultiThread, WorkerCore};
use crate::task::Runnable;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

/// Tasks a worker's queue holds before half of it goes to the injector.
pub(crate) const QUEUE_CAPACITY: usize = match cfg!(runtime_shuttle) {
    true => 8, // a scenario has tens of tasks
    false => 256,
};

/// What a scheduler's thread finds through the thread-local.
pub(crate) enum ThreadContext {
    CurrentThread(CurrentThreadContext),
    Worker(WorkerContext),
}

crate::runtime_thread_local! {
    static CONTEXT: Cell<*const ThreadContext> = Cell::new(std::ptr::null())
}

/// Undoes [`set_context`].
pub(crate) struct SetContext {
    previous: *const ThreadContext,
    _deferred: deferred::Opened,
}

/// Makes this thread a scheduler's, with the given context, for as long as the guard lives.
pub(crate) fn set_context(cx: &ThreadContext) -> SetContext {
    SetContext {
        previous: CONTEXT.with(|c| c.replace(cx)),
        _deferred: deferred::open(),
    }
}

impl Drop for SetContext {
    fn drop(&mut self) {
        CONTEXT.with(|c| c.set(self.previous));
    }
}

/// Runs `f` on this thread's context, if it is a scheduler's.
#[inline]
pub(crate) fn with_context<R>(f: impl FnOnce(Option<&ThreadContext>) -> R) -> R {
    let cx = CONTEXT.with(Cell::get);
    // SAFETY: by I1 the pointer is null or points to a context that outlives its guard, and the
    // guard is on this thread's stack below us.
    f(unsafe { cx.as_ref() })
}

/// Index of the worker this thread is, of the current runtime; `None` on other threads.
///
/// ```
/// # #[selvedge::main]
/// # async fn main() {
/// assert_eq!(selvedge::runtime::worker_index(), None); // `block_on` is no worker
/// let task = selvedge::spawn(async { selvedge::runtime::worker_index() });
/// assert!(task.await.unwrap().is_some());
/// # }
/// ```
#[inline]
pub fn worker_index() -> Option<usize> {
    with_context(|cx| cx.and_then(ThreadContext::worker_index))
}

/// In a forked child: its thread is no scheduler's any more.
pub(super) fn forget_runtime() {
    let _ = CONTEXT.try_with(|c| c.set(std::ptr::null()));
}

impl ThreadContext {
    pub(crate) fn worker_index(&self) -> Option<usize> {
        match self {
            ThreadContext::CurrentThread(_) => Some(0),
            ThreadContext::Worker(cx) => cx.worker_index(),
        }
    }

    pub(crate) fn is_of(&self, shared: *const Shared) -> bool {
        let handle = match self {
            ThreadContext::CurrentThread(cx) => &cx.handle,
            ThreadContext::Worker(cx) => &cx.handle,
        };
        std::ptr::eq(Arc::as_ptr(&handle.shared), shared)
    }
}

/// The thread-local part of the thread that runs a current-thread runtime's tasks.
pub(crate) struct CurrentThreadContext {
    pub(crate) handle: Handle,
    pub(crate) core: RefCell<Option<Box<CurrentThreadCore>>>,
}

impl CurrentThreadContext {
    pub(crate) fn policy(&self) -> &CurrentThread {
        self.handle.shared.policy.current_thread()
    }

    /// Runs `f` on the core, which is always here: `block_in_place`, which takes a core away, panics on this scheduler.
    #[inline]
    pub(crate) fn with_core<R>(&self, f: impl FnOnce(&mut CurrentThreadCore) -> R) -> R {
        match self.core.borrow_mut().as_mut() {
            Some(core) => f(core),
            None => unreachable!("the core is here while its thread runs"),
        }
    }

    /// Queues a task on its own thread; returns it while the core is away.
    #[inline]
    pub(super) fn schedule(&self, task: Runnable) -> Option<Runnable> {
        match self.core.borrow_mut().as_mut() {
            Some(core) => {
                record::queued(task.raw().header().id.as_u64(), Queue::Local);
                core.queue.push_back(task);
                let counters = self.policy().counters();
                counters.local_schedules.add(1);
                counters.queue_depth.set(core.queue.len() as u64);
                None
            }
            None => Some(task),
        }
    }
}

/// The thread-local part of a worker's thread.
pub(crate) struct WorkerContext {
    pub(crate) handle: Handle,
    pub(crate) index: usize,
    pub(crate) core: RefCell<Option<Box<WorkerCore>>>,
}

impl WorkerContext {
    /// `None` once the core was handed off.
    pub(crate) fn worker_index(&self) -> Option<usize> {
        self.core
            .try_borrow()
            .ok()
            .and_then(|core| core.as_ref().map(|_| self.index))
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.handle.shared
    }

    pub(crate) fn policy(&self) -> &MultiThread {
        self.handle.shared.policy.multi_thread()
    }

    #[inline]
    pub(crate) fn with_core<R>(&self, f: impl FnOnce(&mut WorkerCore) -> R) -> Option<R> {
        self.core.borrow_mut().as_mut().map(|core| f(core))
    }

    /// Queues a task on its own worker; returns it if the core is elsewhere.
    #[inline]
    pub(super) fn schedule(&self, task: Runnable, again: bool) -> Option<Runnable> {
        let policy = self.policy();
        let mut core = self.core.borrow_mut();
        let Some(core) = core.as_mut() else {
            return Some(task);
        };
        let remote = &policy.remotes[self.index];
        remote.counters.local_schedules.add(1);
        let id = task.raw().header().id.as_u64();
        if again || !core.lifo_enabled {
            record::queued(id, Queue::Local);
            self.push(core, task);
        } else {
            record::queued(id, Queue::Slot);
            match remote.replace_lifo(task) {
                Some(displaced) => self.push(core, displaced),
                // A lone task in the slot wakes nobody: this worker comes to it next.
                None => return None,
            }
        }
        match core.delivery {
            Delivery::None => policy.notify(&*self.shared().unpark),
            Delivery::Begun | Delivery::Shared => core.delivery = Delivery::Shared,
        }
        None
    }

    fn push(&self, core: &mut WorkerCore, task: Runnable) {
        if core.queue.len() >= QUEUE_CAPACITY {
            let policy = self.policy();
            for _ in 0..QUEUE_CAPACITY / 2 {
                match core.queue.pop() {
                    Some(task) => policy.injector.push(task),
                    None => break,
                }
            }
            policy.remotes[self.index].counters.overflows.add(1);
        }
        core.queue.push(task);
    }
}
