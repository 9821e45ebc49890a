//! The states of a ring's operations, and the data that goes with each.
//!
//! ```text
//! vacant ─ insert ─▶ waiting ─── complete ──▶ completed ── look, abandon ──▶ vacant
//!                       └─ abandon ─▶ abandoned ── complete ──▶ vacant
//! ```
//! I1: from `insert` until `complete`, that is as long as the kernel may know the operation, its request is in
//!     its slot: `complete` is the only way out of `waiting` and `abandoned`.
//! I2: the key of an operation that has ended names nothing (`Slab`): a late use of it, a second cancellation
//!     say, finds nothing.
//! I3: no user code runs here: wakers and requests are handed out, to be woken or dropped elsewhere.
//!
//! `Slots` dropped with operations that have not completed keeps their requests until the process ends: memory is
//! leaked rather than freed while the kernel may use it. (That happens if a ring breaks, or its shutdown gets no thread.)

use super::Request;
use runtime_core::base::process_mutex::{ProcessMutex, Rank};
use runtime_core::base::slab::{self, Slab};
use runtime_core::base::wake_batch::WakeBatch;
use runtime_core::base::waker_slot::{Taken, WakerSlot};

/// The requests that the kernel may still write to, for all that is known.
static KEPT: ProcessMutex<Vec<Request>> = ProcessMutex::new(Rank::Leaf, Vec::new());

/// Which operation: the kernel's `user_data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key(pub(super) u64);

impl Key {
    /// The key of no operation: for entries whose completion nobody waits for.
    pub(super) const NOBODY: Key = Key(u64::MAX);

    fn new(key: slab::Key) -> Key {
        Key(key.number() as u64)
    }

    /// `NOBODY` is no key of the slab, even where the cast cuts bits off.
    fn in_slab(self) -> slab::Key {
        slab::Key::of(self.0 as usize)
    }
}

#[derive(Default)]
enum State {
    /// Between two states, and after the last.
    #[default]
    Vacant,
    Waiting(Request, WakerSlot),
    Abandoned(Request),
    Completed(Request, i32),
}

#[derive(Default)]
pub(super) struct Slots {
    states: Slab<State>,
    in_flight: usize,
}

/// What `complete` leaves to do.
#[must_use]
pub(super) enum OnComplete {
    /// Somebody waits.
    Wake(Taken),
    /// Nobody does.
    Dispose(Request, i32),
    /// There is no such operation in flight.
    Unknown,
}

/// What `look` sees.
#[must_use]
pub(super) enum OnLook<'a> {
    Completed(Request, i32),
    /// In flight; with the slot of the waker to wake.
    InFlight(&'a mut WakerSlot),
}

/// What `abandon` leaves to do.
#[must_use]
pub(super) enum OnAbandon {
    /// It had completed.
    Dispose(Request, i32),
    /// The kernel has it still.
    InFlight { waker: Taken, may_cancel: bool },
}

impl Slots {
    /// How many operations the kernel may know of.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// vacant -> waiting.
    pub(super) fn insert(&mut self, request: Request, waker: WakerSlot) -> Key {
        self.in_flight += 1;
        Key::new(self.states.insert(State::Waiting(request, waker)))
    }

    /// The request of an operation in flight.
    pub(super) fn request_mut(&mut self, key: Key) -> Option<&mut Request> {
        match self.states.get_mut(key.in_slab())? {
            State::Waiting(request, _) | State::Abandoned(request) => Some(request),
            State::Vacant | State::Completed(..) => None,
        }
    }

    /// waiting -> completed; abandoned -> vacant.
    pub(super) fn complete(&mut self, key: Key, result: i32) -> OnComplete {
        let Some(state) = self.states.get_mut(key.in_slab()) else {
            return OnComplete::Unknown;
        };
        match std::mem::take(state) {
            State::Waiting(request, mut waker) => {
                *state = State::Completed(request, result);
                self.in_flight -= 1;
                OnComplete::Wake(waker.take())
            }
            State::Abandoned(request) => {
                self.vacate(key);
                self.in_flight -= 1;
                OnComplete::Dispose(request, result)
            }
            other => {
                *state = other;
                OnComplete::Unknown
            }
        }
    }

    /// completed -> vacant; else nothing changes.
    pub(super) fn look(&mut self, key: Key) -> OnLook<'_> {
        let key = key.in_slab();
        if let Some(State::Completed(..)) = self.states.get(key) {
            if let Some(State::Completed(request, result)) = self.states.remove(key) {
                return OnLook::Completed(request, result);
            }
        }
        match self.states.get_mut(key) {
            Some(State::Waiting(_, waker)) => OnLook::InFlight(waker),
            _ => unreachable!("an operation was looked at after its end"),
        }
    }

    /// waiting -> abandoned; completed -> vacant.
    pub(super) fn abandon(&mut self, key: Key) -> OnAbandon {
        let nothing = OnAbandon::InFlight {
            waker: Taken::default(),
            may_cancel: false,
        };
        let Some(state) = self.states.get_mut(key.in_slab()) else {
            return nothing;
        };
        match std::mem::take(state) {
            State::Waiting(request, mut waker) => {
                let may_cancel = request.may_cancel();
                *state = State::Abandoned(request);
                OnAbandon::InFlight {
                    waker: waker.take(),
                    may_cancel,
                }
            }
            State::Completed(request, result) => {
                self.vacate(key);
                OnAbandon::Dispose(request, result)
            }
            other => {
                *state = other;
                nothing
            }
        }
    }

    /// Takes the wakers of all waiting operations, and returns which operations in flight may be cancelled.
    pub(super) fn interrupt(&mut self, wakers: &mut WakeBatch) -> Vec<Key> {
        let mut keys = Vec::new();
        for (key, state) in self.states.iter_mut() {
            let request = match state {
                State::Waiting(request, waker) => {
                    wakers.push(waker.take());
                    request
                }
                State::Abandoned(request) => request,
                State::Vacant | State::Completed(..) => continue,
            };
            if request.may_cancel() {
                keys.push(Key::new(key));
            }
        }
        keys
    }

    /// Bytes of memory held.
    #[cfg(all(test, not(runtime_loom)))]
    pub(super) fn memory(&self) -> usize {
        self.states.memory()
    }

    /// The state has been taken.
    fn vacate(&mut self, key: Key) {
        self.states.remove(key.in_slab());
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        for state in self.states.take_all() {
            match state {
                State::Vacant => {}
                State::Completed(request, result) => drop(request.finish(result)),
                State::Waiting(request, _) | State::Abandoned(request) => KEPT.lock().push(request),
            }
        }
    }
}
