//! This thread's part: its ring, and what it knows of strings that were written already.
//!
//! A thread joins the recording at its first event, and leaves at its end.

use super::event::{self, Kind};
use super::ring::Writer;
use super::session::Session;
use super::strings::StringKind;
use crate::base::clock;
use crate::base::fork::Origin;
use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::sync::Arc;

/// Events between two records of the clock.
const CLOCK_INTERVAL: u32 = 1024;
/// Places that a thread remembers to have written.
const PLACES: usize = 128;

struct Local {
    session: Arc<Session>,
    writer: Writer,
    thread: u16,
    is_worker: bool,
    until_clock: u32,
    /// By a hash of the address.
    places: [usize; PLACES],
    origin: Origin,
}

crate::runtime_thread_local! {
    static LOCAL: RefCell<Option<Box<Local>>> = RefCell::new(None)
}
crate::runtime_thread_local! {
    /// Is this thread a worker? Without a destructor.
    static IS_WORKER: Cell<bool> = Cell::new(false)
}

/// This thread polls futures from now on, and has a larger ring than others.
#[inline]
pub(crate) fn note_worker() {
    if !IS_WORKER.with(|is_worker| is_worker.replace(true)) {
        // It joins again, for a larger one.
        let _ = LOCAL.try_with(|local| local.try_borrow_mut().map(|mut local| local.take()));
    }
}

/// Writes an event. Those of a thread's very end, and of the allocator while it serves this room, are left out.
pub(super) fn write(kind: Kind, detail: u64, a: u64, b: u64) {
    with(|local| local.write(kind, detail, a, b));
}

/// Writes an event with a place as its `b`.
pub(super) fn write_at(kind: Kind, detail: u64, a: u64, place: &'static Location<'static>) {
    with(|local| {
        let address = std::ptr::from_ref(place) as usize;
        let at = (address >> 3) % PLACES;
        if local.places[at] != address {
            local.places[at] = address;
            let position = (place.line(), place.column());
            let key = address as u64;
            local
                .session
                .note(StringKind::Place, key, place.file(), position);
        }
        local.write(kind, detail, a, address as u64);
    });
}

/// Writes a name's text, and the event with the name's key as its `b` or, if `b` is given, as its `a`.
pub(super) fn write_named(kind: Kind, detail: u64, name: &str, a: Option<u64>, b: Option<u64>) {
    with(|local| {
        let key = key_of(name);
        local.session.note(StringKind::Name, key, name, (0, 0));
        local.write(kind, detail, a.unwrap_or(key), b.unwrap_or(key));
    });
}

/// A name's key: its FNV-1a hash.
fn key_of(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn with(f: impl FnOnce(&mut Local)) {
    let _ = LOCAL.try_with(|local| {
        let Ok(mut local) = local.try_borrow_mut() else {
            return;
        };
        let epoch = super::epoch();
        if local.as_ref().is_none_or(|l| l.session.epoch != epoch) {
            *local = Local::join(epoch);
        }
        if let Some(local) = local.as_mut() {
            f(local);
        }
    });
}

impl Local {
    #[cold]
    fn join(epoch: u32) -> Option<Box<Local>> {
        let session = super::session().filter(|session| session.epoch == epoch)?;
        let is_worker = IS_WORKER.with(Cell::get);
        let Some((writer, thread)) = session.join(is_worker) else {
            session.note_missed();
            return None;
        };
        Some(Box::new(Local {
            session,
            writer,
            thread,
            is_worker,
            until_clock: 0,
            places: [0; PLACES],
            origin: Origin::here(),
        }))
    }

    #[inline]
    fn write(&mut self, kind: Kind, detail: u64, a: u64, b: u64) {
        if self.until_clock == 0 {
            self.until_clock = CLOCK_INTERVAL;
            Session::clock(&mut self.writer, self.thread);
        }
        self.until_clock -= 1;
        let record = event::pack(clock::ticks(), kind, self.thread, detail, a, b);
        self.writer.write(record);
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // In a forked child the lock may be held by a thread that is not there.
        if !self.origin.is_inherited() {
            self.session
                .leave(self.writer.ring().clone(), self.is_worker);
        }
    }
}
