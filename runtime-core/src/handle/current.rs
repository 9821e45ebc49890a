//! The runtime that this thread is in.
//!
//! Two things nest, each undone by a guard, on unwinding too: *current* (`Handle::enter`, `block_on`), and *entered* (this
//! thread drives a runtime and must not block). After the thread-local's destruction every question is answered as on
//! a plain thread.

use super::context;
use super::error::TryCurrentError;
use super::shared::Handle;
use crate::base::fork;
use crate::base::rng::{self, Rng};
use crate::base::thread::{Entered, RestoreEntered, is_entered, replace_entered};
use crate::{coop, task};
use std::cell::{Cell, RefCell};

struct Current {
    handle: RefCell<Option<Handle>>,
    /// How many guards are alive.
    depth: Cell<usize>,
}

crate::runtime_thread_local! {
    static CURRENT: Current = Current { handle: RefCell::new(None), depth: Cell::new(0) }
}

/// To be called once, before the first runtime starts: from then on a forked child's thread is on no runtime, and budgets that
/// are used up are counted.
pub(crate) fn prepare() {
    static FORKS: fork::Watch = fork::Watch::in_child(forget_runtime);
    FORKS.begin();
    coop::tell_when_spent(|| {
        with_current(|handle| handle.shared.counters.note_forced_yield());
    });
}

/// What the thread had of the parent's runtime is leaked, not dropped. Allocates and frees nothing.
pub(super) unsafe extern "C" fn forget_runtime() {
    let _ = CURRENT.try_with(|c| {
        if let Ok(mut handle) = c.handle.try_borrow_mut() {
            std::mem::forget(handle.take());
        }
    });
    context::forget_runtime();
    coop::forget_runtime();
    task::forget_runtime();
}

/// Runs `f` on the current handle, without cloning it. `f` must not run user code.
#[inline]
pub fn with_current<R>(f: impl FnOnce(&Handle) -> R) -> Option<R> {
    CURRENT
        .try_with(|c| c.handle.borrow().as_ref().map(f))
        .ok()
        .flatten()
}

pub(crate) fn try_current() -> Result<Handle, TryCurrentError> {
    match CURRENT.try_with(|c| c.handle.borrow().clone()) {
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
    CURRENT
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
        // The last handle's drop runs destructors, which must not happen while the context is borrowed.
        let _mine = CURRENT.try_with(|c| {
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
    }
}

/// Undoes [`enter_runtime`].
#[derive(Debug)]
pub(crate) struct EnterRuntime {
    _entered: RestoreEntered,
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
    let current = match set_current(handle.clone()) {
        Ok(current) => current,
        Err(error) => panic!("{error}"),
    };
    EnterRuntime {
        _entered: replace_entered(Entered::Yes {
            allow_block_in_place,
        }),
        _current: current,
        rng: rng::replace_thread_rng(Rng::new(&handle.shared.seeds.next_seed())),
    }
}

impl Drop for EnterRuntime {
    fn drop(&mut self) {
        rng::replace_thread_rng(self.rng);
    }
}
