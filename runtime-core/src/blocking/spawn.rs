//! `spawn_blocking` and `block_in_place`.

use super::pool::{Refused, Start};
use super::state::Job;
use crate::base::shim::sync::{Arc, Mutex};
use crate::base::shim::thread::{self, Builder};
use crate::context;
use crate::coop;
use crate::instrument;
use crate::runtime::Handle;
use crate::scheduler;
use crate::task::cell::{Header, RawTask, Schedule};
use crate::task::spawn::{Origin, is_large};
use crate::task::{Id, JoinHandle, Runnable};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

/// The closure as a future that ends in its first poll, without a budget.
struct Once<F>(Option<F>);

impl<F> Unpin for Once<F> {}

impl<F: FnOnce() -> R, R> Future for Once<F> {
    type Output = R;
    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<R> {
        let Some(f) = self.0.take() else {
            unreachable!("a blocking task is run once")
        };
        coop::stop();
        Poll::Ready(f())
    }
}

/// The owner of a blocking task is its queue entry: it is never woken while not complete, since
/// the entry holds the permit.
struct BlockingSchedule(Handle);

impl Schedule for BlockingSchedule {
    fn schedule(&self, task: Runnable) {
        // Unreachable by I1 of the state word; cancelling keeps the permit from being lost.
        task.cancel();
    }
    fn release(&self, _header: NonNull<Header>) {
        if let Some(timers) = self.0.timers() {
            timers.allow_auto_advance();
        }
    }
    fn on_terminate(&self, header: &Header) {
        self.0.hook_terminate(header);
    }
}

/// A closure as a task.
pub(crate) struct BlockingTask {
    task: Runnable,
    mandatory: bool,
}

impl BlockingTask {
    /// Cancelled before anybody else knew it; see `Runnable::refuse`.
    fn refuse(self) {
        self.task.refuse();
    }
}

impl Job for BlockingTask {
    fn is_mandatory(&self) -> bool {
        self.mandatory
    }
    fn run(self) {
        self.task.run();
    }
    fn cancel(self) {
        self.task.cancel();
    }
}

/// Runs `f` on the pool of `handle`'s runtime.
#[track_caller]
pub(crate) fn spawn_on<F, R>(handle: &Handle, f: F, origin: Origin<'_>) -> io::Result<JoinHandle<R>>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    submit(handle, f, origin, false).map(|(join, _)| join)
}

/// The handle, and whether the pool has taken the work; if not, it is cancelled. An error where the
/// system gives no thread.
#[track_caller]
fn submit<F, R>(
    handle: &Handle,
    f: F,
    origin: Origin<'_>,
    mandatory: bool,
) -> io::Result<(JoinHandle<R>, bool)>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    handle.shared.origin.assert_here();
    let id = Id::next();
    handle.hook_spawn(id, origin);
    if let Some(timers) = handle.timers() {
        timers.inhibit_auto_advance();
    }
    let (once, span) = instrument::blocking::<F, _>(Once(Some(f)), origin, id);
    let raw = RawTask::new(
        once,
        BlockingSchedule(handle.clone()),
        id,
        origin.spawned_at,
        span,
    );
    let join = JoinHandle::new(raw);
    let task = Runnable::from_raw(raw);
    let task = BlockingTask { task, mandatory };
    match handle.pool().spawn(task, start_thread_of(handle)) {
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

/// Makes threads for the pool of `handle`'s runtime, which is their current runtime.
pub(crate) fn start_thread_of(
    handle: &Handle,
) -> impl FnOnce(Builder, Start) -> io::Result<thread::JoinHandle<()>> {
    |builder, start| {
        let handle = handle.clone();
        builder.spawn(move || {
            let _current = context::set_current(handle.clone());
            handle.pool().run_thread(start);
        })
    }
}

/// What the system said, and what to do about it.
fn without_thread(error: &io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!(
            "OS can't spawn worker thread: {error}; raise the limit on threads (RLIMIT_NPROC, the cgroup's \
             pids.max) or on memory, or lower `max_blocking_threads`"
        ),
    )
}

