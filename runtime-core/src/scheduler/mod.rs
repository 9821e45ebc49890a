//! The two schedulers, and what they have in common.
//!
//! `current_thread`: all tasks on the thread in `block_on`. `multi_thread`: a worker for each core,
//! with work stealing. Both run tasks of the same cell, whose scheduler is a [`RuntimeRef`].

mod current_thread;
mod multi_thread;

#[cfg(all(test, runtime_shuttle))]
#[path = "tests/shuttle/mod.rs"]
mod shuttle;

pub(crate) use current_thread::CurrentThread;
pub(crate) use multi_thread::MultiThread;

use crate::base::clock;
use crate::base::contain;
use crate::runtime::Handle;
use crate::runtime::config::UnhandledPanic;
use crate::runtime::metrics::WorkerCounters;
use crate::runtime::shared::Shared;
use crate::task::cell::{Header, RawTask, Schedule};
use crate::task::spawn::Origin;
use crate::task::{Id, JoinHandle, Runnable};
use crate::{context, instrument, runtime};
use std::future::Future;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

/// A runtime's scheduler, as all its threads see it.
pub(crate) enum Policy {
    CurrentThread(CurrentThread),
    MultiThread(MultiThread),
}

impl Policy {
    pub(crate) fn is_shutdown(&self) -> bool {
        match self {
            Policy::CurrentThread(policy) => policy.is_shutdown(),
            Policy::MultiThread(policy) => policy.is_shutdown(),
        }
    }

    #[track_caller]
    pub(crate) fn counters(&self, worker: usize) -> &WorkerCounters {
        match self {
            Policy::CurrentThread(policy) => {
                assert_eq!(worker, 0, "a current-thread runtime has one worker");
                policy.counters()
            }
            Policy::MultiThread(policy) => policy.counters(worker),
        }
    }

    /// Ends every worker's sleep, if it sleeps.
    #[cfg(feature = "taskdump")]
    pub(crate) fn wake_workers(&self, shared: &Shared) {
        match self {
            Policy::CurrentThread(_) => shared.unpark.unpark(),
            Policy::MultiThread(policy) => policy.wake_workers(shared),
        }
    }

    pub(crate) fn injector_len(&self) -> usize {
        match self {
            Policy::CurrentThread(policy) => policy.injector_len(),
            Policy::MultiThread(policy) => policy.injector_len(),
        }
    }

    #[track_caller]
    pub(crate) fn queue_len(&self, worker: usize) -> usize {
        match self {
            Policy::CurrentThread(_) => self.counters(worker).queue_depth.get() as usize,
            Policy::MultiThread(policy) => policy.queue_len(worker),
        }
    }
}

/// What a scheduler's thread finds through the thread-local.
pub(crate) enum Context {
    CurrentThread(current_thread::Context),
    MultiThread(multi_thread::Context),
}

impl Context {
    pub(crate) fn worker_index(&self) -> Option<usize> {
        match self {
            Context::CurrentThread(_) => Some(0),
            Context::MultiThread(cx) => cx.worker_index(),
        }
    }

    fn is_of(&self, shared: *const Shared) -> bool {
        match self {
            Context::CurrentThread(cx) => cx.is_of(shared),
            Context::MultiThread(cx) => cx.is_of(shared),
        }
    }
}

/// A task's pointer to its runtime, without a reference.
///
/// I1: `Shared` outlives every task of it that is not complete: the runtime's shutdown completes all
/// of them before it lets go of its own reference, and a runtime that is never shut down is never
/// freed. So whoever holds a permit may use the pointer, and takes a reference before the permit
/// goes out of its hands if it has more to do.
pub(crate) struct RuntimeRef(NonNull<Shared>);

// SAFETY: `Shared` is `Sync`; the pointer is used as I1 says.
unsafe impl Send for RuntimeRef {}
// SAFETY: as above.
unsafe impl Sync for RuntimeRef {}

impl RuntimeRef {
    fn shared(&self) -> &Shared {
        // SAFETY: by I1.
        unsafe { self.0.as_ref() }
    }

    fn on_own_thread<R>(&self, f: impl FnOnce(Option<&Context>) -> R) -> R {
        context::with_scheduler(|cx| f(cx.filter(|cx| cx.is_of(self.0.as_ptr()))))
    }

    fn push(&self, task: Runnable, again: bool) {
        if self.shared().config.tracks_latency {
            task.stamp(self.shared().nanos());
        }
        let foreign = self.on_own_thread(|cx| match cx {
            Some(Context::CurrentThread(cx)) => cx.schedule(task),
            Some(Context::MultiThread(cx)) => cx.schedule(task, again),
            None => Some(task),
        });
        if let Some(task) = foreign {
            // I1: we hold the permit, so `Shared` lives; once the task is queued, it might not.
            // SAFETY: the pointer came from an `Arc<Shared>` that is alive.
            let shared = unsafe {
                Arc::increment_strong_count(self.0.as_ptr());
                Arc::from_raw(self.0.as_ptr().cast_const())
            };
            schedule_foreign(&shared, task);
        }
    }
}

