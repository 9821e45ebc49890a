//! Fairness: a bound on how long a ready task waits.

use std::cell::Cell;
use std::collections::VecDeque;
use std::task::{Context, Poll};

/// How many polls in a row may come from the LIFO slot.
pub const MOST_LIFO_POLLS: u32 = 3;

/// The tasks that one worker may run next. A task is a number here.
#[derive(Default)]
pub struct Worker {
    /// The task woken last.
    pub lifo: Option<usize>,
    pub queue: VecDeque<usize>,
    lifo_polls: u32,
}

impl Worker {
    /// Always looks in the slot first.
    pub fn naive_next_task(&mut self) -> Option<usize> {
        self.lifo.take().or_else(|| self.queue.pop_front())
    }

    /// Looks in the slot first, but takes from it only a few times in a row.
    pub fn next_task(&mut self) -> Option<usize> {
        if self.lifo_polls < MOST_LIFO_POLLS {
            if let Some(task) = self.lifo.take() {
                self.lifo_polls += 1;
                return Some(task);
            }
        }
        self.lifo_polls = 0;
        self.queue.pop_front().or_else(|| self.lifo.take())
    }

    pub fn wake(&mut self, task: usize) {
        if let Some(displaced) = self.lifo.replace(task) {
            self.queue.push_back(displaced);
        }
    }
}

/// How many operations a task may do in one poll.
pub const BUDGET: u32 = 128;

thread_local! {
    static LEFT: Cell<u32> = const { Cell::new(BUDGET) };
}

/// Runs one poll of a task with a full budget.
pub fn budget<R>(poll: impl FnOnce() -> R) -> R {
    LEFT.set(BUDGET);
    poll()
}

/// Each leaf future calls this first.
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<()> {
    match LEFT.get() {
        0 => {
            cx.waker().wake_by_ref(); // the task goes to the end of the queue
            Poll::Pending
        }
        left => {
            LEFT.set(left - 1);
            Poll::Ready(())
        }
    }
}

/// A channel that has a value at every call, until it ends.
pub struct Full {
    /// How many values come before the channel ends.
    pub left: Cell<u32>,
}

impl Full {
    pub async fn naive_recv(&self) -> Option<u32> {
        self.left.set(self.left.get().checked_sub(1)?);
        Some(self.left.get())
    }

    pub async fn recv(&self) -> Option<u32> {
        std::future::poll_fn(poll_proceed).await;
        self.naive_recv().await
    }
}

#[cfg(test)]
mod tests {
    use super::{BUDGET, Full, Worker, budget};
    use std::cell::Cell;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    /// Tasks 0 and 1 wake each other for ever. After how many polls is it the turn of task 2?
    fn polls_until_the_third(next_task: fn(&mut Worker) -> Option<usize>) -> usize {
        let mut worker = Worker::default();
        worker.wake(2);
        worker.wake(0);
        for polls in 1..1000 {
            match next_task(&mut worker) {
                Some(2) => return polls,
                Some(task) => worker.wake(1 - task),
                None => unreachable!("a task is always ready"),
            }
        }
        usize::MAX
    }

    #[test]
    fn a_pair_in_the_slot_starves_the_queue() {
        assert_eq!(polls_until_the_third(Worker::naive_next_task), usize::MAX);
    }

    #[test]
    fn the_queue_has_its_turn_after_three() {
        assert_eq!(polls_until_the_third(Worker::next_task), 4);
    }

    /// Returns how many values the task receives in each of its polls.
    fn values_per_poll(task: impl AsyncFn(&Full)) -> Vec<u32> {
        let channel = Full {
            left: Cell::new(1000),
        };
        let mut lengths = Vec::new();
        let mut future = pin!(task(&channel));
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            let before = channel.left.get();
            let poll = budget(|| future.as_mut().poll(&mut cx));
            lengths.push(before - channel.left.get());
            if poll.is_ready() {
                return lengths;
            }
        }
    }

    #[test]
    fn a_full_channel_keeps_the_worker() {
        let lengths =
            values_per_poll(async |channel| while channel.naive_recv().await.is_some() {});
        assert_eq!(lengths, [1000]);
    }

    #[test]
    fn a_budget_ends_the_poll() {
        let lengths = values_per_poll(async |channel| while channel.recv().await.is_some() {});
        assert!(lengths.iter().all(|&values| values <= BUDGET));
        assert_eq!(lengths.iter().sum::<u32>(), 1000);
    }
}
