//! The blocking pool: threads made on demand, kept for a while, then let go.
//!
//! ```text
//! spawn ──▶ queue ──▶ idle thread, notified one by one
//!             └─────▶ a new thread, while fewer than the cap live
//! ```
//! The schedulers' workers run on threads of this pool too (so `block_in_place` can hand a worker to
//! an idle thread), but they are counted apart and never against the cap.
//!
//! I1: `idle` counts threads waiting that no notification is on its way to; a spawner that
//!     notifies takes one off `idle` and adds one to `notified` under the same lock, and a
//!     thread leaves its wait only by taking one off `notified`, or by a time-out or shutdown
//!     with `notified` at zero.
//! I2: a queued job is run, or cancelled at shutdown; if the system refuses a thread and none
//!     lives that would come to it, the job goes back to the spawner, and those that relied on
//!     the thread are cancelled.
//! I3: jobs, hooks and drops run outside of the lock.
//! I4: `threads` counts those that will look at the queue again, so that who finds the cap reached
//!     may leave a job to them; one that has decided to end is `leaving`, from the same critical section on.
//!
//! Shutdown: no new jobs, workers aside; what is queued is cancelled, but mandatory jobs are run; then the threads
//! are joined.

use crate::audit;
use crate::runtime::Handle;
use crate::runtime::config::Callback;
use crate::shim::sync::{Condvar, Mutex};
use crate::shim::thread::{self, JoinHandle};
use crate::task::Runnable;
use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

crate::runtime_thread_local! {
    /// The pool this thread is of: for comparing only.
    static OF: Cell<*const Pool> = Cell::new(std::ptr::null())
}

/// What a thread of the pool is given.
pub(crate) enum Job {
    /// A closure of `spawn_blocking`, as a task.
    Task { task: Runnable, mandatory: bool },
    /// A scheduler's worker: runs until its core is gone.
    Worker(Box<dyn FnOnce() + Send>),
    /// Of the models: told whether it is run, or cancelled.
    #[cfg(all(test, runtime_loom))]
    Probe(Box<dyn FnOnce(bool) + Send>),
}

/// What a thread of the pool lives in: a runtime's handle.
pub(crate) trait Home: Clone + Send + 'static {
    fn pool(&self) -> &Pool;
    /// Runs `f` with this as the thread's runtime.
    fn within(self, f: impl FnOnce(&Self));
}

impl Home for Handle {
    fn pool(&self) -> &Pool {
        Handle::pool(self)
    }

    fn within(self, f: impl FnOnce(&Self)) {
        let _current = crate::context::set_current(self.clone());
        f(&self);
    }
}

impl Job {
    /// Which worker it is, if it is one.
    fn worker(&self) -> Option<*const ()> {
        match self {
            Job::Worker(run) => Some((&raw const **run).cast()),
            _ => None,
        }
    }

    fn run(self) {
        audit::user_code();
        match self {
            Job::Task { task, .. } => task.run(),
            Job::Worker(run) => run(),
            #[cfg(all(test, runtime_loom))]
            Job::Probe(run) => run(true),
        }
    }

    fn run_or_cancel(self) {
        match self {
            Job::Task {
                task,
                mandatory: false,
            } => task.cancel(),
            #[cfg(all(test, runtime_loom))]
            Job::Probe(run) => run(false),
            job => job.run(),
        }
    }
}

/// Why a job was not taken.
pub(crate) enum Refused {
    /// The pool is shut down.
    Shutdown(Job),
    /// The system gave no thread, and none lives.
    NoThread(Job, io::Error),
}

/// What the threads are made with.
pub(crate) struct ThreadConfig {
    pub(crate) name: Arc<dyn Fn() -> String + Send + Sync>,
    pub(crate) stack_size: Option<usize>,
    pub(crate) cap: usize,
    pub(crate) keep_alive: Duration,
    pub(crate) after_start: Option<Callback>,
    pub(crate) before_stop: Option<Callback>,
}

