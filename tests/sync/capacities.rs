//! The limits of permits, capacities and lags.

use std::pin::pin;
use std::task::Poll;

use crate::support::waits::{Wait, panics, poll_once};
use crate::support::within;
use tokio::sync::{Barrier, RwLock, Semaphore, broadcast, mpsc};

#[test]
fn numbers_at_their_ends() {
    let table: [(&str, bool, Box<dyn Fn()>); 13] = [
        (
            "semaphore too big",
            true,
            Box::new(|| drop(Semaphore::new(Semaphore::MAX_PERMITS + 1))),
        ),
        (
            "semaphore biggest",
            false,
            Box::new(|| drop(Semaphore::new(Semaphore::MAX_PERMITS))),
        ),
        (
            "add over",
            true,
            Box::new(|| Semaphore::new(Semaphore::MAX_PERMITS).add_permits(1)),
        ),
        (
            "add huge",
            true,
            Box::new(|| Semaphore::new(1).add_permits(usize::MAX)),
        ),
        (
            "channel none",
            true,
            Box::new(|| drop(mpsc::channel::<u8>(0))),
        ),
        (
            "channel too big",
            true,
            Box::new(|| drop(mpsc::channel::<u8>(Semaphore::MAX_PERMITS + 1))),
        ),
        (
            "channel biggest",
            false,
            Box::new(|| drop(mpsc::channel::<u8>(Semaphore::MAX_PERMITS))),
        ),
        (
            "broadcast none",
            true,
            Box::new(|| drop(broadcast::channel::<u8>(0))),
        ),
        (
            "broadcast too big",
            true,
            Box::new(|| drop(broadcast::channel::<u8>(usize::MAX / 2 + 1))),
        ),
        (
            "readers none",
            true,
            Box::new(|| drop(RwLock::with_max_readers((), 0))),
        ),
        (
            "readers too many",
            true,
            Box::new(|| drop(RwLock::with_max_readers((), u32::MAX))),
        ),
        (
            "readers most",
            false,
            Box::new(|| drop(RwLock::with_max_readers((), u32::MAX >> 3))),
        ),
        (
            "barrier none",
            false,
            Box::new(|| drop(Wait::new(Barrier::new(0).wait()).poll().is_ready())),
        ),
    ];
    for (what, expected, f) in table {
        assert_eq!(panics(f), expected, "{what}");
    }
    let semaphore = Semaphore::new(1);
    assert!(Wait::new(semaphore.acquire_many(0)).poll().is_ready());
    assert!(semaphore.try_acquire_many(u32::MAX).is_err());
    assert_eq!(semaphore.forget_permits(usize::MAX), 1);
    assert!(Wait::new(semaphore.acquire_many(0)).poll().is_ready());
    let (tx, mut rx) = mpsc::channel::<u8>(4);
    assert!(Wait::new(tx.reserve_many(0)).poll().is_ready());
    assert!(matches!(
        Wait::new(tx.reserve_many(5)).poll(),
        Poll::Ready(Err(_))
    ));
    assert!(tx.try_reserve_many(5).map(|_| ()).is_err());
    let mut buf = Vec::new();
    assert!(matches!(
        Wait::new(rx.recv_many(&mut buf, 0)).poll(),
        Poll::Ready(0)
    ));
    assert_eq!(rx.blocking_recv_many(&mut buf, 0), 0);
}

#[test]
fn the_most_permits_are_counted() {
    within(20, || {
        let max = Semaphore::MAX_PERMITS;
        let semaphore = Semaphore::new(max);
        assert!(panics(|| semaphore.add_permits(usize::MAX)));
        assert_eq!(semaphore.available_permits(), max);
        // On 32 bits, `max` is less than `u32::MAX`.
        let many = u32::try_from(max).unwrap_or(u32::MAX);
        let held = semaphore.try_acquire_many(many).unwrap();
        assert_eq!(semaphore.forget_permits(usize::MAX), max - many as usize);
        drop(held);
        assert_eq!(semaphore.available_permits(), many as usize);

        let (tx, _rx) = mpsc::channel::<u8>(2);
        assert!(tx.try_reserve_many(usize::MAX).is_err());
        assert_eq!(tx.try_reserve_many(0).unwrap().count(), 0);
        assert!(matches!(poll_once(pin!(Barrier::new(0).wait())), Poll::Ready(r) if r.is_leader()));
    });
}

#[test]
fn zero_permits_of_closed_and_empty_semaphores() {
    within(20, || {
        let semaphore = Semaphore::new(0);
        assert!(semaphore.try_acquire_many(0).is_ok());
        let mut first = Box::pin(semaphore.acquire());
        assert!(poll_once(first.as_mut()).is_pending());
        assert!(poll_once(pin!(semaphore.acquire_many(0))).is_ready());
        semaphore.close();
        assert!(matches!(poll_once(first.as_mut()), Poll::Ready(Err(_))));
        assert!(matches!(
            poll_once(pin!(semaphore.acquire_many(0))),
            Poll::Ready(Err(_))
        ));
        semaphore.add_permits(2);
        assert_eq!(semaphore.available_permits(), 2);
    });
}

#[test]
fn lag_is_counted_exactly() {
    within(20, || {
        use broadcast::error::TryRecvError;
        let (tx, mut rx) = broadcast::channel(3);
        for i in 0..4 {
            tx.send(i).unwrap();
        }
        assert_eq!(rx.try_recv(), Ok(0));
        for i in 4..12 {
            tx.send(i).unwrap();
        }
        assert_eq!((rx.len(), tx.len()), (11, 4));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Lagged(7)));
        drop(tx);
        for i in 8..12 {
            assert_eq!(rx.try_recv(), Ok(i));
        }
        assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
        assert_eq!(rx.resubscribe().try_recv(), Err(TryRecvError::Closed));
    });
}
