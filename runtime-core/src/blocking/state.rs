//! The blocking pool's state machine: which threads run, wait or are on the way. Plain data without threads or locks.
//!
//! A *closure* is a job of `spawn_blocking`; at most `cap` run at once. A *worker* is a scheduler's worker; it needs a
//! thread but no slot. A thread holds a *slot* while it runs a closure, and while it is on its way to one.
//!
//! | from | call | to |
//! |---|---|---|
//! | (none) | `submit`, `submit_worker` answer `Start` | on the way, with an errand |
//! | idle | `submit`, `submit_worker`, `refuse` answer `Wake` | on the way, with an errand |
//! | on the way | `arrive` | `Next` |
//! | on the way | `refuse` | (none) |
//! | runs a closure | `closure_done` | `Next` |
//! | runs a worker | `worker_done` | `Next` |
//! | idle | `time_out` | leaving |
//! | idle | `begin_shutdown` | on the way, with the errand `Look` |
//! | leaving | `gone` | (none) |
//!
//! `Next` is `Run` (a closure or a worker), `Wait` (the thread is idle now) or `Leave` (the thread is leaving now).
//!
//! I1: `slots <= cap`. `slots` counts the threads that hold a slot; `coming` counts those of them that are on the way.
//! I2: a thread gives up its slot only when no closure is queued. So a queued closure is run as long as `slots > 0`.
//! I3: if a closure is queued, `slots > 0`: `submit` takes a slot unless all are taken, and `refuse` takes
//!     closures out of the queue when it gives up the last slot.
//! I4: closures are taken in the order of `submit`.
//! I5: each queued worker has a thread of its own on the way. A thread that becomes free may take the worker first; but
//!     a thread on the way takes no other worker while its own is queued. So a refused thread leaves no worker behind
//!     but its own.
//! I6: `idle` holds each waiting thread once. A caller that takes a thread out of it sends that thread exactly one errand.
//! I7: after `begin_shutdown` all queued closures are to be run, and `idle` stays empty.

use std::collections::VecDeque;

/// A job of `spawn_blocking`.
pub(crate) trait Job: Send + 'static {
    /// Must it run even if the pool shuts down first?
    fn is_mandatory(&self) -> bool;
    /// Runs it. Does not panic.
    fn run(self);
    /// Drops it unrun. Does not panic.
    fn cancel(self);
}

/// A scheduler's worker: runs until another thread goes on as that worker, or the runtime ends.
pub(crate) type Worker = Box<dyn FnOnce() + Send>;

/// Names a queued job, for `refuse`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

/// Why a thread is on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    /// For a closure: the thread holds a slot.
    Closure,
    /// For this worker, unless another thread has taken it.
    Worker(Ticket),
    /// To learn of the shutdown.
    Look,
}

/// What a submitter must do next, outside of the lock.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Call<S> {
    /// Nothing: a thread that holds a slot will take the job.
    Nobody,
    /// Send the idle thread on the errand.
    Wake(S, Errand),
    /// Make a thread with the errand; on failure, `refuse`.
    Start(Errand),
}

/// What a thread must do next, outside of the lock.
#[must_use]
pub(super) enum Next<J> {
    /// Run the closure, then `closure_done`.
    Run(J),
    /// Run the worker, then `worker_done`.
    RunWorker(Worker),
    /// Wait for an errand, then `arrive`; or, after the keep-alive, `time_out`.
    Wait,
    /// End, with `gone` as the last thing.
    Leave,
}

/// What becomes of the jobs of a thread that the system refused.
#[must_use]
pub(super) struct Refusal<J, S> {
    /// The job that the thread was to be made for, unless another thread has taken it or will take it.
    pub(super) own: Option<J>,
    /// Other queued jobs, oldest first, if no other thread will take them.
    pub(super) orphans: VecDeque<J>,
    /// An idle thread that holds the slot instead: to be sent the errand `Closure`.
    pub(super) instead: Option<S>,
}