/// The pool; shared by its threads and the runtime's handles.
pub(crate) struct Pool {
    state: Mutex<State>,
    /// Threads wait here for jobs.
    work: Condvar,
    /// Shutdown waits here for the threads to end.
    ended: Condvar,
    config: ThreadConfig,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    /// Threads that will look at the queue again (I4), workers among them.
    threads: usize,
    /// Threads being made, each for a job of its own: shutdown does not cancel as many jobs.
    fresh: usize,
    /// Threads that only have to end.
    leaving: usize,
    /// Threads that run a scheduler's worker.
    workers: usize,
    idle: usize,
    notified: usize,
    shutdown: bool,
    next_id: usize,
    handles: HashMap<usize, JoinHandle<()>>,
    /// A thread that ended by itself: the next to end joins it.
    last_ended: Option<JoinHandle<()>>,
}

impl Pool {
    pub(crate) fn new(config: ThreadConfig) -> Self {
        Pool {
            state: Mutex::new(State::default()),
            work: Condvar::new(),
            ended: Condvar::new(),
            config,
        }
    }

    /// Queues a job, notifying an idle thread or starting a new one.
    pub(crate) fn spawn(&self, home: &impl Home, job: Job) -> Result<(), Refused> {
        let worker = job.worker();
        let is_worker = worker.is_some();
        let mut state = self.state.lock();
        // A worker that is handed on by `block_in_place` has its part in the shutdown yet, and whoever hands it on is a
        // thread that is waited for.
        if state.shutdown && !is_worker {
            return Err(Refused::Shutdown(job));
        }
        if is_worker {
            // Counted from here on: a closure that finds the thread on its way to be a worker
            // must not take it for one of the pool's.
            state.workers += 1;
            state.queue.push_front(job);
        } else {
            state.queue.push_back(job);
        }
        if state.idle > 0 && !state.shutdown {
            state.idle -= 1; // I1
            state.notified += 1;
            drop(state);
            self.work.notify_one();
            return Ok(());
        }
        if !is_worker && state.threads - state.workers >= self.config.cap {
            return Ok(()); // at the cap: a thread will come to it (I4)
        }
        // The thread is made outside of the lock, its place taken before.
        state.threads += 1;
        state.fresh += 1;
        let id = state.next_id;
        state.next_id += 1;
        drop(state);
        match self.start_thread(home, id) {
            Ok(thread) => {
                let mut state = self.state.lock();
                state.handles.insert(id, thread);
                Ok(())
            }
            Err(error) => self.without_thread(error, worker),
        }
    }

    /// I2: the system refused a thread.
    fn without_thread(&self, error: io::Error, worker: Option<*const ()>) -> Result<(), Refused> {
        let mut state = self.state.lock();
        state.threads -= 1;
        state.fresh -= 1;
        let others_come = worker.is_none() && state.threads > state.workers;
        if others_come {
            return Ok(());
        }
        // The spawner's own job, unless a thread that has gone by now took it.
        let mut relied_on_it = VecDeque::new();
        let job = if worker.is_some() {
            // Another's that is left without its thread then is taken on by ours, when its task is done.
            let at = state.queue.iter().position(|job| job.worker() == worker);
            state.workers -= usize::from(at.is_some());
            at.and_then(|at| state.queue.remove(at))
        } else {
            // A worker whose thread has yet to start stays: that thread was not refused.
            let queued = std::mem::take(&mut state.queue).into_iter();
            (state.queue, relied_on_it) = queued.partition(|job| matches!(job, Job::Worker(_)));
            relied_on_it.pop_front()
        };
        drop(state);
        for job in relied_on_it {
            job.run_or_cancel();
        }
        match job {
            Some(job) => Err(Refused::NoThread(job, error)),
            None => Ok(()),
        }
    }

    fn start_thread(&self, home: &impl Home, id: usize) -> io::Result<JoinHandle<()>> {
        // What names the thread is the user's; so is the name, and std panics at one with a zero byte.
        let mut result = Err(io::Error::other("naming the thread panicked"));
        audit::contain(|| {
            let mut builder = thread::Builder::new().name((self.config.name)());
            if let Some(size) = self.config.stack_size {
                builder = builder.stack_size(size);
            }
            let home = home.clone();
            result = builder.spawn(move || home.within(|home| home.pool().run_thread(id)));
        });
        result
    }

    /// Is this thread one of the pool's?
    pub(crate) fn is_own_thread(&self) -> bool {
        OF.try_with(|of| std::ptr::eq(of.get(), self))
            .unwrap_or(false)
    }

