//! A queue that other workers steal from: its owner pushes, every worker takes, first in, first out.

use loom::sync::atomic::{AtomicUsize, Ordering};

const CAPACITY: usize = 4;

/// `head` and `tail` only grow. A task is a number here.
pub struct Ring {
    head: AtomicUsize,
    tail: AtomicUsize,
    slots: [AtomicUsize; CAPACITY],
}

/// The result of an attempt to take a task.
#[derive(Debug, PartialEq, Eq)]
pub enum Take {
    Task(usize),
    Empty,
    /// Another worker took the task first.
    Retry,
}

impl Ring {
    pub fn new() -> Self {
        Ring {
            head: AtomicUsize::new(0),
            tail: AtomicUsize::new(0),
            slots: std::array::from_fn(|_| AtomicUsize::new(0)),
        }
    }

    /// Only the owner calls this. False: the ring is full, and the task goes elsewhere.
    pub fn push(&self, task: usize) -> bool {
        // Ordering: Relaxed; the owner alone writes `tail`.
        let tail = self.tail.load(Ordering::Relaxed);
        // Ordering: Acquire; pairs with the Release of `take`: the worker that took the task is done with the slot.
        if tail - self.head.load(Ordering::Acquire) == CAPACITY {
            return false;
        }
        // Ordering: Relaxed; the store to `tail` publishes it.
        self.slots[tail % CAPACITY].store(task, Ordering::Relaxed);
        // Ordering: Release; pairs with the Acquire in `take`.
        self.tail.store(tail + 1, Ordering::Release);
        true
    }

    /// Takes a task with a load and a store.
    pub fn naive_take(&self) -> Take {
        // Ordering: Acquire, Release; the fault is not in the orderings.
        let head = self.head.load(Ordering::Acquire);
        if head == self.tail.load(Ordering::Acquire) {
            return Take::Empty;
        }
        let task = self.slots[head % CAPACITY].load(Ordering::Relaxed);
        self.head.store(head + 1, Ordering::Release);
        Take::Task(task)
    }

    /// Reads the task, then claims it.
    pub fn take(&self) -> Take {
        // Ordering: Acquire; the tail read next is not older than this head.
        let head = self.head.load(Ordering::Acquire);
        // Ordering: Acquire; pairs with the Release in `push`: the slot is filled.
        if head == self.tail.load(Ordering::Acquire) {
            return Take::Empty;
        }
        // Ordering: Relaxed; the value is used only if the claim succeeds.
        let task = self.slots[head % CAPACITY].load(Ordering::Relaxed);
        // Ordering: Release; pairs with the Acquire in `push`, which then may reuse the slot.
        let claim =
            self.head
                .compare_exchange(head, head + 1, Ordering::Release, Ordering::Relaxed);
        match claim {
            Ok(_) => Take::Task(task),
            Err(_) => Take::Retry,
        }
    }
}

impl Default for Ring {
    fn default() -> Self {
        Ring::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{Ring, Take};
    use loom::sync::Arc;
    use loom::thread;

    /// The owner pushes two tasks and takes one, while two thieves take one each.
    fn nothing_is_taken_twice(take: fn(&Ring) -> Take) {
        crate::model(move || {
            let ring = Arc::new(Ring::new());
            let thieves: Vec<_> = (0..2)
                .map(|_| {
                    let ring = ring.clone();
                    thread::spawn(move || take(&ring))
                })
                .collect();
            assert!(ring.push(1) && ring.push(2));
            let mut taken = vec![take(&ring)];
            taken.extend(thieves.into_iter().map(|thief| thief.join().unwrap()));
            for task in [1, 2] {
                let times = taken.iter().filter(|t| **t == Take::Task(task)).count();
                assert!(times <= 1, "task {task} was taken {times} times");
            }
        });
    }

    #[test]
    #[should_panic(expected = "was taken 2 times")]
    fn a_load_and_a_store_take_a_task_twice() {
        nothing_is_taken_twice(Ring::naive_take);
    }

    #[test]
    fn a_claim_takes_each_task_once() {
        nothing_is_taken_twice(Ring::take);
    }

    #[test]
    fn a_slot_is_used_again_only_when_it_is_free() {
        crate::model(|| {
            let ring = Arc::new(Ring::new());
            (1..=4).for_each(|task| assert!(ring.push(task)));
            let thief = thread::spawn({
                let ring = ring.clone();
                move || ring.take()
            });
            let pushed = ring.push(5);
            let stolen = thief.join().unwrap();
            assert_eq!(stolen, Take::Task(1));
            let left = if pushed {
                vec![2, 3, 4, 5]
            } else {
                vec![2, 3, 4]
            };
            for task in left {
                assert_eq!(ring.take(), Take::Task(task));
            }
            assert_eq!(ring.take(), Take::Empty);
        });
    }
}
