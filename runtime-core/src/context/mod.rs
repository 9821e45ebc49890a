//! What a thread knows of the runtime it is in: the current handle, the worker driving it, the
//! coop budget, the running task, deferred wakers and the random generator.
//!
//! One thread-local, const-initialised. Three things nest, each undone by a guard, on unwinding too:
//! *current handle* (`Handle::enter`, `block_on`), *entered* (this thread drives a runtime and must
//! not block), *scheduler* (this thread is a worker holding a core).
//!
//! I1: `scheduler` points to a live scheduler context or is null: the guard that set it outlives it.
//! After the thread-local's destruction every question is answered as on a plain thread.

use crate::base::contain;
use crate::base::rng::{Rng, RngSeed};
use crate::base::shim::sync::Arc;
use crate::coop::Budget;
use crate::runtime::{Handle, TryCurrentError};
use crate::scheduler;
use crate::task::local_set;
use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

/// How this thread may block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entered {
    /// Not driving a runtime: may block.
    No,
    /// Driving one; `block_in_place` may step out of it.
    Yes { allow_block_in_place: bool },
}

/// Room for so many deferred wakers stays when they have been woken.
const KEPT_DEFERRED: usize = 256;

struct Context {
    handle: RefCell<Option<Handle>>,
    depth: Cell<usize>,
    entered: Cell<Entered>,
    scheduler: Cell<*const scheduler::Context>,
    budget: Cell<Budget>,
    task_id: Cell<u64>,
    rng: Cell<Rng>,
    deferred: RefCell<Vec<Waker>>,
    local_set: RefCell<Option<Arc<local_set::Shared>>>,
}

crate::runtime_thread_local! {
    static CONTEXT: Context = Context {
        handle: RefCell::new(None),
        depth: Cell::new(0),
        entered: Cell::new(Entered::No),
        scheduler: Cell::new(std::ptr::null()),
        budget: Cell::new(Budget::UNLIMITED),
        task_id: Cell::new(0),
        rng: Cell::new(Rng::UNSEEDED),
        deferred: RefCell::new(Vec::new()),
        local_set: RefCell::new(None),
    }
}

crate::runtime_thread_local! {
    // Without a destructor, so that it can be asked for to a thread's very end.
    static TOKEN: Cell<u64> = Cell::new(0)
}

/// A number that no other thread of this process has had.
pub(crate) fn thread_token() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    TOKEN.with(|token| {
        if token.get() == 0 {
            // Ordering: Relaxed; a counter, only its uniqueness matters.
            token.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        token.get()
    })
}

/// In a forked child, on its one thread: the thread runs on no runtime any more. What it had of the parent's runtime is
/// leaked, not dropped. Allocates and frees nothing.
#[cfg(all(unix, not(runtime_loom)))]
pub(crate) fn forget_runtime() {
    let _ = CONTEXT.try_with(|c| {
        if let Ok(mut handle) = c.handle.try_borrow_mut() {
            std::mem::forget(handle.take());
        }
        if let Ok(mut deferred) = c.deferred.try_borrow_mut() {
            std::mem::forget(std::mem::take(&mut *deferred));
        }
        if let Ok(mut set) = c.local_set.try_borrow_mut() {
            std::mem::forget(set.take());
        }
        c.entered.set(Entered::No);
        c.scheduler.set(std::ptr::null());
        c.budget.set(Budget::UNLIMITED);
        c.task_id.set(0);
        // The parent goes on with the same numbers.
        c.rng.set(Rng::UNSEEDED);
    });
}

/// Runs `f` on the current handle, without cloning it. `f` must not run user code.
#[inline]
pub fn with_current<R>(f: impl FnOnce(&Handle) -> R) -> Option<R> {
    CONTEXT
        .try_with(|c| c.handle.borrow().as_ref().map(f))
        .ok()
        .flatten()
}

pub(crate) fn try_current() -> Result<Handle, TryCurrentError> {
    match CONTEXT.try_with(|c| c.handle.borrow().clone()) {
        Ok(Some(handle)) => Ok(handle),
        Ok(None) => Err(TryCurrentError::no_context()),
        Err(_) => Err(TryCurrentError::thread_local_destroyed()),
    }
}

/// Undoes [`set_current`].
#[derive(Debug)]
pub(crate) struct SetCurrent {
    previous: Option<Handle>,
    depth: usize,
}

