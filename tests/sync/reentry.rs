//! Values and wakers that re-enter the channel or lock that drops, clones or wakes them.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex as StdMutex, OnceLock};
use std::task::{Context, Poll, Waker};

use super::alive::Alive;
use crate::support::waits::{Count, Wait, poll_once, poll_with, waker_that};
use crate::support::within;
use tokio::sync::{Barrier, Mutex, Notify, Semaphore, SetOnce, broadcast, mpsc, oneshot, watch};

/// Polls with a waker that calls `does`.
fn poll_doing<F: Future>(
    future: Pin<&mut F>,
    does: impl Fn() + Send + Sync + 'static,
) -> Poll<F::Output> {
    poll_with(future, &waker_that(does))
}

#[test]
fn a_value_that_sends_when_it_is_dropped() {
    struct Sends(broadcast::Sender<Arc<Sends>>, u32, Arc<Count>);
    impl Drop for Sends {
        fn drop(&mut self) {
            self.2.add();
            if self.1 > 0 {
                let next = Sends(self.0.clone(), self.1 - 1, self.2.clone());
                let _ = self.0.send(Arc::new(next));
            }
        }
    }
    within(10, || {
        let dropped = Arc::new(Count::default());
        let (tx, rx) = broadcast::channel(1);
        for _ in 0..3 {
            assert!(
                tx.send(Arc::new(Sends(tx.clone(), 2, dropped.clone())))
                    .is_ok()
            );
        }
        drop(rx);
        assert!(dropped.get() >= 2);
    });
}

#[test]
fn a_message_that_uses_its_channel_when_it_is_dropped() {
    struct Sends(mpsc::UnboundedSender<Sends>, u32);
    impl Drop for Sends {
        fn drop(&mut self) {
            if self.1 > 0 {
                let _ = self.0.send(Sends(self.0.clone(), self.1 - 1));
                assert!(self.0.is_closed());
            }
        }
    }
    within(10, || {
        let (tx, rx) = mpsc::unbounded_channel();
        for _ in 0..100 {
            assert!(tx.send(Sends(tx.clone(), 3)).is_ok());
        }
        drop(rx);
        assert!(tx.is_closed());
    });
}

#[test]
fn a_watched_value_that_looks_at_its_channel_when_it_is_dropped() {
    struct Looks(OnceLock<watch::Receiver<Looks>>, Arc<Count>);
    impl Drop for Looks {
        fn drop(&mut self) {
            if let Some(rx) = self.0.get() {
                let _seen = rx.borrow();
                self.1.add();
            }
        }
    }
    within(10, || {
        let seen = Arc::new(Count::default());
        let (tx, rx) = watch::channel(Looks(OnceLock::new(), seen.clone()));
        assert!(tx.borrow().0.set(rx.clone()).is_ok());
        assert!(tx.send(Looks(OnceLock::new(), seen.clone())).is_ok());
        assert_eq!(seen.get(), 1);
    });
}