    fn run_thread(&self, id: usize) {
        OF.with(|of| of.set(self));
        if let Some(hook) = &self.config.after_start {
            audit::contain(|| hook());
        }
        let mut state = self.state.lock();
        state.fresh -= 1;
        // What a thread was made for has as good as begun: it is run even at shutdown.
        let mut next = state.queue.pop_front();
        'work: loop {
            while let Some(job) = next {
                let is_worker = matches!(job, Job::Worker(_));
                drop(state);
                job.run();
                state = self.state.lock();
                state.workers -= usize::from(is_worker);
                next = match state.shutdown {
                    true => None,
                    false => state.queue.pop_front(),
                };
            }
            if state.shutdown {
                // The others are cancelled, but for those whose threads are coming.
                while state.queue.len() > state.fresh
                    && let Some(job) = state.queue.pop_back()
                {
                    drop(state);
                    job.run_or_cancel();
                    state = self.state.lock();
                }
                break;
            }
            state.idle += 1;
            let end = Instant::now().checked_add(self.config.keep_alive);
            loop {
                let left = end.map(|end| end.saturating_duration_since(Instant::now()));
                let timed_out;
                (state, timed_out) = match left {
                    Some(left) => self.work.wait_timeout(state, left),
                    None => (self.work.wait(state), false),
                };
                if state.notified > 0 {
                    state.notified -= 1; // I1
                    break;
                }
                if state.shutdown {
                    state.idle -= 1;
                    break;
                }
                if timed_out {
                    state.idle -= 1;
                    break 'work;
                }
            }
            next = match state.shutdown {
                true => None,
                false => state.queue.pop_front(),
            };
        }
        let previous = match state.shutdown {
            // Shutdown joins us: our handle stays where it finds it.
            true => None,
            false => {
                let own = state.handles.remove(&id);
                std::mem::replace(&mut state.last_ended, own)
            }
        };
        state.threads -= 1;
        state.leaving += 1;
        drop(state);
        if let Some(hook) = &self.config.before_stop {
            audit::contain(|| hook());
        }
        if let Some(previous) = previous {
            let _ = previous.join();
        }
        let mut state = self.state.lock();
        state.leaving -= 1;
        let last = state.threads + state.leaving == 0;
        drop(state);
        if last {
            self.ended.notify_all();
        }
    }

    /// Refuses further jobs, cancels what is queued; the threads end when they have nothing more.
    pub(crate) fn begin_shutdown(&self) {
        let mut state = self.state.lock();
        if std::mem::replace(&mut state.shutdown, true) {
            return;
        }
        let orphans = match state.threads {
            0 => std::mem::take(&mut state.queue),
            _ => VecDeque::new(),
        };
        drop(state);
        self.work.notify_all();
        for job in orphans {
            job.run_or_cancel();
        }
    }

    /// Waits for the threads to end, at most for `timeout`; true if all did. One of them would wait for itself: it
    /// waits for none.
    pub(crate) fn join(&self, timeout: Option<Duration>) -> bool {
        if self.is_own_thread() {
            return false;
        }
        let end = timeout.map(|timeout| Instant::now().checked_add(timeout));
        let mut state = self.state.lock();
        while state.threads + state.leaving > 0 {
            match end {
                Some(Some(end)) => {
                    let left = end.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    state = self.ended.wait_timeout(state, left).0;
                }
                _ => state = self.ended.wait(state),
            }
        }
        let handles: Vec<_> = state.handles.drain().map(|(_, handle)| handle).collect();
        let last = state.last_ended.take();
        drop(state);
        for handle in handles.into_iter().chain(last) {
            let _ = handle.join();
        }
        true
    }

    /// The keep-alive of a thread that waits is over, if one does.
    #[cfg(all(test, runtime_loom))]
    pub(super) fn keep_alive_is_over(&self) {
        self.work.time_is_up();
    }

    pub(crate) fn num_threads(&self) -> usize {
        let state = self.state.lock();
        state.threads - state.workers
    }

    pub(crate) fn num_idle_threads(&self) -> usize {
        self.state.lock().idle
    }

    pub(crate) fn queue_depth(&self) -> usize {
        self.state.lock().queue.len()
    }
}
