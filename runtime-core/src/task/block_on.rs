//! Blocking one thread on one future, away from any scheduler.

use super::{Id, nested};
use crate::base::deferred;
use crate::base::fork::Origin;
use crate::base::parker::ThreadParker;
use crate::base::spin::LookOut;
use crate::base::thread;
use crate::coop;
use crate::record;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::pin;
// A number for the recorder, not part of a protocol: std's atomic under the model checker too.
use crate::base::shim::atomic64::AtomicU64;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Wake, Waker};

/// The thread's parker, and the number under which the recorder knows the future; 0: none.
struct ParkWaker(ThreadParker, AtomicU64);

impl ParkWaker {
    fn unpark(&self) {
        // Ordering: Relaxed; for the recorder only.
        match self.1.load(Ordering::Relaxed) {
            0 => {}
            id => record::woken(id),
        }
        self.0.unpark();
    }
}

impl Wake for ParkWaker {
    fn wake(self: std::sync::Arc<Self>) {
        self.unpark();
    }
    fn wake_by_ref(self: &std::sync::Arc<Self>) {
        self.unpark();
    }
}

crate::runtime_thread_local! {
    static PARKER: RefCell<Option<std::sync::Arc<ParkWaker>>> = RefCell::new(None)
}

crate::runtime_thread_local! {
    static LOOK_OUT: Cell<LookOut> = Cell::new(LookOut::new())
}

/// Looks out for the token before the thread sleeps.
fn looks_out(parker: &ThreadParker) {
    LOOK_OUT.with(|cell| {
        let mut look_out = cell.get();
        look_out.awaits(|| parker.is_set());
        cell.set(look_out);
    });
}

/// Calls `f` with the thread's cached parker, or with a new one if the cached parker is in use or gone.
fn with_parker<R>(id: Option<Id>, f: impl FnOnce(&ThreadParker, &Waker) -> R) -> R {
    let cached = PARKER.try_with(|p| p.try_borrow_mut().ok().and_then(|mut p| p.take()));
    let parker = match cached {
        Ok(Some(parker)) => parker,
        _ => std::sync::Arc::new(ParkWaker(ThreadParker::default(), AtomicU64::new(0))),
    };
    // Ordering: Relaxed; for the recorder only.
    parker.1.store(id.map_or(0, Id::as_u64), Ordering::Relaxed);
    let waker = Waker::from(parker.clone());
    let result = f(&parker.0, &waker);
    let _ = PARKER.try_with(|p| {
        if let Ok(mut p) = p.try_borrow_mut() {
            *p = Some(parker);
        }
    });
    result
}

/// Polls `future` to its end on this thread, without checking whether the thread may block. `id` is the number under which
/// the recorder knows the future; `may_look`: the thread may look out before it sleeps.
pub(crate) fn block_on<F: Future>(future: F, id: Option<Id>, may_look: bool) -> F::Output {
    let mut future = pin!(future);
    let origin = Origin::here();
    with_parker(id, |parker, waker| {
        let mut cx = Context::from_waker(waker);
        loop {
            if let Poll::Ready(output) = coop::budget(|| future.as_mut().poll(&mut cx)) {
                return output;
            }
            deferred::wake_all();
            // If the future has forked, no thread of the child would wake this one.
            origin.assert_here();
            nested::before_park();
            if may_look {
                looks_out(parker);
            }
            parker.park();
        }
    })
}

/// Blocks this thread until `future` ends.
///
/// # Panics
/// On a thread that is driving asynchronous tasks.
#[track_caller]
pub fn block_on_current_thread<F: Future>(future: F) -> F::Output {
    thread::assert_blocking_allowed(
        "Cannot block the current thread from within a runtime. This happens because a \
         function attempted to block the current thread while the thread is being used to \
         drive asynchronous tasks. Use the method that is awaited instead, or call this one from \
         `spawn_blocking`.",
    );
    block_on(future, None, false)
}