/// Makes `handle` current on this thread until the guard is dropped.
pub(crate) fn set_current(handle: Handle) -> Result<SetCurrent, TryCurrentError> {
    CONTEXT
        .try_with(|c| {
            let previous = c.handle.borrow_mut().replace(handle);
            let depth = c.depth.get() + 1;
            c.depth.set(depth);
            SetCurrent { previous, depth }
        })
        .map_err(|_| TryCurrentError::thread_local_destroyed())
}

impl Drop for SetCurrent {
    fn drop(&mut self) {
        let previous = self.previous.take();
        let mine = CONTEXT.try_with(|c| {
            if c.depth.get() != self.depth {
                if !std::thread::panicking() {
                    panic!(
                        "`EnterGuard` values dropped out of order. Guards returned by \
                         `Handle::enter()` must be dropped in the reverse order as they were acquired."
                    );
                }
                return None;
            }
            c.depth.set(self.depth - 1);
            std::mem::replace(&mut *c.handle.borrow_mut(), previous)
        });
        // The last handle's drop runs destructors: not while the context is borrowed.
        drop(mine);
    }
}

/// Undoes [`enter_runtime`].
#[derive(Debug)]
pub(crate) struct EnterRuntime {
    _current: SetCurrent,
    rng: Rng,
}

/// Marks this thread as driving `handle`'s runtime.
#[track_caller]
pub(crate) fn enter_runtime(handle: &Handle, allow_block_in_place: bool) -> EnterRuntime {
    if is_entered() {
        panic!(
            "Cannot start a runtime from within a runtime. This happens because a function (like \
             `block_on`) attempted to block the current thread while the thread is being used to \
             drive asynchronous tasks. If you are in an async function, use `.await` on the future \
             instead of blocking on it."
        );
    }
    let current = set_current(handle.clone()).unwrap_or_else(|e| panic!("{e}"));
    let rng = CONTEXT.with(|c| {
        c.entered.set(Entered::Yes {
            allow_block_in_place,
        });
        c.rng.replace(Rng::new(&handle.next_seed()))
    });
    EnterRuntime {
        _current: current,
        rng,
    }
}

impl Drop for EnterRuntime {
    fn drop(&mut self) {
        let _ = CONTEXT.try_with(|c| {
            c.entered.set(Entered::No);
            c.rng.set(self.rng);
        });
    }
}

pub(crate) fn is_entered() -> bool {
    entered() != Entered::No
}

pub(crate) fn entered() -> Entered {
    CONTEXT.try_with(|c| c.entered.get()).unwrap_or(Entered::No)
}

/// Puts back how the thread may block.
pub(crate) struct RestoreEntered(Entered);

impl Drop for RestoreEntered {
    fn drop(&mut self) {
        let _ = CONTEXT.try_with(|c| c.entered.set(self.0));
    }
}

/// Sets how this thread may block, until the guard is dropped.
pub(crate) fn replace_entered(entered: Entered) -> RestoreEntered {
    RestoreEntered(
        CONTEXT
            .try_with(|c| c.entered.replace(entered))
            .unwrap_or(Entered::No),
    )
}

/// Inside, `block_in_place` panics (as in a `LocalSet`, which cannot be handed to another thread).
pub(crate) fn disallow_block_in_place() -> Option<RestoreEntered> {
    match entered() {
        Entered::Yes {
            allow_block_in_place: true,
        } => Some(replace_entered(Entered::Yes {
            allow_block_in_place: false,
        })),
        _ => None,
    }
}

// ---- local set ----

/// Makes `set` the one that `spawn_local` finds; gives back the one before.
pub(crate) fn replace_local_set(
    set: Option<Arc<local_set::Shared>>,
) -> Option<Arc<local_set::Shared>> {
    CONTEXT
        .try_with(|c| c.local_set.replace(set))
        .ok()
        .flatten()
}

/// The set that `spawn_local` finds.
pub(crate) fn local_set() -> Option<Arc<local_set::Shared>> {
    CONTEXT
        .try_with(|c| c.local_set.borrow().clone())
        .ok()
        .flatten()
}

/// # Panics
/// With `message`, on a thread that is driving asynchronous tasks.
#[track_caller]
pub fn assert_blocking_allowed(message: &str) {
    if is_entered() {
        panic!("{message}");
    }
}

// ---- scheduler ----

/// Undoes [`set_scheduler`].
pub(crate) struct SetScheduler(*const scheduler::Context);

