//! The multi-thread scheduler: one worker for each core, each with its own queue, stealing from the
//! others when that is empty.
//!
//! | file | owns |
//! |---|---|
//! | `idle` | who sleeps, who searches, who is woken |
//! | `parker` | where one worker sleeps |
//! | `seat` | the driver, and sleeping with or without it |
//! | `worker` | the step machine: next task, search, park |
//! | `ending` | who cancels the tasks at shutdown, and in which order |
//! | `watch` | finds workers stuck in one poll and has their work rescued |
//!
//! ```text
//!  wake on a worker ──▶ LIFO slot ──(displaced)──▶ its queue ──(half, when full)──▶ injector
//!                        └──(stuck worker)──────────────────────────────────────▶ injector
//!  wake elsewhere ────────────────────────────────────────────────────────────────▶ injector
//! ```
//! I1: each worker's core (queue, tick, ..) is owned by one thread, the worker's, or is in `cores`
//!     at shutdown. `block_in_place` passes it to another thread.
//! I2: the driver is in its seat, or with the one worker that took it out.
//! I3: a task in a LIFO slot is seen by its worker before it sleeps. If the worker is stuck, the watch moves the task to
//!     the injector.
//!
//! Shutdown: the flag is set and everyone unparked. The workers cancel all tasks in turn, oldest first (`ending`), and
//! each leaves its core in `cores`; the last to come drains all queues until no task is left, and
//! stops the drivers.

mod ending;
mod idle;
mod parker;
mod seat;
mod watch;
mod worker;

#[cfg(all(test, runtime_loom, not(runtime_shuttle)))]
#[path = "tests/loom.rs"]
mod loom;

use crate::base::shim::deque::{Injector, Stealer, Worker};
use crate::base::shim::sync::Mutex;
use crate::base::shim::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};
use crate::blocking;
use crate::driver::IoDriver;
use crate::runtime::Handle;
use crate::runtime::config::Config;
use crate::runtime::metrics::WorkerCounters;
use crate::runtime::shared::Shared;
use crate::scheduler::Policy;
use crate::task::Runnable;
use crate::task::cell::Header;
use ending::Ending;
use idle::Idle;
use parker::Parker;
use seat::Seat;
use std::io;
use std::sync::Arc;
use watch::Watch;
use worker::Core;
pub(crate) use worker::{Context, Regain};

/// The part all threads see.
pub(crate) struct MultiThread {
    remotes: Box<[Remote]>,
    injector: Injector<Runnable>,
    idle: Idle,
    seat: Seat,
    shutdown: AtomicBool,
    /// Cores of the workers that have stopped (I1).
    #[allow(clippy::vec_box)] // cores travel boxed
    cores: Mutex<Vec<Box<Core>>>,
    ending: Ending,
    watch: Watch,
}

/// What others see of a worker.
#[repr(align(128))]
struct Remote {
    stealer: Stealer<Runnable>,
    lifo: AtomicPtr<Header>,
    parker: Parker,
    /// Counts steps. Read by the watch.
    pulse: AtomicU32,
    counters: WorkerCounters,
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

    fn of(handle: &Handle) -> &MultiThread {
        match &handle.shared.policy {
            Policy::MultiThread(policy) => policy,
            Policy::CurrentThread(_) => unreachable!("a current-thread runtime has no workers"),
        }
    }

    /// Starts the workers on threads of the pool.
    pub(crate) fn launch(
        handle: &Handle,
        queues: Vec<Worker<Runnable>>,
        driver: Box<dyn IoDriver>,
    ) -> io::Result<()> {
        let policy = MultiThread::of(handle);
        policy.seat.give_back(driver);
        let mut cores: Vec<_> = queues
            .into_iter()
            .enumerate()
            .map(|(index, queue)| Box::new(Core::new(handle, index, queue)))
            .collect();
        while let Some(core) = cores.pop() {
            if let Err((error, core)) = policy.start_worker(handle, core) {
                // The caller drops the runtime: those that run come to an end, and the cores that
                // never ran count as stopped.
                policy.cores.lock().extend(cores.into_iter().chain([core]));
                return Err(error);
            }
        }
        Ok(())
    }

    /// Gives the core back where there is no thread for it.
    fn start_worker(&self, handle: &Handle, core: Box<Core>) -> Result<(), (io::Error, Box<Core>)> {
        let place = Arc::new(Mutex::new(Some(core)));
        let (for_worker, with) = (place.clone(), handle.clone());
        let worker = Box::new(move || {
            let core = for_worker.lock().take();
            if let Some(core) = core {
                worker::run(with, core);
            }
        });
        let start = blocking::start_thread_of(handle);
        let Err(error) = handle.pool().spawn_worker(worker, start) else {
            return Ok(());
        };
        match place.lock().take() {
            Some(core) => Err((error, core)),
            // A thread that has gone since took the job on.
            None => Ok(()),
        }
    }

    pub(crate) fn is_shutdown(&self) -> bool {
        // Ordering: Acquire; pairs with the Release in `shutdown`.
        self.shutdown.load(Ordering::Acquire)
    }

    /// Tells the workers to stop. Waits for no one.
    pub(crate) fn shutdown_with(&self, shared: &Shared) {
        // Ordering: Release; pairs with the Acquire in `is_shutdown`.
        self.shutdown.store(true, Ordering::Release);
        self.wake_workers(shared);
        self.watch.stop();
    }

    pub(crate) fn wake_workers(&self, shared: &Shared) {
        for remote in &self.remotes {
            remote.parker.unpark(&*shared.unpark);
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
    pub(crate) fn inject(&self, shared: &Shared, task: Runnable) {
        self.injector.push(task);
        self.notify(shared);
    }

    /// After a push that others may take: wakes a sleeper unless someone searches.
    #[inline]
    fn notify(&self, shared: &Shared) {
        if let Some(worker) = self.idle.worker_to_notify() {
            self.remotes[worker].parker.unpark(&*shared.unpark);
        }
    }

    /// Wakes a sleeper, if there is one, whoever searches.
    fn wake_a_sleeper(&self, shared: &Shared) {
        if let Some(worker) = self.idle.claim_any() {
            self.remotes[worker].parker.unpark(&*shared.unpark);
        }
    }

    /// From here on the watch's ticks take no time.
    #[cfg(all(test, runtime_shuttle))]
    pub(super) fn let_the_watch_tick(&self) {
        self.watch.let_tick();
    }

    /// All workers have ended: nobody sleeps or searches, and no queue or slot has anything.
    #[cfg(all(test, runtime_shuttle))]
    pub(super) fn assert_at_rest(&self) {
        assert_eq!(0, self.idle.searchers(), "somebody searches");
        assert!(self.injector.is_empty(), "the injector has a task");
        for (at, remote) in self.remotes.iter().enumerate() {
            assert!(!self.idle.is_asleep(at), "a worker sleeps");
            assert!(remote.stealer.is_empty(), "a queue has a task");
            // Ordering: Relaxed; asked when all threads have been joined.
            let slot = remote.lifo.load(Ordering::Relaxed);
            assert!(slot.is_null(), "a slot has a task");
        }
    }

    /// Is there anything a searching worker could take? LIFO slots aside: their workers are awake (I3).
    fn has_work(&self) -> bool {
        !self.injector.is_empty() || self.remotes.iter().any(|r| !r.stealer.is_empty())
    }
}
