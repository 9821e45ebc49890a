//! Catches the panics of user code (wakers, hooks, drops), so that they do not reach code that did not cause them.

use super::lock_audit::user_code;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

/// Runs user code and swallows its panic, which the panic hook has reported.
#[inline]
#[track_caller]
pub fn contain(f: impl FnOnce()) {
    user_code();
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        discard(payload);
    }
}

/// Drops the payload of a panic. Its drop may panic again, with another payload: after 16 attempts the last is leaked.
// Never inlined: the compiler unrolls the loop, and each task type would have a copy of that.
#[cold]
#[inline(never)]
pub fn discard(mut payload: Box<dyn Any + Send>) {
    const MOST: usize = 16;
    for _ in 0..MOST {
        match try_drop(payload) {
            Ok(()) => return,
            Err(another) => payload = another,
        }
    }
    std::mem::forget(payload);
}

#[inline(never)]
fn try_drop(payload: Box<dyn Any + Send>) -> Result<(), Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(|| drop(payload)))
}

/// Wakes a task, perhaps from a destructor: a waker's panic goes on to the caller, but not while the thread is unwinding,
/// where a second panic would abort.
#[inline]
#[track_caller]
pub fn wake(waker: Waker) {
    if std::thread::panicking() {
        contain(|| waker.wake());
    } else {
        user_code();
        waker.wake();
    }
}
