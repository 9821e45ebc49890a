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
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    assert!(period > Duration::ZERO, "`period` must be non-zero.");
    Interval::new(Instant::now(), period)
}

/// An interval whose first tick is at `start`.
///
/// # Panics
/// As [`interval`].
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
    pub async fn tick(&mut self) -> Instant {
        let resource = self.resource.clone();
        async_op(&resource, "Interval::tick", "poll_tick", || {
            poll_fn(|cx| self.poll_tick(cx))
        })
        .await
    }

    /// Polls for the next tick.
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
    pub fn reset(&mut self) {
        self.reset_after(self.period);
    }

    /// The next tick comes now.
    pub fn reset_immediately(&mut self) {
        self.delay.as_mut().reset(Instant::now());
    }

    /// The next tick comes `after` from now.
    pub fn reset_after(&mut self, after: Duration) {
        let at = Instant::now()
            .checked_add(after)
            .unwrap_or_else(Instant::far_future);
        self.delay.as_mut().reset(at);
    }

    /// The next tick comes at `deadline`.
    pub fn reset_at(&mut self, deadline: Instant) {
        self.delay.as_mut().reset(deadline);
    }

    /// What is done about missed ticks.
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed_tick_behavior
    }

    /// Sets what is done about missed ticks.
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed_tick_behavior = behavior;
    }

    /// Time between ticks.
    pub fn period(&self) -> Duration {
        self.period
    }
}
