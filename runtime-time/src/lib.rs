//! Time for tasks: the clock, sleeping, intervals, time-outs.
//!
//! | file | owns |
//! |---|---|
//! | `due` | a deadline in the wheels' ticks |
//! | `entry` | a timer as the wheels know it, pinned inside its `Sleep` |
//! | `wheel` | one hierarchical timer wheel |
//! | `clock` | what "now" is in one runtime |
//! | `slots` | a wheel for each worker, with its lock; the runtime's clock |
//! | `instant`, `pause` | the current runtime's clock: read, paused, advanced |
//! | `sleep`, `timeout`, `interval`, `error` | the futures and their errors |
//! | `driver` | the contract with the schedulers |
//!
//! docs/timers.md explains how it works.

mod clock;
#[doc(hidden)]
pub mod driver;
mod due;
mod entry;
pub mod error;
mod instant;
mod interval;
mod pause;
mod sleep;
mod slots;
mod timeout;
mod wheel;

#[cfg(test)]
mod tests;

pub use instant::Instant;
pub use interval::{Interval, MissedTickBehavior, interval, interval_at};
pub use pause::{advance, pause, resume};
pub use sleep::{Sleep, sleep, sleep_until};
pub use std::time::Duration;
pub use timeout::{Timeout, timeout, timeout_at};
