//! The clock of one runtime, and pausing it.
//!
//! A clock that was never paused reads the system's. A paused one stands still, and moves by `advance`, or
//! by itself to the next deadline when its runtime has nothing to do (unless a blocking closure runs).
//!
//! I1: `base` never changes; a paused reading never decreases.
//! Until some clock of the process is first paused, `Instant::now` does not even look for one.

use crate::driver::{TimeHandle, with_time};
use crate::instant::Instant;
use runtime_core::base::clock;
use runtime_core::base::shim::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

static EVER_PAUSED: AtomicBool = AtomicBool::new(false);

const NANOS_PER_TICK: u32 = 1_000_000;
const TICKS_PER_SECOND: u64 = 1_000;

/// A deadline as the wheels know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due {
    /// The tick at which it fires.
    pub(crate) tick: u64,
    /// How far it is from the beginning of the tick before, in nanoseconds: from 1 to all of a tick. Orders those
    /// of one tick.
    pub(crate) within: u32,
}

#[cfg(test)]
impl Due {
    /// Due when `tick` begins.
    pub(crate) fn at(tick: u64) -> Due {
        Due {
            tick,
            within: NANOS_PER_TICK,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Clock {
    base: std::time::Instant,
    may_pause: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// While paused: the reading.
    paused_at: Option<std::time::Instant>,
    /// While running: how far it is ahead of the system's clock, or behind it; one is zero.
    ahead: Duration,
    behind: Duration,
    inhibitors: usize,
}

impl State {
    /// The reading while it runs; from `resume` on at least what it stood at.
    fn running(&self) -> std::time::Instant {
        clock::now() + self.ahead - self.behind
    }
}

impl Clock {
    pub(crate) fn new(start_paused: bool, may_pause: bool) -> Self {
        let base = clock::now();
        if start_paused {
            // Ordering: Relaxed; the thread that paused sees it, others when they learn of it.
            EVER_PAUSED.store(true, Ordering::Relaxed);
        }
        Clock {
            base,
            may_pause,
            state: Mutex::new(State {
                paused_at: start_paused.then_some(base),
                ahead: Duration::ZERO,
                behind: Duration::ZERO,
                inhibitors: 0,
            }),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        // Ordering: Relaxed; see `new`.
        if !self.may_pause || !EVER_PAUSED.load(Ordering::Relaxed) {
            return Instant::from_std(clock::now());
        }
        let state = self.state.lock();
        Instant::from_std(match state.paused_at {
            Some(at) => at,
            None => state.running(),
        })
    }

    /// Whole milliseconds since the base: the tick that has been reached.
    pub(crate) fn now_tick(&self) -> u64 {
        let elapsed = self.now().into_std().saturating_duration_since(self.base);
        elapsed.as_millis().try_into().unwrap_or(u64::MAX)
    }

    /// The first tick not before `deadline`: a timer never fires early.
    pub(crate) fn due_at(&self, deadline: Instant) -> Due {
        let since = deadline.into_std().saturating_duration_since(self.base);
        let (whole, rest) = (since.as_secs(), since.subsec_nanos());
        let within = rest % NANOS_PER_TICK;
        // The largest value means "no timer".
        let tick = whole
            .saturating_mul(TICKS_PER_SECOND)
            .saturating_add(u64::from(rest.div_ceil(NANOS_PER_TICK)))
            .min(u64::MAX - 1);
        Due {
            tick,
            within: if within == 0 { NANOS_PER_TICK } else { within },
        }
    }

    /// Time from now until a tick begins.
    pub(crate) fn until(&self, tick: u64) -> Duration {
        let at = Duration::from_millis(tick);
        at.saturating_sub(self.now().into_std().saturating_duration_since(self.base))
    }

    pub(crate) fn is_auto_advancing(&self) -> bool {
        // Ordering: Relaxed; see `new`.
        if !self.may_pause || !EVER_PAUSED.load(Ordering::Relaxed) {
            return false;
        }
        let state = self.state.lock();
        state.paused_at.is_some() && state.inhibitors == 0
    }

    pub(crate) fn advance_to_tick(&self, tick: u64) {
        let target = self.base + Duration::from_millis(tick);
        let mut state = self.state.lock();
        if let Some(at) = &mut state.paused_at {
            *at = target.max(*at);
        }
    }

    /// Keeps a paused clock from advancing by itself until `allow`.
    pub(crate) fn inhibit(&self) {
        if self.may_pause {
            self.state.lock().inhibitors += 1;
        }
    }

    /// Undoes one `inhibit`; true if a paused clock may advance now and could not before.
    pub(crate) fn allow(&self) -> bool {
        if !self.may_pause {
            return false;
        }
        let mut state = self.state.lock();
        let before = state.inhibitors;
        state.inhibitors = before.saturating_sub(1);
        before == 1 && state.paused_at.is_some()
    }

    fn pause(&self) -> Result<(), &'static str> {
        if !self.may_pause {
            return Err(
                "`time::pause()` requires the `current_thread` Tokio runtime. \
                This is the default Runtime used by `#[tokio::test].",
            );
        }
        // Ordering: Relaxed; see `new`.
        EVER_PAUSED.store(true, Ordering::Relaxed);
        let mut state = self.state.lock();
        if state.paused_at.is_some() {
            return Err("time is already frozen");
        }
        state.paused_at = Some(state.running());
        Ok(())
    }

    fn resume(&self) -> Result<(), &'static str> {
        let mut state = self.state.lock();
        let Some(at) = state.paused_at.take() else {
            return Err("time is not frozen");
        };
        let system = clock::now();
        state.ahead = at.saturating_duration_since(system);
        state.behind = system.saturating_duration_since(at);
        Ok(())
    }

    fn advance(&self, duration: Duration) -> Result<(), &'static str> {
        let mut state = self.state.lock();
        match &mut state.paused_at {
            Some(at) => {
                *at += duration;
                Ok(())
            }
            None => Err("time is not frozen"),
        }
    }
}

pub(crate) fn now() -> Instant {
    // Ordering: Relaxed; see `Clock::new`.
    if EVER_PAUSED.load(Ordering::Relaxed)
        && let Some(now) = with_time(|time| time.clock().now())
    {
        return now;
    }
    Instant::from_std(clock::now())
}

#[track_caller]
fn with_clock(f: impl FnOnce(&Clock) -> Result<(), &'static str>) {
    match with_time(|time: &TimeHandle| f(time.clock())) {
        Some(Ok(())) => {}
        Some(Err(message)) => panic!("{message}"),
        None if runtime_core::runtime::Handle::try_current().is_ok() => panic!(
            "time cannot be frozen: timers are disabled. Call `enable_time` on the runtime builder to enable timers."
        ),
        None => panic!("time cannot be frozen from outside the Tokio runtime"),
    }
}

/// Pauses the current runtime's clock: it then moves by [`advance`], or by itself to the next
/// deadline whenever the runtime has nothing to do.
///
/// # Panics
/// If it is paused already, outside of a runtime, or on one that is not current-thread.
#[track_caller]
pub fn pause() {
    with_clock(Clock::pause);
}

/// Lets the clock run again, from where it stood.
///
/// # Panics
/// If it is not paused, or outside of a runtime.
#[track_caller]
pub fn resume() {
    with_clock(Clock::resume);
}

/// Moves the paused clock on by `duration`, and yields so that what is due fires.
///
/// # Panics
/// If it is not paused, or outside of a runtime.
pub async fn advance(duration: Duration) {
    with_clock(|clock| clock.advance(duration));
    runtime_core::task::yield_now().await;
}