/// Queues a task from a thread that is not one of its scheduler's.
fn schedule_foreign(shared: &Shared, task: Runnable) {
    shared.counters.note_remote_schedule();
    match &shared.policy {
        Policy::CurrentThread(policy) => policy.inject(&*shared.unpark, task),
        Policy::MultiThread(policy) => policy.inject(shared, task),
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
    }

    fn is_local(&self) -> bool {
        self.on_own_thread(|cx| cx.is_some())
    }

    fn on_terminate(&self, header: &Header) {
        let shared = self.shared();
        shared.hook_task(&shared.config.after_termination, header);
    }

    fn on_panic(&self) {
        let shared = self.shared();
        if shared.config.unhandled_panic == UnhandledPanic::ShutdownRuntime
            && let Policy::CurrentThread(policy) = &shared.policy
        {
            // What is spawned from here on is cancelled, also from outside.
            shared.owned.close();
            policy.note_unhandled_panic();
        }
    }
}

/// Makes the task's cell, binds it and schedules it.
pub(crate) fn spawn<F>(handle: &Handle, future: F, origin: Origin<'_>) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let shared = &handle.shared;
    shared.origin.assert_here();
    let id = Id::next();
    handle.hook_spawn(id, origin);
    let scheduler = RuntimeRef(NonNull::from(&**shared));
    let (future, span) = instrument::task(future, "task", origin, id);
    let raw = RawTask::new(future, scheduler, id, origin.spawned_at, span);
    let join = JoinHandle::new(raw);
    let task = Runnable::from_raw(raw);
    let local = context::with_scheduler(|cx| {
        let cx = cx.filter(|cx| cx.is_of(Arc::as_ptr(shared)))?;
        cx.worker_index()
    });
    let shard = match local {
        Some(worker) => {
            shared.policy.counters(worker).spawned.add(1);
            worker
        }
        None => shared.counters.note_spawn() as usize,
    };
    if !shared.owned.bind(raw, shard) {
        task.refuse();
        return join;
    }
    RuntimeRef(NonNull::from(&**shared)).push(task, false);
    join
}

/// Between two looks at whether the last tasks have ended. Their permits are elsewhere: with a waker that is about to
/// queue its task, which takes a moment, or with `block_in_place`, which takes as long as the user likes.
struct Pause(u32);

impl Pause {
    /// Looks before it sleeps, and the longest sleep, in microseconds.
    const YIELDS: u32 = 32;
    const LONGEST: u64 = 10_000;

    fn new() -> Pause {
        Pause(0)
    }

    fn wait(&mut self) {
        self.0 += 1;
        match self.0.checked_sub(Pause::YIELDS) {
            None => crate::base::shim::thread::yield_now(),
            Some(sleeps) => {
                let micros = (50 << sleeps.min(10)).min(Pause::LONGEST);
                clock::block_for(Duration::from_micros(micros));
            }
        }
    }
}

/// Gives this worker's core to another thread, for `block_in_place`; what is returned is dropped
/// when the blocking is over.
#[track_caller]
pub(crate) fn hand_off_core() -> Option<multi_thread::Regain> {
    context::with_scheduler(|cx| match cx {
        Some(Context::MultiThread(cx)) => cx.hand_off_core(),
        Some(Context::CurrentThread(_)) => {
            panic!("can call blocking only when running on the multi-threaded runtime")
        }
        None => None,
    })
}

/// The bounds of how `poll` is wrapped: hooks and the poll-time histogram, where there are any.
pub(crate) fn run_task(shared: &Shared, counters: &WorkerCounters, task: Runnable) {
    let config = &shared.config;
    counters.polls.add(1);
    let observed = config.before_poll.is_some()
        || config.after_poll.is_some()
        || config.poll_histogram.is_some()
        || config.tracks_latency;
    if !observed {
        return run(shared, task);
    }
    let raw = task.raw();
    let header = raw.header();
    let schedule_latency = task
        .take_stamp()
        .map(|at| shared.nanos().saturating_sub(at));
    if let (Some(nanos), Some(histogram)) = (schedule_latency, &config.schedule_latency_histogram)
        && let Some(tally) = counters.latency_histogram.get(histogram.bucket_of(nanos))
    {
        tally.add(1);
    }
    let meta = runtime::TaskMeta {
        id: header.id,
        spawned_at: header.spawned_at,
        name: None,
        schedule_latency: schedule_latency.map(Duration::from_nanos),
    };
    // A hook that panics must not cost the task its poll.
    if let Some(hook) = &config.before_poll {
        contain::contain(|| hook(&meta));
    }
    let start = clock::now();
    run(shared, task); // the header may be gone
    if let Some(histogram) = &config.poll_histogram {
        let nanos = start.elapsed().as_nanos() as u64;
        if let Some(tally) = counters.poll_histogram.get(histogram.bucket_of(nanos)) {
            tally.add(1);
        }
    }
    if let Some(hook) = &config.after_poll {
        contain::contain(|| hook(&meta));
    }
}

/// Polls the task, for a dump if there is one.
#[inline]
fn run(shared: &Shared, task: Runnable) {
    #[cfg(feature = "taskdump")]
    crate::dump::run(shared, task);
    #[cfg(not(feature = "taskdump"))]
    {
        let _ = shared;
        task.run();
    }
}
