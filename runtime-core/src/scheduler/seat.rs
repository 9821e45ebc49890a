//! The driver's seat: which worker holds the driver, and how a worker sleeps with or without it.
//!
//! A worker that goes to sleep takes the driver if it is free and parks on it; else it parks on its own
//! condition. The worker that holds the driver also waits for the timers of foreign threads.
//!
//! I1: the driver is in the seat, or with the one worker that took it out.
//! I2: what a holder announces to the timers (`before_park`) it takes back (`after_park`) before it gives the driver
//!     back: later it would undo what the next holder announced, and a foreign timer would find no worker to wake.
//! I3: no lock is held while the driver is parked on, or while timers fire.
//!
//! At shutdown the last worker takes the driver out for good.

use super::parker::Parker;
use crate::base::shim::sync::Mutex;
use crate::base::shim::sync::atomic::{AtomicBool, Ordering};
use crate::driver::{IoDriver, Timers};
use crate::record;
use std::time::Duration;

/// See the module's page.
pub(crate) struct Seat {
    driver: Mutex<Option<Box<dyn IoDriver>>>,
    /// Is the driver with a worker? A hint that saves taking the lock.
    taken: AtomicBool,
}

impl Seat {
    /// Without a driver yet.
    pub(crate) fn new() -> Seat {
        Seat {
            driver: Mutex::new(None),
            taken: AtomicBool::new(true),
        }
    }

    /// Does a worker hold the driver? A hint.
    pub(crate) fn is_taken(&self) -> bool {
        // Ordering: Relaxed; a hint.
        self.taken.load(Ordering::Relaxed)
    }

    pub(crate) fn take(&self) -> Option<Box<dyn IoDriver>> {
        // Ordering: Relaxed; a hint, the lock decides.
        if self.taken.load(Ordering::Relaxed) {
            return None;
        }
        let driver = self.driver.lock().take();
        if driver.is_some() {
            // Ordering: Relaxed; a hint.
            self.taken.store(true, Ordering::Relaxed);
        }
        driver
    }

    pub(crate) fn give_back(&self, driver: Box<dyn IoDriver>) {
        *self.driver.lock() = Some(driver);
        // Ordering: Relaxed; a hint.
        self.taken.store(false, Ordering::Relaxed);
    }

    /// Takes the driver out for good, whatever the hint says.
    pub(crate) fn clear(&self) -> Option<Box<dyn IoDriver>> {
        self.driver.lock().take()
    }

    /// Sleeps as worker `slot`, on the driver if it is free, until unparked, a timer or an event is due, or `limit` is
    /// over. Fires what is due then. True if it was unparked, or fired something.
    pub(crate) fn sleep(
        &self,
        parker: &Parker,
        timers: Option<&dyn Timers>,
        slot: usize,
        limit: Option<Duration>,
    ) -> bool {
        let sooner = |left: Option<Duration>| match (left, limit) {
            (Some(left), Some(limit)) => Some(left.min(limit)),
            (left, limit) => left.or(limit),
        };
        let Some(mut driver) = self.take() else {
            let left = sooner(timers.and_then(|t| t.before_park(slot, false)));
            record::park(false);
            let mut called = parker.park(left);
            record::unpark(called);
            if let Some(timers) = timers {
                timers.after_park(slot, false);
                called |= timers.fire(slot, false) > 0;
            }
            return called;
        };
        let left = sooner(timers.and_then(|t| t.before_park(slot, true)));
        let mut called = parker.park_driving(|may_block| {
            if may_block {
                driver.park(left);
            } else {
                driver.turn();
            }
        });
        if let Some(timers) = timers {
            timers.after_park(slot, true); // I2
        }
        self.give_back(driver);
        if let Some(timers) = timers {
            called |= timers.fire(slot, true) > 0;
        }
        called
    }
}

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/seat.rs"]
mod tests;
