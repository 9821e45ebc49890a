//! The watch: a thread that notices workers stuck in user code, and has idle siblings take over. This file says when it rests
//! and what ends its rest; its loop is in `worker::rescue`.
//!
//! A worker that comes back from the driver with one task to run wakes nobody: that is what makes
//! request and reply quick. But if that task then blocks, nobody attends to the driver, to the worker's
//! timers, or to the task in its LIFO slot, though siblings sleep. The watch closes that gap at no cost to the quick path:
//! it looks at all workers now and then, and compares each worker's pulse, which counts steps, with the last look's.
//! A worker that was awake at both looks and has not moved is stuck. The task in a stuck worker's LIFO slot goes to
//! the injector; then a sleeping sibling is woken if anything is left undone. It searches, fires overdue timers and parks on
//! the driver, and wakes the next sibling if it finds more than one task, as any searcher does (I3 of `idle`). A sibling that gets
//! stuck in turn is found by the next looks. If no sibling sleeps, busy siblings fire the overdue timers.
//!
//! **When it looks.** A look wakes a thread, and a service whose polls are short needs none. So the time between looks follows what
//! they find ([`Patience`]). It is [`TICK`] while a worker is stuck, and for [`FRUITLESS_TICKS`] looks after a worker had to be helped. Then
//! it doubles with each look in vain, up to [`LONGEST_PAUSE`]. A worker that a look after a long pause finds awake is looked at again a tick
//! later. So while workers get stuck again and again, each is found within two ticks; the first after a time without stuck workers is found
//! within the longest pause and a tick.
//!
//! **When it sleeps.** Once all workers sleep, none has moved between two looks, and none was stuck at the last. Then the next worker that has
//! a task after its sleep calls the watch. So an idle runtime has no looks, and a runtime that has a task now and then makes no call for it,
//! as the watch finds that workers move. If the system gives no thread for the watch, the runtime goes on without.
//!
//! A runtime that lives no longer than [`GRACE_PERIOD`] never has the thread. Until that period is over, workers with nothing to do sleep no
//! longer than to its end. The first worker that finds it over, while any worker is awake, starts the watch; later the first task run after a
//! sleep does. The handshake is that of [`Rest`]: the thread that ends the grace period clears its flag, fences, and checks whether all
//! workers sleep; a worker that wakes retracts its sleep, fences, and reads the flag.

use super::idle::Idle;
use crate::base::clock;
use crate::base::handshake;
use crate::base::parker::ThreadParker;
use crate::base::shim::sync::atomic::{AtomicBool, Ordering};
use crate::base::shim::sync::{Condvar, Mutex};
use crate::base::shim::thread::{self, JoinHandle};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// The shortest time between two looks.
const TICK: Duration = Duration::from_millis(2);
/// The longest time between two looks.
const LONGEST_PAUSE: Duration = Duration::from_millis(16);
/// Looks in vain before the time between them grows: an eighth of a second of them.
const FRUITLESS_TICKS: u32 = 64;

/// A worker that is stuck for so long is reported.
pub(crate) const STALL: Duration = Duration::from_millis(100);

/// How long a new runtime does without the watch's thread.
const GRACE_PERIOD: Duration = match (cfg!(runtime_loom), cfg!(runtime_shuttle)) {
    // A model has no clock: loom's models do without the watch, shuttle's have it from the start.
    (true, false) => Duration::MAX,
    (true, true) => Duration::ZERO,
    (false, _) => Duration::from_millis(3),
};

/// See the module's page.
pub(crate) struct Watch {
    pub(crate) rest: Rest,
    grace: GracePeriod,
    /// `None`: never.
    grace_ends: Option<Instant>,
    /// Timers are overdue, and their worker may be stuck.
    overdue: AtomicBool,
    /// The parker of the thread that wants to know of stalls.
    told: OnceLock<Arc<ThreadParker>>,
}

/// What the watch has seen of the workers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Look {
    /// A worker is awake, was awake at the look before, and has not moved in between.
    pub(crate) any_stuck: bool,
    /// A stuck worker had left something undone, and a task was moved or a sleeper woken for it.
    pub(crate) any_rescued: bool,
    pub(crate) any_awake: bool,
    /// A worker has made a step since the look before.
    pub(crate) any_moved: bool,
}

