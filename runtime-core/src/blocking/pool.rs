//! The blocking pool: threads are made on demand, and end when they have been idle for a while.
//!
//! ```text
//! spawn ──▶ queue ──▶ the idle thread that began to wait last
//!             └─────▶ a new thread, while fewer closures than the cap run
//! ```
//! `state` decides, as plain data; this file has the lock, the threads, and what they do outside of the lock. The
//! schedulers' workers run on threads of this pool too, so that `block_in_place` can pass a worker to an idle thread.
//! They are counted apart, and never against the cap. A thread that ran a worker and is free takes closures like any
//! other thread, within the cap.
//!
//! I1: a job is run, or cancelled at shutdown. If the system refuses a thread and no other thread will take the job,
//!     the submitter gets the job back. Other submitters' jobs that relied on the thread are cancelled then or, if they
//!     are mandatory, run at once on the submitter's thread, beyond the cap.
//! I2: jobs, hooks and drops run outside of the lock. A hook's panic is contained.
//! I3: an idle thread waits at its own `Post`. A caller that takes a thread out of `idle` sends it one errand. So a thread
//!     whose keep-alive is over but that is not in `idle` waits for that errand.
//! I4: a thread's handle is joined: by the next thread that ends, or by the shutdown.
//!
//! Shutdown: further closures are refused. The caller cancels the queued closures, except mandatory ones and those that a
//! thread is on its way to: these are run. Then the threads end, and are joined.

use super::state::{Call, Errand, Job, Next, State, Ticket, Worker};
use crate::base::clock;
use crate::base::contain;
use crate::base::fork::Origin;
use crate::base::lock_audit;
use crate::base::parker::Post;
use crate::base::shim::sync::{Arc, Condvar, Mutex, MutexGuard};
use crate::base::shim::thread::{Builder, JoinHandle};
use crate::base::spin::LookOut;
use std::cell::Cell;
use std::io;
use std::time::Duration;

crate::runtime_thread_local! {
    /// The pool this thread belongs to: for comparing only. Without a destructor, so it can be read until the thread's very end.
    static POOL: Cell<*const ()> = Cell::new(std::ptr::null())
}

/// Why a closure was not taken.
pub(crate) enum Refused<J> {
    /// The pool is shut down.
    Shutdown(J),
    /// The system gave no thread, and no other thread will take the closure.
    NoThread(J, io::Error),
}

/// A hook of the threads.
type Callback = std::sync::Arc<dyn Fn() + Send + Sync>;

/// What the threads are made with.
pub(crate) struct ThreadConfig {
    pub(crate) name: std::sync::Arc<dyn Fn() -> String + Send + Sync>,
    pub(crate) stack_size: Option<usize>,
    /// The most closures that run at once.
    pub(crate) cap: usize,
    pub(crate) keep_alive: Duration,
    pub(crate) looks_out: bool,
    pub(crate) after_start: Option<Callback>,
    pub(crate) before_stop: Option<Callback>,
}

/// What a new thread passes to `run_thread`.
pub(crate) struct Start {
    id: usize,
    errand: Errand,
}

/// The pool; shared by its threads and the runtime's handles.
pub(crate) struct Pool<J: Job = super::job::BlockingTask> {
    inner: Mutex<Inner<J>>,
    /// Shutdown waits here for the threads to end.
    ended: Condvar,
    config: ThreadConfig,
    origin: Origin,
}

struct Inner<J> {
    state: State<J, Reach>,
    handles: Handles,
}

impl<J: Job> Pool<J> {
    pub(crate) fn new(config: ThreadConfig) -> Self {
        Pool {
            inner: Mutex::new(Inner {
                state: State::new(config.cap),
                handles: Handles::default(),
            }),
            ended: Condvar::new(),
            config,
            origin: Origin::here(),
        }
    }

    /// Queues a closure, and wakes or makes a thread for it. `start` makes the thread, whose body calls `run_thread`.
    pub(crate) fn spawn(
        &self,
        job: J,
        start: impl FnOnce(Builder, Start) -> io::Result<JoinHandle<()>>,
    ) -> Result<(), Refused<J>> {
        let mut inner = self.inner.lock();
        let (ticket, call) = match inner.state.submit(job) {
            Ok(taken) => taken,
            Err(job) => return Err(Refused::Shutdown(job)),
        };
        match self.answer(inner, call, start) {
            Ok(()) => Ok(()),
            Err(error) => self.without_thread(ticket, error),
        }
    }

