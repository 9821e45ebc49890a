//! `interval`: a tick every period.

use crate::instant::Instant;
use crate::sleep::{Sleep, sleep_until};
use runtime_core::instrument::{Resource, async_op, resource};
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// What an [`Interval`] does after ticks it was too late for.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::time::Duration;
/// use selvedge::time::{Instant, MissedTickBehavior, advance, interval};
/// let mut ticks = interval(Duration::from_secs(1));
/// ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
/// let start = ticks.tick().await;
/// advance(Duration::from_millis(3500)).await; // too late for three ticks
/// assert_eq!(ticks.tick().await - start, Duration::from_secs(1));
/// assert_eq!(ticks.tick().await - start, Duration::from_secs(4));
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissedTickBehavior {
    /// Gives the missed ticks one after another without waiting, until it has caught up.
    #[default]
    Burst,
    /// Ticks a full period after the late one.
    Delay,
    /// Leaves the missed ones out, and keeps to multiples of the period from the start.
    Skip,
}

impl MissedTickBehavior {
    fn next_after(self, missed: Instant, now: Instant, period: Duration) -> Instant {
        let add =
            |at: Instant, by: Duration| at.checked_add(by).unwrap_or_else(Instant::far_future);
        match self {
            MissedTickBehavior::Burst => add(missed, period),
            MissedTickBehavior::Delay => add(now, period),
            MissedTickBehavior::Skip => {
                let late = (now - missed).as_nanos() % period.as_nanos();
                let late_secs = (late / 1_000_000_000) as u64;
                let late = Duration::new(late_secs, (late % 1_000_000_000) as u32);
                add(now, period - late)
            }
        }
    }
}

/// Ticks every `period`; made by [`interval`] and [`interval_at`].
///
/// ```
/// # #[selvedge::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::time::Duration;
/// use selvedge::time::{Instant, interval};
/// let mut ticks = interval(Duration::from_millis(10));
/// let first = ticks.tick().await; // at once
/// let third = { ticks.tick().await; ticks.tick().await };
/// assert_eq!(third - first, Duration::from_millis(20));
/// # }
/// ```
#[derive(Debug)]
pub struct Interval {
    resource: Resource,
    delay: Pin<Box<Sleep>>,
    period: Duration,
    missed_tick_behavior: MissedTickBehavior,
}

/// An interval whose first tick is at once.
///
/// # Panics
/// If the period is zero; outside of a runtime, or where its time driver is not enabled.
///
/// # Examples
/// ```
/// # #[selvedge::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::time::Duration;
/// use selvedge::time::interval;
/// let mut ticks = interval(Duration::from_secs(60));
/// for n in 0..3 {
///     ticks.tick().await;
///     println!("minute {n}");
/// }
/// # }
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    assert!(period > Duration::ZERO, "`period` must be non-zero.");
    Interval::new(Instant::now(), period)
}

/// An interval whose first tick is at `start`.
///
/// # Panics
/// As [`interval`].
///
/// # Examples
/// ```
/// # #[selvedge::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::time::Duration;
/// use selvedge::time::{Instant, interval_at};
/// let start = Instant::now() + Duration::from_secs(5);
/// let mut ticks = interval_at(start, Duration::from_secs(1));
/// assert_eq!(ticks.tick().await, start);
/// # }
/// ```
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(period > Duration::ZERO, "`period` must be non-zero.");
    Interval::new(start, period)
}

/// Lateness that does not count as a missed tick: the wheel's granularity and some scheduling.
const TOLERANCE: Duration = Duration::from_millis(5);

impl Interval {
    #[track_caller]
    fn new(start: Instant, period: Duration) -> Interval {
        Interval {
            resource: resource!(
                "tokio::time::interval",
                "Interval",
                "timer",
                Location::caller()
            ),
            delay: Box::pin(sleep_until(start)),
            period,
            missed_tick_behavior: MissedTickBehavior::default(),
        }
    }

    /// Waits for the next tick; gives the moment it was due.
    ///
    /// # Cancel safety
    /// Cancel safe: a tick that was not given is given by the next call.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use std::time::Duration;
    /// use selvedge::time::interval;
    /// let mut ticks = interval(Duration::from_secs(1));
    /// let (first, second) = (ticks.tick().await, ticks.tick().await);
    /// assert_eq!(second - first, Duration::from_secs(1));
    /// # }
    /// ```
    pub async fn tick(&mut self) -> Instant {
        let resource = self.resource.clone();
        async_op(&resource, "Interval::tick", "poll_tick", || {
            poll_fn(|cx| self.poll_tick(cx))
        })
        .await
    }

