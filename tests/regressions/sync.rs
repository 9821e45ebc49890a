//! Rows 29-32, 35: channels, locks, and the wakers they call.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::support::{OnDrop, current, multi, within};
use tokio::sync::{Mutex, Notify, broadcast, mpsc, oneshot, watch};

#[test]
fn row29_oneshot_close_races_with_send() {
    within(60, || {
        for _ in 0..5_000 {
            let (tx, mut rx) = oneshot::channel();
            let sender = std::thread::spawn(move || tx.send(Box::new(1)));
            rx.close();
            match (sender.join().unwrap(), rx.try_recv()) {
                (Ok(()), Ok(value)) => assert_eq!(*value, 1),
                (Err(value), Err(_)) => assert_eq!(*value, 1),
                (sent, received) => panic!("{sent:?} but {received:?}"),
            }
        }
    });
}

/// A value need not be `Sync`: receivers of the same value clone it one after the other.
#[test]
fn row30_broadcast_clones_one_at_a_time() {
    use std::sync::atomic::{AtomicBool, Ordering};
    #[derive(Default)]
    struct Loner(AtomicBool);
    impl Clone for Loner {
        fn clone(&self) -> Self {
            // Ordering: SeqCst; a test's mutual exclusion, cost does not matter.
            assert!(!self.0.swap(true, Ordering::SeqCst), "two clones at once");
            std::thread::yield_now();
            self.0.store(false, Ordering::SeqCst);
            Loner::default()
        }
    }
    within(60, || {
        let (tx, _) = broadcast::channel(64);
        let receivers: Vec<_> = (0..4)
            .map(|_| {
                let mut rx = tx.subscribe();
                std::thread::spawn(move || {
                    (0..1_000).all(|_| {
                        !matches!(rx.blocking_recv(), Err(broadcast::error::RecvError::Closed))
                    })
                })
            })
            .collect();
        // Receivers that lag skip ahead, so feed them until all are done.
        while !receivers.iter().all(|thread| thread.is_finished()) {
            for _ in 0..16 {
                // Each value is taken by all four.
                let _ = tx.send(Loner::default());
            }
            std::thread::yield_now();
        }
        for receiver in receivers {
            assert!(receiver.join().unwrap());
        }
    });
}

#[test]
fn row31_returned_permit_wakes_the_receiver_of_a_closing_channel() {
    within(30, || {
        multi(2).block_on(async {
            for _ in 0..500 {
                let (tx, mut rx) = mpsc::channel::<()>(1);
                let permit = tx.reserve_owned().await.unwrap();
                let receiver = tokio::spawn(async move { rx.recv().await });
                tokio::task::yield_now().await;
                drop(permit);
                assert_eq!(receiver.await.unwrap(), None);
            }
        });
    });
}

#[test]
fn row31_returned_permit_lets_a_waiting_sender_in() {
    within(30, || {
        current().block_on(async {
            let (tx, mut rx) = mpsc::channel(1);
            let permit = tx.reserve().await.unwrap();
            let mut waiting = pin!(tx.send(7));
            assert!(
                waiting
                    .as_mut()
                    .poll(&mut Context::from_waker(Waker::noop()))
                    .is_pending()
            );
            drop(permit);
            waiting.await.unwrap();
            assert_eq!(rx.recv().await, Some(7));
        });
    });
}

/// A waker that re-enters the object that wakes or drops it: under a lock this would hang.
struct Reentrant(Box<dyn Fn() + Send + Sync>);

impl Wake for Reentrant {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

impl Drop for Reentrant {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn reentrant(f: impl Fn() + Send + Sync + 'static) -> Waker {
    Waker::from(Arc::new(Reentrant(Box::new(f))))
}

fn poll_with<F: Future>(future: std::pin::Pin<&mut F>, waker: Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&waker))
}

#[test]
fn row32_notify_waker_notifies() {
    within(30, || {
        let notify = Arc::new(Notify::new());
        let mut waiting = Box::pin(notify.notified());
        let inner = notify.clone();
        let first = reentrant(move || inner.notify_waiters());
        // The second poll drops the first waker, which notifies while it is being replaced.
        assert!(poll_with(waiting.as_mut(), first).is_pending());
        let _ = poll_with(waiting.as_mut(), Waker::noop().clone());
        notify.notify_waiters();
        drop(waiting);

        let mut waiting = Box::pin(notify.notified());
        let inner = notify.clone();
        assert!(poll_with(waiting.as_mut(), reentrant(move || inner.notify_one())).is_pending());
        notify.notify_waiters();
        assert!(poll_with(waiting.as_mut(), Waker::noop().clone()).is_ready());
    });
}