    /// As [`spawn`](Self::spawn), for a worker; during a shutdown too. An error drops the worker.
    pub(crate) fn spawn_worker(
        &self,
        worker: Worker,
        start: impl FnOnce(Builder, Start) -> io::Result<JoinHandle<()>>,
    ) -> io::Result<()> {
        let mut inner = self.inner.lock();
        let (ticket, call) = inner.state.submit_worker(worker);
        let Err(error) = self.answer(inner, call, start) else {
            return Ok(());
        };
        let mut inner = self.inner.lock();
        let refused = inner.state.refuse_worker(ticket);
        self.tell_if_ended(&inner);
        drop(inner);
        match refused {
            Some(_worker) => Err(error),
            None => Ok(()),
        }
    }

    /// Does what `call` asks for, outside of the lock.
    fn answer(
        &self,
        inner: MutexGuard<'_, Inner<J>>,
        call: Call<Reach>,
        start: impl FnOnce(Builder, Start) -> io::Result<JoinHandle<()>>,
    ) -> io::Result<()> {
        let errand = match call {
            Call::Nobody => return Ok(()),
            Call::Wake(thread, errand) => {
                drop(inner);
                thread.0.send(errand);
                return Ok(());
            }
            Call::Start(errand) => errand,
        };
        let mut inner = inner;
        let id = inner.handles.begin_start();
        drop(inner);
        let (thread, result) = match self.start_thread(Start { id, errand }, start) {
            Ok(thread) => (Some(thread), Ok(())),
            Err(error) => (None, Err(error)),
        };
        let mut inner = self.inner.lock();
        inner.handles.end_start(id, thread);
        self.tell_if_ended(&inner);
        result
    }

    fn start_thread(
        &self,
        this: Start,
        start: impl FnOnce(Builder, Start) -> io::Result<JoinHandle<()>>,
    ) -> io::Result<JoinHandle<()>> {
        // User code names the thread, and may panic. So does std, if the name has a zero byte.
        let mut result = Err(io::Error::other("naming the thread panicked"));
        contain::contain(|| {
            let mut builder = Builder::new().name((self.config.name)());
            if let Some(size) = self.config.stack_size {
                builder = builder.stack_size(size);
            }
            result = start(builder, this);
        });
        result
    }

    /// I1: the system refused a thread.
    fn without_thread(&self, ticket: Ticket, error: io::Error) -> Result<(), Refused<J>> {
        let mut inner = self.inner.lock();
        let refusal = inner.state.refuse(ticket);
        self.tell_if_ended(&inner);
        drop(inner);
        if let Some(thread) = refusal.instead {
            thread.0.send(Errand::Closure);
        }
        for job in refusal.orphans {
            if job.is_mandatory() {
                job.run();
            } else {
                job.cancel();
            }
        }
        match refusal.own {
            Some(job) => Err(Refused::NoThread(job, error)),
            None => Ok(()),
        }
    }

    // ---- the pool's threads ----

    /// A thread of the pool, from start to end.
    pub(crate) fn run_thread(&self, start: Start) {
        POOL.with(|pool| pool.set(self.address()));
        if let Some(hook) = &self.config.after_start {
            contain::contain(|| hook());
        }
        let me = Reach::default();
        let mut look_out = LookOut::new();
        let mut next = self.inner.lock().state.arrive(start.errand, &me);
        loop {
            next = match next {
                Next::Run(job) => {
                    lock_audit::user_code();
                    job.run();
                    if self.origin.is_inherited() {
                        return; // The job forked, and this is the child: the pool is the parent's.
                    }
                    self.inner.lock().state.closure_done(&me)
                }
                Next::RunWorker(worker) => {
                    contain::contain(worker);
                    if self.origin.is_inherited() {
                        return; // As above.
                    }
                    self.inner.lock().state.worker_done(&me)
                }
                Next::Wait => self.wait(&me, &mut look_out),
                Next::Leave => return self.leave(start.id),
            };
        }
    }

    fn wait(&self, me: &Reach, look_out: &mut LookOut) -> Next<J> {
        if self.config.looks_out {
            look_out.awaits(|| me.0.has_any());
        }
        #[cfg(all(test, runtime_loom))]
        if self.inner.lock().handles.is_keep_alive_over {
            me.0.time_is_up();
        }
        if let Some(errand) = me.0.wait_timeout(self.config.keep_alive) {
            return self.inner.lock().state.arrive(errand, me);
        }
        let next = self.inner.lock().state.time_out(me);
        match next {
            Next::Wait => {
                let errand = me.0.wait(); // I3
                self.inner.lock().state.arrive(errand, me)
            }
            next => next,
        }
    }

    fn leave(&self, id: usize) {
        let previous = {
            let mut inner = self.inner.lock();
            match inner.state.is_shutdown() {
                // The shutdown joins all threads: the handle stays in `handles`.
                true => Vec::new(),
                false => inner.handles.end(id),
            }
        };
        if let Some(hook) = &self.config.before_stop {
            contain::contain(|| hook());
        }
        for thread in previous {
            let _ = thread.join();
        }
        let mut inner = self.inner.lock();
        inner.state.gone();
        self.tell_if_ended(&inner);
    }

