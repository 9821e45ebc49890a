//! The watch: a thread that notices workers stuck in user code, and has idle siblings take over.
//!
//! A worker that comes back from the driver with one task to run wakes nobody: that is what makes
//! request and reply quick. But if that task then blocks, nobody attends to the driver, to the worker's
//! timers, or to the task in its LIFO slot, though siblings sleep. The watch closes that gap at no cost to the quick path:
//! it ticks every [`TICK`] while the runtime is busy, and compares each worker's pulse, which counts steps, with the one before.
//! A worker that was awake at both looks and has not moved is stuck. Of every stuck worker the task in the LIFO slot goes to
//! the injector; then a sleeping sibling is woken if anything is left undone. It searches, fires overdue timers and parks on
//! the driver, and wakes the next sibling if it finds more than one task, as any searcher does (I3 of `idle`). A sibling that gets
//! stuck in turn is found by the next ticks. Where no sibling sleeps, those that are busy fire the overdue timers.
//!
//! It sleeps once all workers do, and is woken by the next worker that has a task after its sleep. So an idle
//! runtime has no ticks. If the system gives no thread for it, the runtime goes on without.
//!
//! A runtime that lives no longer than [`YOUTH`] never has the thread. Until then workers with nothing to do sleep no
//! longer than that, and the first worker to find youth over, while any worker is awake, starts the watch; later the first
//! task run after a sleep does. The handshake is that of [`Rest`]: whoever ends youth clears its flag, fences, and looks
//! whether all workers sleep; a worker that wakes retracts its sleep, fences, and looks at the flag.

use super::idle::Idle;
use super::worker;
use crate::base::clock;
use crate::base::shim::sync::atomic::{AtomicBool, Ordering, fence};
use crate::base::shim::sync::{Condvar, Mutex};
use crate::base::shim::thread::{self, JoinHandle};
use crate::runtime::Handle;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a poll may take before a sibling is woken: one to two of these.
const TICK: Duration = Duration::from_millis(2);

/// How long a new runtime does without the watch's thread.
const YOUTH: Duration = match cfg!(runtime_loom) {
    true => Duration::MAX, // a model has no clock, and does without the watch
    false => Duration::from_millis(3),
};

/// See the module's page.
pub(super) struct Watch {
    rest: Rest,
    youth: Youth,
    /// `None`: never.
    grown_up: Option<Instant>,
    /// Timers are overdue, and the worker whose they are may be stuck.
    overdue: AtomicBool,
}

/// Has a worker found [`YOUTH`] over yet? The handshake is told on the module's page.
pub(super) struct Youth(AtomicBool);

impl Youth {
    pub(super) fn new() -> Youth {
        Youth(AtomicBool::new(true))
    }

    /// To be asked after [`Rest::needs_call`], whose fence comes before it.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        // Ordering: Relaxed; ordered by the fence in `needs_call`, which pairs with the one in `end`.
        !self.0.load(Ordering::Relaxed)
    }

    /// Ends it. True if a worker is awake, for whose sake the caller must call the watch.
    pub(super) fn end(&self, idle: &Idle) -> bool {
        // Ordering: Relaxed; before the fence.
        self.0.store(false, Ordering::Relaxed);
        // Ordering: SeqCst fence; pairs with the one in `needs_call`: a worker that is awake is seen here, or sees
        // that youth is over and calls by itself.
        fence(Ordering::SeqCst);
        !idle.all_asleep()
    }
}

/// When the watch rests, and who ends that: the handshake with the workers.
///
/// The watch sets `asleep`, fences, and looks whether all workers sleep. A worker that wakes retracts its sleep,
/// fences, and looks whether the watch sleeps. Of the two one sees the other.
pub(super) struct Rest {
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
    pub(super) fn new() -> Self {
        Rest {
            asleep: AtomicBool::new(true),
            state: Mutex::new(State::default()),
            condvar: Condvar::new(),
        }
    }

    /// A worker that has retracted its sleep: must it call?
    #[inline]
    pub(super) fn needs_call(&self) -> bool {
        // Ordering: SeqCst fence; pairs with the one in `rest`.
        fence(Ordering::SeqCst);
        // Ordering: Relaxed; ordered by the fence, after the worker's retraction.
        self.asleep.load(Ordering::Relaxed)
    }