#[test]
fn a_oneshot_value_that_holds_its_own_sender_or_receiver() {
    within(10, || {
        let dropped = Arc::new(Count::default());
        // The receiver is sent through its own channel, so it can never be received.
        type Slot = Arc<StdMutex<Option<oneshot::Receiver<Own>>>>;
        struct Own(#[allow(dead_code)] Option<Slot>, Arc<Count>);
        impl Drop for Own {
            fn drop(&mut self) {
                self.1.add();
            }
        }
        let (tx, rx) = oneshot::channel();
        let slot: Slot = Arc::new(StdMutex::new(Some(rx)));
        let sent = tx.send(Own(Some(slot.clone()), dropped.clone()));
        assert!(sent.is_ok());
        drop(slot.lock().unwrap().take());
        assert_eq!(dropped.get(), 1);
    });
}

/// Wakers that use the primitive that wakes them, during the call that wakes.
#[test]
fn wakers_that_come_back_in() {
    within(10, || {
        let notify = Arc::new(Notify::new());
        let mut first = Box::pin(notify.clone().notified_owned());
        let again = notify.clone();
        assert!(
            poll_doing(first.as_mut(), move || {
                again.notify_one();
                again.notify_waiters();
            })
            .is_pending()
        );
        notify.notify_waiters();

        let semaphore = Arc::new(Semaphore::new(0));
        let mut wait = Box::pin(semaphore.clone().acquire_owned());
        let again = semaphore.clone();
        assert!(
            poll_doing(wait.as_mut(), move || {
                again.add_permits(1);
                drop(again.try_acquire());
                again.close();
            })
            .is_pending()
        );
        semaphore.add_permits(1);
        assert!(semaphore.is_closed());

        let lock = Arc::new(Mutex::new(0));
        let held = lock.try_lock().unwrap();
        let mut wait = Box::pin(lock.clone().lock_owned());
        let again = lock.clone();
        assert!(poll_doing(wait.as_mut(), move || assert!(again.try_lock().is_err())).is_pending());
        drop(held);
        drop(wait);
        assert!(lock.try_lock().is_ok());

        let (tx, mut rx) = mpsc::channel::<u32>(1);
        let again = tx.clone();
        {
            let mut wait = Box::pin(rx.recv());
            assert!(poll_doing(wait.as_mut(), move || drop(again.try_send(2))).is_pending());
            tx.try_send(1).unwrap();
        }
        assert_eq!(rx.try_recv(), Ok(1));

        let (tx, rx) = watch::channel(0);
        let tx = Arc::new(tx);
        let (again, seen) = (tx.clone(), rx.clone());
        let mut rx = rx;
        {
            let mut wait = Box::pin(rx.changed());
            assert!(
                poll_doing(wait.as_mut(), move || {
                    if *seen.borrow() < 3 {
                        again.send_modify(|v| *v += 1);
                    }
                    assert!(again.receiver_count() > 0);
                })
                .is_pending()
            );
            tx.send(1).unwrap();
        }
        assert_eq!(*rx.borrow_and_update(), 2);

        let (tx, mut rx) = broadcast::channel::<u32>(2);
        let again = tx.clone();
        {
            let mut wait = Box::pin(rx.recv());
            assert!(
                poll_doing(wait.as_mut(), move || {
                    let _ = again.send(9);
                    let mut more = again.subscribe();
                    assert!(more.try_recv().is_err());
                })
                .is_pending()
            );
            tx.send(8).unwrap();
        }
        assert_eq!(rx.try_recv(), Ok(8));
        assert_eq!(rx.try_recv(), Ok(9));

        let set = Arc::new(SetOnce::<u32>::new());
        let again = set.clone();
        {
            let mut wait = Box::pin(set.wait());
            assert!(
                poll_doing(wait.as_mut(), move || {
                    assert_eq!(again.get(), Some(&4));
                    assert!(again.set(5).is_err());
                })
                .is_pending()
            );
            set.set(4).unwrap();
        }

        let barrier = Arc::new(Barrier::new(2));
        let again = barrier.clone();
        let reentered = Arc::new(Count::default());
        let count = reentered.clone();
        {
            let mut wait = Box::pin(barrier.wait());
            assert!(
                poll_doing(wait.as_mut(), move || {
                    let mut next = Box::pin(again.wait());
                    let waker = Waker::from(count.clone());
                    let _ = next.as_mut().poll(&mut Context::from_waker(&waker));
                })
                .is_pending()
            );
            assert!(Wait::new(barrier.wait()).poll().is_ready());
        }
    });
}

#[test]
fn channels_whose_values_hold_an_end_of_theirs_come_apart() {
    within(20, || {
        struct Holds<T>(#[allow(dead_code)] T, #[allow(dead_code)] Alive);
        let alive = Arc::new(AtomicUsize::new(0));

        type Own = Holds<Option<Box<dyn std::any::Any + Send>>>;
        let (tx, rx) = mpsc::unbounded_channel::<Own>();
        let _ = tx.send(Holds(Some(Box::new(tx.clone())), Alive::new(&alive)));
        drop(tx);
        drop(rx);
        assert_eq!(alive.load(SeqCst), 0, "mpsc, sender inside, receiver goes");

        let (tx, rx) = mpsc::channel::<Own>(2);
        let permit = tx.clone().try_reserve_owned().unwrap();
        let _ = tx.try_send(Holds(Some(Box::new(permit)), Alive::new(&alive)));
        drop(tx);
        drop(rx);
        assert_eq!(alive.load(SeqCst), 0, "mpsc, permit inside, receiver goes");

        let (tx, rx) = oneshot::channel::<Own>();
        let (tx2, rx2) = oneshot::channel::<Own>();
        let _ = tx.send(Holds(Some(Box::new(tx2)), Alive::new(&alive)));
        drop(rx);
        assert!(matches!(poll_once(pin!(rx2)), Poll::Ready(Err(_))));
        assert_eq!(alive.load(SeqCst), 0, "oneshot");

        #[derive(Clone)]
        struct Shared(
            #[allow(dead_code)] Arc<std::sync::Mutex<Option<Box<dyn std::any::Any + Send>>>>,
            #[allow(dead_code)] Alive,
        );
        let (tx, rx) = broadcast::channel::<Shared>(1);
        for _ in 0..3 {
            let own = Arc::new(std::sync::Mutex::new(Some(
                Box::new(tx.subscribe()) as Box<dyn std::any::Any + Send>
            )));
            let _ = tx.send(Shared(own, Alive::new(&alive)));
        }
        drop(rx);
        let _ = tx.send(Shared(Arc::default(), Alive::new(&alive)));
        let mut rx = tx.subscribe();
        let _ = tx.send(Shared(Arc::default(), Alive::new(&alive)));
        assert!(rx.try_recv().is_ok());
        drop((tx, rx));
        assert_eq!(alive.load(SeqCst), 0, "broadcast");

        let (tx, rx) = watch::channel(None);
        tx.send_replace(Some(Shared(
            Arc::new(std::sync::Mutex::new(Some(Box::new(rx)))),
            Alive::new(&alive),
        )));
        tx.send_modify(|value| *value = None);
        assert_eq!((tx.receiver_count(), alive.load(SeqCst)), (0, 0), "watch");
    });
}

#[test]
fn a_clone_may_look_at_its_own_broadcast() {
    struct Looks(Option<broadcast::Sender<Looks>>);
    impl Clone for Looks {
        fn clone(&self) -> Self {
            if let Some(tx) = &self.0 {
                assert_eq!((tx.receiver_count(), tx.strong_count()), (1, 2));
                drop(tx.subscribe());
            }
            Looks(None)
        }
    }
    within(20, || {
        let (tx, mut rx) = broadcast::channel(4);
        assert!(tx.send(Looks(Some(tx.clone()))).is_ok());
        assert!(rx.try_recv().is_ok());
    });
}
