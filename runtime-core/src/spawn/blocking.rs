//! `spawn_blocking` and `block_in_place`: closures that may block.

use crate::base::deferred;
use crate::base::shim::sync::{Arc, Mutex};
use crate::base::thread::{Entered, entered, is_entered, replace_entered};
use crate::coop;
use crate::handle::{Handle, spawn, with_current};
use crate::instrument::SpawnSite;
use crate::record;
#[cfg(feature = "taskdump")]
use crate::runtime::dump::LeftOut;
use crate::task::{self, JoinHandle, is_large};
use crate::worker::start;
use std::io;

/// Runs a closure that may block on a thread made for that, and returns the handle that waits
/// for its result.
///
/// The pool makes threads on demand, up to `max_blocking_threads`; further closures wait for a free one.
/// A closure that has begun cannot be aborted. At the runtime's shutdown, closures that have not
/// begun are cancelled.
///
/// The closure goes to another thread, and must own what it uses:
///
/// ```compile_fail,E0277
/// # use runtime_core::spawn::spawn_blocking;
/// let shared = std::rc::Rc::new(1);
/// spawn_blocking(move || *shared);
/// ```
///
/// ```compile_fail,E0373
/// # use runtime_core::spawn::spawn_blocking;
/// let text = String::from("gone by then");
/// spawn_blocking(|| text.len());
/// ```
///
/// # Panics
/// Outside of a runtime, or if the system gives no thread and the pool has none.
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
/// If the system gives no thread and the pool has none.
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub fn try_spawn_blocking<F, R>(f: F) -> io::Result<JoinHandle<R>>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let (handle, site) = (Handle::current(), SpawnSite::caller());
    if const { is_large::<F>() } {
        spawn::spawn_blocking(&handle, Box::new(f), site.boxed::<F>())
    } else {
        spawn::spawn_blocking(&handle, f, site)
    }
}

/// Like [`try_spawn_blocking`], for a closure that works on `state`: an error gives the state back.
///
/// It costs one allocation more.
///
/// # Errors
/// As for [`try_spawn_blocking`].
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
/// As for [`try_spawn_blocking`]; the closure was not run.
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub fn spawn_mandatory_blocking<F, R>(f: F) -> io::Result<Option<JoinHandle<R>>>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let (handle, site) = (Handle::current(), SpawnSite::caller());
    let (join, taken) = if const { is_large::<F>() } {
        spawn::submit(&handle, Box::new(f), site.boxed::<F>(), true)
    } else {
        spawn::submit(&handle, f, site, true)
    }?;
    Ok(taken.then_some(join))
}

/// Drops a value whose drop may block (a file on a network file system, say). If this thread runs a runtime's tasks,
/// the blocking pool drops the value. Else, or if the pool accepts nothing any more, this thread does.
pub fn drop_off_worker<T: Send + 'static>(value: T) {
    if !is_entered() {
        return drop(value);
    }
    let Some(handle) = with_current(Handle::clone) else {
        return drop(value);
    };
    // A refused closure is dropped here, with its value. Mandatory, as a shutdown drops other queued closures on the
    // thread that shuts down.
    let _ = spawn::submit(&handle, move || drop(value), SpawnSite::caller(), true);
}

/// Runs a closure that may block on the current thread, after handing this worker's other tasks to
/// another thread.
///
/// # Panics
/// On a current-thread runtime and in a `LocalSet`: their tasks cannot move to another thread.
///
/// # Examples
/// ```
/// # #[selvedge::main]
/// # async fn main() {
/// let sum = selvedge::spawn(async {
///     // Other tasks of this worker go on elsewhere meanwhile.
///     selvedge::task::block_in_place(|| (0..1000_u64).sum::<u64>())
/// });
/// assert_eq!(sum.await.unwrap(), 499_500);
/// # }
/// ```
#[track_caller]
pub fn block_in_place<F, R>(f: F) -> R
where
    F: FnOnce() -> R,
{
    if !is_entered() {
        return f();
    }
    let allowed = matches!(
        entered(),
        Entered::Yes {
            allow_block_in_place: true
        }
    );
    assert!(
        allowed,
        "can call blocking only when running on the multi-threaded runtime; on a current-thread one, and in a `LocalSet`, use `spawn_blocking`"
    );
    // What this worker deferred must not wait for us.
    deferred::wake_all();
    #[cfg(feature = "taskdump")]
    let _left_out = (LeftOut::current(), crate::base::trace::untraced());
    start::hand_off_core();
    let _entered = replace_entered(Entered::No);
    let _budget = coop::pause();
    let _recorded = InPlace::begin();
    f()
}

/// Records that a closure runs in place, until it is dropped; on unwinding too.
struct InPlace(u64);

impl InPlace {
    fn begin() -> InPlace {
        let task = task::running();
        record::in_place_begin(task);
        InPlace(task)
    }
}

impl Drop for InPlace {
    fn drop(&mut self) {
        record::in_place_end(self.0);
    }
}