/// Makes this thread a worker with the given context for as long as the guard lives.
pub(crate) fn set_scheduler(cx: &scheduler::Context) -> SetScheduler {
    // A thread that is past its thread-locals' destructors has no scheduler to restore either.
    SetScheduler(
        CONTEXT
            .try_with(|c| c.scheduler.replace(cx))
            .unwrap_or(std::ptr::null()),
    )
}

impl Drop for SetScheduler {
    fn drop(&mut self) {
        let _ = CONTEXT.try_with(|c| c.scheduler.set(self.0));
    }
}

/// Runs `f` on this thread's scheduler context, if it is a worker.
#[inline]
pub(crate) fn with_scheduler<R>(f: impl FnOnce(Option<&scheduler::Context>) -> R) -> R {
    let cx = CONTEXT
        .try_with(|c| c.scheduler.get())
        .unwrap_or(std::ptr::null());
    // SAFETY: by I1 the pointer is null or points to a context that outlives its guard, and the
    // guard is on this thread's stack below us.
    f(unsafe { cx.as_ref() })
}

/// Index of the worker this thread is, of the current runtime; `None` on other threads.
#[inline]
pub fn worker_index() -> Option<usize> {
    with_scheduler(|cx| cx.and_then(scheduler::Context::worker_index))
}

// ---- budget ----

#[inline]
pub(crate) fn get_budget() -> Budget {
    CONTEXT
        .try_with(|c| c.budget.get())
        .unwrap_or(Budget::UNLIMITED)
}

#[inline]
pub(crate) fn set_budget(budget: Budget) {
    let _ = CONTEXT.try_with(|c| c.budget.set(budget));
}

#[inline]
pub(crate) fn replace_budget(budget: Budget) -> Budget {
    CONTEXT
        .try_with(|c| c.budget.replace(budget))
        .unwrap_or(Budget::UNLIMITED)
}

pub(crate) fn note_forced_yield() {
    with_current(|h| h.metrics_counters().note_forced_yield());
}

// ---- tasks ----

/// Sets the running task's id; gives back the one before.
#[inline]
pub(crate) fn replace_task_id(id: u64) -> u64 {
    CONTEXT.try_with(|c| c.task_id.replace(id)).unwrap_or(0)
}

#[inline]
pub(crate) fn task_id() -> u64 {
    CONTEXT.try_with(|c| c.task_id.get()).unwrap_or(0)
}

/// Wakes `waker` once the worker has been round its other tasks and the driver; at once on
/// threads that are not workers.
pub(crate) fn defer(waker: &Waker) {
    // A thread in `block_in_place` has no rounds any more.
    let is_worker = with_scheduler(|cx| cx.is_some_and(|cx| cx.worker_index().is_some()));
    let pushed = is_worker
        && CONTEXT
            .try_with(|c| match c.deferred.try_borrow_mut() {
                Ok(mut list) => {
                    if !list.last().is_some_and(|last| last.will_wake(waker)) {
                        list.push(waker.clone());
                    }
                    true
                }
                Err(_) => false,
            })
            .unwrap_or(false);
    if !pushed {
        waker.wake_by_ref();
    }
}

/// Is any waker deferred on this thread?
#[inline]
pub(crate) fn has_deferred() -> bool {
    CONTEXT
        .try_with(|c| !c.deferred.borrow().is_empty())
        .unwrap_or(false)
}

/// Wakes what was deferred.
pub(crate) fn wake_deferred() {
    if !has_deferred() {
        return;
    }
    let mut list = CONTEXT
        .try_with(|c| std::mem::take(&mut *c.deferred.borrow_mut()))
        .unwrap_or_default();
    for waker in list.drain(..) {
        contain::contain(|| waker.wake());
    }
    // Its memory serves the next round, unless the list was long.
    if list.capacity() <= KEPT_DEFERRED {
        let _ = CONTEXT.try_with(|c| {
            let mut deferred = c.deferred.borrow_mut();
            if deferred.is_empty() {
                *deferred = list;
            }
        });
    }
}

/// A random number below `n`, from the runtime's seed on its own threads.
pub fn thread_rng_n(n: u32) -> u32 {
    CONTEXT
        .try_with(|c| {
            let mut rng = c.rng.get();
            if rng.is_unseeded() {
                rng = Rng::new(&RngSeed::random());
            }
            let value = rng.below(n);
            c.rng.set(rng);
            value
        })
        .unwrap_or(0)
}
