//! Unit tests that need no runtime: futures are polled by hand.

use crate::sync::{Mutex, Notify, RwLock, Semaphore, broadcast, mpsc, oneshot, watch};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn semaphore_serves_in_order_and_takes_back() {
    let semaphore = Semaphore::new(1);
    let mut large = Box::pin(semaphore.acquire_many(2));
    assert!(poll(large.as_mut()).is_pending());
    let mut small = pin!(semaphore.acquire());
    assert!(poll(small.as_mut()).is_pending());
    drop(large);
    assert!(poll(small.as_mut()).is_ready());
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn closing_returns_partial_permits() {
    let semaphore = Semaphore::new(1);
    let mut large = Box::pin(semaphore.acquire_many(2));
    assert!(poll(large.as_mut()).is_pending());
    semaphore.close();
    assert!(matches!(poll(large.as_mut()), Poll::Ready(Err(_))));
    drop(large);
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn notify_passes_on_when_dropped() {
    let notify = Notify::new();
    let mut first = Box::pin(notify.notified());
    let mut second = pin!(notify.notified());
    assert!(poll(first.as_mut()).is_pending());
    assert!(poll(second.as_mut()).is_pending());
    notify.notify_one();
    drop(first);
    assert!(poll(second.as_mut()).is_ready());
}

#[test]
fn mpsc_crosses_blocks() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    for round in 0..5 {
        for i in 0..100 {
            tx.send(i).unwrap();
        }
        assert_eq!(rx.len(), 100);
        for i in 0..100 {
            assert_eq!(rx.try_recv(), Ok(i), "round {round}");
        }
        assert!(rx.is_empty());
    }
    drop(tx);
    assert_eq!(rx.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
}

#[test]
fn mpsc_across_threads() {
    let (tx, mut rx) = mpsc::channel(8);
    let threads: Vec<_> = (0..3)
        .map(|t| {
            let tx = tx.clone();
            std::thread::spawn(move || (0..5000).for_each(|i| tx.blocking_send((t, i)).unwrap()))
        })
        .collect();
    drop(tx);
    let mut next = [0; 3];
    while let Some((t, i)) = rx.blocking_recv() {
        assert_eq!(next[t], i);
        next[t] += 1;
    }
    assert_eq!(next, [5000; 3]);
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn returned_permit_ends_a_closed_channel() {
    let (tx, mut rx) = mpsc::channel::<u8>(1);
    let permit = tx.try_reserve().unwrap();
    rx.close();
    {
        let mut recv = pin!(rx.recv());
        assert!(poll(recv.as_mut()).is_pending());
        drop(permit);
        assert_eq!(poll(recv.as_mut()), Poll::Ready(None));
    }
}

#[test]
fn oneshot_across_threads() {
    for _ in 0..200 {
        let (tx, rx) = oneshot::channel();
        let thread = std::thread::spawn(move || tx.send(7).unwrap());
        assert_eq!(rx.blocking_recv(), Ok(7));
        thread.join().unwrap();
    }
}

#[test]
fn locks_exclude() {
    let mutex = Mutex::new(0);
    let guard = mutex.try_lock().unwrap();
    assert!(mutex.try_lock().is_err());
    drop(guard);
    let lock = RwLock::new(0);
    let write = lock.try_write().unwrap();
    assert!(lock.try_read().is_err());
    let read = write.downgrade();
    assert!(lock.try_read().is_ok());
    drop(read);
    assert!(lock.try_write().is_ok());
}

#[test]
fn watch_reports_the_last_change_before_the_end() {
    let (tx, mut rx) = watch::channel(0);
    tx.send(1).unwrap();
    drop(tx);
    assert!(matches!(poll(pin!(rx.changed())), Poll::Ready(Ok(()))));
    assert_eq!(*rx.borrow(), 1);
    assert!(matches!(poll(pin!(rx.changed())), Poll::Ready(Err(_))));
}

#[test]
fn broadcast_lags_and_ends() {
    let (tx, mut rx) = broadcast::channel(2);
    for i in 0..3 {
        tx.send(i).unwrap();
    }
    assert_eq!(
        rx.try_recv(),
        Err(broadcast::error::TryRecvError::Lagged(1))
    );
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(tx.len(), 1);
    drop(tx);
    assert_eq!(rx.try_recv(), Ok(2));
    assert_eq!(rx.try_recv(), Err(broadcast::error::TryRecvError::Closed));
}

/// A notification that `enable` has reported is not passed on when the wait is dropped; one that was not reported is.
#[test]
fn notification_that_enable_reported_is_not_passed_on() {
    let notify = Notify::new();
    notify.notify_one();
    let mut told = Box::pin(notify.notified());
    assert!(told.as_mut().enable());
    drop(told);
    assert!(!pin!(notify.notified()).enable());

    let mut queued = Box::pin(notify.notified());
    assert!(!queued.as_mut().enable());
    notify.notify_one();
    drop(queued);
    let mut next = pin!(notify.notified());
    assert!(next.as_mut().enable());
}
