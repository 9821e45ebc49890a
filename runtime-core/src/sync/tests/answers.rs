//! Tests of what calls return: counts, ends, which permits are left, and what costs budget.

use crate::coop;
use crate::sync::mpsc::error::TrySendError;
use crate::sync::{
    OnceCell, OwnedRwLockWriteGuard, RwLock, RwLockWriteGuard, Semaphore, SetOnce, broadcast, mpsc,
    oneshot, watch,
};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Counts its wake-ups.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// How often `is_ready` returns true, up to 1000 times, within one budget.
fn times_in_one_budget(mut is_ready: impl FnMut() -> bool) -> usize {
    coop::budget(|| (0..1000).take_while(|_| is_ready()).count())
}

#[test]
fn broadcast_counts_its_weak_senders() {
    let (tx, rx) = broadcast::channel::<u8>(1);
    assert_eq!(tx.weak_count(), 0);
    let first = tx.downgrade();
    assert_eq!(rx.sender_weak_count(), 1);
    let second = first.clone();
    assert_eq!((tx.weak_count(), second.weak_count()), (2, 2));
    drop(first);
    assert_eq!((tx.weak_count(), tx.strong_count()), (1, 1));
    drop(second);
    assert_eq!(tx.weak_count(), 0);
}

#[test]
fn broadcast_weak_sender_is_upgraded_while_a_sender_is_there() {
    let (tx, mut rx) = broadcast::channel(1);
    let weak = tx.downgrade();
    let other = weak.upgrade().expect("one sender is there");
    assert!(other.same_channel(&tx));
    assert_eq!((weak.strong_count(), weak.weak_count()), (2, 1));
    drop(tx);
    assert!(!rx.is_closed());
    assert_eq!(rx.sender_strong_count(), 1);
    other.send(1).unwrap();
    drop(other);
    assert!(rx.is_closed());
    assert!(weak.upgrade().is_none());
    assert_eq!(weak.strong_count(), 0);
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(broadcast::error::TryRecvError::Closed));
}

#[test]
fn broadcast_without_receivers_is_deserted_at_once() {
    let tx = broadcast::Sender::<u8>::new(1);
    assert!(poll(pin!(tx.closed())).is_ready());
    let rx = tx.subscribe();
    let mut closed = pin!(tx.closed());
    assert!(poll(closed.as_mut()).is_pending());
    drop(rx);
    assert!(poll(closed).is_ready());
}

/// Uses its channel when it is dropped.
#[derive(Clone)]
struct Asks(broadcast::WeakSender<Asks>);

impl Drop for Asks {
    fn drop(&mut self) {
        if let Some(tx) = self.0.upgrade() {
            tx.len();
        }
    }
}

#[test]
fn broadcast_values_may_ask_the_channel_when_they_are_dropped() {
    let (tx, mut rx) = broadcast::channel(1);
    for _ in 0..2 {
        // The second value takes the place of the first.
        assert!(tx.send(Asks(tx.downgrade())).is_ok());
    }
    assert!(rx.try_recv().is_err());
    assert!(rx.try_recv().is_ok());
    assert!(tx.is_empty());
    assert!(tx.send(Asks(tx.downgrade())).is_ok());
    drop(rx);
    assert_eq!((tx.len(), tx.weak_count()), (0, 0));
}

#[test]
fn mpsc_owned_reservation_takes_room() {
    let (tx, mut rx) = mpsc::channel(1);
    let Poll::Ready(Ok(permit)) = poll(pin!(tx.clone().reserve_owned())) else {
        panic!("there is room");
    };
    assert_eq!(tx.capacity(), 0);
    assert_eq!(tx.try_send(1), Err(TrySendError::Full(1)));
    permit.send(2);
    assert_eq!((rx.try_recv(), tx.capacity()), (Ok(2), 1));
}

#[test]
fn mpsc_reservation_of_many_is_bounded_and_comes_back() {
    let (tx, mut rx) = mpsc::channel::<u8>(3);
    assert!(matches!(
        tx.try_reserve_many(4),
        Err(TrySendError::Full(()))
    ));
    let mut permits = tx.try_reserve_many(3).unwrap();
    assert_eq!(tx.capacity(), 0);
    drop(permits.next());
    drop(permits.next());
    assert_eq!(tx.capacity(), 2);
    drop(permits); // the last one
    assert_eq!(tx.capacity(), 3);
    rx.close();
    assert!(matches!(
        tx.try_reserve_many(4),
        Err(TrySendError::Closed(()))
    ));
}

