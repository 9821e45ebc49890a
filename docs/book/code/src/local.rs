//! A set of tasks that are not `Send`, driven inside one task.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

/// How many tasks a tick polls at most, before the set's driver polls something else.
pub const TASKS_PER_TICK: usize = 61;

type Key = usize;

/// What wakers may touch on any thread: the keys of woken tasks, and the waker of the set's driver.
#[derive(Default)]
struct Remote(Mutex<(VecDeque<Key>, Option<Waker>)>);

struct LocalWaker {
    key: Key,
    remote: Arc<Remote>,
}

impl Wake for LocalWaker {
    fn wake(self: Arc<Self>) {
        let driver = {
            let mut remote = self.remote.0.lock().unwrap();
            remote.0.push_back(self.key);
            remote.1.take()
        };
        if let Some(driver) = driver {
            driver.wake();
        }
    }
}

/// The tasks. They are not `Send`: the thread that made the set polls and drops them.
#[derive(Default)]
pub struct Set {
    tasks: HashMap<Key, Pin<Box<dyn Future<Output = ()>>>>,
    next_key: Key,
    remote: Arc<Remote>,
}

impl Set {
    pub fn spawn(&mut self, future: impl Future<Output = ()> + 'static) {
        self.next_key += 1;
        self.tasks.insert(self.next_key, Box::pin(future));
        self.remote.0.lock().unwrap().0.push_back(self.next_key);
    }

    /// Polls the woken tasks until none is left.
    pub fn naive_tick(&mut self, cx: &mut Context<'_>) {
        self.run(cx, usize::MAX);
    }

    /// Polls a bounded number of tasks. If more are woken, asks for another tick.
    pub fn tick(&mut self, cx: &mut Context<'_>) {
        self.run(cx, TASKS_PER_TICK);
        if !self.remote.0.lock().unwrap().0.is_empty() {
            cx.waker().wake_by_ref();
        }
    }

    fn run(&mut self, cx: &mut Context<'_>, most: usize) {
        // The driver's waker is left before the queue is read: a wake in between wakes the driver.
        let old = self.remote.0.lock().unwrap().1.replace(cx.waker().clone());
        drop(old);
        for _ in 0..most {
            let Some(key) = self.remote.0.lock().unwrap().0.pop_front() else {
                break;
            };
            let Some(task) = self.tasks.get_mut(&key) else {
                continue; // the task was woken after its end
            };
            let remote = self.remote.clone();
            let waker = Waker::from(Arc::new(LocalWaker { key, remote }));
            if let Poll::Ready(()) = task.as_mut().poll(&mut Context::from_waker(&waker)) {
                self.tasks.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Set, TASKS_PER_TICK};
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::rc::Rc;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::channel;
    use std::task::{Context, Poll, Wake, Waker};
    use std::thread;

    /// A task wakes itself until its 10,000th poll. How often does one tick poll it?
    fn polls_in_one_tick(tick: fn(&mut Set, &mut Context<'_>)) -> usize {
        let (mut set, polls) = (Set::default(), Rc::new(Cell::new(0)));
        let count = polls.clone();
        set.spawn(poll_fn(move |cx| {
            count.set(count.get() + 1);
            if count.get() == 10_000 {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        }));
        tick(&mut set, &mut Context::from_waker(Waker::noop()));
        polls.get()
    }

    #[test]
    fn a_task_that_wakes_itself_keeps_the_thread() {
        assert_eq!(polls_in_one_tick(Set::naive_tick), 10_000);
    }

    #[test]
    fn a_tick_ends() {
        assert_eq!(polls_in_one_tick(Set::tick), TASKS_PER_TICK);
    }

    #[test]
    fn a_tick_that_leaves_tasks_asks_for_another() {
        struct Driver(AtomicBool);
        impl Wake for Driver {
            fn wake(self: Arc<Self>) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let (mut set, driver) = (Set::default(), Arc::new(Driver(AtomicBool::new(false))));
        for _ in 0..2 * TASKS_PER_TICK {
            set.spawn(async {});
        }
        let waker = Waker::from(driver.clone());
        set.tick(&mut Context::from_waker(&waker));
        assert!(driver.0.load(Ordering::Relaxed));
        assert_eq!(set.tasks.len(), TASKS_PER_TICK);
    }

    #[test]
    fn a_wake_from_another_thread_moves_a_key_and_no_task() {
        let (mut set, here) = (Set::default(), Rc::new(thread::current().id()));
        let (give, take) = channel();
        let mut polls = 0;
        set.spawn(poll_fn(move |cx| {
            assert_eq!(thread::current().id(), *here);
            polls += 1;
            give.send(cx.waker().clone()).unwrap();
            if polls == 2 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
        let mut cx = Context::from_waker(Waker::noop());
        set.tick(&mut cx);
        let waker = take.recv().unwrap();
        thread::spawn(move || waker.wake()).join().unwrap();
        set.tick(&mut cx);
        assert!(set.tasks.is_empty());
    }
}
