//! Tests that all room, permits and values are given back, whichever way they were taken.

use crate::sync::mpsc::error::{TryRecvError, TrySendError};
use crate::sync::{Semaphore, broadcast, mpsc};
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn filled(capacity: usize) -> (mpsc::Sender<usize>, mpsc::Receiver<usize>) {
    let (tx, rx) = mpsc::channel(capacity);
    for value in 0..capacity {
        tx.try_send(value).unwrap();
    }
    assert_eq!(tx.capacity(), 0);
    assert!(matches!(tx.try_send(0), Err(TrySendError::Full(0))));
    (tx, rx)
}

#[test]
fn recv_many_gives_back_room_for_just_what_it_took() {
    // A block of the queue holds 31 values.
    for (capacity, limit) in [(3, 2), (3, 3), (3, 9), (1, 1), (40, 31), (40, 32), (64, 63)] {
        let (tx, mut rx) = filled(capacity);
        let mut taken = Vec::new();
        while taken.len() < capacity {
            let before = taken.len();
            let got = match poll(pin!(rx.recv_many(&mut taken, limit))) {
                Poll::Ready(got) => got,
                Poll::Pending => panic!("{} values are left", capacity - before),
            };
            assert_eq!(got, limit.min(capacity - before));
            assert_eq!(taken.len(), before + got);
            assert_eq!(tx.capacity(), taken.len(), "{capacity} {limit}");
        }
        assert!(taken.iter().copied().eq(0..capacity));
        assert!(poll(pin!(rx.recv_many(&mut taken, limit))).is_pending());
        assert_eq!((tx.capacity(), tx.max_capacity()), (capacity, capacity));
    }
}

#[test]
fn recv_many_of_nothing_takes_nothing() {
    let (tx, mut rx) = filled(2);
    let mut taken = Vec::new();
    assert_eq!(poll(pin!(rx.recv_many(&mut taken, 0))), Poll::Ready(0));
    assert_eq!((taken.len(), tx.capacity(), rx.len()), (0, 0, 2));
}

#[test]
fn recv_many_ends_when_all_senders_have_gone() {
    let (tx, mut rx) = filled(2);
    drop(tx);
    let mut taken = Vec::new();
    assert_eq!(poll(pin!(rx.recv_many(&mut taken, 9))), Poll::Ready(2));
    assert_eq!(poll(pin!(rx.recv_many(&mut taken, 9))), Poll::Ready(0));
    assert_eq!(taken, [0, 1]);
}

#[test]
fn recv_many_lets_as_many_senders_in_as_it_took_values() {
    let (tx, mut rx) = filled(2);
    let mut sends: Vec<_> = (0..3).map(|value| Box::pin(tx.send(10 + value))).collect();
    for send in &mut sends {
        assert!(poll(send.as_mut()).is_pending());
    }
    let mut taken = Vec::new();
    assert_eq!(poll(pin!(rx.recv_many(&mut taken, 9))), Poll::Ready(2));
    let done: Vec<bool> = sends
        .iter_mut()
        .map(|send| poll(send.as_mut()).is_ready())
        .collect();
    assert_eq!(done, [true, true, false]);
    assert_eq!(tx.capacity(), 0);
}

#[test]
fn each_way_to_receive_one_gives_back_room_for_one() {
    let (tx, mut rx) = filled(4);
    assert_eq!(rx.try_recv(), Ok(0));
    assert_eq!(tx.capacity(), 1);
    assert_eq!(poll(pin!(rx.recv())), Poll::Ready(Some(1)));
    assert_eq!(tx.capacity(), 2);
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(rx.poll_recv(&mut cx), Poll::Ready(Some(2)));
    assert_eq!(tx.capacity(), 3);
    assert_eq!(rx.blocking_recv(), Some(3));
    assert_eq!(tx.capacity(), 4);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(tx.capacity(), 4);
}

#[test]
fn permits_that_are_not_used_come_back_one_by_one() {
    let (tx, mut rx) = mpsc::channel::<usize>(5);
    let mut permits = tx.try_reserve_many(4).unwrap();
    assert_eq!((tx.capacity(), permits.len()), (1, 4));
    permits.next().unwrap().send(1);
    drop(permits.next());
    assert_eq!((tx.capacity(), permits.len()), (2, 2));
    drop(permits);
    assert_eq!(tx.capacity(), 4);
    assert!(matches!(
        tx.try_reserve_many(5),
        Err(TrySendError::Full(()))
    ));
    assert!(tx.try_reserve_many(4).is_ok());
    assert_eq!(tx.capacity(), 4);
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(tx.capacity(), 5);
    let permit = tx.clone().try_reserve_owned().unwrap();
    assert_eq!(tx.capacity(), 4);
    drop(permit.send(2));
    assert_eq!((rx.len(), tx.capacity()), (1, 4));
    drop(tx.clone().try_reserve_owned().unwrap().release());
    assert_eq!(tx.capacity(), 4);
    assert_eq!(tx.strong_count(), 1);
}