#[test]
fn mpsc_closed_channel_ends_when_a_half_served_sender_gives_up() {
    let (tx, mut rx) = mpsc::channel::<u8>(2);
    let permit = tx.try_reserve().unwrap();
    let mut half = Box::pin(tx.reserve_many(2));
    assert!(poll(half.as_mut()).is_pending());
    rx.close();
    drop(permit);
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    let mut cx = Context::from_waker(&waker);
    let mut recv = pin!(rx.recv());
    assert!(recv.as_mut().poll(&mut cx).is_pending());
    assert_eq!(count.0.load(Ordering::Relaxed), 0);
    drop(half);
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    assert_eq!(recv.poll(&mut cx), Poll::Ready(None));
}

/// Panics when it is woken.
struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("woken");
    }
}

#[test]
fn mpsc_reservation_is_spent_even_if_the_receivers_waker_panics() {
    let (tx, mut rx) = mpsc::channel(1);
    let waker = Waker::from(Arc::new(Panics));
    let mut cx = Context::from_waker(&waker);
    assert!(pin!(rx.recv()).poll(&mut cx).is_pending());
    let permit = tx.try_reserve().unwrap();
    let _ = catch_unwind(AssertUnwindSafe(|| permit.send(1)));
    assert_eq!(tx.capacity(), 0);
    assert_eq!((rx.try_recv(), tx.capacity()), (Ok(1), 1));
}

/// Counts its drops, and panics at the first.
struct Fuse<'a>(&'a AtomicUsize);

impl Drop for Fuse<'_> {
    fn drop(&mut self) {
        assert!(self.0.fetch_add(1, Ordering::Relaxed) > 0, "the first");
    }
}

#[test]
fn mpsc_receiver_gives_room_back_when_it_goes() {
    let drops = AtomicUsize::new(0);
    let (tx, rx) = mpsc::channel(3);
    for _ in 0..3 {
        assert!(tx.try_send(Fuse(&drops)).is_ok());
    }
    assert!(catch_unwind(AssertUnwindSafe(|| drop(rx))).is_err());
    assert_eq!(drops.load(Ordering::Relaxed), 3);
    assert_eq!(tx.capacity(), 3);
}

/// Panics when it is dropped, also as a waker.
struct DropPanics;

impl Wake for DropPanics {
    fn wake(self: Arc<Self>) {}
}

impl Drop for DropPanics {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[test]
fn mpsc_receiver_closes_the_channel_though_its_waker_panics_when_it_is_dropped() {
    let (tx, mut rx) = mpsc::channel(1);
    let waker = Waker::from(Arc::new(DropPanics));
    let polled = pin!(rx.recv()).poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    // The channel has the last clone of the waker now.
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(waker)));
    assert!(dropped.is_ok());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(rx))).is_err());
    assert_eq!(tx.try_send(1), Err(TrySendError::Closed(1)));
}

