//! The current-thread scheduler's state: tasks run on whichever thread is in `block_on`.
//!
//! That thread holds the core (queue and driver). Other threads in `block_on` meanwhile poll only their
//! own future; when the core is free, the first of them in line takes it over. Tasks woken on other
//! threads arrive through the injector.
//!
//! Sleep handshake, two words: the sleeper stores `parked`, fences, then reads the injector and
//! `main_woken`; a pusher pushes (or sets `main_woken`), fences, then reads `parked` and unparks
//! the driver if it is set. Each side's fence orders its write before its read, so at least one
//! sees the other (docs/sleep-protocol.md).
//!
//! I1: the core is in `core`, or in the context of one thread, or in use by shutdown.

use super::config::Config;
use super::countdown::Countdown;
use super::counters::{Stopwatch, WorkerCounters};
use crate::base::handshake;
use crate::base::parker::ThreadParker;
use crate::base::shim::deque::Injector;
use crate::base::shim::sync::Mutex;
use crate::base::shim::sync::atomic::{AtomicBool, Ordering};
use crate::base::spin::LookOut;
use crate::driver::{IoDriver, Unpark};
use crate::task::Runnable;
use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::ThreadId;

/// Tasks for which the queue has room from the start, and after a burst.
const QUEUE_CAPACITY: usize = 64;
/// Tasks until the next one that comes from the injector first, unless the builder says otherwise.
const INJECTOR_INTERVAL: u32 = 31;

/// The part all threads see.
pub(crate) struct CurrentThread {
    pub(crate) core: Mutex<Option<Box<CurrentThreadCore>>>,
    /// Threads in `block_on` that wait for the core.
    pub(crate) waiting: Mutex<Vec<Arc<ThreadParker>>>,
    pub(crate) injector: Injector<Runnable>,
    pub(crate) parked: AtomicBool,
    pub(crate) main_woken: AtomicBool,
    pub(crate) shutdown: AtomicBool,
    pub(crate) unhandled_panic: AtomicBool,
    pub(crate) counters: WorkerCounters,
    /// Tasks until the next one that comes from the injector first.
    pub(crate) injector_interval: u32,
    /// The thread a local runtime belongs to.
    pub(crate) owner: Option<ThreadId>,
}

/// What the thread that runs the tasks owns.
pub(crate) struct CurrentThreadCore {
    pub(crate) queue: VecDeque<Runnable>,
    pub(crate) driver: Option<Box<dyn IoDriver>>,
    to_injector: Countdown,
    pub(crate) look_out: LookOut,
    pub(crate) stopwatch: Stopwatch,
}

impl CurrentThreadCore {
    pub(crate) fn new(injector_interval: u32, driver: Option<Box<dyn IoDriver>>) -> Self {
        CurrentThreadCore {
            queue: VecDeque::with_capacity(QUEUE_CAPACITY),
            driver,
            to_injector: Countdown::new(injector_interval),
            look_out: LookOut::new(),
            stopwatch: Stopwatch::new(false),
        }
    }

    /// Does the injector come first? Asked once for each task.
    #[inline]
    pub(crate) fn is_injectors_turn(&mut self, interval: u32) -> bool {
        self.to_injector.is_over(interval)
    }

    /// Frees the room of a burst of tasks; the queue is empty.
    pub(crate) fn give_memory_back(&mut self) {
        if self.queue.capacity() > 16 * QUEUE_CAPACITY {
            self.queue.shrink_to(QUEUE_CAPACITY);
        }
    }
}

impl CurrentThread {
    pub(crate) fn new(config: &Config) -> Self {
        CurrentThread {
            core: Mutex::new(None),
            waiting: Mutex::new(Vec::new()),
            injector: Injector::new(),
            parked: AtomicBool::new(false),
            main_woken: AtomicBool::new(false),
            shutdown: AtomicBool::new(false),
            unhandled_panic: AtomicBool::new(false),
            counters: WorkerCounters::new(config),
            injector_interval: config.global_queue_interval.unwrap_or(INJECTOR_INTERVAL),
            owner: config.is_local.then(|| std::thread::current().id()),
        }
    }

    /// Takes the driver in; before the runtime is used.
    pub(crate) fn install(&self, driver: Box<dyn IoDriver>) {
        let core = CurrentThreadCore::new(self.injector_interval, Some(driver));
        *self.core.lock() = Some(Box::new(core));
    }

    pub(crate) fn is_shutdown(&self) -> bool {
        // Ordering: Acquire; pairs with the Release in `shutdown`.
        self.shutdown.load(Ordering::Acquire)
    }

    pub(crate) fn counters(&self) -> &WorkerCounters {
        &self.counters
    }

    pub(crate) fn injector_len(&self) -> usize {
        self.injector.len()
    }

    pub(crate) fn note_unhandled_panic(&self) {
        // Ordering: Release; pairs with the Acquire in the run loop, mostly on the same thread.
        self.unhandled_panic.store(true, Ordering::Release);
    }

    /// Queues a task from another thread.
    pub(crate) fn inject(&self, unpark: &dyn Unpark, task: Runnable) {
        self.injector.push(task);
        self.wake_sleeper(unpark);
    }

    pub(crate) fn wake_sleeper(&self, unpark: &dyn Unpark) {
        // Handshake with `park`: either we see `parked`, or the
        // sleeper sees what we pushed.
        handshake::store_load();
        // Ordering: Relaxed; ordered by the fence above.
        if self.parked.load(Ordering::Relaxed) {
            unpark.unpark();
        }
    }

    /// From here on the runtime is shut down.
    pub(crate) fn refuse_tasks(&self) {
        // Ordering: Release; pairs with the Acquire in `is_shutdown`.
        self.shutdown.store(true, Ordering::Release);
    }

    pub(crate) fn take_core(&self) -> Option<Box<CurrentThreadCore>> {
        self.core.lock().take()
    }

    /// The core is free: the next in line takes it over.
    pub(crate) fn call_waiting(&self) {
        let next = self.waiting.lock().first().cloned();
        if let Some(next) = next {
            next.unpark();
        }
    }

    /// The runtime has ended: nobody sleeps or waits for the core, and no queue has anything.
    #[cfg(all(test, runtime_shuttle))]
    pub(crate) fn assert_at_rest(&self) {
        assert!(self.core.lock().is_none(), "the core is still there");
        assert!(self.waiting.lock().is_empty(), "somebody is in line");
        assert!(self.injector.is_empty(), "the injector has a task");
        // Ordering: Relaxed; asked when all threads have been joined.
        assert!(!self.parked.load(Ordering::Relaxed), "somebody sleeps");
    }
}

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/current.rs"]
mod tests;
