//! First come, first served when many waits are woken at once: wakers are called, and tasks run, in the order of the waits.

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::support::waits::poll_once;
use crate::support::{current, within};
use tokio::sync::{
    Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, SetOnce, broadcast, mpsc, watch,
};

/// So many that they are woken in several batches.
const MANY: usize = 70;

type Log = Arc<StdMutex<Vec<usize>>>;
type Waiting = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A waker that notes its number; if the number is `fails`, it then panics.
struct Note {
    number: usize,
    fails: Option<usize>,
    log: Log,
}

impl Wake for Note {
    fn wake(self: Arc<Self>) {
        self.log.lock().unwrap().push(self.number);
        assert!(self.fails != Some(self.number), "this waker panics");
    }
}

/// Polls many futures, one after another, then wakes all of them, and checks the order: by hand, with a waker that panics,
/// and as tasks of a current-thread runtime.
fn check(name: &str, make: impl Fn() -> (Vec<Waiting>, Box<dyn FnOnce()>)) {
    for fails in [None, Some(3), Some(40)] {
        let log = Log::default();
        let (mut waiting, wake) = make();
        for (number, future) in waiting.iter_mut().enumerate() {
            let waker = Waker::from(Arc::new(Note {
                number,
                fails,
                log: log.clone(),
            }));
            let poll = future.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(poll.is_pending(), "{name}: {number} does not wait");
        }
        let result = catch_unwind(AssertUnwindSafe(wake));
        assert_eq!(result.is_err(), fails.is_some(), "{name}");
        assert_eq!(
            *log.lock().unwrap(),
            (0..MANY).collect::<Vec<_>>(),
            "{name}"
        );
    }
    let log = Log::default();
    current().block_on(async {
        let (waiting, wake) = make();
        for (number, future) in waiting.into_iter().enumerate() {
            let log = log.clone();
            tokio::spawn(async move {
                future.await;
                log.lock().unwrap().push(number);
            });
        }
        settle().await;
        wake();
        settle().await;
    });
    assert_eq!(
        *log.lock().unwrap(),
        (0..MANY).collect::<Vec<_>>(),
        "{name}, tasks"
    );
}

/// Yields until all tasks have had their turn.
async fn settle() {
    for _ in 0..MANY {
        tokio::task::yield_now().await;
    }
}

fn many(make: impl Fn() -> Waiting) -> Vec<Waiting> {
    (0..MANY).map(|_| make()).collect()
}

#[test]
fn notify_wakes_all_in_order() {
    check("notify_waiters", || {
        let notify = Arc::new(Notify::new());
        let waiting = many(|| {
            let notify = notify.clone();
            Box::pin(async move { notify.notified().await })
        });
        (waiting, Box::new(move || notify.notify_waiters()))
    });
}

#[test]
fn a_semaphore_serves_and_refuses_in_order() {
    for closes in [false, true] {
        check("semaphore", || {
            let semaphore = Arc::new(Semaphore::new(0));
            let waiting = many(|| {
                let semaphore = semaphore.clone();
                Box::pin(async move {
                    if let Ok(permit) = semaphore.acquire().await {
                        permit.forget();
                    }
                })
            });
            let wake = move || match closes {
                true => semaphore.close(),
                false => semaphore.add_permits(MANY),
            };
            (waiting, Box::new(wake))
        });
    }
}

#[test]
fn readers_that_waited_for_a_writer_go_in_order() {
    check("rwlock", || {
        let lock = Arc::new(RwLock::new(()));
        let held = lock.clone().try_write_owned().unwrap();
        let waiting = many(|| {
            let lock = lock.clone();
            Box::pin(async move { drop(lock.read().await) })
        });
        (waiting, Box::new(move || drop(held)))
    });
}

#[test]
fn a_value_or_the_end_of_a_broadcast_reaches_receivers_in_order() {
    for ends in [false, true] {
        check("broadcast", || {
            let (tx, _) = broadcast::channel::<u8>(2);
            let waiting = many(|| {
                let mut rx = tx.subscribe();
                Box::pin(async move { drop(rx.recv().await) })
            });
            let wake = move || match ends {
                true => drop(tx),
                false => drop(tx.send(1)),
            };
            (waiting, Box::new(wake))
        });
    }
}

#[test]
fn a_change_or_the_end_of_a_watch_reaches_receivers_in_order() {
    for ends in [false, true] {
        check("watch", || {
            let (tx, rx) = watch::channel(0);
            let waiting = many(|| {
                let mut rx = rx.clone();
                Box::pin(async move { drop(rx.changed().await) })
            });
            let wake = move || match ends {
                true => drop(tx),
                false => drop(tx.send(1)),
            };
            (waiting, Box::new(wake))
        });
    }
}