#[test]
fn mpsc_value_sent_after_the_receiver_has_gone_goes_with_the_channel() {
    let value = Arc::new(());
    let (tx, rx) = mpsc::channel(1);
    let permit = tx.try_reserve().unwrap();
    drop(rx);
    permit.send(value.clone());
    drop(tx);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn oneshot_tells_when_it_is_over() {
    let (tx, mut rx) = oneshot::channel();
    assert!(rx.is_empty() && !rx.is_terminated());
    tx.send(1).unwrap();
    assert!(!rx.is_empty() && !rx.is_terminated());
    assert_eq!(rx.try_recv(), Ok(1));
    assert!(rx.is_empty() && rx.is_terminated());

    let (tx, mut rx) = oneshot::channel();
    tx.send(1).unwrap();
    assert_eq!(poll(Pin::new(&mut rx)), Poll::Ready(Ok(1)));
    assert!(rx.is_empty() && rx.is_terminated());
}

#[test]
fn oneshot_sender_that_has_sent_is_not_woken() {
    let (mut tx, mut rx) = oneshot::channel();
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    assert!(
        tx.poll_closed(&mut Context::from_waker(&waker))
            .is_pending()
    );
    tx.send(1).unwrap();
    rx.close();
    assert_eq!(count.0.load(Ordering::Relaxed), 0);
    assert_eq!(rx.try_recv(), Ok(1));
}

#[test]
fn semaphore_single_permits() {
    let semaphore = Arc::new(Semaphore::new(1));
    let permit = semaphore.try_acquire().unwrap();
    assert_eq!(
        (permit.num_permits(), semaphore.available_permits()),
        (1, 0)
    );
    drop(permit);
    let permit = semaphore.clone().try_acquire_owned().unwrap();
    assert_eq!(
        (permit.num_permits(), semaphore.available_permits()),
        (1, 0)
    );
    permit.forget();
    assert_eq!(semaphore.available_permits(), 0);
    semaphore.add_permits(1);
    semaphore.try_acquire().unwrap().forget();
    assert_eq!(semaphore.available_permits(), 0);
}

#[test]
fn semaphore_permits_are_split_and_merged() {
    let semaphore = Arc::new(Semaphore::new(5));
    let mut most = semaphore.try_acquire_many(5).unwrap();
    assert!(most.split(6).is_none());
    let mut two = most.split(2).unwrap();
    assert_eq!((most.num_permits(), two.num_permits()), (3, 2));
    two.merge(most.split(1).unwrap());
    assert_eq!((most.num_permits(), two.num_permits()), (2, 3));
    drop(most);
    assert_eq!(semaphore.available_permits(), 2);
    drop(two);

    let mut most = semaphore.clone().try_acquire_many_owned(5).unwrap();
    assert!(most.split(6).is_none());
    let mut two = most.split(2).unwrap();
    assert_eq!((most.num_permits(), two.num_permits()), (3, 2));
    two.merge(most.split(1).unwrap());
    assert_eq!((most.num_permits(), two.num_permits()), (2, 3));
    drop(two);
    assert_eq!(semaphore.available_permits(), 3);
}

#[test]
fn semaphore_refuses_permits_beyond_its_limit_and_keeps_its_count() {
    let semaphore = Semaphore::new(Semaphore::MAX_PERMITS - 1);
    semaphore.add_permits(1);
    assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS);
    let more = catch_unwind(AssertUnwindSafe(|| semaphore.add_permits(1)));
    assert!(more.is_err());
    assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS);
    assert!(semaphore.try_acquire_many(3).is_ok());
}

