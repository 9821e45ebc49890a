//! The readiness words of one registration: what the OS last said, per direction.
//!
//! ```text
//!  63                    16   8   7        0
//! +------------------------+---+---+--------+
//! | tick: events delivered |   | S | flags  |     one word per direction (read, write)
//! +------------------------+---+---+--------+
//! ```
//!
//! | verb | who | effect |
//! |---|---|---|
//! | `deliver(flags)` | the driver | flags are added and the tick goes up, in each direction concerned |
//! | `clear(event)` | an attempt made after the look | the event's flags are removed, if the tick is still the one seen |
//! | `shut_down` | the driver | S is set, for good |
//!
//! I1: a clear never erases flags delivered after the look it is based on: the tick has 48 bits
//! and cannot wrap in practice (with a truncated tick, a clear once did erase some).
//! I2: a direction's tick moves only for that direction's flags, so a stream of write events does
//! not keep a reader's clear from succeeding (that was a livelock).
//! I3: S is never cleared. A closed flag is cleared only by an attempt that said "would block": a side that was
//! closed when the event came may be open again (a FIFO gets another writer, a socket is connected), and if the
//! flag stayed, the caller would retry for ever. A short transfer keeps the closed flags, as the end of the data
//! is still to be reported. `Registration` decides which flags a clear removes.

use super::{Interest, Ready};
use runtime_core::base::shim::sync::atomic::{AtomicU64, Ordering};
use std::fmt;

const SHUTDOWN: u64 = 1 << 8;
const TICK_SHIFT: u32 = 16;
const FLAGS: u64 = 0xff;

/// Which of the two words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Reads, accepts, receives.
    Read,
    /// Writes, connects, sends.
    Write,
}

impl Direction {
    pub(crate) fn mask(self) -> Ready {
        match self {
            Direction::Read => Ready::READABLE | Ready::READ_CLOSED,
            Direction::Write => Ready::WRITABLE | Ready::WRITE_CLOSED,
        }
    }
}

/// A look at the words: the flags asked for and the ticks they were seen at.
#[derive(Clone, Copy, Debug)]
pub struct ReadyEvent {
    /// The flags seen, a part of `asked`.
    pub(crate) ready: Ready,
    /// The flags asked for.
    asked: Ready,
    read_tick: u64,
    write_tick: u64,
    /// The driver is gone.
    pub(crate) is_shutdown: bool,
}

impl ReadyEvent {
    /// The flags seen.
    pub fn ready(&self) -> Ready {
        self.ready
    }

    pub(crate) fn with_ready(self, ready: Ready) -> ReadyEvent {
        ReadyEvent { ready, ..self }
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.is_shutdown || !self.ready.is_empty()
    }

    /// Was the look for reading alone, or for writing alone? Then an attempt made after it was of that kind.
    pub(crate) fn is_of_one_side(&self) -> bool {
        self.asked == Direction::Read.mask() || self.asked == Direction::Write.mask()
    }
}

struct Word(AtomicU64);

impl Word {
    fn new(ready: Ready) -> Word {
        Word(AtomicU64::new(u64::from(ready.bits())))
    }

    fn update(&self, f: impl Fn(u64) -> Option<u64>) {
        // Ordering: Release on success; pairs with the Acquire in `load`: a delivery publishes
        // everything the driver did before it. No Acquire: a clear decides by the word alone.
        // The retry's Relaxed load only feeds the next compare-exchange.
        let _ = self.0.fetch_update(Ordering::Release, Ordering::Relaxed, f);
    }

    fn load(&self) -> u64 {
        // Ordering: Acquire; pairs with the Release in `update`.
        self.0.load(Ordering::Acquire)
    }
}

/// Both words; see the module's table for its verbs.
pub(crate) struct Readiness {
    read: Word,
    write: Word,
}

impl Readiness {
    /// Starts out assuming `ready`.
    pub(crate) fn new(ready: Ready) -> Readiness {
        Readiness {
            read: Word::new(ready & Ready::READ_SIDE),
            write: Word::new(ready & Ready::WRITE_SIDE),
        }
    }

    /// Ticks a few deliveries before their wrap.
    #[cfg(test)]
    pub(super) fn near_wrap() -> Readiness {
        let word = || Word(AtomicU64::new((u64::MAX - 2) << TICK_SHIFT));
        Readiness {
            read: word(),
            write: word(),
        }
    }

    /// Adds flags; each direction concerned gets a new tick.
    pub(crate) fn deliver(&self, ready: Ready) {
        for (word, side) in [
            (&self.read, Ready::READ_SIDE),
            (&self.write, Ready::WRITE_SIDE),
        ] {
            let flags = ready & side;
            if !flags.is_empty() {
                word.update(|w| Some((w | u64::from(flags.bits())).wrapping_add(1 << TICK_SHIFT)));
            }
        }
    }

    /// Removes the flags of `event` unless something newer was delivered in their direction.
    pub(crate) fn clear(&self, event: &ReadyEvent) {
        let gone = event.ready;
        for (word, side, tick) in [
            (&self.read, Ready::READ_SIDE, event.read_tick),
            (&self.write, Ready::WRITE_SIDE, event.write_tick),
        ] {
            let flags = u64::from((gone & side).bits());
            if flags != 0 {
                word.update(|w| (w >> TICK_SHIFT == tick && w & flags != 0).then_some(w & !flags));
            }
        }
    }

    /// Has urgent data come? A look at a direction does not show this flag, so only a look for it clears it.
    pub(crate) fn is_urgent(&self) -> bool {
        self.read.load() & u64::from(Ready::PRIORITY.bits()) != 0
    }

    /// The driver is gone: every later look is settled.
    pub(crate) fn shut_down(&self) {
        self.read.update(|w| Some(w | SHUTDOWN));
        self.write.update(|w| Some(w | SHUTDOWN));
    }

    /// A look at one direction.
    pub(crate) fn look(&self, direction: Direction) -> ReadyEvent {
        let (word, read_tick, write_tick) = match direction {
            Direction::Read => {
                let w = self.read.load();
                (w, w >> TICK_SHIFT, 0)
            }
            Direction::Write => {
                let w = self.write.load();
                (w, 0, w >> TICK_SHIFT)
            }
        };
        let asked = direction.mask();
        ReadyEvent {
            ready: Ready::from_bits((word & FLAGS) as u8) & asked,
            asked,
            read_tick,
            write_tick,
            is_shutdown: word & SHUTDOWN != 0,
        }
    }

    /// A look at whatever `interest` wants.
    pub(crate) fn look_for(&self, interest: Interest) -> ReadyEvent {
        let read = self.read.load();
        let write = self.write.load();
        let asked = interest.mask();
        ReadyEvent {
            ready: Ready::from_bits(((read | write) & FLAGS) as u8) & asked,
            asked,
            read_tick: read >> TICK_SHIFT,
            write_tick: write >> TICK_SHIFT,
            is_shutdown: (read | write) & SHUTDOWN != 0,
        }
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.look_for(Interest::READABLE | Interest::WRITABLE);
        f.debug_struct("Readiness")
            .field("ready", &all.ready)
            .field("is_shutdown", &all.is_shutdown)
            .finish()
    }
}