/// See the module's page. `S` is how an idle thread is reached.
pub(super) struct State<J, S> {
    cap: usize,
    closures: VecDeque<(Ticket, J)>,
    workers: VecDeque<(Ticket, Worker)>,
    last_ticket: u64,
    slots: usize,
    coming: usize,
    /// The thread that began to wait last is at the back, and is woken first: so the threads in front, which are not
    /// needed, reach the end of their keep-alive.
    idle: VecDeque<S>,
    /// Threads that are not leaving, those on the way included.
    threads: usize,
    leaving: usize,
    /// Workers that run or are queued.
    live_workers: usize,
    shutdown: bool,
}

impl<J: Job, S: Clone + PartialEq> State<J, S> {
    pub(super) fn new(cap: usize) -> Self {
        State {
            cap,
            closures: VecDeque::new(),
            workers: VecDeque::new(),
            last_ticket: 0,
            slots: 0,
            coming: 0,
            idle: VecDeque::new(),
            threads: 0,
            leaving: 0,
            live_workers: 0,
            shutdown: false,
        }
    }

    // ---- submitters ----

    /// Queues a closure. Gives it back after `begin_shutdown`.
    pub(super) fn submit(&mut self, job: J) -> Result<(Ticket, Call<S>), J> {
        if self.shutdown {
            return Err(job);
        }
        let ticket = self.ticket();
        self.closures.push_back((ticket, job));
        if self.slots == self.cap {
            return Ok((ticket, Call::Nobody)); // I2
        }
        self.slots += 1;
        self.coming += 1;
        Ok((ticket, self.call(Errand::Closure)))
    }

    /// Queues a worker; during a shutdown too, because a worker that was handed off must still take part in it.
    pub(super) fn submit_worker(&mut self, worker: Worker) -> (Ticket, Call<S>) {
        let ticket = self.ticket();
        self.workers.push_back((ticket, worker));
        self.live_workers += 1;
        (ticket, self.call(Errand::Worker(ticket)))
    }

    fn ticket(&mut self) -> Ticket {
        self.last_ticket += 1;
        Ticket(self.last_ticket)
    }

    fn call(&mut self, errand: Errand) -> Call<S> {
        match self.idle.pop_back() {
            Some(thread) => Call::Wake(thread, errand), // I6
            None => {
                self.threads += 1;
                Call::Start(errand)
            }
        }
    }

    /// The system gave no thread for the closure `own`.
    pub(super) fn refuse(&mut self, own: Ticket) -> Refusal<J, S> {
        self.threads -= 1;
        self.slots -= 1;
        self.coming -= 1;
        let mut refusal = Refusal {
            own: None,
            orphans: VecDeque::new(),
            instead: None,
        };
        if self.closures.is_empty() {
            return refusal;
        }
        if let Some(thread) = self.idle.pop_back() {
            self.slots += 1;
            self.coming += 1;
            refusal.instead = Some(thread);
        } else if self.slots == 0 {
            // I3
            for (ticket, job) in std::mem::take(&mut self.closures) {
                if ticket == own {
                    refusal.own = Some(job);
                } else {
                    refusal.orphans.push_back(job);
                }
            }
        }
        refusal
    }

    /// The system gave no thread for the worker `own`: returns the worker, unless another thread has it.
    pub(super) fn refuse_worker(&mut self, own: Ticket) -> Option<Worker> {
        self.threads -= 1;
        let worker = self.take_worker(own)?;
        self.live_workers -= 1;
        Some(worker)
    }

    fn take_worker(&mut self, own: Ticket) -> Option<Worker> {
        let at = self.workers.iter().position(|(ticket, _)| *ticket == own)?;
        self.workers.remove(at).map(|(_, worker)| worker)
    }

    // ---- the pool's threads; `me` is how the calling thread is reached while it waits ----

    pub(super) fn arrive(&mut self, errand: Errand, me: &S) -> Next<J> {
        match errand {
            Errand::Closure => {
                self.coming -= 1;
                self.closure_done(me)
            }
            Errand::Worker(own) => match self.take_worker(own) {
                Some(worker) => Next::RunWorker(worker), // I5
                None => self.without_slot(me),
            },
            Errand::Look => self.without_slot(me),
        }
    }

