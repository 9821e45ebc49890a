//! `Sleep`: a timer as a future.
//!
//! Made without touching a wheel: it is armed by its first poll, in the slot of the worker that polls it.
//! A sleep that is never polled, or whose time has come by then, takes no lock.

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/sleep.rs"]
mod tests;

use crate::clock::Clock;
use crate::due::Due;
use crate::entry::{Entry, Phase};
use crate::instant::Instant;
use crate::slots::{Armed, Slot, current_slot, with_time};
use pin_project_lite::pin_project;
use runtime_core::base::waits::{self, WaitKind};
use runtime_core::base::waker_slot::WakerSlot;
use runtime_core::coop;
use runtime_core::instrument::{
    ENABLED, Op, Resource, inner_op, op, poll_op, resource, state_told,
};
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

pin_project! {
    /// Ends when its deadline has come; made by [`sleep`] and [`sleep_until`].
    ///
    /// # Cancel safety
    /// Cancel safe: dropping it takes the timer out.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use std::time::Duration;
    /// use selvedge::time::{Instant, sleep};
    /// let mut pause = std::pin::pin!(sleep(Duration::from_secs(1)));
    /// let start = Instant::now();
    /// selvedge::select! {
    ///     () = &mut pause => {}
    ///     () = sleep(Duration::from_secs(5)) => unreachable!("that is later"),
    /// }
    /// assert!(start.elapsed() < Duration::from_secs(2));
    /// # }
    /// ```
    #[must_use = "futures do nothing unless awaited"]
    #[project(!Unpin)]
    pub struct Sleep {
        deadline: Instant,
        slot: Arc<Slot>,
        #[pin]
        entry: Entry,
        op: Op,
        resource: Resource,
    }

    impl PinnedDrop for Sleep {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.slot.disarm(&this.entry);
        }
    }
}

/// Sleeps for `duration`, to the millisecond unless the runtime was built with another timer resolution; never less.
///
/// A duration too long for the clock sleeps practically for ever.
///
/// # Panics
/// Outside of a runtime, or where its time driver is not enabled.
///
/// # Examples
/// ```
/// # #[selvedge::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::time::Duration;
/// use selvedge::time::sleep;
/// sleep(Duration::from_millis(100)).await;
/// println!("at least 100 ms have passed");
/// # }
/// ```
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    let deadline = Instant::now()
        .checked_add(duration)
        .unwrap_or_else(Instant::far_future);
    sleep_until(deadline)
}

/// Sleeps until `deadline`; one in the past ends at the first poll.
///
/// # Panics
/// As [`sleep`].
///
/// # Examples
/// ```
/// # #[selvedge::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::time::Duration;
/// use selvedge::time::{Instant, sleep_until};
/// let deadline = Instant::now() + Duration::from_millis(100);
/// sleep_until(deadline).await;
/// assert!(Instant::now() >= deadline);
/// # }
/// ```
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    let slot = current_slot();
    let resource = resource!("tokio::time::sleep", "Sleep", "timer", Location::caller());
    Sleep {
        deadline,
        slot,
        entry: Entry::new(),
        op: op!("tokio::time::sleep", resource, "Sleep::new_timeout"),
        resource,
    }
}

/// The poll waits for a timer.
#[inline]
fn note_wait(clock: &Clock, due: Due) {
    waits::note(WaitKind::Sleep, clock.ticks().millis_of(due.tick));
}

/// Tells in how many milliseconds a timer is to fire.
#[inline]
fn tell_duration(deadline: Instant) {
    if ENABLED {
        let left = deadline.saturating_duration_since(Instant::now());
        let _left = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        state_told!(
            duration = _left,
            duration.unit = "ms",
            duration.op = "override"
        );
    }
}

impl Sleep {
    /// When it ends.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::time::Duration;
    /// use selvedge::time::{Instant, sleep_until};
    /// let deadline = Instant::now() + Duration::from_secs(1);
    /// assert_eq!(sleep_until(deadline).deadline(), deadline);
    /// # }
    /// ```
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Has it fired, or has its runtime ended? False for a sleep that was never polled, whatever its deadline.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use std::time::Duration;
    /// use selvedge::time::sleep;
    /// let mut pause = std::pin::pin!(sleep(Duration::from_millis(10)));
    /// assert!(!pause.is_elapsed());
    /// pause.as_mut().await;
    /// assert!(pause.is_elapsed());
    /// # }
    /// ```
    pub fn is_elapsed(&self) -> bool {
        matches!(self.entry.phase(), Phase::Fired | Phase::Failed)
    }

