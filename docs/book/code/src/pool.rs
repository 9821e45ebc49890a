//! The counts of the blocking pool: is a thread on its way to each job?
//!
//! This is the pool's state without the lock and the threads. Each method is one critical section.

/// What a spawner does after it has released the lock.
#[derive(Debug, PartialEq, Eq)]
pub enum OnSpawn {
    /// Signal one waiting thread.
    Notify,
    Start,
}

/// What a thread of the pool does next.
#[derive(Debug, PartialEq, Eq)]
pub enum OnWake {
    /// Take a job from the queue.
    Run,
    /// Wait: there is no job for this thread.
    Wait,
    /// End.
    Leave,
}

/// Counts threads as idle until they have woken up.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub struct Naive {
    pub queue: u32,
    pub idle: u32,
    pub fresh: u32,
}

impl Naive {
    pub fn spawn(&mut self) -> OnSpawn {
        self.queue += 1;
        if self.idle > 0 {
            return OnSpawn::Notify;
        }
        self.fresh += 1;
        OnSpawn::Start
    }

    /// A waiting thread has woken up and holds the lock again.
    pub fn woken(&mut self) -> OnWake {
        if self.queue == 0 {
            return OnWake::Wait;
        }
        self.idle -= 1;
        self.queue -= 1;
        OnWake::Run
    }
}

/// Counts a thread as notified from the moment its signal is sent.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub struct Pool {
    pub queue: u32,
    /// Threads that wait and have no signal on its way to them.
    pub idle: u32,
    /// Signals on their way to threads that wait.
    pub notified: u32,
    /// Threads that are being started, each for a job.
    pub fresh: u32,
}

impl Pool {
    pub fn spawn(&mut self) -> OnSpawn {
        self.queue += 1;
        if self.idle > 0 {
            self.idle -= 1;
            self.notified += 1;
            return OnSpawn::Notify;
        }
        self.fresh += 1;
        OnSpawn::Start
    }

    /// A waiting thread holds the lock again: it was signalled, it timed out, or it woke up for no reason.
    pub fn woken(&mut self, timed_out: bool) -> OnWake {
        if self.notified > 0 {
            self.notified -= 1;
            return self.next_job();
        }
        if timed_out {
            self.idle -= 1;
            return OnWake::Leave;
        }
        OnWake::Wait
    }

    /// A new thread has started.
    pub fn started(&mut self) -> OnWake {
        self.fresh -= 1;
        self.next_job()
    }

    /// A thread looks for its next job.
    pub fn next_job(&mut self) -> OnWake {
        if self.queue == 0 {
            self.idle += 1;
            return OnWake::Wait;
        }
        self.queue -= 1;
        OnWake::Run
    }
}

#[cfg(test)]
mod tests {
    use super::{Naive, OnSpawn, OnWake, Pool};
    use std::collections::HashSet;

    #[test]
    fn two_jobs_rely_on_one_idle_thread() {
        let mut pool = Naive {
            idle: 1,
            ..Naive::default()
        };
        assert_eq!(pool.spawn(), OnSpawn::Notify);
        assert_eq!(pool.spawn(), OnSpawn::Notify); // no thread is left to receive this signal
        assert_eq!(pool.woken(), OnWake::Run);
        // If the first job waits for the second, it waits for ever.
        assert_eq!((pool.queue, pool.idle, pool.fresh), (1, 0, 0));
    }

    /// Tries every order of events with at most four jobs. Is a thread on its way to each job that waits?
    fn explore(pool: Pool, running: u32, spawned: u32, seen: &mut HashSet<(Pool, u32, u32)>) {
        if !seen.insert((pool.clone(), running, spawned)) {
            return;
        }
        assert!(
            pool.queue <= pool.notified + pool.fresh,
            "nobody comes: {pool:?}"
        );
        let mut go = |next: Pool, running| explore(next, running, spawned, seen);
        if pool.idle + pool.notified > 0 {
            for timed_out in [false, true] {
                let mut next = pool.clone();
                let ran = next.woken(timed_out) == OnWake::Run;
                go(next, running + u32::from(ran));
            }
        }
        if pool.fresh > 0 {
            let mut next = pool.clone();
            let ran = next.started() == OnWake::Run;
            go(next, running + u32::from(ran));
        }
        if running > 0 {
            let mut next = pool.clone();
            let ran = next.next_job() == OnWake::Run;
            go(next, running - u32::from(!ran));
        }
        if spawned < 4 {
            let mut next = pool;
            let _ = next.spawn();
            explore(next, running, spawned + 1, seen);
        }
    }

    #[test]
    fn in_every_order_each_job_has_a_thread_on_its_way() {
        let mut seen = HashSet::new();
        explore(Pool::default(), 0, 0, &mut seen);
        assert!(seen.len() > 50, "{} states", seen.len());
    }
}
