//! Models of `LocalSet`: wakes and aborts from another thread race with the thread that drives or drops the set.
//!
//! Futures hold loom's `Arc`s, so loom reports a future that is never dropped. The queue's cell reports other threads
//! than the owner that touch the queue. A lost wake is a deadlock in `block_on`.

use super::LocalSet;
use crate::sync::oneshot;
use ::loom::future::block_on;
use ::loom::sync::Arc;
use ::loom::thread;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A sender, and a task of the set that waits for it.
fn waiting_task(set: &LocalSet) -> (oneshot::Sender<Arc<u32>>, crate::task::JoinHandle<u32>) {
    let (tx, rx) = oneshot::channel::<Arc<u32>>();
    let token = Arc::new(());
    let task = set.spawn_local(async move {
        let _token = token;
        rx.await.map_or(0, |n| *n)
    });
    (tx, task)
}

#[test]
fn a_remote_wake_reaches_the_driver() {
    ::loom::model(|| {
        let set = LocalSet::new();
        let (tx, task) = waiting_task(&set);
        let sender = thread::spawn(move || tx.send(Arc::new(7)).unwrap());
        block_on(set);
        assert_eq!(7, block_on(task).unwrap());
        sender.join().unwrap();
    });
}

#[test]
fn two_remote_wakes_reach_the_driver() {
    ::loom::model(|| {
        let set = LocalSet::new();
        let (first, one) = waiting_task(&set);
        let (second, two) = waiting_task(&set);
        let sender = thread::spawn(move || {
            first.send(Arc::new(1)).unwrap();
            second.send(Arc::new(2)).unwrap();
        });
        block_on(set);
        assert_eq!(1, block_on(one).unwrap());
        assert_eq!(2, block_on(two).unwrap());
        sender.join().unwrap();
    });
}

/// The first driver is polled once and dropped; the next driver sees a wake that came meanwhile.
#[test]
fn a_wake_between_two_drivers_is_not_lost() {
    ::loom::model(|| {
        let set = LocalSet::new();
        let (tx, task) = waiting_task(&set);
        let sender = thread::spawn(move || tx.send(Arc::new(7)).unwrap());
        assert!(poll_once(pin!(set.run_until(std::future::pending::<()>()))).is_pending());
        assert_eq!(7, block_on(set.run_until(task)).unwrap());
        sender.join().unwrap();
    });
}

/// There are two drivers, and the one that was polled last is dropped: a wake still reaches the other.
#[test]
fn a_driver_that_goes_leaves_the_wakes_to_the_other() {
    ::loom::model(|| {
        let set = LocalSet::new();
        let (tx, task) = waiting_task(&set);
        let sender = thread::spawn(move || tx.send(Arc::new(7)).unwrap());
        let mut first = pin!(set.run_until(task));
        let mut second = Some(Box::pin(set.run_until(std::future::pending::<()>())));
        let output = block_on(poll_fn(|cx| {
            let poll = first.as_mut().poll(cx);
            if let Some(mut second) = second.take() {
                assert!(poll_once(second.as_mut()).is_pending());
            }
            poll
        }));
        assert_eq!(7, output.unwrap());
        sender.join().unwrap();
    });
}

#[test]
fn a_remote_wake_races_the_drop_of_the_set() {
    for polled in [false, true] {
        ::loom::model(move || {
            let mut set = LocalSet::new();
            let (tx, task) = waiting_task(&set);
            if polled {
                let _ = poll_once(Pin::new(&mut set));
            }
            let sender = thread::spawn(move || drop(tx.send(Arc::new(7))));
            drop(set);
            match block_on(task) {
                Ok(output) => assert_eq!(7, output),
                Err(error) => assert!(error.is_cancelled()),
            }
            sender.join().unwrap();
        });
    }
}

/// The owner drops the task, while it drives or drops the set; the thread that aborts never does.
#[test]
fn a_remote_abort_leaves_the_drop_to_the_owner() {
    struct Guard(Arc<()>, thread::ThreadId);
    impl Drop for Guard {
        fn drop(&mut self) {
            assert_eq!(self.1, thread::current().id());
            let _ = &self.0;
        }
    }
    for drives in [false, true] {
        ::loom::model(move || {
            let mut set = LocalSet::new();
            let guard = Guard(Arc::new(()), thread::current().id());
            let task = set.spawn_local(async move {
                let _guard = guard;
                std::future::pending::<()>().await
            });
            let _ = poll_once(Pin::new(&mut set));
            let abort = task.abort_handle();
            let aborter = thread::spawn(move || abort.abort());
            match drives {
                true => block_on(set),
                false => drop(set),
            }
            assert!(block_on(task).unwrap_err().is_cancelled());
            aborter.join().unwrap();
        });
    }
}

/// A task's waker is used and dropped on another thread, before or after the set and its task are dropped.
#[test]
fn a_waker_outlives_the_set() {
    ::loom::model(|| {
        let mut set = LocalSet::new();
        let (tx, rx) = oneshot::channel::<Waker>();
        let (mut tx, token) = (Some(tx), Arc::new(()));
        drop(set.spawn_local(poll_fn(move |cx| {
            let _ = &token;
            if let Some(tx) = tx.take() {
                let _ = tx.send(cx.waker().clone());
            }
            Poll::<()>::Pending
        })));
        let _ = poll_once(Pin::new(&mut set));
        let mut rx = rx;
        let waker = rx.try_recv().unwrap();
        let waking = thread::spawn(move || waker.wake());
        drop(set);
        waking.join().unwrap();
    });
}
