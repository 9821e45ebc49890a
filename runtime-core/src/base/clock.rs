//! The time. Nothing else in the workspace asks the system's clock, or sleeps by it, so that one place can give another
//! time.

use std::time::{Duration, Instant};

/// The present.
#[inline]
pub fn now() -> Instant {
    Instant::now()
}

/// Blocks this thread for a time. For back-offs only: whoever waits for something parks.
pub fn block_for(duration: Duration) {
    match cfg!(runtime_loom) {
        true => crate::base::shim::thread::yield_now(), // a model has no clock
        false => std::thread::sleep(duration),
    }
}
