//! How the end of a runtime waits for the last tasks.

use crate::base::clock;
use crate::base::shim::thread;
use std::time::Duration;

/// Back-off while the shutdown waits for permits that are still out: with a waker that is about to queue its task, which
/// takes a moment, or with `block_in_place`, which takes as long as the user likes.
pub(super) struct Pause(u32);

impl Pause {
    /// Looks before it sleeps, and the longest sleep, in microseconds.
    const YIELDS: u32 = 32;
    const LONGEST: u64 = 10_000;

    pub(super) fn new() -> Pause {
        Pause(0)
    }

    pub(super) fn wait(&mut self) {
        self.0 += 1;
        match self.0.checked_sub(Pause::YIELDS) {
            None => thread::yield_now(),
            Some(sleeps) => {
                let micros = (50 << sleeps.min(10)).min(Pause::LONGEST);
                clock::block_for(Duration::from_micros(micros));
            }
        }
    }
}