#[test]
fn a_closed_channel_ends_when_the_last_permit_comes_back() {
    let (tx, mut rx) = mpsc::channel::<usize>(3);
    let first = tx.try_reserve().unwrap();
    let second = tx.try_reserve().unwrap();
    rx.close();
    assert!(matches!(tx.try_send(0), Err(TrySendError::Closed(0))));
    let mut recv = Box::pin(rx.recv());
    assert!(poll(recv.as_mut()).is_pending());
    drop(first);
    assert!(poll(recv.as_mut()).is_pending());
    second.send(7);
    assert_eq!(poll(recv.as_mut()), Poll::Ready(Some(7)));
    drop(recv);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn senders_and_weak_senders_are_counted() {
    let (tx, mut rx) = mpsc::unbounded_channel::<usize>();
    let weak = tx.downgrade();
    let other = tx.clone();
    let other_weak = weak.clone();
    assert_eq!((rx.sender_strong_count(), rx.sender_weak_count()), (2, 2));
    drop((tx, other_weak));
    assert_eq!((rx.sender_strong_count(), rx.sender_weak_count()), (1, 1));
    let upgraded = weak.upgrade().unwrap();
    assert_eq!(rx.sender_strong_count(), 2);
    upgraded.send(1).unwrap();
    drop((other, upgraded));
    assert!(weak.upgrade().is_none());
    assert_eq!(
        (rx.try_recv(), rx.try_recv()),
        (Ok(1), Err(TryRecvError::Disconnected))
    );
}

#[test]
fn a_semaphore_is_as_large_as_what_was_added_less_what_was_forgotten() {
    let semaphore = Semaphore::new(5);
    assert_eq!(semaphore.forget_permits(2), 2);
    assert_eq!(semaphore.available_permits(), 3);
    semaphore.try_acquire_many(2).unwrap().forget();
    assert_eq!(semaphore.available_permits(), 1);
    assert_eq!(semaphore.forget_permits(9), 1);
    assert_eq!(semaphore.available_permits(), 0);
    semaphore.add_permits(4);
    let mut large = semaphore.try_acquire_many(3).unwrap();
    let split = large.split(1).unwrap();
    assert_eq!((large.num_permits(), split.num_permits()), (2, 1));
    assert!(large.split(3).is_none());
    drop(split);
    assert_eq!(semaphore.available_permits(), 2);
    large.merge(semaphore.try_acquire_many(2).unwrap());
    assert_eq!((large.num_permits(), semaphore.available_permits()), (4, 0));
    drop(large);
    assert_eq!(semaphore.available_permits(), 4);
}

#[test]
fn a_queued_request_is_served_by_several_releases_and_gives_all_back() {
    let semaphore = Semaphore::new(1);
    let mut request = Box::pin(semaphore.acquire_many(3));
    assert!(poll(request.as_mut()).is_pending());
    semaphore.add_permits(1);
    assert!(poll(request.as_mut()).is_pending());
    assert_eq!(semaphore.available_permits(), 0);
    semaphore.add_permits(3);
    let Poll::Ready(Ok(permit)) = poll(request.as_mut()) else {
        panic!("all is there");
    };
    assert_eq!(semaphore.available_permits(), 2);
    drop(permit);
    assert_eq!(semaphore.available_permits(), 5);
}

#[test]
fn a_broadcast_counts_its_values_and_receivers() {
    let (tx, mut rx) = broadcast::channel(4);
    assert!(tx.is_empty());
    let late = tx.subscribe();
    assert_eq!(tx.receiver_count(), 2);
    for value in 0..3 {
        assert_eq!(tx.send(value).unwrap(), 2);
    }
    assert_eq!((tx.len(), rx.len(), late.len()), (3, 3, 3));
    assert_eq!(rx.try_recv(), Ok(0));
    assert_eq!((tx.len(), rx.len()), (3, 2));
    drop(late);
    assert_eq!((tx.len(), tx.receiver_count()), (2, 1));
    for value in 3..8 {
        assert_eq!(tx.send(value).unwrap(), 1);
    }
    assert!(matches!(
        rx.try_recv(),
        Err(broadcast::error::TryRecvError::Lagged(3))
    ));
    for value in 4..8 {
        assert_eq!(rx.try_recv(), Ok(value));
    }
    assert!(rx.is_empty() && tx.is_empty());
    drop(tx);
    assert!(matches!(
        rx.try_recv(),
        Err(broadcast::error::TryRecvError::Closed)
    ));
}