#[test]
fn row32_semaphore_waker_takes_and_returns_permits() {
    within(30, || {
        let semaphore = Arc::new(tokio::sync::Semaphore::new(0));
        let inner = semaphore.clone();
        let mut waiting = Box::pin(semaphore.clone().acquire_owned());
        let waker = reentrant(move || drop(inner.try_acquire()));
        assert!(poll_with(waiting.as_mut(), waker).is_pending());
        let inner = semaphore.clone();
        let waker = reentrant(move || inner.add_permits(1));
        assert!(poll_with(waiting.as_mut(), waker).is_pending());
        semaphore.add_permits(1);
        assert!(poll_with(waiting.as_mut(), Waker::noop().clone()).is_ready());
    });
}

#[test]
fn row32_channel_wakers_send_and_receive() {
    within(30, || {
        let (tx, mut rx) = mpsc::unbounded_channel::<u8>();
        let inner = tx.clone();
        let mut receiving = Box::pin(rx.recv());
        assert!(
            poll_with(
                receiving.as_mut(),
                reentrant(move || {
                    let _ = inner.send(1);
                })
            )
            .is_pending()
        );
        tx.send(2).unwrap();
        assert!(poll_with(receiving.as_mut(), Waker::noop().clone()).is_ready());

        let (tx, mut rx) = watch::channel(0);
        let tx = Arc::new(tx);
        let inner = tx.clone();
        let mut changed = Box::pin(rx.changed());
        assert!(
            poll_with(
                changed.as_mut(),
                reentrant(move || {
                    inner.send_replace(9);
                })
            )
            .is_pending()
        );
        tx.send(1).unwrap();
        assert!(poll_with(changed.as_mut(), Waker::noop().clone()).is_ready());

        let (tx, mut rx) = broadcast::channel::<u8>(4);
        let inner = tx.clone();
        let mut receiving = Box::pin(rx.recv());
        assert!(
            poll_with(
                receiving.as_mut(),
                reentrant(move || drop(inner.subscribe()))
            )
            .is_pending()
        );
        tx.send(1).unwrap();
        assert!(poll_with(receiving.as_mut(), Waker::noop().clone()).is_ready());
    });
}

/// Values whose drop re-enters the channel that they are in.
#[test]
fn row32_values_dropped_by_the_channel_reenter_it() {
    within(30, || {
        let (tx, rx) = mpsc::unbounded_channel::<Box<dyn std::any::Any + Send>>();
        for _ in 0..100 {
            let inner = tx.clone();
            let value = OnDrop::new(move || drop(inner.send(Box::new(()))));
            tx.send(Box::new(value)).unwrap();
        }
        drop(rx);

        let (tx, _rx) = watch::channel::<Option<Box<dyn std::any::Any + Send + Sync>>>(None);
        let tx = Arc::new(tx);
        let inner = tx.clone();
        let value = OnDrop::new(move || drop(inner.subscribe()));
        tx.send_replace(Some(Box::new(value)));
        drop(tx.send_replace(None));
    });
}

/// The same for timers: the waker, called or dropped, spawns another sleep.
#[test]
fn row32_timer_waker_arms_timers() {
    within(30, || {
        let runtime = multi(2);
        let handle = runtime.handle().clone();
        runtime.block_on(async {
            let mut sleep = Box::pin(tokio::time::sleep(Duration::from_millis(10)));
            let waker =
                reentrant(move || drop(handle.spawn(tokio::time::sleep(Duration::from_millis(1)))));
            assert!(poll_with(sleep.as_mut(), waker).is_pending());
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert!(sleep.is_elapsed());
        });
    });
}

/// First come, first served, even if the task in front has no budget left.
#[test]
fn row35_mutex_keeps_its_queue_when_the_budget_is_used_up() {
    within(30, || {
        current().block_on(async {
            let mutex = Arc::new(Mutex::new(Vec::new()));
            let guard = mutex.clone().lock_owned().await;
            let tasks: Vec<_> = (0..10)
                .map(|i| {
                    let mutex = mutex.clone();
                    tokio::spawn(async move {
                        // Uses up what one poll may do, then queues in the same poll.
                        for _ in 0..127 {
                            tokio::task::coop::consume_budget().await;
                        }
                        mutex.lock().await.push(i);
                    })
                })
                .collect();
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            drop(guard);
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(*mutex.lock().await, (0..10).collect::<Vec<_>>());
        });
    });
}