impl Look {
    /// Is another look due though all workers sleep? A worker that was stuck may have moved on since: then the note that it is stuck must go.
    pub(crate) fn wants_another(self) -> bool {
        self.any_moved || self.any_stuck
    }
}

/// How long the watch waits for its next look: by what it has found so far.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    /// Looks that rescued nothing, since the last that did.
    fruitless: u32,
    /// The last pause was short, for a second look at a worker that was awake.
    looks_again: bool,
}

impl Patience {
    pub(crate) fn pause_after(&mut self, look: Look) -> Duration {
        if look.any_rescued {
            *self = Patience::default();
        }
        if look.any_stuck {
            // The worker may leave something undone yet. Often it only waits for a processor, which is no reason to look more often later.
            return TICK;
        }
        let longer = self.fruitless.saturating_sub(FRUITLESS_TICKS);
        let pause = TICK.saturating_mul(1 << longer.min(16)).min(LONGEST_PAUSE);
        self.looks_again = look.any_awake && pause > TICK && !self.looks_again;
        if self.looks_again {
            return TICK;
        }
        self.fruitless = self.fruitless.saturating_add(1);
        pause
    }
}

/// Has a worker found [`GRACE_PERIOD`] over yet? The module's page describes the handshake.
pub(crate) struct GracePeriod(AtomicBool);

impl GracePeriod {
    pub(crate) fn new() -> GracePeriod {
        GracePeriod(AtomicBool::new(true))
    }

    /// To be asked after [`Rest::needs_call`], whose fence comes before it.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        // Ordering: Relaxed; ordered by the fence in `needs_call`, which pairs with the one in `end`.
        !self.0.load(Ordering::Relaxed)
    }

    /// Ends the grace period. True if a worker is awake: then the caller must call the watch.
    pub(crate) fn end(&self, idle: &Idle) -> bool {
        // Ordering: Relaxed; before the fence.
        self.0.store(false, Ordering::Relaxed);
        // Handshake with `needs_call`: a worker that is awake is seen here, or sees
        // that the grace period is over and calls by itself.
        handshake::store_load();
        !idle.all_asleep()
    }
}

/// When the watch rests, and what ends its rest: the handshake with the workers.
///
/// The watch sets `asleep`, fences, and checks whether all workers sleep. A worker that wakes retracts its sleep, fences, and
/// reads `asleep`. At least one of the two sees the other. During a pause between two looks `asleep` is not set, and no worker
/// calls.
pub(crate) struct Rest {
    /// Does the thread sleep (or not exist)? Read by workers that come back from their sleep.
    asleep: AtomicBool,
    state: Mutex<State>,
    condvar: Condvar,
}

#[derive(Default)]
struct State {
    thread: Option<JoinHandle<()>>,
    started: bool,
    stop: bool,
    call: bool,
}

impl Rest {
    pub(crate) fn new() -> Self {
        Rest {
            asleep: AtomicBool::new(true),
            state: Mutex::new(State::default()),
            condvar: Condvar::new(),
        }
    }

    /// A worker that has retracted its sleep: must it call?
    #[inline]
    pub(crate) fn needs_call(&self) -> bool {
        // Handshake with `rest`.
        handshake::store_load();
        // Ordering: Relaxed; ordered by the fence, after the worker's retraction.
        self.asleep.load(Ordering::Relaxed)
    }

    /// Ends the rest; the first time, `start` makes the thread.
    pub(crate) fn call(&self, start: impl FnOnce() -> Option<JoinHandle<()>>) {
        let mut state = self.state.lock();
        if state.stop {
            return;
        }
        // Ordering: Relaxed; written under the lock.
        self.asleep.store(false, Ordering::Relaxed);
        state.call = true;
        if !std::mem::replace(&mut state.started, true) {
            // Under the lock, so that `stop` finds the handle to join.
            state.thread = start();
            return;
        }
        drop(state);
        self.condvar.notify_one();
    }

