//! From a future or a closure to a scheduled task.

use super::context::with_context;
use super::current::set_current;
use super::runtime_ref::RuntimeRef;
use super::shared::Handle;
use crate::base::shim::thread::{self, Builder};
use crate::blocking::{BlockingTask, Refused, Start};
use crate::coop;
use crate::instrument::{self, SpawnSite};
use crate::record;
use crate::task::cell::{Header, RawTask, Schedule};
use crate::task::{self, Id, JoinHandle, Runnable};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Makes the task's cell, binds it and schedules it.
pub(crate) fn spawn<F>(handle: &Handle, future: F, site: SpawnSite<'_>) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let shared = &handle.shared;
    shared.origin.assert_here();
    let id = Id::next();
    shared.hook_spawn(id, site);
    if record::is_on() {
        site.record(id.as_u64(), task::polled());
    }
    let scheduler = RuntimeRef::new(shared);
    let (future, span) = instrument::task(future, "task", site, id.as_u64());
    let raw = RawTask::new(future, scheduler, id, site, span);
    let join = JoinHandle::new(raw);
    let task = Runnable::from_raw(raw);
    let local = with_context(|cx| {
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
    RuntimeRef::new(shared).push(task, false);
    join
}

/// The closure as a future that ends in its first poll, without a budget.
struct Once<F>(Option<F>);

impl<F> Unpin for Once<F> {}

impl<F: FnOnce() -> R, R> Future for Once<F> {
    type Output = R;
    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<R> {
        let Some(f) = self.0.take() else {
            unreachable!("a blocking task is run once")
        };
        Poll::Ready(coop::with_unconstrained(f))
    }
}

/// The owner of a blocking task is its queue entry. Nothing schedules the task before it is complete,
/// since the entry holds the permit.
struct BlockingSchedule(Handle);

impl Schedule for BlockingSchedule {
    fn schedule(&self, task: Runnable) {
        // Unreachable by I1 of the state word; cancelling keeps the permit from being lost.
        task.cancel();
    }
    fn release(&self, _header: NonNull<Header>) {
        if let Some(timers) = &self.0.shared.timers {
            timers.allow_auto_advance();
        }
    }
    fn on_terminate(&self, header: &Header) {
        self.0.shared.hook_terminate(header);
    }
}

/// Runs `f` on the pool of `handle`'s runtime.
#[track_caller]
pub(crate) fn spawn_blocking<F, R>(
    handle: &Handle,
    f: F,
    site: SpawnSite<'_>,
) -> io::Result<JoinHandle<R>>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    submit(handle, f, site, false).map(|(join, _)| join)
}

/// The handle, and whether the pool has taken the closure; if not, the closure is cancelled. An error
/// if the system gives no thread.
#[track_caller]
pub(crate) fn submit<F, R>(
    handle: &Handle,
    f: F,
    site: SpawnSite<'_>,
    mandatory: bool,
) -> io::Result<(JoinHandle<R>, bool)>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    handle.shared.origin.assert_here();
    let id = Id::next();
    handle.shared.hook_spawn(id, site);
    if record::is_on() {
        site.record(id.as_u64(), task::polled());
    }
    if let Some(timers) = &handle.shared.timers {
        timers.inhibit_auto_advance();
    }
    let (once, span) = instrument::blocking::<F, _>(Once(Some(f)), site, id.as_u64());
    let raw = RawTask::new(once, BlockingSchedule(handle.clone()), id, site, span);
    let join = JoinHandle::new(raw);
    let task = Runnable::from_raw(raw);
    let task = BlockingTask { task, mandatory };
    match handle.shared.pool.spawn(task, start_thread_of(handle)) {
        Ok(()) => Ok((join, true)),
        Err(Refused::Shutdown(task)) => {
            task.refuse();
            Ok((join, false))
        }
        Err(Refused::NoThread(task, error)) => {
            task.refuse();
            Err(without_thread(&error))
        }
    }
}

/// Makes threads for the pool of `handle`'s runtime; that runtime is current on them.
pub(crate) fn start_thread_of(
    handle: &Handle,
) -> impl FnOnce(Builder, Start) -> io::Result<thread::JoinHandle<()>> {
    |builder, start| {
        let handle = handle.clone();
        builder.spawn(move || {
            let _current = set_current(handle.clone());
            handle.shared.pool.run_thread(start);
        })
    }
}

/// The system's error, and what to do about it.
fn without_thread(error: &io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!(
            "OS can't spawn worker thread: {error}; raise the limit on threads (RLIMIT_NPROC, the cgroup's \
             pids.max) or on memory, or lower `max_blocking_threads`"
        ),
    )
}
