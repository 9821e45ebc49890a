//! Models of the stand-ins for the deques, by themselves: elements are neither lost nor doubled, and are published; a push and a
//! check for emptiness, each with a fence, do not miss each other.

use super::model_deque::{Injector, Steal, Stealer, Worker};
use crate::base::shim::sync::Arc;
use crate::base::shim::sync::atomic::{AtomicUsize, Ordering, fence};
use ::loom::cell::UnsafeCell;
use ::loom::thread;

/// Written before it is pushed, read by the thread that takes it: loom complains if the two are not ordered.
type Element = Box<UnsafeCell<usize>>;

fn element(value: usize) -> Element {
    Box::new(UnsafeCell::new(value))
}

fn value(element: Element) -> usize {
    // SAFETY: taken once, so nobody else reads or writes it.
    element.with(|value| unsafe { *value })
}

fn steal(queue: &Stealer<Element>) -> usize {
    loop {
        match queue.steal() {
            Steal::Success(element) => return value(element),
            Steal::Empty => return 0,
            Steal::Retry => thread::yield_now(),
        }
    }
}

#[test]
fn an_owner_and_a_thief_share_what_is_pushed() {
    ::loom::model(|| {
        let worker = Worker::new_fifo();
        let stealer = worker.stealer();
        worker.push(element(1));
        let thief = thread::spawn(move || steal(&stealer));
        worker.push(element(2));
        let own: usize = std::iter::from_fn(|| worker.pop()).map(value).sum();
        let stolen = thief.join().unwrap();
        let left: usize = std::iter::from_fn(|| worker.pop()).map(value).sum();
        assert_eq!(3, own + stolen + left);
    });
}

#[test]
fn a_batch_is_moved_whole() {
    ::loom::model(|| {
        let (worker, other) = (Worker::new_fifo(), Worker::new_fifo());
        let stealer = worker.stealer();
        (1..4).for_each(|at| worker.push(element(at)));
        let thief = thread::spawn(move || {
            let mut sum = 0;
            if let Steal::Success(first) = stealer.steal_batch_with_limit_and_pop(&other, 8) {
                sum += value(first);
            }
            sum + std::iter::from_fn(|| other.pop()).map(value).sum::<usize>()
        });
        let own: usize = std::iter::from_fn(|| worker.pop()).map(value).sum();
        assert_eq!(6, own + thief.join().unwrap());
    });
}

#[test]
fn an_injector_gives_each_element_once() {
    ::loom::model(|| {
        let injector = Arc::new(Injector::new());
        let pusher = {
            let injector = injector.clone();
            thread::spawn(move || injector.push(element(1)))
        };
        let thief = {
            let injector = injector.clone();
            thread::spawn(move || match injector.steal() {
                Steal::Success(element) => value(element),
                _ => 0,
            })
        };
        injector.push(element(2));
        pusher.join().unwrap();
        let mut sum = thief.join().unwrap();
        while let Steal::Success(element) = injector.steal() {
            sum += value(element);
        }
        assert_eq!(3, sum);
    });
}

/// The core of the sleep protocol: a push and a check for emptiness, each with a flag and a fence. At least one sees the other.
#[test]
fn a_push_and_a_look_do_not_miss_each_other() {
    ::loom::model(|| {
        let worker = Worker::new_fifo();
        let (stealer, flag) = (worker.stealer(), Arc::new(AtomicUsize::new(0)));
        let sleeper = {
            let flag = flag.clone();
            thread::spawn(move || {
                flag.store(1, Ordering::Relaxed);
                fence(Ordering::SeqCst);
                stealer.is_empty()
            })
        };
        worker.push(element(1));
        fence(Ordering::SeqCst);
        let seen = flag.load(Ordering::Relaxed) == 1;
        let is_asleep = sleeper.join().unwrap();
        assert!(seen || !is_asleep);
        drop(worker.pop());
    });
}
