//! Models of what the end of a wait or of a channel publishes: a thread that sees the end sees what each of
//! the threads that made the end did before.
//!
//! These threads leave their traces by relaxed stores, which only the primitive's own orderings can publish.
//! The thread that looks is another one (docs/verification.md: loom forgets looks otherwise).

use crate::sync::{Barrier, Notify, broadcast, mpsc, watch};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

/// One trace for each of two threads.
#[derive(Clone)]
struct Traces(Arc<[AtomicUsize; 2]>);

impl Traces {
    fn new() -> Traces {
        Traces(Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]))
    }

    /// Leaves a trace, then drops `end`, in a thread.
    fn leave_and_drop<T: 'static>(&self, at: usize, end: T) -> thread::JoinHandle<()> {
        let traces = self.0.clone();
        thread::spawn(move || {
            traces[at].store(1, Ordering::Relaxed);
            drop(end);
        })
    }

    fn assert_both(&self) {
        for trace in self.0.iter() {
            assert_eq!(trace.load(Ordering::Relaxed), 1, "not published");
        }
    }
}

/// Two ends are dropped while `look` returns whether it has seen that. What `look` uses lives until the traces are checked.
fn two_go<T: 'static>(ends: [T; 2], mut look: impl FnMut() -> bool + 'static) {
    let traces = Traces::new();
    let [a, b] = ends;
    let threads = [traces.leave_and_drop(0, a), traces.leave_and_drop(1, b)];
    let looker = thread::spawn(move || {
        if look() {
            traces.assert_both();
        }
    });
    threads.map(|thread| thread.join().unwrap());
    looker.join().unwrap();
}

#[test]
fn mpsc_end_publishes_what_all_senders_did() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel::<u8>();
        two_go([tx.clone(), tx], move || {
            rx.try_recv() == Err(mpsc::error::TryRecvError::Disconnected)
        });
    });
}

#[test]
fn mpsc_close_publishes_what_the_receiver_did() {
    loom::model(|| {
        let (tx, rx) = mpsc::unbounded_channel::<u8>();
        let traces = Traces::new();
        traces.0[1].store(1, Ordering::Relaxed);
        let receiver = traces.leave_and_drop(0, rx);
        let sender = thread::spawn(move || {
            if tx.is_closed() {
                traces.assert_both();
            }
        });
        receiver.join().unwrap();
        sender.join().unwrap();
    });
}

#[test]
fn watch_end_publishes_what_all_senders_did() {
    loom::model(|| {
        let (tx, rx) = watch::channel(0);
        two_go([tx.clone(), tx], move || rx.has_changed().is_err());
    });
}

#[test]
fn watch_sender_sees_what_all_receivers_did() {
    loom::model(|| {
        let (tx, rx) = watch::channel(0);
        two_go([rx.clone(), rx], move || tx.is_closed());
    });
}

#[test]
fn watch_version_publishes_what_the_sender_did() {
    loom::model(|| {
        let (tx, rx) = watch::channel(0);
        let traces = Traces::new();
        traces.0[1].store(1, Ordering::Relaxed);
        let sender = {
            let traces = traces.clone();
            thread::spawn(move || {
                traces.0[0].store(1, Ordering::Relaxed);
                tx.send(1).unwrap();
                tx
            })
        };
        let receiver = thread::spawn(move || {
            if rx.has_changed().unwrap() {
                traces.assert_both();
            }
            rx
        });
        let _both = (sender.join().unwrap(), receiver.join().unwrap());
    });
}

#[test]
fn broadcast_end_publishes_what_all_senders_did() {
    loom::model(|| {
        let (tx, mut rx) = broadcast::channel::<u8>(1);
        two_go([tx.clone(), tx], move || {
            rx.try_recv() == Err(broadcast::error::TryRecvError::Closed)
        });
    });
}

/// Counts publish this too, at each end of the channel.
#[test]
fn broadcast_counts_publish_what_the_dropped_did() {
    loom::model(|| {
        let (tx, _rx) = broadcast::channel::<u8>(1);
        two_go([tx.clone(), tx.clone()], move || tx.strong_count() == 1);
    });
    loom::model(|| {
        let (tx, rx) = broadcast::channel::<u8>(1);
        two_go([tx.clone(), tx], move || rx.sender_strong_count() == 0);
    });
    loom::model(|| {
        let (tx, _rx) = broadcast::channel::<u8>(1);
        let weak = tx.downgrade();
        two_go([tx.clone(), tx], move || weak.strong_count() == 0);
    });
}

#[test]
fn watch_counts_publish_what_the_dropped_did() {
    loom::model(|| {
        let (tx, _rx) = watch::channel(0);
        two_go([tx.clone(), tx.clone()], move || tx.sender_count() == 1);
    });
}

/// A task whose wait ends sees what the others did before they arrived.
#[test]
fn barrier_publishes_what_all_did() {
    loom::model(|| {
        let (barrier, traces) = (Arc::new(Barrier::new(2)), Traces::new());
        let threads = [0, 1].map(|at| {
            let (barrier, traces) = (barrier.clone(), traces.clone());
            thread::spawn(move || {
                traces.0[at].store(1, Ordering::Relaxed);
                loom::future::block_on(barrier.wait());
                traces.assert_both();
            })
        });
        threads.map(|thread| thread.join().unwrap());
    });
}

/// A wait that is about to take a permit, and finds its round over instead, was ended by `notify_waiters`.
#[test]
fn notify_waiters_publishes_to_a_wait_that_saw_a_permit() {
    loom::model(|| {
        let notify = std::sync::Arc::new(Notify::new());
        notify.notify_one();
        let trace = Arc::new(AtomicUsize::new(0));
        let wait = notify.clone().notified_owned();
        let notifier = {
            let (notify, trace) = (notify.clone(), trace.clone());
            thread::spawn(move || {
                trace.store(1, Ordering::Relaxed);
                notify.notify_waiters();
            })
        };
        let waiter = thread::spawn(move || {
            let cx = &mut Context::from_waker(Waker::noop());
            assert!(pin!(wait).poll(cx).is_ready());
            trace.load(Ordering::Relaxed)
        });
        notifier.join().unwrap();
        let seen = waiter.join().unwrap();
        // The permit is still there: the round ended the wait.
        let cx = &mut Context::from_waker(Waker::noop());
        if pin!(notify.notified()).poll(cx).is_ready() {
            assert_eq!(seen, 1, "not published");
        }
    });
}