/// Runs a closure that may block on a thread made for that, and returns the handle that waits
/// for its result.
///
/// The pool makes threads on demand, up to `max_blocking_threads`; further closures wait for one.
/// A closure that has begun cannot be aborted. At the runtime's shutdown, those that have not
/// begun are cancelled.
///
/// The closure goes to another thread, and must own what it uses:
///
/// ```compile_fail,E0277
/// # use runtime_core::task::spawn_blocking;
/// let shared = std::rc::Rc::new(1);
/// spawn_blocking(move || *shared);
/// ```
///
/// ```compile_fail,E0373
/// # use runtime_core::task::spawn_blocking;
/// let text = String::from("gone by then");
/// spawn_blocking(|| text.len());
/// ```
///
/// # Panics
/// Outside of a runtime, or where the system gives no thread and none lives.
#[track_caller]
pub fn spawn_blocking<F, R>(f: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    Handle::current().spawn_blocking(f)
}

/// Like [`spawn_blocking`], for callers that can return an error.
///
/// # Errors
/// Where the system gives no thread and none lives.
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub fn try_spawn_blocking<F, R>(f: F) -> io::Result<JoinHandle<R>>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let (handle, origin) = (Handle::current(), Origin::caller());
    if const { is_large::<F>() } {
        spawn_on(&handle, Box::new(f), origin.boxed::<F>())
    } else {
        spawn_on(&handle, f, origin)
    }
}

/// Like [`try_spawn_blocking`], for a closure that works on `state`: an error gives the state back.
///
/// It costs one allocation more.
///
/// # Errors
/// As there.
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub fn try_spawn_blocking_with<S, F, R>(state: S, f: F) -> Result<JoinHandle<R>, (io::Error, S)>
where
    S: Send + 'static,
    F: FnOnce(S) -> R + Send + 'static,
    R: Send + 'static,
{
    let place = Arc::new(Mutex::new(Some(state)));
    let on_thread = place.clone();
    let spawned = try_spawn_blocking(move || {
        let state = on_thread.lock().take();
        let Some(state) = state else {
            unreachable!("the state is taken back only from a closure that was refused")
        };
        f(state)
    });
    spawned.map_err(|error| {
        let state = place.lock().take();
        let Some(state) = state else {
            unreachable!("a closure that was refused has not run")
        };
        (error, state)
    })
}

/// Like [`try_spawn_blocking`], for work that must not be lost (a write to a file): it is run even if
/// the runtime shuts down before its turn. `None` if the runtime has shut down already.
///
/// # Errors
/// As there; the closure was not run.
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub fn spawn_mandatory_blocking<F, R>(f: F) -> io::Result<Option<JoinHandle<R>>>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let (handle, origin) = (Handle::current(), Origin::caller());
    let (join, taken) = if const { is_large::<F>() } {
        submit(&handle, Box::new(f), origin.boxed::<F>(), true)
    } else {
        submit(&handle, f, origin, true)
    }?;
    Ok(taken.then_some(join))
}

/// Drops a value whose drop may block (a file of a network's file system, say) where nobody waits for it: on the
/// pool if this thread is running a runtime's tasks; here if it is not, or if the pool takes nothing any more.
pub fn drop_off_worker<T: Send + 'static>(value: T) {
    if !context::is_entered() {
        return drop(value);
    }
    let Some(handle) = context::with_current(Handle::clone) else {
        return drop(value);
    };
    // Refused, the closure is dropped with what it has. Mandatory: a value that is queued is dropped there as well,
    // but by the thread that shuts down.
    let _ = submit(&handle, move || drop(value), Origin::caller(), true);
}

/// Runs a closure that may block on the current thread, after handing this worker's other tasks to
/// another thread.
///
/// # Panics
/// On a current-thread runtime and in a `LocalSet`: their tasks cannot go elsewhere.
#[track_caller]
pub fn block_in_place<F, R>(f: F) -> R
where
    F: FnOnce() -> R,
{
    if !context::is_entered() {
        return f();
    }
    let allowed = matches!(
        context::entered(),
        context::Entered::Yes {
            allow_block_in_place: true
        }
    );
    assert!(
        allowed,
        "can call blocking only when running on the multi-threaded runtime"
    );
    // What this worker deferred must not wait for us.
    context::wake_deferred();
    #[cfg(feature = "taskdump")]
    let _left_out = (crate::dump::LeftOut::current(), crate::dump::untraced());
    let _core = scheduler::hand_off_core();
    let _entered = context::replace_entered(context::Entered::No);
    struct Restore(coop::Budget);
    impl Drop for Restore {
        fn drop(&mut self) {
            context::set_budget(self.0);
        }
    }
    let _budget = Restore(coop::stop());
    f()
}