    /// Ends the rest; the first time, `start` makes the thread.
    pub(super) fn call(&self, start: impl FnOnce() -> Option<JoinHandle<()>>) {
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

    /// Between two ticks: until called if all workers sleep, then for a [`TICK`]. False: stop.
    pub(super) fn rest(&self, idle: &Idle) -> bool {
        let mut state = self.state.lock();
        // Ordering: Relaxed; before the fence.
        self.asleep.store(true, Ordering::Relaxed);
        // Ordering: SeqCst fence; pairs with the one in `needs_call`: a worker that is awake is seen
        // here, or sees that the watch sleeps.
        fence(Ordering::SeqCst);
        if idle.all_asleep() {
            while !state.call && !state.stop {
                state = self.condvar.wait(state);
            }
        }
        state.call = false;
        // Ordering: Relaxed; written under the lock.
        self.asleep.store(false, Ordering::Relaxed);
        if state.stop {
            return false;
        }
        state = self.condvar.wait_timeout(state, TICK).0;
        !state.stop
    }

    /// Ends the thread, and waits for it unless called from it.
    pub(super) fn stop(&self) {
        let thread = {
            let mut state = self.state.lock();
            state.stop = true;
            state.thread.take()
        };
        self.condvar.notify_all();
        if let Some(thread) = thread
            && thread.thread().id() != thread::current().id()
        {
            let _ = thread.join();
        }
    }

    /// The tick is over, whenever it began.
    #[cfg(all(test, runtime_loom))]
    pub(super) fn tick_is_over(&self) {
        self.condvar.time_is_up();
    }
}

impl Watch {
    pub(super) fn new() -> Self {
        Watch {
            rest: Rest::new(),
            youth: Youth::new(),
            grown_up: clock::now().checked_add(YOUTH),
            overdue: AtomicBool::new(false),
        }
    }

    /// A worker that was asleep has a task to run: the watch must not sleep either.
    #[inline]
    pub(super) fn attend(&self, handle: &Handle) {
        if self.rest.needs_call() && self.youth.is_over() {
            self.call(handle);
        }
    }

    /// How long a worker that has announced its sleep may sleep for the watch's sake: `None` once youth is over. The
    /// worker asks again when it wakes, before it retracts. Workers that are busy ask now and then.
    #[inline]
    pub(super) fn youth_left(&self, handle: &Handle) -> Option<Duration> {
        // A worker that still sees youth asks the clock.
        if self.youth.is_over() {
            return None;
        }
        let left = match self.grown_up {
            Some(grown_up) => grown_up.saturating_duration_since(clock::now()),
            None => Duration::MAX,
        };
        if !left.is_zero() {
            return Some(left);
        }
        if self.youth.end(&super::MultiThread::of(handle).idle) {
            self.call(handle);
        }
        None
    }

    #[cold]
    fn call(&self, handle: &Handle) {
        let policy = super::MultiThread::of(handle);
        if policy.remotes.len() < 2 || policy.is_shutdown() {
            return;
        }
        self.rest.call(|| {
            let shared = Arc::downgrade(&handle.shared);
            let thread = thread::Builder::new()
                .name("selvedge-watch".into())
                .stack_size(64 * 1024)
                .spawn(move || {
                    let mut pulses = Vec::new();
                    while let Some(shared) = shared.upgrade() {
                        let handle = Handle { shared };
                        let policy = super::MultiThread::of(&handle);
                        policy.watch.tick(&handle, &mut pulses);
                        if !policy.watch.rest.rest(&policy.idle) {
                            break;
                        }
                    }
                });
            thread.ok()
        });
    }

    pub(super) fn stop(&self) {
        self.rest.stop();
    }

    /// Are timers overdue that a worker should fire for another? To be asked by who does so at once.
    #[inline]
    pub(super) fn take_overdue(&self) -> bool {
        // Ordering: Relaxed, both; a hint, it publishes nothing.
        self.overdue.load(Ordering::Relaxed) && self.overdue.swap(false, Ordering::Relaxed)
    }

    /// One tick: compares the pulses with those of the last. `None`: the worker sleeps.
    pub(super) fn tick(&self, handle: &Handle, last: &mut Vec<Option<u32>>) {
        let policy = super::MultiThread::of(handle);
        last.resize(policy.remotes.len(), None);
        let mut any_is_stuck = false;
        for (at, remote) in policy.remotes.iter().enumerate() {
            let is_awake = !policy.idle.is_asleep(at);
            // Ordering: Relaxed; a late value only delays the watch by a tick.
            let pulse = is_awake.then(|| remote.pulse.load(Ordering::Relaxed));
            let before = std::mem::replace(&mut last[at], pulse);
            if pulse.is_some() && pulse == before {
                any_is_stuck = true;
                // Ordering: Relaxed; a hint, the swap decides.
                let has_task = !remote.lifo.load(Ordering::Relaxed).is_null();
                let task = has_task.then(|| worker::take_lifo(&remote.lifo)).flatten();
                if let Some(task) = task {
                    policy.inject(&handle.shared, task);
                }
            }
        }
        if any_is_stuck {
            self.rescue(handle);
        }
    }

    /// Wakes a sleeping sibling if stuck workers leave something undone.
    fn rescue(&self, handle: &Handle) {
        let policy = super::MultiThread::of(handle);
        let timers = handle.shared.timers.as_deref();
        let overdue = timers.is_some_and(|t| t.is_overdue());
        if overdue {
            // Ordering: Relaxed; a hint, the next tick repeats it.
            self.overdue.store(true, Ordering::Relaxed);
        }
        if overdue || !policy.seat.is_taken() || policy.has_work() {
            policy.wake_a_sleeper(&handle.shared);
        }
    }
}

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/watch.rs"]
mod tests;
