//! The states of a ring's operations, and the data that goes with each.
//!
//! ```text
//! vacant ─ insert ─▶ waiting ─── complete ──▶ completed ── look, abandon ──▶ vacant
//!                       └─ abandon ─▶ abandoned ── complete ──▶ vacant
//! ```
//! I1: from `insert` until `complete`, that is for as long as the kernel may know of the operation, its request
//!     is in its slot: `complete` is the only way out of `waiting` and `abandoned`.
//! I2: a key is a slot and the slot's generation: what comes late for an operation that has ended (a second
//!     cancellation, say) finds nothing.
//! I3: nothing of a user's runs here: wakers and requests are handed out, to be woken or dropped elsewhere.
//!
//! Dropped with operations that have not completed, it keeps their requests until the process ends: memory is
//! lost rather than freed under the kernel's hands. (A broken ring comes to that, and one whose shutdown gets no thread.)

use super::Request;
use runtime_core::base::shim::lock::Mutex;
use std::task::Waker;

/// What nobody can say whether the kernel will still write to.
static KEPT: Mutex<Vec<Request>> = Mutex::new(Vec::new());

/// Which operation: the kernel's `user_data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key(pub(super) u64);

impl Key {
    /// No operation's: entries that nobody waits for.
    pub(super) const NOBODY: Key = Key(u64::MAX);

    fn new(index: usize, generation: u32) -> Key {
        Key((generation as u64) << 32 | index as u64)
    }

    fn index(self) -> usize {
        (self.0 & u32::MAX as u64) as usize
    }

    fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

#[derive(Default)]
enum State {
    #[default]
    Vacant,
    Waiting(Request, Option<Waker>),
    Abandoned(Request),
    Completed(Request, i32),
}

struct Slot {
    generation: u32,
    state: State,
}

#[derive(Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    free: Vec<usize>,
    in_flight: usize,
}

/// What `complete` leaves to do.
#[must_use]
pub(super) enum OnComplete {
    /// Somebody waits.
    Wake(Option<Waker>),
    /// Nobody does.
    Dispose(Request, i32),
    /// There is no such operation in flight.
    Unknown,
}

/// What `look` sees.
#[must_use]
pub(super) enum OnLook {
    Completed(Request, i32),
    /// In flight, and this waker is there to be woken.
    InFlight,
    /// In flight, and another waker is there, or none.
    OtherWaker,
}

/// What `abandon` leaves to do.
#[must_use]
pub(super) enum OnAbandon {
    /// It had completed.
    Dispose(Request, i32),
    /// The kernel has it still.
    InFlight {
        waker: Option<Waker>,
        may_cancel: bool,
    },
}

impl Slots {
    /// How many operations the kernel may know of.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// vacant -> waiting.
    pub(super) fn insert(&mut self, request: Request, waker: Waker) -> Key {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                state: State::Vacant,
            });
            self.slots.len() - 1
        });
        self.in_flight += 1;
        let slot = &mut self.slots[index];
        slot.state = State::Waiting(request, Some(waker));
        Key::new(index, slot.generation)
    }

    /// The request of an operation in flight.
    pub(super) fn request_mut(&mut self, key: Key) -> Option<&mut Request> {
        match &mut self.slot(key)?.state {
            State::Waiting(request, _) | State::Abandoned(request) => Some(request),
            State::Vacant | State::Completed(..) => None,
        }
    }

    /// waiting -> completed; abandoned -> vacant.
    pub(super) fn complete(&mut self, key: Key, result: i32) -> OnComplete {
        let Some(slot) = self.slot(key) else {
            return OnComplete::Unknown;
        };
        match std::mem::take(&mut slot.state) {
            State::Waiting(request, waker) => {
                slot.state = State::Completed(request, result);
                self.in_flight -= 1;
                OnComplete::Wake(waker)
            }
            State::Abandoned(request) => {
                self.vacate(key);
                self.in_flight -= 1;
                OnComplete::Dispose(request, result)
            }
            other => {
                slot.state = other;
                OnComplete::Unknown
            }
        }
    }

    /// completed -> vacant; else nothing changes.
    pub(super) fn look(&mut self, key: Key, waker: &Waker) -> OnLook {
        let Some(slot) = self.slot(key) else {
            unreachable!("an operation was looked at after its end");
        };
        match std::mem::take(&mut slot.state) {
            State::Completed(request, result) => {
                self.vacate(key);
                OnLook::Completed(request, result)
            }
            other => {
                slot.state = other;
                match &slot.state {
                    State::Waiting(_, Some(held)) if held.will_wake(waker) => OnLook::InFlight,
                    _ => OnLook::OtherWaker,
                }
            }
        }
    }

    /// Puts a waker in; gives back the one that is not needed: the old one or, at an operation that has
    /// completed meanwhile, the new one and true.
    pub(super) fn set_waker(&mut self, key: Key, new: Waker) -> (Option<Waker>, bool) {
        match self.slot(key).map(|slot| &mut slot.state) {
            Some(State::Waiting(_, waker)) => (waker.replace(new), false),
            _ => (Some(new), true),
        }
    }

    /// waiting -> abandoned; completed -> vacant.
    pub(super) fn abandon(&mut self, key: Key) -> OnAbandon {
        let nothing = OnAbandon::InFlight {
            waker: None,
            may_cancel: false,
        };
        let Some(slot) = self.slot(key) else {
            return nothing;
        };
        match std::mem::take(&mut slot.state) {
            State::Waiting(request, waker) => {
                let may_cancel = request.may_cancel();
                slot.state = State::Abandoned(request);
                OnAbandon::InFlight { waker, may_cancel }
            }
            State::Completed(request, result) => {
                self.vacate(key);
                OnAbandon::Dispose(request, result)
            }
            other => {
                slot.state = other;
                nothing
            }
        }
    }

    /// Takes the wakers of all that wait, and tells which operations in flight may be cancelled.
    pub(super) fn interrupt(&mut self) -> (Vec<Waker>, Vec<Key>) {
        let (mut wakers, mut keys) = (Vec::new(), Vec::new());
        for (index, slot) in self.slots.iter_mut().enumerate() {
            let request = match &mut slot.state {
                State::Waiting(request, waker) => {
                    wakers.extend(waker.take());
                    request
                }
                State::Abandoned(request) => request,
                State::Vacant | State::Completed(..) => continue,
            };
            if request.may_cancel() {
                keys.push(Key::new(index, slot.generation));
            }
        }
        (wakers, keys)
    }

    fn slot(&mut self, key: Key) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(key.index())?;
        (slot.generation == key.generation()).then_some(slot)
    }

    /// The slot's state has been taken.
    fn vacate(&mut self, key: Key) {
        let slot = &mut self.slots[key.index()];
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(key.index());
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        for slot in self.slots.drain(..) {
            match slot.state {
                State::Vacant => {}
                State::Completed(request, result) => drop(request.finish(result)),
                State::Waiting(request, _) | State::Abandoned(request) => KEPT.lock().push(request),
            }
        }
    }
}
