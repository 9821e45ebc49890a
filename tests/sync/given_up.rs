//! Cancelled waits, even after they were granted what they waited for: it goes to the next wait, or stays.

use std::sync::Arc;
use std::task::{Poll, Waker};

use crate::support::waits::{Count, Wait, panics, poll_once, poll_with};
use crate::support::within;
use tokio::sync::{
    Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, SetError, broadcast, mpsc, watch,
};

#[test]
fn a_lock_granted_to_who_gives_up_goes_on() {
    let lock = Mutex::new(0);
    let guard = lock.try_lock().unwrap();
    let (mut first, mut second) = (Wait::new(lock.lock()), Wait::new(lock.lock()));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    drop(guard);
    assert!(first.is_woken() && !second.is_woken());
    first.give_up();
    assert!(second.is_woken());
    assert!(second.poll().is_ready());
}

#[test]
fn a_writer_that_gives_up_lets_readers_in() {
    let lock = RwLock::new(0);
    let reader = lock.try_read().unwrap();
    let mut writer = Wait::new(lock.write());
    assert!(writer.poll().is_pending());
    let (mut a, mut b) = (Wait::new(lock.read()), Wait::new(lock.read()));
    assert!(a.poll().is_pending() && b.poll().is_pending());
    assert!(lock.try_read().is_err());
    writer.give_up();
    assert!(a.is_woken() && b.is_woken());
    assert!(a.poll().is_ready() && b.poll().is_ready());
    drop(reader);
}

