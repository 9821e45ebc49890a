//! The futures of `block_on`. No scheduler owns them, so each thread that blocks on one has a slot where other threads can read about it.
//!
//! M1: only its thread writes a slot; the slot stays in the list until the thread ends.

use super::Id;
use super::times::{self, TaskTimes, Times};
use crate::base::process_mutex::{ProcessMutex, Rank};
use crate::base::told::{Told, Told32};
use crate::base::waits::{self, Wait};
use std::panic::Location;
use std::sync::Arc;
// Not part of a protocol: std's atomic under the model checker too.
use std::sync::atomic::{AtomicPtr, Ordering};

#[derive(Default)]
struct Slot {
    runtime: Told,
    /// 0: none. Set after the fields that describe the future.
    id: Told,
    place: AtomicPtr<Location<'static>>,
    polls: Told32,
    /// 1: it is being polled.
    runs: Told32,
    waits: [Told; waits::MOST],
    times: Times,
}

static SLOTS: ProcessMutex<Vec<Arc<Slot>>> = ProcessMutex::new(Rank::Leaf, Vec::new());

/// This thread's slot; in the list until this is dropped.
struct Listed(Arc<Slot>);

impl Listed {
    fn new() -> Listed {
        let slot = Arc::new(Slot::default());
        SLOTS.lock().push(slot.clone());
        Listed(slot)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        SLOTS.lock().retain(|slot| !Arc::ptr_eq(slot, &self.0));
    }
}

#[cfg(not(runtime_loom))]
std::thread_local! {
    static SLOT: Listed = Listed::new();
}

#[cfg(not(runtime_loom))]
fn with_slot(f: impl FnOnce(&Slot)) {
    let _ = SLOT.try_with(|listed| f(&listed.0));
}

/// Models have no slots.
#[cfg(runtime_loom)]
fn with_slot(_: impl FnOnce(&Slot)) {}

/// A future of a `block_on`.
#[derive(Clone, Copy)]
pub(crate) struct Main {
    pub(crate) runtime: u64,
    pub(crate) id: Id,
    pub(crate) place: &'static Location<'static>,
}

impl Main {
    /// A poll begins on this thread.
    pub(super) fn runs(&self) {
        with_slot(|slot| {
            let id = self.id.as_u64();
            if slot.id.get() != id {
                slot.polls.set(0);
                slot.runtime.set(self.runtime);
                let place = std::ptr::from_ref(self.place).cast_mut();
                // Ordering: Relaxed; places are never written.
                slot.place.store(place, Ordering::Relaxed);
                slot.times.restart();
                slot.id.set(id);
            }
            let polls = slot.polls.get();
            slot.polls.set(polls.wrapping_add(1));
            slot.runs.set(1);
            if times::are_kept() {
                slot.times.poll_begins();
            }
        });
    }

    /// A poll is over: stores what the future waits for.
    pub(super) fn waits(&self) {
        with_slot(|slot| {
            for (slot, wait) in slot.waits.iter().zip(waits::current()) {
                slot.set(wait.word());
            }
            slot.runs.set(0);
            slot.times.poll_ends();
        });
    }

    /// The future has ended.
    pub(super) fn ends(&self) {
        with_slot(|slot| {
            if slot.id.get() == self.id.as_u64() {
                slot.id.set(0);
            }
        });
    }
}

/// What was read about one of these futures.
pub(crate) struct Seen {
    pub(crate) id: u64,
    pub(crate) place: &'static Location<'static>,
    pub(crate) polls: u32,
    pub(crate) runs: bool,
    pub(crate) waits: [Wait; waits::MOST],
    pub(crate) times: Option<TaskTimes>,
}

/// The futures that threads block on with this runtime at the moment.
pub(crate) fn look(runtime: u64) -> Vec<Seen> {
    let slots = SLOTS.lock().clone();
    let slots = slots.iter();
    let seen = slots.filter(|slot| slot.runtime.get() == runtime);
    seen.filter_map(|slot| {
        // Ordering: Relaxed; as in `runs`.
        let place = slot.place.load(Ordering::Relaxed);
        Some(Seen {
            id: slot.id.get(),
            // SAFETY: null, or from a `&'static Location`.
            place: unsafe { place.as_ref() }?,
            polls: slot.polls.get(),
            runs: slot.runs.get() == 1,
            waits: std::array::from_fn(|at| Wait::from_word(slot.waits[at].get())),
            times: times::are_kept().then(|| slot.times.seen()),
        })
    })
    .filter(|seen| seen.id != 0)
    .collect()
}

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/mains.rs"]
mod tests;
