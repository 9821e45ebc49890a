//! How a task reaches its scheduler.

use super::context::{ThreadContext, with_context};
use super::policy::Policy;
use super::shared::Shared;
use crate::record::{self, Queue};
use crate::scheduler::config::UnhandledPanic;
use crate::task::Runnable;
use crate::task::cell::{Header, Schedule};
use std::ptr::NonNull;
use std::sync::Arc;

/// A task's pointer to its runtime, without a reference.
///
/// I1: `Shared` outlives every task of it that is not complete: the runtime's shutdown completes all
/// of them before it lets go of its own reference, and a runtime that is never shut down is never
/// freed. So a thread that holds a permit may use the pointer. If the thread has more to do once it
/// has given the permit away, it takes a reference first.
pub(crate) struct RuntimeRef(NonNull<Shared>);

// SAFETY: `Shared` is `Sync`; the pointer is used as I1 says.
unsafe impl Send for RuntimeRef {}
// SAFETY: as above.
unsafe impl Sync for RuntimeRef {}

impl RuntimeRef {
    pub(super) fn new(shared: &Shared) -> RuntimeRef {
        RuntimeRef(NonNull::from(shared))
    }

    fn shared(&self) -> &Shared {
        // SAFETY: by I1.
        unsafe { self.0.as_ref() }
    }

    fn on_own_thread<R>(&self, f: impl FnOnce(Option<&ThreadContext>) -> R) -> R {
        with_context(|cx| f(cx.filter(|cx| cx.is_of(self.0.as_ptr()))))
    }

    pub(super) fn push(&self, task: Runnable, again: bool) {
        if self.shared().config.tracks_latency {
            task.stamp(self.shared().nanos());
        }
        let foreign = self.on_own_thread(|cx| match cx {
            Some(ThreadContext::CurrentThread(cx)) => cx.schedule(task),
            Some(ThreadContext::Worker(cx)) => cx.schedule(task, again),
            None => Some(task),
        });
        if let Some(task) = foreign {
            record::queued(task.raw().header().id.as_u64(), Queue::Injector);
            // I1: we hold the permit, so `Shared` lives; once the task is queued, it might not.
            // SAFETY: the pointer came from an `Arc<Shared>` that is alive.
            let shared = unsafe {
                Arc::increment_strong_count(self.0.as_ptr());
                Arc::from_raw(self.0.as_ptr().cast_const())
            };
            shared.counters.note_remote_schedule();
            shared.policy.inject(&*shared.unpark, task);
        }
    }
}

impl Schedule for RuntimeRef {
    fn schedule(&self, task: Runnable) {
        self.push(task, false);
    }

    fn schedule_again(&self, task: Runnable) {
        self.push(task, true);
    }

    fn release(&self, header: NonNull<Header>) {
        self.shared().owned.remove(header);
        #[cfg(feature = "taskdump")]
        {
            // SAFETY: the caller holds a reference.
            let id = unsafe { header.as_ref() }.id;
            self.shared().dumps.ended(id);
        }
    }

    fn is_local(&self) -> bool {
        self.on_own_thread(|cx| cx.is_some())
    }

    fn on_terminate(&self, header: &Header) {
        self.shared().hook_terminate(header);
    }

    fn on_panic(&self) {
        let shared = self.shared();
        if shared.config.unhandled_panic != UnhandledPanic::ShutdownRuntime {
            return;
        }
        if let Policy::CurrentThread(policy) = &shared.policy {
            // What is spawned from here on is cancelled, also from outside.
            shared.owned.close();
            policy.note_unhandled_panic();
        }
    }
}