    /// Sets another deadline. Of the timers with that deadline, this one fires last. An armed timer that only gets later
    /// stays where it is in its wheel.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use std::time::Duration;
    /// use selvedge::time::{Instant, sleep};
    /// let start = Instant::now();
    /// let mut pause = std::pin::pin!(sleep(Duration::from_secs(1)));
    /// pause.as_mut().reset(start + Duration::from_secs(3));
    /// pause.await;
    /// assert!(start.elapsed() >= Duration::from_secs(3));
    /// # }
    /// ```
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        let this = self.project();
        *this.deadline = deadline;
        if ENABLED {
            *this.op = inner_op!("tokio::time::sleep", this.resource, "Sleep::reset");
            let _entered = this.op.enter(this.resource);
            tell_duration(deadline);
        }
        match this.entry.as_ref().get_ref().phase() {
            Phase::Armed => {
                let due = this.slot.common.clock.due_at(deadline.into_std());
                if !this.slot.postpone(&this.entry, due) {
                    Sleep::rearm(this.slot, &this.entry, due);
                }
            }
            Phase::Fired => this.entry.as_ref().get_ref().set(Phase::Idle),
            Phase::Idle | Phase::Failed => {}
        }
    }

    /// Takes an armed timer out and files it anew with the waker it had, so the task that polled
    /// it last is woken.
    fn rearm(slot: &mut Arc<Slot>, entry: &Entry, due: Due) {
        let Some(waker) = slot.take_waker(entry) else {
            entry.set(Phase::Idle);
            return;
        };
        Sleep::move_to_own_slot(slot);
        // SAFETY: `entry` is pinned, and disarmed on `slot` in drop.
        let (phase, mut waker) = match unsafe { slot.arm(entry, due, waker) } {
            Armed::Pending => return,
            Armed::Elapsed(waker) => (Phase::Fired, waker),
            Armed::Shutdown(waker) => (Phase::Failed, waker),
        };
        entry.set(phase);
        waker.take().wake_after(());
    }

    /// The poll without a coop budget.
    #[track_caller]
    pub(crate) fn poll_unbudgeted(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        loop {
            match this.entry.as_ref().get_ref().phase() {
                Phase::Fired => return Poll::Ready(()),
                Phase::Failed => panic!("A Tokio 1.x context was found, but it is being shutdown."),
                Phase::Armed => match this.slot.update_waker(&this.entry, cx.waker()) {
                    Phase::Armed => {
                        let clock = &this.slot.common.clock;
                        note_wait(clock, clock.due_at(this.deadline.into_std()));
                        return Poll::Pending;
                    }
                    _ => continue,
                },
                Phase::Idle => {}
            }
            tell_duration(*this.deadline);
            Sleep::move_to_own_slot(this.slot);
            let due = this.slot.common.clock.due_at(this.deadline.into_std());
            let waker = WakerSlot::holding(cx.waker());
            // SAFETY: `entry` is pinned, and disarmed on `slot` in drop; `slot` is only replaced
            // while the entry is idle.
            match unsafe { this.slot.arm(&this.entry, due, waker) } {
                Armed::Pending => {
                    note_wait(&this.slot.common.clock, due);
                    return Poll::Pending;
                }
                Armed::Elapsed(_) => this.entry.as_ref().get_ref().set(Phase::Fired),
                Armed::Shutdown(_) => this.entry.as_ref().get_ref().set(Phase::Failed),
            }
        }
    }

    /// Moves to this thread's slot if that is of the sleep's runtime; else to the runtime's foreign slot.
    fn move_to_own_slot(slot: &mut Arc<Slot>) {
        let is_own = with_time(|time| Arc::ptr_eq(time.own_slot(), slot));
        if is_own == Some(true) {
            return;
        }
        let own = with_time(|time| {
            let own = time.own_slot();
            let is_same_runtime = Arc::ptr_eq(&own.common, &slot.common);
            is_same_runtime.then(|| own.clone())
        })
        .flatten();
        match (own, &slot.foreign) {
            (Some(own), _) => *slot = own,
            (None, Some(foreign)) => *slot = foreign.clone(),
            (None, None) => {}
        }
    }
}

impl Future for Sleep {
    type Output = ();

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let spans = ENABLED.then(|| (self.op.clone(), self.resource.clone()));
        let _entered = spans.as_ref().map(|(op, resource)| op.enter(resource));
        let coop = ready!(poll_op("poll_elapsed", coop::poll_proceed(cx)));
        ready!(poll_op("poll_elapsed", self.poll_unbudgeted(cx)));
        coop.made_progress();
        Poll::Ready(())
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep")
            .field("deadline", &self.deadline)
            .field("is_elapsed", &self.is_elapsed())
            .finish()
    }
}
