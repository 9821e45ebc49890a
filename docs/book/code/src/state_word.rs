//! The state word: one atomic instead of two.

use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// One flag says that the task is scheduled, the other that it is running.
pub struct TwoFlags {
    scheduled: AtomicBool,
    running: AtomicBool,
}

impl TwoFlags {
    pub fn new() -> Self {
        TwoFlags {
            scheduled: AtomicBool::new(false),
            running: AtomicBool::new(true),
        }
    }

    /// True: the caller queues the task. While the task runs, its worker must queue it.
    pub fn wake(&self) -> bool {
        // Ordering: as strong as two words allow, and not enough.
        !self.scheduled.swap(true, Ordering::AcqRel) && !self.running.load(Ordering::Acquire)
    }

    /// The future is pending. True: the worker queues the task again.
    pub fn end_run(&self) -> bool {
        // Ordering: as in `wake`. This is a store, then a load of another word.
        self.running.store(false, Ordering::Release);
        self.scheduled.load(Ordering::Acquire)
    }
}

impl Default for TwoFlags {
    fn default() -> Self {
        TwoFlags::new()
    }
}

/// The number of wakes that no run has accounted for. The thread that moves it from zero has the permit.
pub struct Wakes(AtomicUsize);

impl Wakes {
    /// The word of a task that a thread is about to poll.
    pub fn new() -> Self {
        Wakes(AtomicUsize::new(1))
    }

    /// True: the caller has the permit, and queues the task.
    pub fn wake(&self) -> bool {
        // Ordering: AcqRel; Release publishes to `begin_run` and `pending` what the waker wrote.
        self.0.fetch_add(1, Ordering::AcqRel) == 0
    }

    /// The holder of the permit is about to poll. Returns the number of wakes that this poll answers.
    pub fn begin_run(&self) -> usize {
        // Ordering: Acquire; pairs with the Release in `wake`.
        self.0.load(Ordering::Acquire)
    }

    /// The future is pending. True: the caller keeps the permit, and queues the task again. False: the permit is given up.
    pub fn pending(&self, seen: usize) -> bool {
        // Ordering: AcqRel; Release hands the future to the next holder.
        self.0.fetch_sub(seen, Ordering::AcqRel) != seen
    }
}

impl Default for Wakes {
    fn default() -> Self {
        Wakes::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{TwoFlags, Wakes};
    use loom::sync::Arc;
    use loom::thread;

    #[test]
    #[should_panic(expected = "queued by")]
    fn two_flags_lose_a_wake_or_double_it() {
        crate::model(|| {
            let state = Arc::new(TwoFlags::new());
            let waker = thread::spawn({
                let state = state.clone();
                move || state.wake()
            });
            let worker_queues = state.end_run();
            let waker_queues = waker.join().unwrap();
            let by = usize::from(worker_queues) + usize::from(waker_queues);
            assert_eq!(by, 1, "queued by {by}");
        });
    }

    #[test]
    fn of_two_wakes_and_a_run_one_queues_the_task() {
        crate::model(|| {
            let wakes = Arc::new(Wakes::new());
            let wakers: Vec<_> = (0..2)
                .map(|_| {
                    let wakes = wakes.clone();
                    thread::spawn(move || wakes.wake())
                })
                .collect();
            let seen = wakes.begin_run();
            let again = wakes.pending(seen);
            let woken = wakers.into_iter().map(|w| w.join().unwrap());
            let by = usize::from(again) + woken.filter(|&queues| queues).count();
            // Both wakes came before the run, which answers them: the task need not be queued.
            let expected = if seen == 3 { 0 } else { 1 };
            assert_eq!(by, expected, "queued by {by}");
        });
    }
}
