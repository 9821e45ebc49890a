//! Which scheduler a runtime has.

use crate::driver::Unpark;
use crate::scheduler::counters::WorkerCounters;
use crate::scheduler::current_thread::CurrentThread;
use crate::scheduler::multi_thread::MultiThread;
use crate::task::Runnable;

/// A runtime's scheduler, as all its threads see it.
pub(crate) enum Policy {
    CurrentThread(CurrentThread),
    MultiThread(MultiThread),
}

impl Policy {
    /// # Panics
    /// If it is the multi-thread one.
    pub(crate) fn current_thread(&self) -> &CurrentThread {
        match self {
            Policy::CurrentThread(policy) => policy,
            Policy::MultiThread(_) => unreachable!("a multi-thread runtime has no such scheduler"),
        }
    }

    /// # Panics
    /// If it is the current-thread one.
    pub(crate) fn multi_thread(&self) -> &MultiThread {
        match self {
            Policy::MultiThread(policy) => policy,
            Policy::CurrentThread(_) => unreachable!("a current-thread runtime has no workers"),
        }
    }

    pub(crate) fn is_shutdown(&self) -> bool {
        match self {
            Policy::CurrentThread(policy) => policy.is_shutdown(),
            Policy::MultiThread(policy) => policy.is_shutdown(),
        }
    }

    /// Queues a task from a thread that is not one of the scheduler's.
    pub(super) fn inject(&self, unpark: &dyn Unpark, task: Runnable) {
        match self {
            Policy::CurrentThread(policy) => policy.inject(unpark, task),
            Policy::MultiThread(policy) => policy.inject(unpark, task),
        }
    }

    #[track_caller]
    pub(crate) fn counters(&self, worker: usize) -> &WorkerCounters {
        match self {
            Policy::CurrentThread(policy) => {
                assert_eq!(worker, 0, "a current-thread runtime has one worker");
                policy.counters()
            }
            Policy::MultiThread(policy) => policy.counters(worker),
        }
    }

    pub(crate) fn injector_len(&self) -> usize {
        match self {
            Policy::CurrentThread(policy) => policy.injector_len(),
            Policy::MultiThread(policy) => policy.injector_len(),
        }
    }

    #[track_caller]
    pub(crate) fn queue_len(&self, worker: usize) -> usize {
        match self {
            Policy::CurrentThread(_) => self.counters(worker).queue_depth.get() as usize,
            Policy::MultiThread(policy) => policy.queue_len(worker),
        }
    }
}
