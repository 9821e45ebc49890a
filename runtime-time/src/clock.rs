//! The clock of one runtime. `pause` pauses, and `instant` reads, the clock of the current runtime.
//!
//! A clock that was never paused reads the system's. A paused one stands still, and moves by `advance`, or
//! by itself to the next deadline when its runtime has nothing to do (unless a blocking closure runs).
//!
//! I1: `base` never changes; a paused reading never decreases.
//! Until a clock of the process is first paused, `Instant::now` does not look for the runtime's clock (`was_any_paused`).

use crate::due::{Due, Ticks};
use runtime_core::base::clock;
use runtime_core::base::shim::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

static EVER_PAUSED: AtomicBool = AtomicBool::new(false);

/// Has a clock of this process ever been paused?
pub(crate) fn was_any_paused() -> bool {
    // Ordering: Relaxed; the thread that paused sees it, another thread once it has synchronised with that thread.
    EVER_PAUSED.load(Ordering::Relaxed)
}

#[derive(Debug)]
pub(crate) struct Clock {
    base: Instant,
    ticks: Ticks,
    may_pause: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// While paused: the reading.
    paused_at: Option<Instant>,
    /// While running: how far it is ahead of the system's clock, or behind it; one of the two is zero.
    ahead: Duration,
    behind: Duration,
    inhibitors: usize,
}

impl State {
    /// The reading while it runs; after a `resume`, at least the reading at which it stood.
    fn running(&self) -> Instant {
        clock::now() + self.ahead - self.behind
    }
}

impl Clock {
    pub(crate) fn new(ticks: Ticks, start_paused: bool, may_pause: bool) -> Self {
        let base = clock::now();
        if start_paused {
            // Ordering: Relaxed; see `was_any_paused`.
            EVER_PAUSED.store(true, Ordering::Relaxed);
        }
        Clock {
            base,
            ticks,
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
        if !self.may_pause || !was_any_paused() {
            return clock::now();
        }
        let state = self.state.lock();
        match state.paused_at {
            Some(at) => at,
            None => state.running(),
        }
    }

    /// How long its ticks are.
    pub(crate) fn ticks(&self) -> Ticks {
        self.ticks
    }

    /// The tick that has been reached.
    pub(crate) fn now_tick(&self) -> u64 {
        let elapsed = self.now().saturating_duration_since(self.base);
        self.ticks.reached(elapsed)
    }

    /// When a timer for `deadline` is due.
    pub(crate) fn due_at(&self, deadline: Instant) -> Due {
        self.ticks
            .due_after(deadline.saturating_duration_since(self.base))
    }

    /// Time from now until a tick begins.
    pub(crate) fn until(&self, tick: u64) -> Duration {
        let at = self.ticks.time_of(tick);
        at.saturating_sub(self.now().saturating_duration_since(self.base))
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.may_pause && was_any_paused() && self.state.lock().paused_at.is_some()
    }

    pub(crate) fn is_auto_advancing(&self) -> bool {
        if !self.may_pause || !was_any_paused() {
            return false;
        }
        let state = self.state.lock();
        state.paused_at.is_some() && state.inhibitors == 0
    }

    pub(crate) fn advance_to_tick(&self, tick: u64) {
        let target = self.base + self.ticks.time_of(tick);
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

    pub(crate) fn pause(&self) -> Result<(), &'static str> {
        if !self.may_pause {
            return Err(
                "`time::pause()` requires the `current_thread` Tokio runtime. \
                This is the default Runtime used by `#[tokio::test]`.",
            );
        }
        // Ordering: Relaxed; see `was_any_paused`.
        EVER_PAUSED.store(true, Ordering::Relaxed);
        let mut state = self.state.lock();
        if state.paused_at.is_some() {
            return Err("time is already frozen");
        }
        state.paused_at = Some(state.running());
        Ok(())
    }

    pub(crate) fn resume(&self) -> Result<(), &'static str> {
        let mut state = self.state.lock();
        let Some(at) = state.paused_at.take() else {
            return Err("time is not frozen");
        };
        let system = clock::now();
        state.ahead = at.saturating_duration_since(system);
        state.behind = system.saturating_duration_since(at);
        Ok(())
    }

    pub(crate) fn advance(&self, duration: Duration) -> Result<(), &'static str> {
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