    pub(super) fn closure_done(&mut self, me: &S) -> Next<J> {
        if let Some((_, job)) = pop_front(&mut self.closures) {
            return Next::Run(job);
        }
        self.slots -= 1; // I2
        self.without_slot(me)
    }

    pub(super) fn worker_done(&mut self, me: &S) -> Next<J> {
        self.live_workers -= 1;
        self.without_slot(me)
    }

    fn without_slot(&mut self, me: &S) -> Next<J> {
        if let Some((_, worker)) = pop_front(&mut self.workers) {
            return Next::RunWorker(worker);
        }
        let is_free = self.slots < self.cap;
        if let Some((_, job)) = is_free.then(|| pop_front(&mut self.closures)).flatten() {
            self.slots += 1;
            return Next::Run(job);
        }
        if self.shutdown {
            return self.leave();
        }
        self.idle.push_back(me.clone());
        Next::Wait
    }

    fn leave(&mut self) -> Next<J> {
        self.threads -= 1;
        self.leaving += 1;
        Next::Leave
    }

    /// The keep-alive of an idle thread is over. `Wait`: an errand is on its way to the thread.
    pub(super) fn time_out(&mut self, me: &S) -> Next<J> {
        match self.idle.iter().position(|thread| thread == me) {
            Some(at) => {
                self.idle.remove(at);
                self.leave()
            }
            None => Next::Wait,
        }
    }

    /// A thread that was leaving has left.
    pub(super) fn gone(&mut self) {
        self.leaving -= 1;
    }

    // ---- shutdown ----

    /// Refuses further closures. Returns the idle threads, each to be sent the errand `Look`, and the closures to cancel:
    /// those that are not mandatory and for which no thread is on the way.
    pub(super) fn begin_shutdown(&mut self) -> (VecDeque<S>, Vec<J>) {
        self.shutdown = true;
        let (mut kept, mut cancelled) = (VecDeque::new(), Vec::new());
        for (ticket, job) in std::mem::take(&mut self.closures) {
            if kept.len() < self.coming || job.is_mandatory() {
                kept.push_back((ticket, job));
            } else {
                cancelled.push(job);
            }
        }
        self.closures = kept;
        (std::mem::take(&mut self.idle), cancelled)
    }

    pub(super) fn is_shutdown(&self) -> bool {
        self.shutdown
    }

    /// Has every thread gone?
    pub(super) fn is_empty(&self) -> bool {
        self.threads + self.leaving == 0
    }

    #[cfg(all(test, runtime_loom))]
    pub(super) fn idle_threads(&self) -> impl Iterator<Item = &S> {
        self.idle.iter()
    }

    // ---- metrics ----

    /// Threads that neither run a worker nor are about to.
    pub(super) fn num_threads(&self) -> usize {
        self.threads - self.live_workers
    }

    pub(super) fn num_idle(&self) -> usize {
        self.idle.len()
    }

    pub(super) fn num_queued(&self) -> usize {
        self.closures.len()
    }
}

fn pop_front<T>(queue: &mut VecDeque<T>) -> Option<T> {
    let first = queue.pop_front();
    shrink(queue);
    first
}

/// Gives memory back after a burst.
fn shrink<T>(queue: &mut VecDeque<T>) {
    const SMALL: usize = 64;
    if queue.capacity() > SMALL && queue.len() < queue.capacity() / 4 {
        queue.shrink_to((queue.capacity() / 2).max(SMALL));
    }
}

#[cfg(test)]
impl<J: Job, S: Clone + PartialEq> State<J, S> {
    /// Slots, threads on the way with one, threads, and the queue's capacity.
    pub(super) fn counts(&self) -> (usize, usize, usize, usize) {
        (
            self.slots,
            self.coming,
            self.threads,
            self.closures.capacity(),
        )
    }

    pub(super) fn queued_workers(&self) -> impl Iterator<Item = Ticket> {
        self.workers.iter().map(|(ticket, _)| *ticket)
    }
}
