//! The multi-thread scheduler's state: several workers, each with its own queue. A worker steals from the others when
//! its queue is empty.
//!
//! ```text
//!  wake on a worker ──▶ LIFO slot ──(displaced)──▶ its queue ──(half, when full)──▶ injector
//!                        └──(stuck worker)──────────────────────────────────────▶ injector
//!  wake elsewhere ────────────────────────────────────────────────────────────────▶ injector
//! ```
//! I1: each worker's core (queue, tick, ..) is owned by one thread, the worker's, or is in `cores`
//!     at shutdown. `block_in_place` passes it to another thread.
//! I2: the driver is in its seat, or with the one worker that took it out.
//! I3: a task in a LIFO slot is seen by its worker before the worker sleeps. If the worker is stuck, the watch moves the task
//!     to the injector.

use super::config::Config;
use super::countdown::Countdown;
use super::counters::{Stopwatch, WorkerCounters};
use super::ending::Ending;
use super::idle::Idle;
use super::parker::Parker;
use super::seat::Seat;
use super::steal::until_settled;
use super::watch::Watch;
use crate::base::rng::{Rng, RngSeed};
use crate::base::shim::deque::{Injector, Stealer, Worker};
use crate::base::shim::sync::Mutex;
use crate::base::shim::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};
use crate::base::spin::LookOut;
use crate::driver::Unpark;
use crate::task::Runnable;
use crate::task::cell::Header;
use std::time::Duration;

/// Time after which a busy worker takes from the injector first, unless the builder sets a number of steps.
const INJECTOR_LATENCY: Duration = Duration::from_micros(200);
/// Fewest and most steps to which that time is rounded.
pub(crate) const INJECTOR_INTERVALS: (u32, u32) = (2, 61);

/// What a worker owns; passed on whole by `block_in_place`.
pub(crate) struct WorkerCore {
    pub(crate) index: usize,
    pub(crate) queue: Worker<Runnable>,
    pub(crate) tick: u32,
    pub(crate) injector_interval: u32,
    to_events: Countdown,
    to_injector: Countdown,
    pub(crate) lifo_polls: u32,
    pub(crate) lifo_enabled: bool,
    pub(crate) searching: bool,
    /// Has the worker made sure since its last sleep that the watch does not sleep?
    pub(crate) attended: bool,
    pub(crate) delivery: Delivery,
    pub(crate) look_out: LookOut,
    pub(crate) rng: Rng,
    pub(crate) stopwatch: Stopwatch,
}

/// Is the worker waking a batch of tasks, for the driver, the timers or the deferred wakers? Then no push notifies. The end
/// of the delivery does, once for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    None,
    /// No task yet that others may take.
    Begun,
    /// The worker's queue got a task: a notification is due.
    Shared,
}

impl WorkerCore {
    /// Ends a delivery. True if the caller must notify.
    #[must_use = "a sleeper may be needed"]
    pub(crate) fn end_delivery(&mut self) -> bool {
        std::mem::replace(&mut self.delivery, Delivery::None) == Delivery::Shared
    }

    pub(crate) fn new(
        config: &Config,
        seed: &RngSeed,
        index: usize,
        queue: Worker<Runnable>,
    ) -> Self {
        let injector_interval = config.global_queue_interval.unwrap_or(INJECTOR_INTERVALS.1);
        WorkerCore {
            index,
            queue,
            tick: 0,
            injector_interval,
            to_events: Countdown::new(config.event_interval),
            to_injector: Countdown::new(injector_interval),
            lifo_polls: 0,
            lifo_enabled: !config.disable_lifo_slot,
            searching: false,
            attended: false,
            delivery: Delivery::None,
            look_out: LookOut::new(),
            rng: Rng::new(seed),
            stopwatch: Stopwatch::new(true),
        }
    }

    /// Counts a step.
    pub(crate) fn next_tick(&mut self) -> u32 {
        self.tick = self.tick.wrapping_add(1);
        self.tick
    }

    /// Fits the injector's interval, in steps, to the time that a poll takes.
    pub(crate) fn tune(&mut self, config: &Config, counters: &WorkerCounters) {
        self.stopwatch.account(counters);
        if config.global_queue_interval.is_none() {
            let polls = INJECTOR_LATENCY.as_nanos() as u64 / counters.mean_poll_nanos.get().max(1);
            let (least, most) = INJECTOR_INTERVALS;
            self.injector_interval = polls.clamp(least.into(), most.into()) as u32;
            self.to_injector.shorten(self.injector_interval);
        }
    }

    /// Is it time to turn the driver? Asked once a step.
    #[inline]
    pub(crate) fn is_time_for_events(&mut self, config: &Config) -> bool {
        self.to_events.is_over(config.event_interval)
    }

    /// Does the injector come first? Asked once for each task.
    #[inline]
    pub(crate) fn is_injectors_turn(&mut self) -> bool {
        self.to_injector.is_over(self.injector_interval)
    }
}

/// The part all threads see.
pub(crate) struct MultiThread {
    pub(crate) remotes: Box<[Remote]>,
    pub(crate) injector: Injector<Runnable>,
    pub(crate) idle: Idle,
    pub(crate) seat: Seat,
    shutdown: AtomicBool,
    /// Cores of the workers that have stopped (I1).
    #[allow(clippy::vec_box)] // cores travel boxed
    pub(crate) cores: Mutex<Vec<Box<WorkerCore>>>,
    pub(crate) ending: Ending,
    pub(crate) watch: Watch,
}

