//! Wakers that wait for the end of a worker's round.
//!
//! A task that yields is woken once its worker has run the other tasks and turned the driver. Its waker waits in a list of
//! the thread. The list is open while the thread has such rounds: a scheduler opens it, and closes it when its core goes
//! to another thread. While the list is closed, wakers are woken at once.
//!
//! I1: the scheduler that opens the list wakes what is in it before it sleeps and, by dropping the guard, before it ends.

use super::contain;
use std::cell::{Cell, RefCell};
use std::task::Waker;

/// The list's memory is kept if it has room for at most so many wakers.
const KEPT: usize = 256;

crate::runtime_thread_local! {
    static OPEN: Cell<bool> = Cell::new(false)
}
crate::runtime_thread_local! {
    static LIST: RefCell<Vec<Waker>> = RefCell::new(Vec::new())
}

/// Puts back whether the list is open. If it is closed then, what was deferred is woken (I1): no round follows.
#[derive(Debug)]
#[must_use = "dropping the guard puts back what was"]
pub(crate) struct Opened(bool);

impl Drop for Opened {
    fn drop(&mut self) {
        OPEN.with(|open| open.set(self.0));
        if !self.0 {
            wake_all();
        }
    }
}

/// Opens this thread's list until the guard is dropped (I1).
pub(crate) fn open() -> Opened {
    Opened(OPEN.with(|open| open.replace(true)))
}

/// The thread has no rounds any more, until the guard of [`open`] is dropped.
pub(crate) fn close() {
    OPEN.with(|open| open.set(false));
}

/// Wakes `waker` at the end of the round; at once on threads without rounds.
pub(crate) fn defer(waker: &Waker) {
    if !OPEN.with(Cell::get) || !push(waker) {
        waker.wake_by_ref();
    }
}

/// False while the list is being woken, or once it is gone.
fn push(waker: &Waker) -> bool {
    let push = |list: &RefCell<Vec<Waker>>| {
        let Ok(mut list) = list.try_borrow_mut() else {
            return false;
        };
        if !list.last().is_some_and(|last| last.will_wake(waker)) {
            list.push(waker.clone());
        }
        true
    };
    LIST.try_with(push).unwrap_or(false)
}

/// Is any waker deferred on this thread?
#[inline]
pub(crate) fn is_any() -> bool {
    LIST.try_with(|list| !list.borrow().is_empty())
        .unwrap_or(false)
}

/// Wakes what was deferred.
pub(crate) fn wake_all() {
    let take = |list: &RefCell<Vec<Waker>>| {
        let mut list = list.borrow_mut();
        match list.len() {
            0 => Deferred::None,
            1 => list.pop().map_or(Deferred::None, Deferred::One),
            _ => Deferred::Several(std::mem::take(&mut *list)),
        }
    };
    match LIST.try_with(take).unwrap_or(Deferred::None) {
        Deferred::None => {}
        Deferred::One(waker) => contain::contain(|| waker.wake()),
        Deferred::Several(list) => wake_several(list),
    }
}

/// The wakers to be woken at a round's end.
enum Deferred {
    None,
    /// One task yields again and again: the list keeps its memory.
    One(Waker),
    Several(Vec<Waker>),
}

#[inline(never)]
fn wake_several(mut list: Vec<Waker>) {
    for waker in list.drain(..) {
        contain::contain(|| waker.wake());
    }
    // The next round uses its memory again, unless the list was long.
    if list.capacity() <= KEPT {
        let _ = LIST.try_with(|next| {
            let mut next = next.borrow_mut();
            if next.is_empty() {
                *next = list;
            }
        });
    }
}

/// In a forked child: what the parent deferred is leaked. Frees nothing.
pub(crate) fn forget_runtime() {
    let _ = OPEN.try_with(|open| open.set(false));
    let _ = LIST.try_with(|list| {
        if let Ok(mut list) = list.try_borrow_mut() {
            std::mem::forget(std::mem::take(&mut *list));
        }
    });
}
