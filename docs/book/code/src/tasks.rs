//! Tasks and wakers: when is a task queued?

use loom::sync::atomic::{AtomicBool, Ordering};

/// The flag of one task: is the task in the queue?
pub struct Queued(AtomicBool);

impl Queued {
    /// The flag of a task that is in the queue.
    pub fn new() -> Queued {
        Queued(AtomicBool::new(true))
    }

    /// A wake. True: the caller queues the task.
    pub fn wake(&self) -> bool {
        // Ordering: Release; pairs with the Acquire in `begin_run`, whatever the flag was.
        !self.0.swap(true, Ordering::AcqRel)
    }

    /// A wake that writes only if the write changes the flag.
    pub fn naive_wake(&self) -> bool {
        // Ordering: Acquire, and that is the fault: nothing is published if the flag is set.
        if self.0.load(Ordering::Acquire) {
            return false;
        }
        self.wake()
    }

    /// The task has been taken out of the queue, and is polled next.
    pub fn begin_run(&self) {
        // Ordering: Acquire; pairs with the Release in `wake`.
        self.0.swap(false, Ordering::AcqRel);
    }
}

impl Default for Queued {
    fn default() -> Self {
        Queued::new()
    }
}

/// One task and its queue, which is a flag as there is just one task.
pub struct OneTask {
    pub queued: bool,
    pub polls: u32,
    /// How often the future wakes its own task.
    pub wakes: u32,
}

impl OneTask {
    fn poll(&mut self) {
        self.polls += 1;
        if self.polls <= self.wakes {
            self.queued = true;
        }
    }

    /// Runs the task until the queue is empty. Clears the flag when the poll is over.
    pub fn naive_run(&mut self) {
        while self.queued {
            self.poll();
            self.queued = false;
        }
    }

    /// As `naive_run`, but clears the flag before the poll.
    pub fn run(&mut self) {
        while self.queued {
            self.queued = false;
            self.poll();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{OneTask, Queued};
    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use loom::thread;

    /// How often a task that wakes itself four times is polled.
    fn polls(run: fn(&mut OneTask)) -> u32 {
        let mut task = OneTask {
            queued: true,
            polls: 0,
            wakes: 4,
        };
        run(&mut task);
        task.polls
    }

    #[test]
    fn a_wake_during_the_poll_is_lost_if_the_flag_is_cleared_after_it() {
        assert_eq!(polls(OneTask::naive_run), 1);
    }

    #[test]
    fn a_wake_during_the_poll_counts() {
        assert_eq!(polls(OneTask::run), 5);
    }

    /// A waker stores a message and wakes; the task, which is queued already, runs and looks for it.
    fn message_is_seen_or_the_task_queued(wake: fn(&Queued) -> bool) {
        crate::model(move || {
            let queued = Arc::new(Queued::new());
            let message = Arc::new(AtomicUsize::new(0));
            let waker = thread::spawn({
                let (queued, message) = (queued.clone(), message.clone());
                move || {
                    message.store(1, Relaxed);
                    wake(&queued)
                }
            });
            queued.begin_run();
            let seen = message.load(Relaxed) == 1;
            let queues = waker.join().unwrap();
            assert!(seen || queues, "the message is there, and nobody will look");
        });
    }

    #[test]
    #[should_panic(expected = "nobody will look")]
    fn a_wake_that_only_looks_loses_the_message() {
        message_is_seen_or_the_task_queued(Queued::naive_wake);
    }

    #[test]
    fn a_wake_that_always_writes_loses_none() {
        message_is_seen_or_the_task_queued(Queued::wake);
    }
}
