//! Models of `Notify`, of the semaphore, and of what is built on them.
//!
//! What a lock protects is one of loom's cells, which reports accesses that the lock does not order.
//! What a notification publishes is a Relaxed flag: only the primitive can make it visible.

use crate::sync::{Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, SetOnce, TryAcquireError};
use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

pub(super) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A cell that loom watches: an access that nothing orders fails the model.
pub(super) struct Cell(UnsafeCell<usize>);
// SAFETY: loom checks the accesses.
unsafe impl Send for Cell {}
// SAFETY: as above.
unsafe impl Sync for Cell {}

impl Cell {
    pub(super) fn new() -> Cell {
        Cell(UnsafeCell::new(0))
    }
    pub(super) fn add(&self) {
        // SAFETY: loom fails the model if this access races.
        self.0.with_mut(|v| unsafe { *v += 1 });
    }
    fn get(&self) -> usize {
        // SAFETY: loom fails the model if this access races.
        self.0.with(|v| unsafe { *v })
    }
}

/// Two notifiers, and at most one permit between them: the taker must see what both published.
#[test]
fn notify_one_publishes_even_when_the_permit_is_there() {
    loom::model(|| {
        let shared = Arc::new((Notify::new(), [AtomicUsize::new(0), AtomicUsize::new(0)]));
        let threads = [0, 1].map(|at| {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.1[at].store(1, Ordering::Relaxed);
                shared.0.notify_one();
            })
        });
        while shared
            .1
            .iter()
            .map(|f| f.load(Ordering::Relaxed))
            .sum::<usize>()
            < 2
        {
            block_on(shared.0.notified());
        }
        threads.map(|thread| thread.join().unwrap());
    });
}

#[test]
fn notify_one_is_passed_on_by_a_wait_given_up() {
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let mut given_up = Box::pin(notify.clone().notified_owned());
        assert!(!given_up.as_mut().enable());
        let waiter = {
            let notify = notify.clone();
            thread::spawn(move || block_on(notify.notified()))
        };
        let notifier = {
            let notify = notify.clone();
            thread::spawn(move || notify.notify_one())
        };
        drop(given_up);
        waiter.join().unwrap();
        notifier.join().unwrap();
    });
}

/// Waits made before the notification are ended by it, polled or not, and see what it published.
#[test]
fn notify_waiters_reaches_all() {
    loom::model(|| {
        let shared = Arc::new((Arc::new(Notify::new()), Cell::new()));
        let (first, second) = (
            shared.0.clone().notified_owned(),
            shared.0.clone().notified_owned(),
        );
        let notifier = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.1.add();
                shared.0.notify_waiters();
            })
        };
        let waiter = {
            let shared = shared.clone();
            thread::spawn(move || {
                block_on(first);
                assert_eq!(shared.1.get(), 1);
            })
        };
        block_on(second);
        assert_eq!(shared.1.get(), 1);
        notifier.join().unwrap();
        waiter.join().unwrap();
    });
}

/// A permit is left for one of two, or both are queued: two notifications end both waits.
#[test]
fn two_notifications_end_two_waits() {
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let mut queued = Box::pin(notify.clone().notified_owned());
        assert!(!queued.as_mut().enable());
        let waiter = {
            let notify = notify.clone();
            thread::spawn(move || block_on(notify.notified()))
        };
        let notifier = {
            let notify = notify.clone();
            thread::spawn(move || {
                notify.notify_one();
                notify.notify_last();
            })
        };
        block_on(queued);
        waiter.join().unwrap();
        notifier.join().unwrap();
    });
}

#[test]
fn semaphore_batch_waits_for_two_releases() {
    loom::model(|| {
        let shared = Arc::new((Semaphore::new(0), [Cell::new(), Cell::new()]));
        let threads = [0, 1].map(|at| {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.1[at].add();
                shared.0.add_permits(1);
            })
        });
        block_on(shared.0.acquire_many(2)).unwrap().forget();
        assert_eq!(shared.1.each_ref().map(Cell::get), [1, 1]);
        threads.map(|thread| thread.join().unwrap());
        assert_eq!(shared.0.available_permits(), 0);
    });
}

