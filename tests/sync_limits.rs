//! What a review asked about the synchronisation types' limits, order and budget: overflow and capacities,
//! exact lag, writers among readers, how often a task may go on without giving others a turn, threads outside
//! of the runtime, and `Debug` forms. Each has a watchdog.

mod support;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use support::{current, within};
use tokio::sync::*;

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn panics<R>(f: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(f)).is_err()
}

fn on_runtime<F>(future: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    within(20, move || {
        let runtime = current();
        let task = runtime.spawn(future);
        runtime.block_on(task).unwrap()
    })
}

// Limits.

#[test]
fn limits_of_semaphores_and_capacities() {
    within(20, || {
        let max = Semaphore::MAX_PERMITS;
        assert!(panics(|| Semaphore::new(max + 1)));
        let semaphore = Semaphore::new(max);
        assert!(panics(|| semaphore.add_permits(1)));
        assert!(panics(|| semaphore.add_permits(usize::MAX)));
        assert_eq!(semaphore.available_permits(), max);
        let held = semaphore.try_acquire_many(u32::MAX).unwrap();
        assert_eq!(
            semaphore.forget_permits(usize::MAX),
            max - u32::MAX as usize
        );
        drop(held);
        assert_eq!(semaphore.available_permits(), u32::MAX as usize);

        assert!(panics(|| mpsc::channel::<u8>(0)));
        assert!(panics(|| mpsc::channel::<u8>(max + 1)));
        assert!(!panics(|| mpsc::channel::<u8>(max)));
        assert!(panics(|| broadcast::channel::<u8>(0)));
        assert!(panics(|| broadcast::channel::<u8>(usize::MAX)));
        assert!(panics(|| RwLock::with_max_readers(0, u32::MAX)));
        let (tx, _rx) = mpsc::channel::<u8>(2);
        assert!(matches!(
            poll(pin!(tx.reserve_many(3))),
            Poll::Ready(Err(_))
        ));
        assert!(tx.try_reserve_many(usize::MAX).is_err());
        assert_eq!(tx.try_reserve_many(0).unwrap().count(), 0);
        assert!(matches!(poll(pin!(Barrier::new(0).wait())), Poll::Ready(r) if r.is_leader()));
    });
}