/// What others see of a worker.
#[repr(align(128))]
pub(crate) struct Remote {
    pub(crate) stealer: Stealer<Runnable>,
    pub(crate) lifo: AtomicPtr<Header>,
    pub(crate) parker: Parker,
    /// Counts steps. Read by the watch.
    pub(crate) pulse: AtomicU32,
    pub(crate) counters: WorkerCounters,
}

impl MultiThread {
    pub(crate) fn new(config: &Config, workers: usize) -> (Self, Vec<Worker<Runnable>>) {
        let queues: Vec<_> = (0..workers).map(|_| Worker::new_fifo()).collect();
        let remotes = queues
            .iter()
            .map(|queue| Remote {
                stealer: queue.stealer(),
                lifo: AtomicPtr::new(std::ptr::null_mut()),
                parker: Parker::new(),
                pulse: AtomicU32::new(0),
                counters: WorkerCounters::new(config),
            })
            .collect();
        let policy = MultiThread {
            remotes,
            injector: Injector::new(),
            idle: Idle::new(workers),
            seat: Seat::new(),
            shutdown: AtomicBool::new(false),
            cores: Mutex::new(Vec::new()),
            ending: Ending::new(),
            watch: Watch::new(),
        };
        (policy, queues)
    }

    pub(crate) fn is_shutdown(&self) -> bool {
        // Ordering: Acquire; pairs with the Release in `shutdown`.
        self.shutdown.load(Ordering::Acquire)
    }

    /// Tells the workers to stop, and stops the watch. Waits for no worker.
    pub(crate) fn shut_down(&self, unpark: &dyn Unpark) {
        // Ordering: Release; pairs with the Acquire in `is_shutdown`.
        self.shutdown.store(true, Ordering::Release);
        self.wake_workers(unpark);
        self.watch.stop();
    }

    pub(crate) fn wake_workers(&self, unpark: &dyn Unpark) {
        for remote in &self.remotes {
            remote.parker.unpark(unpark);
        }
    }

    #[track_caller]
    pub(crate) fn counters(&self, worker: usize) -> &WorkerCounters {
        &self.remotes[worker].counters
    }

    pub(crate) fn injector_len(&self) -> usize {
        self.injector.len()
    }

    #[track_caller]
    pub(crate) fn queue_len(&self, worker: usize) -> usize {
        self.remotes[worker].stealer.len()
    }

    /// Queues a task from a thread that is not a worker of this runtime.
    pub(crate) fn inject(&self, unpark: &dyn Unpark, task: Runnable) {
        self.injector.push(task);
        self.notify(unpark);
    }

    /// After a push that others may take: wakes a sleeper unless someone searches.
    #[inline]
    pub(crate) fn notify(&self, unpark: &dyn Unpark) {
        if let Some(worker) = self.idle.worker_to_notify() {
            self.remotes[worker].parker.unpark(unpark);
        }
    }

    /// Wakes a sleeper, if there is one, even if others search. True if there was one.
    pub(crate) fn wake_a_sleeper(&self, unpark: &dyn Unpark) -> bool {
        let claimed = self.idle.claim_any();
        if let Some(worker) = claimed {
            self.remotes[worker].parker.unpark(unpark);
        }
        claimed.is_some()
    }

    /// All workers have ended: nobody sleeps or searches, and no queue or slot has anything.
    #[cfg(all(test, runtime_shuttle))]
    pub(crate) fn assert_at_rest(&self) {
        assert_eq!(0, self.idle.searchers(), "somebody searches");
        assert!(self.injector.is_empty(), "the injector has a task");
        for (at, remote) in self.remotes.iter().enumerate() {
            assert!(!self.idle.is_asleep(at), "a worker sleeps");
            assert!(remote.stealer.is_empty(), "a queue has a task");
            assert!(!remote.has_lifo(), "a slot has a task");
        }
    }

    /// Is there anything a searching worker could take? LIFO slots aside: their workers are awake (I3).
    pub(crate) fn has_work(&self) -> bool {
        !self.injector.is_empty() || self.remotes.iter().any(|r| !r.stealer.is_empty())
    }
}

impl Remote {
    /// The task in the LIFO slot, if there is one.
    pub(crate) fn take_lifo(&self) -> Option<Runnable> {
        // Ordering: Acquire; pairs with the Release in `replace_lifo`: takes the task over.
        let ptr = self.lifo.swap(std::ptr::null_mut(), Ordering::Acquire);
        // SAFETY: only permits are put into the slot, and the swap took this one out.
        unsafe { Runnable::from_ptr(ptr) }
    }

    /// Puts `task` into the LIFO slot; returns the task that was there.
    #[inline]
    pub(crate) fn replace_lifo(&self, task: Runnable) -> Option<Runnable> {
        // Ordering: AcqRel; Release publishes the task to a thief, Acquire takes over the old one.
        let old = self.lifo.swap(task.into_ptr(), Ordering::AcqRel);
        // SAFETY: as above.
        unsafe { Runnable::from_ptr(old) }
    }

    /// Is there a task in the LIFO slot? A hint.
    #[inline]
    pub(crate) fn has_lifo(&self) -> bool {
        // Ordering: Relaxed; a thread that takes the task swaps.
        !self.lifo.load(Ordering::Relaxed).is_null()
    }

    /// A task of the queue, taken from any thread.
    pub(crate) fn take_queued(&self) -> Option<Runnable> {
        until_settled(|| self.stealer.steal())
    }
}

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/multi.rs"]
mod tests;