#[test]
fn set_once_gives_its_value_up_once() {
    assert_eq!(SetOnce::<u8>::new().into_inner(), None);
    let value = Arc::new(1);
    let cell = SetOnce::new();
    assert!(cell.set(value.clone()).is_ok());
    assert!(cell == SetOnce::from(value.clone()));
    assert!(cell != SetOnce::new());
    assert!(poll(pin!(cell.wait())).is_ready());
    let inner = cell.into_inner();
    assert_eq!(Arc::strong_count(&value), 2);
    drop(inner);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn once_cell_gives_its_value_up_once() {
    let value = Arc::new(1);
    let mut cell = OnceCell::new();
    assert!(cell.get_mut().is_none() && cell.take().is_none());
    assert_eq!(OnceCell::<u8>::new().into_inner(), None);
    assert!(cell.set(value.clone()).is_ok());
    assert!(cell == OnceCell::from(value.clone()));
    assert!(cell != OnceCell::new());
    assert_eq!(cell.get_mut().map(|value| **value), Some(1));
    let taken = cell.take();
    assert_eq!(Arc::strong_count(&value), 2);
    assert!(!cell.initialized() && cell.take().is_none());
    drop((cell, taken));
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn once_cell_that_has_its_value_gives_it_without_budget() {
    let cell = OnceCell::from(1);
    coop::budget(|| {
        while coop::spend_if(|| true) {}
        let init = pin!(cell.get_or_init(|| async { unreachable!() }));
        assert_eq!(poll(init), Poll::Ready(&1));
        let init = pin!(cell.get_or_try_init(|| async { Err(()) }));
        assert_eq!(poll(init), Poll::Ready(Ok(&1)));
    });
}

/// A condition may depend on more than the value.
#[test]
fn watch_wait_for_asks_once_more_when_the_channel_has_closed() {
    let (tx, mut rx) = watch::channel(1);
    let mut asked = 0;
    {
        let mut wait = pin!(rx.wait_for(|_| {
            asked += 1;
            asked == 2
        }));
        assert!(poll(wait.as_mut()).is_pending());
        drop(tx);
        assert!(matches!(poll(wait), Poll::Ready(Ok(value)) if *value == 1));
    }
    assert!(matches!(
        poll(pin!(rx.wait_for(|_| false))),
        Poll::Ready(Err(_))
    ));
}

#[test]
fn rwlock_downgraded_map_lets_all_but_one_more_reader_in() {
    let lock = Arc::new(RwLock::with_max_readers((1, 2), 3));
    let write = lock.try_write().unwrap();
    let Err(write) = RwLockWriteGuard::try_downgrade_map(write, |_| None::<&u8>) else {
        panic!("the closure gave nothing");
    };
    assert!(lock.try_read().is_err());
    let Ok(read) = RwLockWriteGuard::try_downgrade_map(write, |pair| Some(&pair.1)) else {
        panic!("the closure gave a part");
    };
    assert_eq!(*read, 2);
    only_two_more_readers(&lock);
    drop(read);

    let write = lock.clone().try_write_owned().unwrap();
    let Err(write) = OwnedRwLockWriteGuard::try_downgrade_map(write, |_| None::<&u8>) else {
        panic!("the closure gave nothing");
    };
    assert!(lock.try_read().is_err());
    let Ok(read) = OwnedRwLockWriteGuard::try_downgrade_map(write, |pair| Some(&pair.0)) else {
        panic!("the closure gave a part");
    };
    assert_eq!(*read, 1);
    only_two_more_readers(&lock);
    drop(read);
    assert!(lock.try_write().is_ok());
}

#[test]
fn rwlock_downgraded_is_unlocked_though_a_readers_waker_panics() {
    for way in 0..4 {
        let lock = Arc::new(RwLock::new(0));
        let (mut write, mut owned) = (None, None);
        match way {
            0 | 1 => write = lock.try_write().ok(),
            _ => owned = lock.clone().try_write_owned().ok(),
        }
        let waker = Waker::from(Arc::new(Panics));
        let mut reader = Box::pin(lock.read());
        let polled = reader.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        let downgraded = catch_unwind(AssertUnwindSafe(|| match (way, write, owned) {
            (0, Some(write), _) => drop(write.downgrade()),
            (_, Some(write), _) => drop(RwLockWriteGuard::try_downgrade_map(write, |v| Some(v))),
            (2, _, Some(owned)) => drop(owned.downgrade()),
            (_, _, Some(owned)) => {
                drop(OwnedRwLockWriteGuard::try_downgrade_map(owned, |v| Some(v)));
            }
            _ => unreachable!(),
        }));
        assert!(downgraded.is_err());
        drop(reader);
        assert!(lock.try_write().is_ok(), "way {way}");
    }
}

fn only_two_more_readers(lock: &RwLock<(u8, u8)>) {
    let _two = (lock.try_read().unwrap(), lock.try_read().unwrap());
    assert!(lock.try_read().is_err());
}

#[test]
fn what_is_ready_spends_budget() {
    let (tx, mut rx) = broadcast::channel(1);
    let broadcast_recv = times_in_one_budget(|| {
        tx.send(1).unwrap();
        poll(pin!(rx.recv())).is_ready()
    });
    let (tx, mut rx) = mpsc::unbounded_channel();
    let mpsc_recv = times_in_one_budget(|| {
        tx.send(1).unwrap();
        poll(pin!(rx.recv())).is_ready()
    });
    let (mut tx, rx) = oneshot::channel::<u8>();
    drop(rx);
    let oneshot_closed = times_in_one_budget(|| {
        tx.poll_closed(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    });
    let semaphore = Semaphore::new(0);
    let acquired_late = times_in_one_budget(|| {
        let mut acquire = pin!(semaphore.acquire());
        assert!(poll(acquire.as_mut()).is_pending());
        semaphore.add_permits(1);
        match poll(acquire) {
            Poll::Ready(permit) => permit.map(|permit| permit.forget()).is_ok(),
            Poll::Pending => false,
        }
    });
    let (tx, mut rx) = broadcast::channel::<u8>(1);
    drop(tx);
    let broadcast_end = times_in_one_budget(|| poll(pin!(rx.recv())).is_ready());
    let (tx, mut rx) = mpsc::unbounded_channel::<u8>();
    drop(tx);
    let mpsc_end = times_in_one_budget(|| poll(pin!(rx.recv())).is_ready());
    let counts = [
        broadcast_recv,
        broadcast_end,
        mpsc_recv,
        mpsc_end,
        oneshot_closed,
        acquired_late,
    ];
    assert_eq!(counts, [128; 6]);
}
