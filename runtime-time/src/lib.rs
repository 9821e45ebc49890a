//! Time for tasks: the clock, sleeping, intervals, time-outs.
//!
//! | file | owns |
//! |---|---|
//! | `clock` | what "now" is; pausing and advancing it |
//! | `wheel` | one hierarchical timer wheel |
//! | `driver` | a wheel for each worker, and the contract with the schedulers |
//! | `entry` | a timer as the wheels know it, pinned inside its `Sleep` |
//! | `sleep`, `timeout`, `interval` | the futures |
//!
//! How it works is told in docs/timers.md.

mod clock;
#[doc(hidden)]
pub mod driver;
mod entry;
pub mod error;
mod instant;
mod interval;
mod sleep;
mod timeout;
mod wheel;

#[cfg(test)]
mod tests;

pub use clock::{advance, pause, resume};
pub use instant::Instant;
pub use interval::{Interval, MissedTickBehavior, interval, interval_at};
pub use sleep::{Sleep, sleep, sleep_until};
pub use std::time::Duration;
pub use timeout::{Timeout, timeout, timeout_at};
