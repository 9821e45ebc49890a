//! Going to sleep: a worker must not sleep while a task is queued.

use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

/// One worker and one queue. The queue is only a length.
#[derive(Default)]
pub struct Sleep {
    queue: AtomicUsize,
    asleep: AtomicBool,
}

impl Sleep {
    /// True: the pusher unparks the worker.
    pub fn naive_push(&self) -> bool {
        // Ordering: Release, Acquire; they do not order the store before the load of the other word.
        self.queue.store(1, Ordering::Release);
        self.asleep.load(Ordering::Acquire)
    }

    /// True: the worker goes to sleep.
    pub fn naive_sleep(&self) -> bool {
        // Ordering: as in `naive_push`.
        self.asleep.store(true, Ordering::Release);
        self.queue.load(Ordering::Acquire) == 0
    }

    /// As `naive_push`, with a fence.
    pub fn push(&self) -> bool {
        // Ordering: Release; publishes the task to the worker that finds it.
        self.queue.store(1, Ordering::Release);
        // Ordering: SeqCst fence; pairs with the fence in `sleep`.
        fence(Ordering::SeqCst);
        // Ordering: Relaxed; ordered by the fence.
        self.asleep.load(Ordering::Relaxed)
    }

    /// As `naive_sleep`, with a fence.
    pub fn sleep(&self) -> bool {
        // Ordering: Relaxed; ordered by the fence.
        self.asleep.store(true, Ordering::Relaxed);
        // Ordering: SeqCst fence; pairs with the fence in `push`.
        fence(Ordering::SeqCst);
        // Ordering: Acquire; pairs with the Release in `push`.
        self.queue.load(Ordering::Acquire) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::Sleep;
    use loom::sync::Arc;
    use loom::thread;

    fn a_push_wakes_or_is_seen(push: fn(&Sleep) -> bool, sleep: fn(&Sleep) -> bool) {
        crate::model(move || {
            let state = Arc::new(Sleep::default());
            let pusher = thread::spawn({
                let state = state.clone();
                move || push(&state)
            });
            let sleeps = sleep(&state);
            let unparks = pusher.join().unwrap();
            assert!(unparks || !sleeps, "asleep beside a task");
        });
    }

    #[test]
    #[should_panic(expected = "asleep beside a task")]
    fn without_fences_the_worker_sleeps_beside_a_task() {
        a_push_wakes_or_is_seen(Sleep::naive_push, Sleep::naive_sleep);
    }

    #[test]
    #[should_panic(expected = "asleep beside a task")]
    fn one_fence_is_as_good_as_none() {
        a_push_wakes_or_is_seen(Sleep::push, Sleep::naive_sleep);
    }

    #[test]
    fn with_both_fences_it_does_not() {
        a_push_wakes_or_is_seen(Sleep::push, Sleep::sleep);
    }
}