#[test]
fn permits_half_gathered_go_back_and_on() {
    let semaphore = Semaphore::new(2);
    let held = semaphore.try_acquire_many(2).unwrap();
    let (mut many, mut one) = (
        Wait::new(semaphore.acquire_many(3)),
        Wait::new(semaphore.acquire()),
    );
    assert!(many.poll().is_pending() && one.poll().is_pending());
    drop(held);
    assert!(!many.is_woken() && !one.is_woken());
    assert!(semaphore.try_acquire().is_err());
    many.give_up();
    assert!(one.is_woken());
    assert_eq!(semaphore.available_permits(), 1);
    assert!(one.poll().is_ready());
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn a_place_in_a_channel_granted_to_who_gives_up() {
    let (tx, mut rx) = mpsc::channel::<u32>(1);
    tx.try_send(1).unwrap();
    let (mut first, mut second) = (Wait::new(tx.send(2)), Wait::new(tx.send(3)));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    assert_eq!(rx.try_recv().unwrap(), 1);
    assert!(first.is_woken() && !second.is_woken());
    first.give_up();
    assert!(second.is_woken());
    assert!(second.poll().is_ready());
    assert_eq!(rx.try_recv().unwrap(), 3);
    assert_eq!(tx.capacity(), 1);
}

#[test]
fn a_notification_given_up_goes_on_once() {
    let notify = Notify::new();
    let (mut a, mut b, mut c) = (
        Wait::new(notify.notified()),
        Wait::new(notify.notified()),
        Wait::new(notify.notified()),
    );
    assert!(a.poll().is_pending() && b.poll().is_pending() && c.poll().is_pending());
    notify.notify_one();
    a.give_up();
    assert!(b.is_woken() && !c.is_woken());
    b.give_up();
    assert!(c.is_woken());
    c.give_up();
    assert!(Wait::new(notify.notified()).poll().is_ready());
    assert!(Wait::new(notify.notified()).poll().is_pending());
}

#[test]
fn a_last_notification_given_up_goes_to_the_last() {
    let notify = Notify::new();
    let (mut a, mut b, mut c) = (
        Wait::new(notify.notified()),
        Wait::new(notify.notified()),
        Wait::new(notify.notified()),
    );
    assert!(a.poll().is_pending() && b.poll().is_pending() && c.poll().is_pending());
    notify.notify_last();
    assert!(c.is_woken());
    c.give_up();
    assert!(b.is_woken() && !a.is_woken());
}

#[test]
fn all_waiters_notified_and_given_up_leave_nothing() {
    let notify = Notify::new();
    let (mut a, mut b) = (Wait::new(notify.notified()), Wait::new(notify.notified()));
    assert!(a.poll().is_pending() && b.poll().is_pending());
    notify.notify_waiters();
    assert!(a.is_woken() && b.is_woken());
    a.give_up();
    b.give_up();
    assert!(Wait::new(notify.notified()).poll().is_pending());
}

#[test]
fn a_change_seen_by_nobody_is_still_there() {
    let (tx, mut rx) = watch::channel(0);
    let mut wait = Wait::new(rx.changed());
    assert!(wait.poll().is_pending());
    tx.send(1).unwrap();
    assert!(wait.is_woken());
    wait.give_up();
    drop(wait);
    assert!(rx.has_changed().unwrap());
    assert!(Wait::new(rx.changed()).poll().is_ready());
}

#[test]
fn a_broadcast_wait_given_up_loses_nothing() {
    let (tx, mut rx) = broadcast::channel(4);
    let mut wait = Wait::new(rx.recv());
    assert!(wait.poll().is_pending());
    tx.send(5).unwrap();
    wait.give_up();
    drop(wait);
    assert_eq!(rx.try_recv(), Ok(5));
}

#[test]
fn an_initialiser_given_up_or_panicking_leaves_the_cell_to_the_next() {
    let cell = OnceCell::new();
    let mut first = Wait::new(cell.get_or_init(std::future::pending::<u32>));
    let mut second = Wait::new(cell.get_or_init(|| async { panic!("on purpose") }));
    let mut third = Wait::new(cell.get_or_init(|| async { 3 }));
    assert!(first.poll().is_pending() && second.poll().is_pending() && third.poll().is_pending());
    assert!(matches!(cell.set(9), Err(SetError::InitializingError(9))));
    first.give_up();
    assert!(second.is_woken());
    assert!(panics(|| second.poll()));
    second.give_up();
    assert!(third.is_woken());
    assert!(matches!(third.poll(), Poll::Ready(3)));
    assert_eq!(cell.get(), Some(&3));
    assert_eq!(OnceCell::<u8>::new_with(None).get(), None);
}

/// A cancelled wait has been counted, as the docs of `Barrier::wait` say.
#[test]
fn a_barrier_after_a_wait_given_up() {
    let barrier = Barrier::new(2);
    let mut first = Wait::new(barrier.wait());
    assert!(first.poll().is_pending());
    first.give_up();
    let mut second = Wait::new(barrier.wait());
    let Poll::Ready(result) = second.poll() else {
        panic!("the first was not counted")
    };
    assert!(result.is_leader());
}

#[test]
fn a_woken_wait_that_is_dropped_passes_on_permit_lock_and_notification() {
    within(20, || {
        let semaphore = Semaphore::new(0);
        let mut waits: Vec<_> = (0..3).map(|_| Box::pin(semaphore.acquire())).collect();
        for wait in &mut waits {
            assert!(poll_once(wait.as_mut()).is_pending());
        }
        semaphore.add_permits(1);
        drop(waits.remove(0));
        drop(waits.remove(0));
        assert!(matches!(poll_once(waits[0].as_mut()), Poll::Ready(Ok(_))));

        let lock = RwLock::new(0);
        let held = lock.try_write().unwrap();
        let mut writer = Box::pin(lock.write());
        let mut readers: Vec<_> = (0..3).map(|_| Box::pin(lock.read())).collect();
        assert!(poll_once(writer.as_mut()).is_pending());
        assert!(
            readers
                .iter_mut()
                .all(|r| poll_once(r.as_mut()).is_pending())
        );
        drop(held);
        drop(writer);
        assert!(readers.iter_mut().all(|r| poll_once(r.as_mut()).is_ready()));
    });
}

#[test]
fn a_half_served_batch_gives_back_what_it_holds() {
    within(20, || {
        let semaphore = Semaphore::new(3);
        let mut large = Box::pin(semaphore.acquire_many(5));
        assert!(poll_once(large.as_mut()).is_pending());
        assert_eq!(semaphore.available_permits(), 0);
        let mut small = Box::pin(semaphore.acquire_many(2));
        assert!(poll_once(small.as_mut()).is_pending());
        semaphore.add_permits(1);
        assert!(
            poll_once(small.as_mut()).is_pending(),
            "first come, first served"
        );
        drop(large);
        let permit = poll_once(small.as_mut());
        assert!(permit.is_ready());
        assert_eq!(semaphore.available_permits(), 2);
        drop(permit);
        assert_eq!(semaphore.available_permits(), 4);
    });
}

#[test]
fn a_woken_receive_that_is_dropped_loses_nothing() {
    within(20, || {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let count = Arc::new(Count::default());
        let waker = Waker::from(count.clone());
        {
            let mut recv = Box::pin(rx.recv());
            assert!(poll_with(recv.as_mut(), &waker).is_pending());
            tx.send(1).unwrap();
            assert_eq!(count.get(), 1);
        }
        assert_eq!(rx.try_recv(), Ok(1));
    });
}
