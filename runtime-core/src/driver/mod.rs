//! What a runtime parks on: the contract between the schedulers and the reactor and timer wheels.
//!
//! Core knows no OS I/O and no wheel. At most one thread at a time holds the [`IoDriver`]; the
//! [`Timers`] are shared, with one wheel for each worker slot and a *foreign* one (slot ==
//! number of workers) for threads that are not workers, served by the thread that holds the driver.

mod counters;
mod without_io;

pub use counters::IoCounters;

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Waits for and delivers OS events; held by one thread at a time.
pub trait IoDriver: Send {
    /// Blocks until an event, an unpark or the time-out, then delivers what came.
    fn park(&mut self, timeout: Option<Duration>);
    /// Delivers what is there, without blocking.
    fn turn(&mut self);
    /// Fails all registrations and wakes their waiters.
    fn shutdown(&mut self);
}

/// Ends a `park` from any thread; kept until consumed if nobody is parked.
pub trait Unpark: Send + Sync {
    /// Wakes the thread parked on the driver, now or as soon as it parks.
    fn unpark(&self);
}

/// The timer wheels.
pub trait Timers: Send + Sync {
    /// Time to the earliest deadline `slot` must be awake for. With the driver, the foreign slot
    /// counts too, and the sleep's end is announced to foreign registrations.
    fn before_park(&self, slot: usize, with_driver: bool) -> Option<Duration>;
    /// Ends what `before_park` announced.
    fn after_park(&self, slot: usize, with_driver: bool);
    /// Fires what is due in `slot` and, with the driver, in the foreign slot; returns how many fired.
    fn fire(&self, slot: usize, with_driver: bool) -> usize;
    /// Fires what is due in any slot, for a worker that fires the timers of a stuck sibling; returns how many fired.
    fn fire_overdue(&self) -> usize;
    /// Is any slot's published deadline past?
    fn is_overdue(&self) -> bool;
    /// How long the earliest timer that has not been fired is overdue; zero while the clock is paused.
    fn lateness(&self) -> Duration {
        Duration::ZERO
    }
    /// Is the clock paused and free to move by itself?
    fn is_auto_advancing(&self) -> bool;
    /// Moves the paused clock to the next deadline; false where there is none.
    fn advance_to_next(&self) -> bool;
    /// Work on the blocking pool began: the paused clock stands still.
    fn inhibit_auto_advance(&self);
    /// Work on the blocking pool ended.
    fn allow_auto_advance(&self);
    /// Milliseconds from the start of the runtime's clock, which may be paused, until now. A timer's wait is noted with the time of its deadline
    /// on the same clock.
    fn now(&self) -> u64;
    /// Wakes every sleeper; later registrations fail.
    fn shutdown(&self);
}

/// While it lives, a paused clock does not advance by itself. It keeps nothing of the runtime alive.
pub struct ClockHold(Weak<dyn Timers>);

impl ClockHold {
    pub(crate) fn new(timers: &Arc<dyn Timers>) -> ClockHold {
        timers.inhibit_auto_advance();
        ClockHold(Arc::downgrade(timers))
    }
}

impl Drop for ClockHold {
    fn drop(&mut self) {
        if let Some(timers) = self.0.upgrade() {
            timers.allow_auto_advance();
        }
    }
}

impl fmt::Debug for ClockHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClockHold").finish_non_exhaustive()
    }
}

/// A boxed sleep, for core's own use of time (`mpsc::Sender::send_timeout`).
pub type BoxSleep = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// What a runtime is built on.
#[derive(Default)]
pub struct Drivers {
    /// The reactor, if I/O is enabled.
    pub io: Option<IoParts>,
    /// The wheels, if time is enabled.
    pub time: Option<TimeParts>,
}

impl Drivers {
    /// What ends a park on these drivers. Without a reactor, the drivers gain a plain parker first.
    pub fn unpark(&mut self) -> Arc<dyn Unpark> {
        if self.io.is_none() {
            let (driver, unpark) = without_io::create();
            self.io = Some(IoParts {
                driver,
                unpark,
                handle: None,
                counters: Arc::default(),
            });
        }
        match &self.io {
            Some(parts) => parts.unpark.clone(),
            None => unreachable!("set above"),
        }
    }
}

/// The reactor's two ends.
pub struct IoParts {
    /// What the reactor has done, for the runtime's metrics.
    pub counters: Arc<IoCounters>,
    /// Held by the thread that parks.
    pub driver: Box<dyn IoDriver>,
    /// Ends the park.
    pub unpark: Arc<dyn Unpark>,
    /// What registrations refer to; found again by type through `Handle::io_driver`. `None`: no reactor.
    pub handle: Option<Arc<dyn Any + Send + Sync>>,
}

/// The wheels' two ends.
pub struct TimeParts {
    /// What the schedulers call.
    pub timers: Arc<dyn Timers>,
    /// What sleeps refer to; found again by type through `Handle::time_driver`.
    pub handle: Arc<dyn Any + Send + Sync>,
    /// Makes a sleep that ends a duration from now.
    pub sleep: fn(Duration) -> BoxSleep,
}

/// What the crates above need to know to make their drivers.
#[derive(Clone, Debug)]
pub struct DriverParams {
    /// Timers that are pending at shutdown end as if they were due, instead of failing.
    pub fire_at_shutdown: bool,
    /// How late timers may be, beside what the system adds.
    pub timer_resolution: Duration,
    /// Number of worker slots.
    pub workers: usize,
    /// Capacity of the event buffer.
    pub nevents: usize,
    /// Start with the clock paused.
    pub start_paused: bool,
    /// May the clock be paused at all (current-thread runtimes)?
    pub may_pause: bool,
}

impl fmt::Debug for Drivers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drivers")
            .field("io", &self.io.is_some())
            .field("time", &self.time.is_some())
            .finish()
    }
}

impl fmt::Debug for IoParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IoParts").finish_non_exhaustive()
    }
}

impl fmt::Debug for TimeParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeParts").finish_non_exhaustive()
    }
}