    /// Waits between two looks. If all workers sleep, and the last look does not want another, waits until called; then for `pause`. False: stop.
    pub(crate) fn rest(&self, idle: &Idle, wants_another: bool, pause: Duration) -> bool {
        let mut state = self.state.lock();
        if !wants_another {
            // Ordering: Relaxed; before the fence.
            self.asleep.store(true, Ordering::Relaxed);
            // Handshake with `needs_call`: a worker that is awake is seen
            // here, or sees that the watch sleeps.
            handshake::store_load();
            if idle.all_asleep() {
                while !state.call && !state.stop {
                    state = self.condvar.wait(state);
                }
            }
            // Ordering: Relaxed; written under the lock.
            self.asleep.store(false, Ordering::Relaxed);
        }
        state.call = false;
        if state.stop {
            return false;
        }
        state = self.condvar.wait_timeout(state, pause).0;
        !state.stop
    }

    /// Ends the thread, and waits for it unless called from it.
    pub(crate) fn stop(&self) {
        let thread = {
            let mut state = self.state.lock();
            state.stop = true;
            state.thread.take()
        };
        self.condvar.notify_all();
        let other = thread.filter(|thread| thread.thread().id() != thread::current().id());
        if let Some(thread) = other {
            let _ = thread.join();
        }
    }

    /// From here on each tick is over at once.
    #[cfg(all(test, runtime_loom))]
    pub(crate) fn tick_is_over(&self) {
        self.condvar.time_is_up();
    }
}

impl Watch {
    pub(crate) fn new() -> Self {
        Watch {
            rest: Rest::new(),
            grace: GracePeriod::new(),
            grace_ends: clock::now().checked_add(GRACE_PERIOD),
            overdue: AtomicBool::new(false),
            told: OnceLock::new(),
        }
    }

    /// Unparks `parker` whenever a worker has been stuck for [`STALL`]. The first call counts.
    pub(crate) fn unpark_at_stalls(&self, parker: Arc<ThreadParker>) {
        let _ = self.told.set(parker);
    }

    /// Does anybody want to know of stalls?
    pub(crate) fn tells_stalls(&self) -> bool {
        self.told.get().is_some()
    }

    pub(crate) fn tell_stall(&self) {
        if let Some(parker) = self.told.get() {
            parker.unpark();
        }
    }

    /// A worker that was asleep has a task to run: must it call the watch?
    #[inline]
    pub(crate) fn needs_call(&self) -> bool {
        self.rest.needs_call() && self.grace.is_over()
    }

    /// How long a worker that has announced its sleep may sleep for the watch's sake: `None` once the grace period is over. The
    /// worker asks again when it wakes, before it retracts. Workers that are busy ask now and then. `call` calls the
    /// watch.
    #[inline]
    pub(crate) fn grace_left(&self, idle: &Idle, call: impl FnOnce()) -> Option<Duration> {
        // A worker that is still in the grace period reads the clock.
        if self.grace.is_over() {
            return None;
        }
        let left = match self.grace_ends {
            Some(grace_ends) => grace_ends.saturating_duration_since(clock::now()),
            None => Duration::MAX,
        };
        if !left.is_zero() {
            return Some(left);
        }
        if self.grace.end(idle) {
            call();
        }
        None
    }

    pub(crate) fn stop(&self) {
        self.rest.stop();
    }

    /// From here on the ticks take no time.
    #[cfg(all(test, runtime_shuttle))]
    pub(crate) fn let_tick(&self) {
        // Under the lock, so not between the thread's check of the time and its wait.
        let _state = self.rest.state.lock();
        self.rest.tick_is_over();
    }

    /// Timers are overdue: some worker is to fire them for another.
    pub(crate) fn note_overdue(&self) {
        // Ordering: Relaxed; a hint, the next tick repeats it.
        self.overdue.store(true, Ordering::Relaxed);
    }

    /// Are timers overdue that a worker should fire for another? The caller must fire them at once.
    #[inline]
    pub(crate) fn take_overdue(&self) -> bool {
        // Ordering: Relaxed, both; a hint, it publishes nothing.
        self.overdue.load(Ordering::Relaxed) && self.overdue.swap(false, Ordering::Relaxed)
    }
}

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/watch.rs"]
mod tests;