    /// Is this thread one of the pool's?
    pub(crate) fn is_own_thread(&self) -> bool {
        POOL.with(|pool| pool.get() == self.address())
    }

    fn address(&self) -> *const () {
        std::ptr::from_ref(self).cast()
    }

    // ---- shutdown ----

    /// Refuses further closures, and cancels those that are queued, except mandatory ones and those that a thread is
    /// on its way to. The threads end when they have run the rest.
    pub(crate) fn begin_shutdown(&self) {
        let mut inner = self.inner.lock();
        let (idle, cancelled) = inner.state.begin_shutdown();
        drop(inner);
        for thread in idle {
            thread.0.send(Errand::Look);
        }
        for job in cancelled {
            job.cancel();
        }
    }

    /// Waits for the threads to end, at most for `timeout`; true if all did. False at once on a thread of the pool, which
    /// would wait for itself.
    pub(crate) fn join(&self, timeout: Option<Duration>) -> bool {
        if self.is_own_thread() {
            return false;
        }
        let end = timeout.map(|timeout| clock::now().checked_add(timeout));
        let mut inner = self.inner.lock();
        while !inner.has_ended() {
            match end {
                Some(Some(end)) => {
                    let left = end.saturating_duration_since(clock::now());
                    if left.is_zero() {
                        return false;
                    }
                    inner = self.ended.wait_timeout(inner, left).0;
                }
                _ => inner = self.ended.wait(inner),
            }
        }
        let handles = inner.handles.take_all();
        drop(inner);
        for handle in handles {
            let _ = handle.join();
        }
        true
    }

    fn tell_if_ended(&self, inner: &Inner<J>) {
        if inner.state.is_shutdown() && inner.has_ended() {
            self.ended.notify_all();
        }
    }

    // ---- metrics ----

    pub(crate) fn num_threads(&self) -> usize {
        self.inner.lock().state.num_threads()
    }

    pub(crate) fn num_idle_threads(&self) -> usize {
        self.inner.lock().state.num_idle()
    }

    pub(crate) fn queue_depth(&self) -> usize {
        self.inner.lock().state.num_queued()
    }

    /// The keep-alive of every thread that waits, now or later, is over.
    #[cfg(all(test, runtime_loom))]
    pub(crate) fn keep_alive_is_over(&self) {
        let mut inner = self.inner.lock();
        inner.handles.is_keep_alive_over = true;
        for thread in inner.state.idle_threads() {
            thread.0.time_is_up();
        }
    }
}

impl<J: Job> Inner<J> {
    /// Are all threads gone, and their handles here?
    fn has_ended(&self) -> bool {
        self.state.is_empty() && self.handles.starting == 0
    }
}

/// How an idle thread is reached: where it waits for its errand.
#[derive(Clone, Default)]
struct Reach(Arc<Post<Errand>>);

impl PartialEq for Reach {
    fn eq(&self, other: &Reach) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The threads' handles, for joining (I4).
#[derive(Default)]
struct Handles {
    next_id: usize,
    /// Threads that are being made, whose handles are not here yet.
    starting: usize,
    /// In no order: they are few, a thread ends seldom, and a map's code is larger than the rest of the pool's.
    running: Vec<(usize, JoinHandle<()>)>,
    /// Threads that ended before their handles were here.
    ended_early: Vec<usize>,
    /// Threads that ended by themselves: the next thread that ends joins them.
    ended: Vec<JoinHandle<()>>,
    #[cfg(all(test, runtime_loom))]
    is_keep_alive_over: bool,
}

impl Handles {
    /// A thread is about to be made.
    fn begin_start(&mut self) -> usize {
        self.starting += 1;
        self.next_id += 1;
        self.next_id
    }

    /// The thread was made, or was not.
    fn end_start(&mut self, id: usize, thread: Option<JoinHandle<()>>) {
        self.starting -= 1;
        let Some(thread) = thread else { return };
        match self.ended_early.iter().position(|early| *early == id) {
            Some(at) => {
                self.ended_early.swap_remove(at);
                self.ended.push(thread);
            }
            None => self.running.push((id, thread)),
        }
    }

    /// The thread ends by itself. Returns the threads to join.
    fn end(&mut self, id: usize) -> Vec<JoinHandle<()>> {
        let previous = std::mem::take(&mut self.ended);
        match self.running.iter().position(|(running, _)| *running == id) {
            Some(at) => self.ended.push(self.running.swap_remove(at).1),
            None => self.ended_early.push(id),
        }
        previous
    }

    fn take_all(&mut self) -> Vec<JoinHandle<()>> {
        let mut all = std::mem::take(&mut self.ended);
        let running = std::mem::take(&mut self.running);
        all.extend(running.into_iter().map(|(_, thread)| thread));
        all
    }
}

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/pool.rs"]
mod tests;
