//! The access to this thread's [`Local`], with which it records.
//!
//! A thread joins the recording at its first event, and leaves at its end. Events of the allocator while an event is being written are left out, and
//! so are events at the thread's very end.
//!
//! T1: `CURRENT` points to what `OWNER` owns, or says that events are left out. Code that makes a reference of it has events left out first, or
//! calls nothing that could have an event until the reference is gone.

use super::event::{self, Kind, Outcome};
use super::local::{HeldIo, Local};
use super::trigger;
use crate::base::waits;
use std::cell::Cell;
use std::panic::Location;

/// The thread's [`Local`], or one of two other values: the thread has not joined, or events are left out.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Current(*mut Local);

impl Current {
    const NOT_JOINED: Current = Current(std::ptr::null_mut());
    /// An event is being written, which may allocate, and the allocator may have events of its own; or the thread is at its very end.
    const LEFT_OUT: Current = Current(std::ptr::without_provenance_mut(1));

    #[inline(always)]
    fn is_joined(self) -> bool {
        self.0.addr() > Current::LEFT_OUT.0.addr()
    }
}

/// Owns what [`Current`] points to.
struct Owner(Cell<Current>);

impl Owner {
    /// Leaves the recording, if the thread has joined one. Events meanwhile must be left out.
    fn leave(&self) {
        let owned = self.0.replace(Current::NOT_JOINED);
        if owned.is_joined() {
            // SAFETY: made from a box (`enter`), and nobody uses it: events are left out (T1).
            drop(unsafe { Box::from_raw(owned.0) });
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        CURRENT.with(|current| current.set(Current::LEFT_OUT));
        self.leave();
    }
}

crate::runtime_thread_local! {
    /// Without a destructor, so that a read is one load.
    static CURRENT: Cell<Current> = Cell::new(Current::NOT_JOINED)
}
crate::runtime_thread_local! {
    static OWNER: Owner = Owner(Cell::new(Current::NOT_JOINED))
}
crate::runtime_thread_local! {
    /// Is this thread a worker? Without a destructor.
    static IS_WORKER: Cell<bool> = Cell::new(false)
}

/// This thread polls futures from now on, and has a larger ring than others.
#[inline]
pub(crate) fn note_worker() {
    if !IS_WORKER.with(|is_worker| is_worker.replace(true)) {
        join_again();
    }
}

/// The thread joins again with its next event, for a ring of another size. It then leaves the ring that it has.
#[cold]
#[inline(never)]
fn join_again() {
    CURRENT.with(|current| {
        if current.get() != Current::LEFT_OUT {
            current.set(Current::NOT_JOINED);
        }
    });
}

pub(super) fn write(kind: Kind, detail: u64, a: u64, b: u64) {
    with(|local| local.write(kind, detail, a, b));
}

/// Writes an event with a place as its `b`.
pub(super) fn write_at(kind: Kind, detail: u64, a: u64, place: &'static Location<'static>) {
    with(|local| local.write_at(kind, detail, a, place));
}

/// Writes that a descriptor is ready, or holds the event back for [`queued`].
#[cold]
#[inline(never)]
pub(super) fn io(descriptor: i32, readiness: u32) {
    #[inline(never)]
    fn in_full(held: HeldIo) {
        with(|local| local.hold(held));
    }

    let held = HeldIo {
        descriptor,
        readiness,
    };
    if !at_once(|local| local.hold_at_once(held)) {
        in_full(held);
    }
}

/// Writes that a task was queued.
#[cold]
#[inline(never)]
pub(super) fn queued(id: u64, queue: event::Queue) {
    #[inline(never)]
    fn in_full(id: u64, queue: event::Queue) {
        with(|local| local.queue(id, queue));
    }

    if !at_once(|local| local.queue_at_once(id, queue)) {
        in_full(id, queue);
    }
}

/// Writes the begin of a poll.
#[cold]
#[inline(never)]
pub(super) fn begin_poll(id: u64, poll: event::Poll, place: &'static Location<'static>) {
    #[inline(never)]
    fn in_full(id: u64, poll: event::Poll, place: &'static Location<'static>) {
        with(|local| local.begin_poll(id, poll, place));
    }

    if !at_once(|local| local.begin_poll_at_once(id, poll, place)) {
        in_full(id, poll, place);
    }
}

/// Writes the end of a poll, with what it waits for.
#[cold]
#[inline(never)]
pub(super) fn end_poll(id: u64, outcome: Outcome) {
    #[inline(never)]
    fn in_full(id: u64, outcome: Outcome, waits: u64) {
        with(|local| local.end_poll(id, outcome, waits));
        if outcome == Outcome::Panicked {
            trigger::panicked();
        }
    }

    let waits = match outcome {
        Outcome::Pending => waits::first(),
        _ => 0,
    };
    let is_plain = outcome != Outcome::Panicked;
    if !(is_plain && at_once(|local| local.end_poll_at_once(id, outcome, waits))) {
        in_full(id, outcome, waits);
    }
}

/// This thread's next event, of any kind, does not take the time of the last one.
#[cold]
#[inline(never)]
pub(super) fn time_passes() {
    at_once(|local| {
        local.time_passes();
        true
    });
}

/// Writes a name's text, and the event with the name's key as its `b` or, if `b` is given, as its `a`.
pub(super) fn write_named(kind: Kind, detail: u64, name: &str, a: Option<u64>, b: Option<u64>) {
    with(|local| {
        let key = local.note_name(name);
        local.write(kind, detail, a.unwrap_or(key), b.unwrap_or(key));
    });
}

/// Calls `f` if the thread is in the current recording. False: nothing was done. `f` only stores, and calls nothing that could have an event.
#[inline(always)]
fn at_once(f: impl FnOnce(&mut Local) -> bool) -> bool {
    let current = CURRENT.with(Cell::get);
    if !current.is_joined() {
        return false;
    }
    // SAFETY: by T1, as `f` has no event.
    let local = unsafe { &mut *current.0 };
    local.is_of(super::epoch()) && f(local)
}

/// Joins the current recording if the thread is not in it, then calls `f` with events left out.
#[inline(always)]
pub(super) fn with(f: impl FnOnce(&mut Local)) {
    let mut current = CURRENT.with(|current| current.replace(Current::LEFT_OUT));
    // SAFETY: by T1.
    let is_in = |current: Current| unsafe { &*current.0 }.is_of(super::epoch());
    if !current.is_joined() || !is_in(current) {
        current = enter(current);
    }
    if current.is_joined() {
        // SAFETY: by T1.
        f(unsafe { &mut *current.0 });
    }
    CURRENT.with(|place| place.set(current));
}

/// Joins the current recording, unless `current` says that events are left out. The caller has events left out meanwhile.
#[cold]
#[inline(never)]
fn enter(current: Current) -> Current {
    if current == Current::LEFT_OUT {
        return current;
    }
    let joined = OWNER.try_with(|owner| {
        owner.leave();
        let local = Local::join(super::epoch(), IS_WORKER.with(Cell::get));
        owner
            .0
            .set(local.map_or(Current::NOT_JOINED, |local| Current(Box::into_raw(local))));
        owner.0.get()
    });
    joined.unwrap_or(Current::LEFT_OUT)
}