#[test]
fn senders_learn_in_order_that_nobody_listens() {
    check("watch::Sender::closed", || {
        let (tx, rx) = watch::channel(0);
        let waiting = many(|| {
            let tx = tx.clone();
            Box::pin(async move { tx.closed().await })
        });
        (waiting, Box::new(move || drop(rx)))
    });
    check("broadcast::Sender::closed", || {
        let (tx, rx) = broadcast::channel::<u8>(1);
        let waiting = many(|| {
            let tx = tx.clone();
            Box::pin(async move { tx.closed().await })
        });
        (waiting, Box::new(move || drop(rx)))
    });
    // A closed receiver is kept, as its drop would wake the waits too.
    let kept = Arc::new(StdMutex::new(Vec::new()));
    for drops in [false, true] {
        check("mpsc::Sender::closed", || {
            let kept = kept.clone();
            let (tx, mut rx) = mpsc::channel::<u8>(1);
            let waiting = many(|| {
                let tx = tx.clone();
                Box::pin(async move { tx.closed().await })
            });
            let wake = move || match drops {
                true => drop(rx),
                false => {
                    rx.close();
                    kept.lock().unwrap().push(rx);
                }
            };
            (waiting, Box::new(wake))
        });
    }
}

#[test]
fn senders_get_room_or_are_refused_in_order() {
    // The receiver is kept, even if a waker panics.
    let kept = Arc::new(StdMutex::new(None));
    check("mpsc room", || {
        let kept = kept.clone();
        let (tx, rx) = mpsc::channel::<u8>(MANY);
        (0..MANY).for_each(|_| tx.try_send(0).unwrap());
        let waiting = many(|| {
            let tx = tx.clone();
            Box::pin(async move { tx.send(1).await.unwrap() })
        });
        let wake = move || {
            let mut buffer = Vec::new();
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            let rx = kept.insert(rx);
            let mut all = Box::pin(rx.recv_many(&mut buffer, MANY));
            let _ = all.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        };
        (waiting, Box::new(wake))
    });
    check("mpsc end", || {
        let (tx, rx) = mpsc::channel::<u8>(1);
        tx.try_send(0).unwrap();
        let waiting = many(|| {
            let tx = tx.clone();
            Box::pin(async move { assert!(tx.send(1).await.is_err()) })
        });
        (waiting, Box::new(move || drop(rx)))
    });
}

#[test]
fn a_cell_that_is_set_wakes_in_order() {
    check("SetOnce", || {
        let cell = Arc::new(SetOnce::new());
        let waiting = many(|| {
            let cell = cell.clone();
            Box::pin(async move { assert_eq!(*cell.wait().await, 1) })
        });
        (waiting, Box::new(move || cell.set(1).unwrap()))
    });
    check("OnceCell", || {
        let cell = Arc::new(OnceCell::new());
        let (init, value) = tokio::sync::oneshot::channel::<u8>();
        let owner = cell.clone();
        let mut first: Waiting = Box::pin(async move {
            owner.get_or_init(|| async { value.await.unwrap() }).await;
        });
        let noop = &mut Context::from_waker(Waker::noop());
        assert!(first.as_mut().poll(noop).is_pending());
        let waiting = many(|| {
            let cell = cell.clone();
            Box::pin(async move { assert_eq!(*cell.get_or_init(pending::<u8>).await, 1) })
        });
        let wake = move || {
            init.send(1).unwrap();
            let poll = first.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(poll.is_ready());
        };
        (waiting, Box::new(wake))
    });
}

#[test]
fn those_who_meet_at_a_barrier_leave_in_the_order_in_which_they_came() {
    check("Barrier", || {
        let barrier = Arc::new(Barrier::new(MANY + 1));
        let waiting = many(|| {
            let barrier = barrier.clone();
            Box::pin(async move {
                let _ = barrier.wait().await;
            })
        });
        let wake = move || {
            let mut last = Box::pin(barrier.wait());
            let poll = last.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(poll, Poll::Ready(result) if result.is_leader()));
        };
        (waiting, Box::new(wake))
    });
}

/// One at a time: a mutex, and a `Notify` that wakes one, go from the oldest wait to the newest.
#[test]
fn a_lock_goes_from_hand_to_hand_in_order() {
    let log = Log::default();
    current().block_on(async {
        let lock = Arc::new(Mutex::new(()));
        let notify = Arc::new(Notify::new());
        let held = lock.clone().lock_owned().await;
        for number in 0..MANY {
            let (lock, notify, log) = (lock.clone(), notify.clone(), log.clone());
            tokio::spawn(async move {
                drop(lock.lock().await);
                log.lock().unwrap().push(number);
                notify.notified().await;
                log.lock().unwrap().push(number);
                notify.notify_one();
            });
        }
        settle().await;
        drop(held);
        settle().await;
        settle().await;
        notify.notify_one();
        settle().await;
        settle().await;
    });
    let twice: Vec<usize> = (0..MANY).chain(0..MANY).collect();
    assert_eq!(*log.lock().unwrap(), twice);
}

#[test]
fn a_waiting_writer_goes_before_readers_that_come_later() {
    within(20, || {
        let lock = RwLock::new(0);
        let reading = lock.try_read().unwrap();
        let mut writer = Box::pin(lock.write());
        assert!(poll_once(writer.as_mut()).is_pending());
        assert!(lock.try_read().is_err(), "no room past the writer");
        let mut late = Box::pin(lock.read());
        assert!(poll_once(late.as_mut()).is_pending());
        drop(reading);
        assert!(poll_once(late.as_mut()).is_pending());
        let guard = match poll_once(writer.as_mut()) {
            Poll::Ready(guard) => guard,
            Poll::Pending => panic!("the writer's turn"),
        };
        let shared = guard.downgrade();
        assert!(poll_once(late.as_mut()).is_ready());
        drop(shared);
    });
}
