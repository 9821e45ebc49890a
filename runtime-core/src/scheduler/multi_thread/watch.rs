//! The watch: a thread that notices workers stuck in one poll, and has an idle sibling take over.
//!
//! A worker that comes back from the driver with one task to run wakes nobody: that is what makes
//! request and reply quick. But if that task then blocks, nobody attends to the driver, to the worker's
//! timers, or to the task in its LIFO slot, though siblings sleep. The watch closes that gap at no cost to the quick path:
//! it ticks every [`TICK`] while the runtime is busy, compares each worker's pulse with the one before, and
//! wakes a sleeping sibling when a pulse stood still within a poll. That one steals, fires
//! overdue timers, and parks on the driver.
//!
//! It starts with the first task a worker runs, sleeps once all workers do, and is woken by the next worker that
//! has a task after its sleep. So an idle
//! runtime has no ticks. If the system gives no thread for it, the runtime goes on without.

use crate::driver::Unpark;
use crate::runtime::Handle;
use crate::shim::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
use crate::shim::sync::{Condvar, Mutex};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a poll may take before a sibling is woken: one to two of these.
const TICK: Duration = Duration::from_millis(2);

/// See the module's page.
pub(super) struct Watch {
    /// Does the thread sleep (or not exist)? Read by workers that come back from the driver.
    asleep: AtomicBool,
    stuck_mark: AtomicU32,
    state: Mutex<State>,
    condvar: Condvar,
}

#[derive(Default)]
struct State {
    thread: Option<JoinHandle<()>>,
    started: bool,
    stop: bool,
    call: bool,
    /// Pulses at the last tick, and which of them stood still since.
    pulses: Vec<u32>,
}

impl Watch {
    pub(super) fn new() -> Self {
        Watch {
            asleep: AtomicBool::new(true),
            stuck_mark: AtomicU32::new(0),
            state: Mutex::new(State::default()),
            condvar: Condvar::new(),
        }
    }

    /// A worker that was asleep has a task to run: the watch must not sleep either.
    #[inline]
    pub(super) fn attend(&self, handle: &Handle) {
        // Ordering: SeqCst fence; pairs with the one in `tick`.
        fence(Ordering::SeqCst);
        // Ordering: Relaxed; ordered by the fence, after this worker's retraction.
        if self.asleep.load(Ordering::Relaxed) {
            self.call(handle);
        }
    }

    #[cold]
    fn call(&self, handle: &Handle) {
        let policy = super::MultiThread::of(handle);
        if policy.remotes.len() < 2 || policy.is_shutdown() {
            return;
        }
        let mut state = self.state.lock();
        if state.stop {
            return;
        }
        // Ordering: Relaxed; written under the lock.
        self.asleep.store(false, Ordering::Relaxed);
        state.call = true;
        if std::mem::replace(&mut state.started, true) {
            drop(state);
            self.condvar.notify_one();
            return;
        }
        // Under the lock, so that `stop` finds the handle to join.
        let shared = Arc::downgrade(&handle.shared);
        let thread = std::thread::Builder::new()
            .name("selvedge-watch".into())
            .stack_size(64 * 1024)
            .spawn(move || {
                while let Some(shared) = shared.upgrade() {
                    let handle = Handle { shared };
                    if !super::MultiThread::of(&handle).watch.tick(&handle) {
                        break;
                    }
                }
            });
        if let Ok(thread) = thread {
            state.thread = Some(thread);
        }
    }

    /// Is this the pulse of a worker that stood still for a tick, within a poll?
    pub(super) fn is_stuck(&self, pulse: &AtomicU32) -> bool {
        // Ordering: Relaxed; a hint. Odd: in a poll.
        let now = pulse.load(Ordering::Relaxed);
        now & 1 == 1 && self.stuck_mark.load(Ordering::Relaxed) == now
    }

    /// One tick. False when the runtime stops.
    fn tick(&self, handle: &Handle) -> bool {
        let policy = super::MultiThread::of(handle);
        let mut state = self.state.lock();
        if state.stop {
            return false;
        }
        let pulses: Vec<u32> = policy
            .remotes
            .iter()
            // Ordering: Relaxed; a late value only delays the watch by a tick.
            .map(|r| r.pulse.load(Ordering::Relaxed))
            .collect();
        let stood_still = |at: usize| state.pulses.get(at) == Some(&pulses[at]);
        let stuck = (0..pulses.len()).find(|&at| pulses[at] & 1 == 1 && stood_still(at));
        state.pulses = pulses;
        if let Some(at) = stuck {
            let mark = state.pulses[at];
            drop(state);
            // Ordering: Relaxed; a hint, seen with the unpark that follows.
            self.stuck_mark.store(mark, Ordering::Relaxed);
            self.rescue(handle, at);
            state = self.state.lock();
        }
        if state.stop {
            return false;
        }
        // Ordering: Relaxed; before the fence.
        self.asleep.store(true, Ordering::Relaxed);
        // Ordering: SeqCst fence; pairs with the one in `attend`: a worker that is awake is seen
        // here, or sees that the watch sleeps.
        fence(Ordering::SeqCst);
        if policy.idle.all_asleep() {
            while !state.call && !state.stop {
                state = self.condvar.wait(state);
            }
        }
        state.call = false;
        // Ordering: Relaxed; written under the lock.
        self.asleep.store(false, Ordering::Relaxed);
        state = self.condvar.wait_timeout(state, TICK).0;
        !state.stop
    }

    /// Wakes a sleeping sibling if the stuck worker leaves something undone.
    fn rescue(&self, handle: &Handle, stuck: usize) {
        let policy = super::MultiThread::of(handle);
        let unpark: &dyn Unpark = &*handle.shared.unpark;
        let timers = handle.shared.timers.as_deref();
        let overdue = timers.is_some_and(|t| t.is_overdue());
        // Ordering: Relaxed; hints.
        let driver_unattended = !policy.seat_taken.load(Ordering::Relaxed);
        let lifo = !policy.remotes[stuck].lifo.load(Ordering::Relaxed).is_null();
        if (overdue || driver_unattended || lifo || policy.has_work())
            && let Some(worker) = policy.idle.claim_any()
        {
            policy.remotes[worker].parker.unpark(unpark);
        }
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
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}
