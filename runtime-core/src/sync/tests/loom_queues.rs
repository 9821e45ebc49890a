//! Models of waits in a queue while other threads come past it: the semaphore, and `Notify`.

use super::loom_locks::{Cell, poll_once};
use crate::sync::{Notify, Semaphore};
use loom::future::block_on;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::task::Poll;

/// A permit that is added goes to the request that waits, not to a later one, whichever way that is made.
#[test]
fn semaphore_nobody_takes_a_permit_past_the_queue() {
    for waits in [false, true] {
        loom::model(move || {
            let semaphore = Arc::new(Semaphore::new(0));
            let queued = Arc::new(AtomicUsize::new(0));
            let adder = {
                let semaphore = semaphore.clone();
                thread::spawn(move || semaphore.add_permits(1))
            };
            let passer_by = {
                let (semaphore, queued) = (semaphore.clone(), queued.clone());
                thread::spawn(move || {
                    // Ordering: Acquire; pairs with the Release of the thread that waits.
                    if queued.load(Ordering::Acquire) == 1 {
                        match waits {
                            false => assert!(semaphore.try_acquire().is_err()),
                            true => {
                                let mut request = Box::pin(semaphore.acquire());
                                assert!(poll_once(request.as_mut()).is_pending());
                            }
                        }
                    }
                })
            };
            let mut first = Box::pin(semaphore.acquire());
            if poll_once(first.as_mut()).is_pending() {
                // Ordering: Release; a thread that sees it comes after the thread that waits.
                queued.store(1, Ordering::Release);
            }
            adder.join().unwrap();
            passer_by.join().unwrap();
            if queued.load(Ordering::Relaxed) == 1 {
                assert!(matches!(poll_once(first.as_mut()), Poll::Ready(Ok(_))));
            }
        });
    }
}

/// A request that is dropped affects no other request: permits that are free stay free all the time.
#[test]
fn semaphore_free_permits_are_to_be_had_while_a_request_is_given_up() {
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut request = Box::pin(semaphore.clone().acquire_owned());
        assert!(poll_once(request.as_mut()).is_pending());
        semaphore.add_permits(2);
        let other = thread::spawn(move || drop(request));
        assert!(semaphore.try_acquire().is_ok());
        other.join().unwrap();
        assert_eq!(semaphore.available_permits(), 2);
    });
}

/// If two threads add as many permits as there can be, one is refused, whether or not a task waits for a permit.
#[test]
fn semaphore_refuses_what_is_beyond_the_limit_beside_a_queue() {
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut request = Box::pin(semaphore.clone().acquire_owned());
        assert!(poll_once(request.as_mut()).is_pending());
        let add = |semaphore: &Arc<Semaphore>| {
            let semaphore = std::panic::AssertUnwindSafe(semaphore.clone());
            catch_unwind(move || semaphore.add_permits(Semaphore::MAX_PERMITS)).is_ok()
        };
        let other = {
            let semaphore = semaphore.clone();
            thread::spawn(move || add(&semaphore))
        };
        let own = add(&semaphore);
        assert!(own != other.join().unwrap());
        assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS - 1);
        drop(request);
    });
}

/// A thread that takes a permit sees what its last holder did, though there was a permit all along.
#[test]
fn semaphore_permit_that_has_come_back_brings_what_was_done_with_it() {
    loom::model(|| {
        let shared = Arc::new((Semaphore::new(1), Cell::new()));
        let threads = [0, 1].map(|_| {
            let shared = shared.clone();
            thread::spawn(move || {
                if let Ok(_permit) = shared.0.try_acquire() {
                    shared.1.add();
                }
            })
        });
        threads.map(|thread| thread.join().unwrap());
    });
}

/// The same for a permit for which a request waited that was dropped.
#[test]
fn semaphore_permit_that_comes_back_past_an_empty_queue_brings_what_was_done_with_it() {
    loom::model(|| {
        let shared = Arc::new((Arc::new(Semaphore::new(0)), Cell::new()));
        let mut request = Box::pin(shared.0.clone().acquire_owned());
        assert!(poll_once(request.as_mut()).is_pending());
        let holder = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.1.add();
                shared.0.add_permits(1);
            })
        };
        let next = {
            let shared = shared.clone();
            thread::spawn(move || {
                if let Ok(_permit) = shared.0.try_acquire() {
                    shared.1.add();
                }
            })
        };
        drop(request);
        holder.join().unwrap();
        next.join().unwrap();
    });
}

/// A wait that is made after a notified task ran is not notified by the same call.
#[test]
fn notify_waiters_does_not_tell_who_comes_after_one_that_was_told() {
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let mut first = Box::pin(notify.clone().notified_owned());
        assert!(poll_once(first.as_mut()).is_pending());
        let waiter = {
            let notify = notify.clone();
            thread::spawn(move || {
                poll_once(first.as_mut())
                    .is_ready()
                    .then(|| notify.notified_owned())
            })
        };
        notify.notify_waiters();
        if let Some(second) = waiter.join().unwrap() {
            assert!(poll_once(Box::pin(second).as_mut()).is_pending());
        }
    });
}

/// A notification that finds the queue empty, though a wait was in it, reaches the next wait.
#[test]
fn notify_one_reaches_who_queues_after_one_that_gave_up() {
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let mut given_up = Box::pin(notify.clone().notified_owned());
        assert!(poll_once(given_up.as_mut()).is_pending());
        let leaver = thread::spawn(move || drop(given_up));
        let waiter = {
            let notify = notify.clone();
            thread::spawn(move || block_on(notify.notified()))
        };
        notify.notify_one();
        leaver.join().unwrap();
        waiter.join().unwrap();
    });
}