#[test]
fn zero_permits_of_closed_and_empty_semaphores() {
    within(20, || {
        let semaphore = Semaphore::new(0);
        assert!(semaphore.try_acquire_many(0).is_ok());
        let mut first = Box::pin(semaphore.acquire());
        assert!(poll(first.as_mut()).is_pending());
        assert!(poll(pin!(semaphore.acquire_many(0))).is_ready());
        semaphore.close();
        assert!(matches!(poll(first.as_mut()), Poll::Ready(Err(_))));
        assert!(matches!(
            poll(pin!(semaphore.acquire_many(0))),
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

#[test]
fn a_change_not_yet_seen_and_the_closing_of_a_watch() {
    within(20, || {
        let (tx, mut rx) = watch::channel(1);
        tx.send(2).unwrap();
        drop(tx);
        assert!(rx.has_changed().is_err());
        assert!(rx.borrow().has_changed());
        assert!(matches!(poll(pin!(rx.changed())), Poll::Ready(Ok(()))));
        assert!(matches!(poll(pin!(rx.changed())), Poll::Ready(Err(_))));
        rx.mark_changed();
        assert!(matches!(poll(pin!(rx.changed())), Poll::Ready(Ok(()))));
        assert!(matches!(
            poll(pin!(rx.wait_for(|v| *v == 2))),
            Poll::Ready(Ok(_))
        ));
        assert!(matches!(
            poll(pin!(rx.wait_for(|v| *v == 3))),
            Poll::Ready(Err(_))
        ));
    });
}

// Fairness.

#[test]
fn a_waiting_writer_goes_before_readers_that_come_later() {
    within(20, || {
        let lock = RwLock::new(0);
        let reading = lock.try_read().unwrap();
        let mut writer = Box::pin(lock.write());
        assert!(poll(writer.as_mut()).is_pending());
        assert!(lock.try_read().is_err(), "no room past the writer");
        let mut late = Box::pin(lock.read());
        assert!(poll(late.as_mut()).is_pending());
        drop(reading);
        assert!(poll(late.as_mut()).is_pending());
        let guard = match poll(writer.as_mut()) {
            Poll::Ready(guard) => guard,
            Poll::Pending => panic!("the writer's turn"),
        };
        let shared = guard.downgrade();
        assert!(poll(late.as_mut()).is_ready());
        drop(shared);
    });
}

// The cooperative budget.

/// How often `step` is done by one task until another gets a turn.
fn turns<F, Fut>(step: F) -> usize
where
    F: Fn() -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    on_runtime(async move {
        let other = Arc::new(AtomicUsize::new(0));
        let seen = other.clone();
        tokio::spawn(async move { seen.store(1, SeqCst) });
        let mut count = 0;
        while other.load(SeqCst) == 0 && count < 1000 {
            step().await;
            count += 1;
        }
        count
    })
}

#[test]
fn what_is_always_ready_spends_the_budget() {
    let mut counts = Vec::new();
    let semaphore = Arc::new(Semaphore::new(1));
    counts.push((
        "semaphore",
        turns(move || {
            let s = semaphore.clone();
            async move { drop(s.acquire().await) }
        }),
    ));
    let mutex = Arc::new(Mutex::new(1));
    counts.push((
        "mutex",
        turns(move || {
            let m = mutex.clone();
            async move { drop(m.lock().await) }
        }),
    ));
    let notify = Arc::new(Notify::new());
    counts.push((
        "notify",
        turns(move || {
            let n = notify.clone();
            n.notify_one();
            async move { n.notified().await }
        }),
    ));
    let (tx, rx) = watch::channel(1);
    counts.push((
        "watch",
        turns(move || {
            let mut rx = rx.clone();
            tx.send(2).unwrap();
            async move { rx.changed().await.unwrap() }
        }),
    ));
    let (tx, _) = broadcast::channel(4);
    counts.push((
        "broadcast",
        turns(move || {
            let mut rx = tx.subscribe();
            tx.send(2).unwrap();
            async move {
                rx.recv().await.unwrap();
            }
        }),
    ));
    counts.push((
        "oneshot",
        turns(|| async {
            let (tx, rx) = oneshot::channel();
            tx.send(2).unwrap();
            rx.await.unwrap();
        }),
    ));
    counts.push((
        "mpsc",
        turns(|| async {
            let (tx, mut rx) = mpsc::unbounded_channel();
            tx.send(2).unwrap();
            rx.recv().await.unwrap();
        }),
    ));
    let (tx, _) = watch::channel(1);
    counts.push((
        "watch closed",
        turns(move || {
            let tx = tx.clone();
            async move { tx.closed().await }
        }),
    ));
    let barrier = Arc::new(Barrier::new(1));
    counts.push((
        "barrier",
        turns(move || {
            let b = barrier.clone();
            async move {
                b.wait().await;
            }
        }),
    ));
    counts.push((
        "wait_for",
        turns(|| async {
            let (tx, rx) = watch::channel(1);
            drop(tx);
            let mut rx = rx;
            let _ = rx.wait_for(|_| true).await;
        }),
    ));
    counts.retain(|(_, count)| *count != 129);
    assert_eq!(counts, [], "steps until another task has its turn");
}

// Foreign threads.

#[test]
fn blocking_calls_end_when_the_other_side_goes() {
    within(20, || {
        let (tx, mut rx) = mpsc::channel::<u8>(1);
        let thread = std::thread::spawn(move || rx.blocking_recv());
        std::thread::sleep(Duration::from_millis(20));
        drop(tx);
        assert_eq!(thread.join().unwrap(), None);
        let (tx, rx) = mpsc::channel::<u8>(1);
        tx.try_send(1).unwrap();
        let thread = std::thread::spawn(move || tx.blocking_send(2));
        std::thread::sleep(Duration::from_millis(20));
        drop(rx);
        assert!(thread.join().unwrap().is_err());
        let mutex = Arc::new(Mutex::new(0));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let mutex = mutex.clone();
                std::thread::spawn(move || {
                    for i in 0..500 {
                        if i % 2 == 0 {
                            *mutex.blocking_lock() += 1;
                        } else {
                            loop {
                                if let Ok(mut guard) = mutex.try_lock() {
                                    *guard += 1;
                                    break;
                                }
                                std::thread::yield_now();
                            }
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(*mutex.try_lock().unwrap(), 2000);
    });
}

#[test]
fn debug_forms_show_no_value_behind_a_lock_that_is_held() {
    within(20, || {
        let mutex = Mutex::new(7);
        assert_eq!(format!("{mutex:?}"), "Mutex { data: 7 }");
        let held = mutex.try_lock().unwrap();
        assert_eq!(format!("{mutex:?}"), "Mutex { data: <locked> }");
        assert_eq!(format!("{held:?}"), "7");
        assert_eq!(
            format!("{:?}", OnceCell::<u8>::new()),
            "OnceCell { value: None }"
        );
        assert_eq!(
            format!("{:?}", watch::error::SendError(1)),
            "SendError { .. }"
        );
        assert_eq!(
            format!("{:?}", mpsc::error::TrySendError::Full(1)),
            "Full(..)"
        );
        assert_eq!(
            broadcast::error::RecvError::Lagged(3).to_string(),
            "channel lagged by 3"
        );
    });
}
