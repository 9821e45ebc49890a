//! Where one worker sleeps: on its own condition, or on the driver if it holds the driver.
//!
//! | state | meaning | unpark |
//! |---|---|---|
//! | EMPTY | awake, no token | -> NOTIFIED |
//! | PARKED | on the condition | -> NOTIFIED, and signals it |
//! | DRIVING | on the driver | -> NOTIFIED, and unparks the driver |
//! | NOTIFIED | a token waits | unchanged |
//!
//! I1: a token is consumed by exactly one park, which then does not block.

use crate::base::shim::sync::atomic::{AtomicU32, Ordering};
use crate::base::shim::sync::{Condvar, Mutex};
use crate::driver::Unpark;
use std::time::Duration;

const EMPTY: u32 = 0;
const PARKED: u32 = 1;
const DRIVING: u32 = 2;
const NOTIFIED: u32 = 3;

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Parker {
    state: AtomicU32,
    lock: Mutex<()>,
    condvar: Condvar,
}

impl Parker {
    pub(crate) fn new() -> Self {
        Parker {
            state: AtomicU32::new(EMPTY),
            lock: Mutex::new(()),
            condvar: Condvar::new(),
        }
    }

    /// Does a token wait? A hint: the park that takes it sees what was done before.
    pub(crate) fn is_notified(&self) -> bool {
        // Ordering: Relaxed; a hint.
        self.state.load(Ordering::Relaxed) == NOTIFIED
    }

    /// Sleeps on the condition until unparked or `timeout`. True if unparked.
    pub(crate) fn park(&self, timeout: Option<Duration>) -> bool {
        let mut guard = self.lock.lock();
        // Ordering: Relaxed; publishes nothing, and a token is taken with Acquire below.
        if self
            .state
            .compare_exchange(EMPTY, PARKED, Ordering::Relaxed, Ordering::Relaxed)
            .is_err()
        {
            // Ordering: Acquire; pairs with the Release in `unpark`: takes the token, and sees what
            // was done before.
            self.state.swap(EMPTY, Ordering::Acquire);
            return true;
        }
        loop {
            let timed_out;
            (guard, timed_out) = match timeout {
                Some(timeout) => self.condvar.wait_timeout(guard, timeout),
                None => (self.condvar.wait(guard), false),
            };
            // Ordering: Relaxed; the swap below takes the token.
            if timed_out || self.state.load(Ordering::Relaxed) == NOTIFIED {
                break;
            }
        }
        // Ordering: Acquire; pairs with the Release in `unpark`, if a token is there.
        self.state.swap(EMPTY, Ordering::Acquire) == NOTIFIED
    }

    /// Runs `drive`, which parks on the driver. It gets `false` if a token waits, and must not block then. True if unparked.
    pub(crate) fn park_driving(&self, drive: impl FnOnce(bool)) -> bool {
        // Ordering: Relaxed; as in `park`.
        let may_block = self
            .state
            .compare_exchange(EMPTY, DRIVING, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok();
        drive(may_block);
        // Ordering: Acquire; pairs with the Release in `unpark`, if a token is there.
        self.state.swap(EMPTY, Ordering::Acquire) == NOTIFIED
    }

    /// Ends this worker's park, or its next one.
    pub(crate) fn unpark(&self, driver: &dyn Unpark) {
        // Ordering: Release; pairs with the Acquire that takes the token. A park sees all unparks
        // before it: swaps continue the release sequence.
        match self.state.swap(NOTIFIED, Ordering::Release) {
            PARKED => {
                // The sleeper is between its exchange and its wait while it holds the lock.
                drop(self.lock.lock());
                self.condvar.notify_one();
            }
            DRIVING => driver.unpark(),
            _ => {}
        }
    }

    /// From here on parks with a time-out end by it.
    #[cfg(all(test, runtime_loom))]
    pub(crate) fn time_is_up(&self) {
        self.condvar.time_is_up();
    }

    /// A spurious wake-up of the condition: systems have them, loom does not.
    #[cfg(all(test, runtime_loom))]
    pub(crate) fn wake_spuriously(&self) {
        let system = &self.condvar;
        system.notify_one();
    }
}

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/parker.rs"]
mod tests;
