//! What has arrived of one signal, and what of that somebody took.
//!
//! ```text
//! handler   last_at = now; arrivals += 1 ─fence─ which pipes are in use? write to them
//! listener  pipe in use ─fence─ arrivals
//!           more than it has seen: taken = arrivals, if that is more
//! ```
//! A loop that calls `ctrl_c` anew each time, perhaps in a `select!` where another branch wins, drops listeners that
//! have not looked at an arrival, and has moments without any. So an arrival that nobody has taken goes to whoever begins
//! to listen within [`KEPT`]; what is older was for a program that did not care.
//!
//! I1: an arrival is counted before the handler looks at the pipes, a pipe is in use before its listener looks at the
//!     arrivals, and both have a fence between: so the listener sees the arrival, or the handler the pipe.
//! I2: `taken` only grows: who saw fewer arrivals does not undo what another has taken, so that no later listener is
//!     given what was dealt with.

use runtime_core::base::handshake;
use runtime_core::base::shim::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// How long an arrival that nobody took is kept.
pub(super) const KEPT: Duration = Duration::from_millis(100);

/// The arrivals of one signal in this process.
pub(super) struct Latch {
    arrivals: AtomicUsize,
    /// The most arrivals that a listener took note of.
    taken: AtomicUsize,
    /// When the last one came, in milliseconds of the monotonic clock, modulo the range. No 64 bits: where atomics of that size are
    /// made with a lock, a handler must not touch them.
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

    /// Counts an arrival at `now`, in nanoseconds. For the handler: nothing but atomics.
    pub(super) fn arrive(&self, now: u64) {
        // Ordering: Relaxed; published by the next line.
        self.last_at.store(millis(now), Ordering::Relaxed);
        // Ordering: Release; pairs with the Acquire of `arrivals`: who sees the arrival sees its time.
        self.arrivals.fetch_add(1, Ordering::Release);
    }

    /// How often the signal has come.
    pub(super) fn arrivals(&self) -> usize {
        // Ordering: Acquire; pairs with the Release of `arrive`.
        self.arrivals.load(Ordering::Acquire)
    }

    /// The arrivals before a listener that begins at `now`, less one if the last is still to be had.
    pub(super) fn begin(&self, now: u64) -> usize {
        let arrivals = self.arrivals();
        // Ordering: Relaxed; as recent as what was passed to this thread since another took the arrival.
        let is_to_be_had = self.taken.load(Ordering::Relaxed) < arrivals;
        // Ordering: Relaxed; not older than the arrival seen above.
        let age = millis(now).wrapping_sub(self.last_at.load(Ordering::Relaxed));
        // Negative: it came after `now`.
        arrivals - usize::from(is_to_be_had && (age as isize) < KEPT.as_millis() as isize)
    }

    /// True if there are others than those `seen`, which are seen and taken then.
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

/// Of nanoseconds, modulo the range.
fn millis(nanos: u64) -> usize {
    (nanos / 1_000_000) as usize
}

/// Whether a self-pipe is in use: then each arrival writes to it.
pub(super) struct Switch(AtomicBool);

impl Switch {
    pub(super) fn new() -> Switch {
        Switch(AtomicBool::new(false))
    }

    /// From here on an arrival writes to the pipe, or is there to be seen.
    pub(super) fn turn_on(&self) {
        // Ordering: Relaxed; ordered by the fence.
        self.0.store(true, Ordering::Relaxed);
        // Handshake with `after_arrival` (I1).
        handshake::store_load();
    }

    pub(super) fn turn_off(&self) {
        // Ordering: Relaxed; the pipe's users share no memory but the kernel's.
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
