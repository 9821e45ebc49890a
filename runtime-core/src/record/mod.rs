//! The flight recorder: the last events of each thread, in memory of a fixed size.
//!
//! ```text
//! event sites ──▶ thread (its ring) ──▶ session (all rings, strings) ──▶ a snapshot, or a mapped file
//! ```
//! | file | owns |
//! |---|---|
//! | `event` | the kinds of events, and how one is packed |
//! | `thread` | the access to this thread's `local`: joining, leaving, and leaving events out |
//! | `local` | a thread's ring, and how its events are written |
//! | `places` | the places that a thread has written already |
//! | `ring` | records in fixed memory; the newest overwrite the oldest |
//! | `strings` | places, names, threads: what records refer to by keys |
//! | `words` | memory, of the heap or of a mapped file |
//! | `session` | one recording |
//! | `trigger` | the events that have a snapshot written, and the thread that writes it |
//! | `recorder` | what users hold: the recorder, its options, spans |
//!
//! A site is one call of a function below. While nothing is recorded it costs a load and a branch. This room knows numbers,
//! places and names: it must never know tasks, schedulers or drivers. `docs/recorder.md` has the protocol and the format.
//!
//! I1: an event takes no lock of the runtime's other rooms, and runs no user code.

mod event;
mod local;
mod places;
mod recorder;
mod ring;
mod session;
mod strings;
mod thread;
mod trigger;
mod words;

pub(crate) use event::{Outcome, Poll, Queue};
pub use recorder::{RecordOptions, RecordedSpan, Recorder, begin, needs_latency};
pub(crate) use thread::note_worker;
pub use trigger::SnapshotTrigger;

use crate::base::process_mutex::{ProcessMutex, Rank};
use crate::base::waits;
use event::Kind;
use session::Session;
use std::panic::Location;
use std::sync::Arc;
// A switch, not a protocol: std's atomic under the model checker too.
use std::sync::atomic::{AtomicU32, Ordering};

/// The number of the current recording; 0: none.
static EPOCH: AtomicU32 = AtomicU32::new(0);
/// The last recording.
static SESSION: ProcessMutex<Option<Arc<Session>>> = ProcessMutex::new(Rank::Session, None);

/// Is anything recorded?
#[inline(always)]
pub fn is_on() -> bool {
    // Models have no recorder. Without the feature nothing begins a recording, and the compiler leaves out what would write it.
    cfg!(all(feature = "insight", not(runtime_loom))) && epoch() != 0
}

#[inline(always)]
fn epoch() -> u32 {
    // Ordering: Relaxed; a switch. What a thread needs to record it finds under the lock of `SESSION`.
    EPOCH.load(Ordering::Relaxed)
}

fn session() -> Option<Arc<Session>> {
    SESSION.lock().clone()
}

#[cold]
#[inline(never)]
fn write(kind: Kind, detail: u64, a: u64, b: u64) {
    thread::write(kind, detail, a, b);
}

#[cold]
#[inline(never)]
fn write_at(kind: Kind, detail: u64, a: u64, place: &'static Location<'static>) {
    thread::write_at(kind, detail, a, place);
}

/// Task `id` was spawned by `parent` (0: by none).
#[inline(always)]
pub(crate) fn spawned(id: u64, parent: u64, place: &'static Location<'static>, name: Option<&str>) {
    if is_on() {
        write_at(Kind::Spawned, parent, id, place);
        if let Some(name) = name {
            thread::write_named(Kind::Named, 0, name, Some(id), None);
        }
    }
}

/// A poll of task `id` begins.
#[inline(always)]
pub(crate) fn poll_begin(id: u64, place: &'static Location<'static>, poll: Poll) {
    if is_on() {
        thread::begin_poll(id, poll, place);
    }
}

/// A task was ready for so many nanoseconds when its poll began.
#[inline(always)]
pub(crate) fn was_ready(nanos: u64) {
    if is_on() {
        trigger::was_ready(nanos);
    }
}

/// A worker has been stuck for long.
pub(crate) fn stalls() {
    if is_on() {
        trigger::stalls();
    }
}

/// Time may have passed since this thread's last event: the next event reads the clock.
#[inline(always)]
pub(crate) fn time_passes() {
    if is_on() {
        thread::time_passes();
    }
}

/// The poll of task `id` is over.
#[inline(always)]
pub(crate) fn poll_end(id: u64, outcome: Outcome) {
    if is_on() {
        thread::end_poll(id, outcome);
    }
}

/// The future of a `block_on` was woken.
#[inline(always)]
pub(crate) fn woken(id: u64) {
    if is_on() {
        write(Kind::Woken, 0, id, 0);
    }
}

/// Task `id` was queued: it was spawned, or woken while it was idle.
#[inline(always)]
pub(crate) fn queued(id: u64, queue: Queue) {
    if is_on() {
        thread::queued(id, queue);
    }
}

/// Task `id` was cancelled.
#[inline(always)]
pub(crate) fn cancelled(id: u64) {
    if is_on() {
        write(Kind::Cancelled, 0, id, 0);
    }
}

/// Tasks were stolen from a worker.
#[inline(always)]
pub(crate) fn stolen(count: u64, victim: usize) {
    if is_on() {
        write(Kind::Stolen, victim as u64, count, 0);
    }
}

/// This thread goes to sleep. With the driver it also waits for events of the system.
#[inline(always)]
pub fn park(with_driver: bool) {
    if is_on() {
        write(Kind::Park, with_driver.into(), 0, 0);
    }
}

/// This thread is awake again.
#[inline(always)]
pub fn unpark(was_called: bool) {
    if is_on() {
        write(Kind::Unpark, was_called.into(), 0, 0);
    }
}

/// A descriptor is ready, for what the bits say.
#[inline(always)]
pub fn io(descriptor: i32, readiness: u32) {
    if is_on() {
        thread::io(descriptor, readiness);
    }
}

/// Timers are about to be fired.
#[inline(always)]
pub fn timers(count: usize) {
    if is_on() {
        write(Kind::Timers, 0, count as u64, 0);
    }
}

/// `block_in_place` begins in a task.
#[inline(always)]
pub(crate) fn in_place_begin(task: u64) {
    if is_on() {
        write(Kind::InPlaceBegin, 0, task, 0);
    }
}

/// `block_in_place` is over.
#[inline(always)]
pub(crate) fn in_place_end(task: u64) {
    if is_on() {
        write(Kind::InPlaceEnd, 0, task, 0);
    }
}

/// A runtime was started.
#[inline(always)]
pub(crate) fn runtime_start(runtime: u64, workers: u64) {
    if is_on() {
        write(Kind::RuntimeStart, 0, runtime, workers);
    }
}

/// A runtime shuts down.
#[inline(always)]
pub(crate) fn runtime_end(runtime: u64) {
    if is_on() {
        write(Kind::RuntimeEnd, 0, runtime, 0);
    }
}

/// This thread is a worker from now on.
#[inline(always)]
pub(crate) fn worker(runtime: u64, index: usize) {
    note_worker();
    waits::note_worker(index);
    if is_on() {
        write(Kind::Worker, index as u64, runtime, 0);
    }
}

/// The watch considers a worker stuck.
#[inline(always)]
pub(crate) fn stuck(runtime: u64, worker: usize) {
    if is_on() {
        write(Kind::Stuck, worker as u64, runtime, 0);
    }
}

#[cfg(test)]
pub(crate) mod tests;