    /// Polls for the next tick.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use std::time::Duration;
    /// use selvedge::time::interval;
    /// let mut ticks = interval(Duration::from_secs(1));
    /// let first = ticks.tick().await;
    /// let second = poll_fn(|cx| ticks.poll_tick(cx)).await;
    /// assert_eq!(second - first, Duration::from_secs(1));
    /// # }
    /// ```
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(self.delay.as_mut().poll(cx));
        let due = self.delay.deadline();
        let now = Instant::now();
        let next = if now > due + TOLERANCE {
            self.missed_tick_behavior.next_after(due, now, self.period)
        } else {
            due.checked_add(self.period)
                .unwrap_or_else(Instant::far_future)
        };
        self.delay.as_mut().reset(next);
        Poll::Ready(due)
    }

    /// The next tick comes a period from now.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use std::time::Duration;
    /// use selvedge::time::{Instant, advance, interval};
    /// let mut ticks = interval(Duration::from_secs(10));
    /// ticks.tick().await;
    /// advance(Duration::from_secs(7)).await;
    /// ticks.reset(); // ten seconds from now
    /// let now = Instant::now();
    /// assert_eq!(ticks.tick().await - now, Duration::from_secs(10));
    /// # }
    /// ```
    pub fn reset(&mut self) {
        self.reset_after(self.period);
    }

    /// The next tick comes now.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use std::time::Duration;
    /// use selvedge::time::{Instant, interval};
    /// let mut ticks = interval(Duration::from_secs(10));
    /// ticks.tick().await;
    /// ticks.reset_immediately();
    /// let now = Instant::now();
    /// assert_eq!(ticks.tick().await, now);
    /// # }
    /// ```
    pub fn reset_immediately(&mut self) {
        self.delay.as_mut().reset(Instant::now());
    }

    /// The next tick comes `after` from now.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use std::time::Duration;
    /// use selvedge::time::{Instant, interval};
    /// let mut ticks = interval(Duration::from_secs(10));
    /// ticks.tick().await;
    /// ticks.reset_after(Duration::from_secs(2));
    /// let now = Instant::now();
    /// assert_eq!(ticks.tick().await - now, Duration::from_secs(2));
    /// # }
    /// ```
    pub fn reset_after(&mut self, after: Duration) {
        let at = Instant::now()
            .checked_add(after)
            .unwrap_or_else(Instant::far_future);
        self.delay.as_mut().reset(at);
    }

    /// The next tick comes at `deadline`.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use std::time::Duration;
    /// use selvedge::time::{Instant, interval};
    /// let mut ticks = interval(Duration::from_secs(10));
    /// ticks.tick().await;
    /// let at = Instant::now() + Duration::from_secs(3);
    /// ticks.reset_at(at);
    /// assert_eq!(ticks.tick().await, at);
    /// # }
    /// ```
    pub fn reset_at(&mut self, deadline: Instant) {
        self.delay.as_mut().reset(deadline);
    }

    /// What the interval does about missed ticks.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::time::Duration;
    /// use selvedge::time::{MissedTickBehavior, interval};
    /// let ticks = interval(Duration::from_secs(1));
    /// assert_eq!(ticks.missed_tick_behavior(), MissedTickBehavior::Burst);
    /// # }
    /// ```
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed_tick_behavior
    }

    /// Sets what is done about missed ticks.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::time::Duration;
    /// use selvedge::time::{MissedTickBehavior, interval};
    /// let mut ticks = interval(Duration::from_secs(1));
    /// ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    /// assert_eq!(ticks.missed_tick_behavior(), MissedTickBehavior::Delay);
    /// # }
    /// ```
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed_tick_behavior = behavior;
    }

    /// Time between ticks.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::time::Duration;
    /// let ticks = selvedge::time::interval(Duration::from_secs(1));
    /// assert_eq!(ticks.period(), Duration::from_secs(1));
    /// # }
    /// ```
    pub fn period(&self) -> Duration {
        self.period
    }
}
