//! Where one worker sleeps: on its own condition, or on the driver if it holds that.
//!
//! | state | meaning | unpark |
//! |---|---|---|
//! | EMPTY | awake, no token | -> NOTIFIED |
//! | PARKED | on the condition | -> NOTIFIED, and signals it |
//! | DRIVING | on the driver | -> NOTIFIED, and unparks the driver |
//! | NOTIFIED | a token waits | unchanged |
//!
//! I1: a token is consumed by exactly one park, which then does not block.

use crate::driver::Unpark;
use crate::shim::sync::atomic::{AtomicU32, Ordering};
use crate::shim::sync::{Condvar, Mutex};
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

    /// Sleeps on the condition until unparked or `timeout`.
    pub(crate) fn park(&self, timeout: Option<Duration>) {
        let mut guard = self.lock.lock();
        // Ordering: AcqRel on success; Acquire on failure pairs with `unpark`'s Release.
        if self
            .state
            .compare_exchange(EMPTY, PARKED, Ordering::AcqRel, Ordering::Acquire)
            .is_err()
        {
            // Ordering: Acquire; takes the token, sees what was done before the unpark.
            self.state.swap(EMPTY, Ordering::Acquire);
            return;
        }
        loop {
            let timed_out;
            (guard, timed_out) = match timeout {
                Some(timeout) => self.condvar.wait_timeout(guard, timeout),
                None => (self.condvar.wait(guard), false),
            };
            // Ordering: Acquire; pairs with `unpark`'s Release.
            if timed_out || self.state.load(Ordering::Acquire) == NOTIFIED {
                break;
            }
        }
        // Ordering: Acquire; takes the token if there is one.
        self.state.swap(EMPTY, Ordering::Acquire);
    }

    /// Runs `drive`, which parks on the driver; with `false` if a token waits: it must not block.
    pub(crate) fn park_driving(&self, drive: impl FnOnce(bool)) {
        // Ordering: AcqRel on success; Acquire on failure pairs with `unpark`'s Release.
        let may_block = self
            .state
            .compare_exchange(EMPTY, DRIVING, Ordering::AcqRel, Ordering::Acquire)
            .is_ok();
        drive(may_block);
        // Ordering: Acquire; takes the token if there is one.
        self.state.swap(EMPTY, Ordering::Acquire);
    }

    /// Ends this worker's park, or its next one.
    pub(crate) fn unpark(&self, driver: &dyn Unpark) {
        // Ordering: AcqRel; Release publishes what was done before to the parked one.
        match self.state.swap(NOTIFIED, Ordering::AcqRel) {
            PARKED => {
                // The sleeper is between its exchange and its wait while it holds the lock.
                drop(self.lock.lock());
                self.condvar.notify_one();
            }
            DRIVING => driver.unpark(),
            _ => {}
        }
    }
}
