//! The arrivals of one signal, and how many of them a listener took.
//!
//! ```text
//! handler   last_at = now; arrivals += 1 ─fence─ which pipes are in use? write to them
//! listener  pipe in use ─fence─ arrivals
//!           more than it has seen: taken = arrivals, if that is more
//! ```
//! A loop that calls `ctrl_c` anew each time, perhaps in a `select!` where another branch wins, drops listeners that
//! have not looked at an arrival, and has moments without a listener. So an arrival that no listener has taken goes to
//! the next one that begins within [`KEPT`]; an older arrival is ignored.
//!
//! I1: an arrival is counted before the handler looks at the pipes, a pipe is in use before its listener looks at the
//!     arrivals, and both have a fence between: so the listener sees the arrival, or the handler the pipe.
//! I2: `taken` only grows: a listener that saw fewer arrivals does not undo what another has taken, so no later
//!     listener is given an arrival that was dealt with.

use runtime_core::base::handshake;
use runtime_core::base::shim::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// How long an arrival that no listener took is kept.
pub(super) const KEPT: Duration = Duration::from_millis(100);

/// The arrivals of one signal in this process.
pub(super) struct Latch {
    arrivals: AtomicUsize,
    /// The most arrivals that a listener took note of.
    taken: AtomicUsize,
    /// When the last one came, in milliseconds of the monotonic clock, modulo the range. Not 64 bits: where atomics of that size
    /// need a lock, a handler must not touch them.
    last_at: AtomicUsize,
}

impl Latch {
    #[cfg(not(runtime_loom))]
    pub(super) const fn new() -> Latch {
        Latch {
            arrivals: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            last_at: AtomicUsize::new(0),
        }
    }

    #[cfg(runtime_loom)]
    pub(super) fn new() -> Latch {
        Latch {
            arrivals: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            last_at: AtomicUsize::new(0),
        }
    }

    /// Counts an arrival at `now`, in nanoseconds. For the handler: it uses only atomics.
    pub(super) fn arrive(&self, now: u64) {
        // Ordering: Relaxed; published by the next line.
        self.last_at.store(millis(now), Ordering::Relaxed);
        // Ordering: Release; pairs with the Acquire of `arrivals`: a listener that sees the arrival sees its time.
        self.arrivals.fetch_add(1, Ordering::Release);
    }

    /// How often the signal has come.
    pub(super) fn arrivals(&self) -> usize {
        // Ordering: Acquire; pairs with the Release of `arrive`.
        self.arrivals.load(Ordering::Acquire)
    }

    /// The arrivals before a listener that begins at `now`, less one if the last may still be taken.
    pub(super) fn begin(&self, now: u64) -> usize {
        let arrivals = self.arrivals();
        // Ordering: Relaxed; a thread that has synchronised with the one that took the arrival sees the mark.
        let is_to_be_had = self.taken.load(Ordering::Relaxed) < arrivals;
        // Ordering: Relaxed; not older than the arrival seen above.
        let age = millis(now).wrapping_sub(self.last_at.load(Ordering::Relaxed));
        // Negative: it came after `now`.
        arrivals - usize::from(is_to_be_had && (age as isize) < KEPT.as_millis() as isize)
    }

    /// True if there are arrivals besides those `seen`; they are then seen and taken.
    pub(super) fn take(&self, seen: &mut usize) -> bool {
        let arrivals = self.arrivals();
        if std::mem::replace(seen, arrivals) == arrivals {
            return false;
        }
        // Ordering: Relaxed; a mark, see `begin`.
        self.taken.fetch_max(arrivals, Ordering::Relaxed);
        true
    }
}

/// Nanoseconds in milliseconds, modulo the range.
fn millis(nanos: u64) -> usize {
    (nanos / 1_000_000) as usize
}

/// Whether a self-pipe is in use. Each arrival writes to a pipe in use.
pub(super) struct Switch(AtomicBool);

impl Switch {
    pub(super) fn new() -> Switch {
        Switch(AtomicBool::new(false))
    }

    /// From here on an arrival writes to the pipe, or the listener sees it counted.
    pub(super) fn turn_on(&self) {
        // Ordering: Relaxed; ordered by the fence.
        self.0.store(true, Ordering::Relaxed);
        // Handshake with `after_arrival` (I1).
        handshake::store_load();
    }

    pub(super) fn turn_off(&self) {
        // Ordering: Relaxed; the pipe's users share no memory except in the kernel.
        self.0.store(false, Ordering::Relaxed);
    }

    pub(super) fn is_off(&self) -> bool {
        // Ordering: Relaxed; as above. After an arrival, ordered by the fence.
        !self.0.load(Ordering::Relaxed)
    }
}

/// Between an arrival and the look at the switches.
pub(super) fn after_arrival() {
    // Handshake with `Switch::turn_on` (I1).
    handshake::store_load();
}