#[test]
fn semaphore_batch_given_up_hands_its_part_on() {
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let mut large = Box::pin(semaphore.clone().acquire_many_owned(3));
        assert!(poll_once(large.as_mut()).is_pending());
        let small = {
            let semaphore = semaphore.clone();
            thread::spawn(move || block_on(semaphore.acquire_many(2)).unwrap().forget())
        };
        let releaser = {
            let semaphore = semaphore.clone();
            thread::spawn(move || semaphore.add_permits(1))
        };
        drop(large);
        small.join().unwrap();
        releaser.join().unwrap();
        assert_eq!(semaphore.available_permits(), 0);
    });
}

#[test]
fn semaphore_closing_ends_every_wait() {
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let waiter = {
            let semaphore = semaphore.clone();
            thread::spawn(move || block_on(semaphore.acquire_many(2)).is_err())
        };
        let releaser = {
            let semaphore = semaphore.clone();
            thread::spawn(move || drop(semaphore.try_acquire()))
        };
        semaphore.close();
        assert!(waiter.join().unwrap());
        releaser.join().unwrap();
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn mutex_excludes_and_hands_over() {
    loom::model(|| {
        let mutex = Arc::new(Mutex::new(Cell::new()));
        let threads = [0, 1].map(|_| {
            let mutex = mutex.clone();
            thread::spawn(move || block_on(mutex.lock()).add())
        });
        block_on(mutex.lock()).add();
        threads.map(|thread| thread.join().unwrap());
        assert_eq!(block_on(mutex.lock()).get(), 3);
    });
}

#[test]
fn mutex_given_to_a_wait_given_up_goes_on() {
    loom::model(|| {
        let mutex = Arc::new(Mutex::new(Cell::new()));
        let guard = mutex.try_lock().unwrap();
        let mut given_up = Box::pin(mutex.clone().lock_owned());
        assert!(poll_once(given_up.as_mut()).is_pending());
        let thread = {
            let mutex = mutex.clone();
            thread::spawn(move || block_on(mutex.lock()).add())
        };
        guard.add();
        drop(guard);
        drop(given_up);
        thread.join().unwrap();
        assert_eq!(mutex.try_lock().unwrap().get(), 2);
    });
}

#[test]
fn rwlock_writer_excludes_readers() {
    loom::model(|| {
        let lock = Arc::new(RwLock::with_max_readers(Cell::new(), 2));
        let writer = {
            let lock = lock.clone();
            thread::spawn(move || block_on(lock.write()).add())
        };
        let reader = {
            let lock = lock.clone();
            thread::spawn(move || assert!(block_on(lock.read()).get() <= 1))
        };
        assert!(block_on(lock.read()).get() <= 1);
        writer.join().unwrap();
        reader.join().unwrap();
        assert_eq!(lock.try_read().unwrap().get(), 1);
    });
}

#[test]
fn rwlock_downgrade_lets_readers_in_and_no_writer() {
    loom::model(|| {
        let lock = Arc::new(RwLock::with_max_readers(Cell::new(), 2));
        let guard = lock.try_write().unwrap();
        let reader = {
            let lock = lock.clone();
            thread::spawn(move || assert_eq!(block_on(lock.read()).get(), 1))
        };
        let writer = {
            let lock = lock.clone();
            thread::spawn(move || lock.try_write().map(|v| v.get()).ok())
        };
        guard.add();
        let guard = guard.downgrade();
        reader.join().unwrap();
        assert_eq!(guard.get(), 1);
        assert_eq!(writer.join().unwrap(), None);
    });
}

#[test]
fn barrier_lets_all_go_and_one_lead() {
    loom::model(|| {
        let barrier = Arc::new((Barrier::new(2), [Cell::new(), Cell::new()]));
        let other = barrier.clone();
        let thread = thread::spawn(move || {
            other.1[0].add();
            let leads = block_on(other.0.wait()).is_leader();
            assert_eq!(other.1[1].get(), 1);
            // Another round on the same barrier.
            (leads, block_on(other.0.wait()).is_leader())
        });
        barrier.1[1].add();
        let first = block_on(barrier.0.wait()).is_leader();
        assert_eq!(barrier.1[0].get(), 1);
        let second = block_on(barrier.0.wait()).is_leader();
        assert_eq!(thread.join().unwrap(), (!first, !second));
    });
}

#[test]
fn once_cell_initialises_once() {
    loom::model(|| {
        let cell = Arc::new(OnceCell::new());
        let runs = Arc::new(AtomicUsize::new(0));
        let threads = [1, 2].map(|_| {
            let (cell, runs) = (cell.clone(), runs.clone());
            thread::spawn(move || {
                let value: &Cell = block_on(cell.get_or_init(|| async {
                    runs.fetch_add(1, Ordering::Relaxed);
                    let value = Cell::new();
                    value.add();
                    value
                }));
                assert_eq!(value.get(), 1);
            })
        });
        if let Some(value) = cell.get() {
            assert_eq!(value.get(), 1);
        }
        threads.map(|thread| thread.join().unwrap());
        assert_eq!(runs.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn once_cell_failure_passes_the_turn_on() {
    loom::model(|| {
        let cell = Arc::new(OnceCell::new());
        let other = cell.clone();
        let thread = thread::spawn(move || {
            block_on(other.get_or_try_init(|| async { Err::<u32, ()>(()) })).is_ok()
        });
        assert_eq!(*block_on(cell.get_or_init(|| async { 2 })), 2);
        thread.join().unwrap();
        assert!(cell.set(3).is_err());
    });
}

#[test]
fn set_once_wakes_its_waiters() {
    loom::model(|| {
        let once = Arc::new(SetOnce::new());
        let waiter = {
            let once = once.clone();
            thread::spawn(move || assert_eq!(Cell::get(block_on(once.wait())), 1))
        };
        let setter = {
            let once = once.clone();
            thread::spawn(move || {
                let value = Cell::new();
                value.add();
                assert!(once.set(value).is_ok());
            })
        };
        assert_eq!(block_on(once.wait()).get(), 1);
        waiter.join().unwrap();
        setter.join().unwrap();
    });
}

#[test]
fn set_once_takes_one_of_two_values() {
    loom::model(|| {
        let once = Arc::new(SetOnce::new());
        let other = once.clone();
        let thread = thread::spawn(move || other.set(1).is_ok());
        let mine = once.set(2).is_ok();
        let theirs = thread.join().unwrap();
        assert!(mine != theirs);
        assert_eq!(once.get(), Some(&if mine { 2 } else { 1 }));
    });
}

/// A thread that sees a permit, takes one away, or sees the close, sees what came before.
#[test]
fn semaphore_looks_are_ordered() {
    for look in [
        (|s| s.available_permits() > 0) as fn(&Semaphore) -> bool,
        |s| s.forget_permits(1) > 0,
        |s| s.is_closed(),
    ] {
        loom::model(move || {
            let shared = Arc::new((Semaphore::new(0), Cell::new()));
            let other = shared.clone();
            let thread = thread::spawn(move || {
                if look(&other.0) {
                    assert_eq!(other.1.get(), 1);
                }
            });
            shared.1.add();
            shared.0.add_permits(1);
            shared.0.close();
            thread.join().unwrap();
        });
    }
}

/// A thread that is refused because of the close, at once or when about to wait, sees what came before the close.
#[test]
fn semaphore_refusals_are_ordered() {
    for (waits, permits) in [(false, 0), (false, 1), (true, 0)] {
        loom::model(move || {
            let shared = Arc::new((Semaphore::new(permits), Cell::new()));
            let other = shared.clone();
            let thread = thread::spawn(move || {
                let refused = match waits {
                    true => matches!(
                        poll_once(std::pin::pin!(other.0.acquire())),
                        Poll::Ready(Err(_))
                    ),
                    false => matches!(other.0.try_acquire(), Err(TryAcquireError::Closed)),
                };
                if refused {
                    assert_eq!(other.1.get(), 1);
                }
            });
            shared.1.add();
            shared.0.close();
            thread.join().unwrap();
        });
    }
}

/// A thread that is about to queue finds permits after all: no lock orders it after the thread that added them.
#[test]
fn semaphore_permits_found_when_about_to_queue_are_ordered() {
    loom::model(|| {
        let shared = Arc::new((Semaphore::new(0), Cell::new()));
        let other = shared.clone();
        let thread = thread::spawn(move || {
            if let Poll::Ready(Ok(permit)) = poll_once(std::pin::pin!(other.0.acquire())) {
                other.1.add();
                permit.forget();
            }
        });
        shared.1.add();
        shared.0.add_permits(1);
        thread.join().unwrap();
        assert!(shared.1.get() >= 1);
    });
}
