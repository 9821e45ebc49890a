//! Wakers, destructors, clones and closures that panic: the rest of the operation is done, and the shared object stays usable.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Poll, Wake, Waker};
use std::thread;

use super::alive::Alive;
use crate::support::waits::{Count, Wait, panics, poll_once, poll_with};
use crate::support::within;
use tokio::sync::{
    Barrier, Mutex, Notify, RwLock, Semaphore, SetOnce, broadcast, mpsc, oneshot, watch,
};

struct ClonePanics(Arc<AtomicBool>, u32);

impl Clone for ClonePanics {
    fn clone(&self) -> Self {
        // Ordering: SeqCst; a test's flag.
        if self.0.swap(false, Ordering::SeqCst) {
            panic!("a clone's");
        }
        ClonePanics(self.0.clone(), self.1)
    }
}

#[test]
fn a_clone_that_panics_costs_that_value_alone() {
    let flag = Arc::new(AtomicBool::new(true));
    let (tx, mut rx) = broadcast::channel(2);
    let mut other = tx.subscribe();
    for i in 0..2 {
        assert!(tx.send(ClonePanics(flag.clone(), i)).is_ok());
    }
    assert!(panics(|| rx.try_recv().map(|v| v.1)));
    assert_eq!(rx.try_recv().map(|v| v.1), Ok(1));
    assert_eq!(other.try_recv().map(|v| v.1), Ok(0));
    for i in 2..5 {
        assert!(tx.send(ClonePanics(flag.clone(), i)).is_ok());
    }
    assert!(rx.try_recv().is_err());
    assert_eq!(rx.try_recv().map(|v| v.1), Ok(3));
    assert_eq!(rx.try_recv().map(|v| v.1), Ok(4));
}

struct Bomb(Arc<Count>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.add();
        if !thread::panicking() {
            panic!("a drop's");
        }
    }
}

#[test]
fn drops_that_panic_are_each_done_once() {
    // mpsc: values that are left in the channel.
    let dropped = Arc::new(Count::default());
    let (tx, rx) = mpsc::unbounded_channel();
    for _ in 0..3 {
        assert!(tx.send(Bomb(dropped.clone())).is_ok());
    }
    let first = panics(|| drop(rx));
    let second = panics(|| drop(tx));
    assert_eq!((first, second, dropped.get()), (true, false, 3));

    // oneshot: a value that is not received.
    let dropped = Arc::new(Count::default());
    let (tx, rx) = oneshot::channel();
    assert!(tx.send(Bomb(dropped.clone())).is_ok());
    let first = panics(|| drop(rx));
    assert_eq!((first, dropped.get()), (true, 1));

    // watch: the value that is replaced.
    let dropped = Arc::new(Count::default());
    let (tx, mut rx) = watch::channel(Bomb(dropped.clone()));
    let first = panics(|| tx.send(Bomb(dropped.clone())).is_ok());
    let changed = rx.has_changed();
    assert_eq!((first, changed.unwrap(), dropped.get()), (true, true, 1));
    let mut changed = Wait::new(rx.changed());
    assert!(changed.poll().is_ready());
    changed.give_up();
    drop(changed);
    let a = panics(|| drop(tx));
    let b = panics(|| drop(rx));
    assert_eq!((a, b, dropped.get()), (false, true, 2));

    // broadcast: values that are overwritten, and values that are left.
    let dropped = Arc::new(Count::default());
    let (tx, mut rx) = broadcast::channel::<Arc<Bomb>>(2);
    let mut sent = Vec::new();
    for _ in 0..4 {
        sent.push(panics(|| tx.send(Arc::new(Bomb(dropped.clone()))).is_ok()));
    }
    assert_eq!((sent, dropped.get()), (vec![false, false, true, true], 2));
    let lagged = matches!(
        rx.try_recv(),
        Err(broadcast::error::TryRecvError::Lagged(2))
    );
    let got = panics(|| drop(rx.try_recv()));
    assert_eq!((lagged, got, dropped.get()), (true, true, 3));
    let a = panics(|| drop(rx));
    let b = panics(|| drop(tx));
    assert_eq!((a, b, dropped.get()), (true, false, 4));
}

#[test]
fn a_closure_that_panics_changes_nothing_or_is_told() {
    let (tx, mut rx) = watch::channel(1);
    assert!(panics(|| tx.send_modify(|v| {
        *v = 2;
        panic!("on purpose")
    })));
    assert_eq!((*tx.borrow(), rx.has_changed().unwrap()), (2, false));
    assert!(panics(|| tx.send_if_modified(|v| {
        *v = 3;
        panic!("on purpose")
    })));
    assert_eq!((*rx.borrow(), rx.has_changed().unwrap()), (3, false));
    let mut wait = Wait::new(rx.wait_for(|_| panic!("on purpose")));
    assert!(panics(|| wait.poll().is_ready()));
    drop(wait);
    tx.send(4).unwrap();
    assert!(Wait::new(rx.changed()).poll().is_ready());
    assert_eq!(*rx.borrow_and_update(), 4);
    assert!(matches!(
        Wait::new(rx.wait_for(|v| *v == 4)).poll(),
        Poll::Ready(Ok(_))
    ));
}

#[test]
fn panics_with_guards_held_leave_locks_usable() {
    let lock = Arc::new(Mutex::new(0));
    let guarded = lock.clone();
    assert!(panics(move || {
        let _guard = guarded.blocking_lock();
        panic!("on purpose")
    }));
    *lock.try_lock().unwrap() += 1;
    let rw = Arc::new(RwLock::new(0));
    let guarded = rw.clone();
    assert!(panics(move || {
        let _guard = guarded.blocking_write();
        panic!("on purpose")
    }));
    assert_eq!(*rw.try_read().unwrap(), 0);
    let guard = tokio::sync::RwLockWriteGuard::map(rw.try_write().unwrap(), |v| v);
    drop(guard);
    assert!(panics(|| tokio::sync::RwLockWriteGuard::map(
        rw.try_write().unwrap(),
        |_| -> &mut i32 { panic!("on purpose") }
    )));
    assert!(rw.try_write().is_ok());
    assert!(panics(|| tokio::sync::MutexGuard::map(
        lock.try_lock().unwrap(),
        |_| -> &mut i32 { panic!("on purpose") }
    )));
    assert!(lock.try_lock().is_ok());
}

/// A waker panics; the other waits for the same thing are woken all the same.
#[test]
fn a_waker_that_panics_among_others() {
    fn check(
        what: &str,
        mut waits: Vec<Pin<Box<dyn Future<Output = ()> + '_>>>,
        wake: impl FnOnce(),
    ) {
        let woken = Arc::new(Count::default());
        let (good, bad) = (Waker::from(woken.clone()), Waker::from(Arc::new(BadWaker)));
        for (i, wait) in waits.iter_mut().enumerate() {
            let waker = if i == 1 { &bad } else { &good };
            assert!(poll_with(wait.as_mut(), waker).is_pending());
        }
        assert!(panics(wake), "{what}");
        assert_eq!(woken.get(), waits.len() - 1, "{what}");
        // The wait whose waker panicked is granted, too.
        assert!(
            waits
                .iter_mut()
                .all(|wait| poll_once(wait.as_mut()).is_ready()),
            "{what}"
        );
    }
    within(10, || {
        let notify = Notify::new();
        check(
            "notify",
            (0..50).map(|_| Box::pin(notify.notified()) as _).collect(),
            || notify.notify_waiters(),
        );

        let semaphore = Semaphore::new(0);
        let wait = || Box::pin(async { drop(semaphore.acquire().await) }) as _;
        check("semaphore", (0..50).map(|_| wait()).collect(), || {
            semaphore.close()
        });
        let semaphore = Semaphore::new(0);
        let wait = || Box::pin(async { drop(semaphore.acquire().await) }) as _;
        check("permits", (0..50).map(|_| wait()).collect(), || {
            semaphore.add_permits(50)
        });

        let (tx, rx) = watch::channel(0);
        let wait = || {
            let mut rx = rx.clone();
            Box::pin(async move { drop(rx.changed().await) }) as _
        };
        check("watch", (0..50).map(|_| wait()).collect(), || {
            drop(tx.send(1))
        });

        let (tx, rx) = broadcast::channel(4);
        let wait = || {
            let mut rx = rx.resubscribe();
            Box::pin(async move { drop(rx.recv().await) }) as _
        };
        check("broadcast", (0..50).map(|_| wait()).collect(), || {
            drop(tx.send(1))
        });

        let (tx, rx) = mpsc::channel::<u32>(1);
        tx.try_send(1).unwrap();
        let wait = || {
            let tx = tx.clone();
            Box::pin(async move { drop(tx.send(2).await) }) as _
        };
        check("senders", (0..50).map(|_| wait()).collect(), || drop(rx));
        let (tx, rx) = mpsc::channel::<u32>(1);
        let wait = || {
            let tx = tx.clone();
            Box::pin(async move { tx.closed().await }) as _
        };
        check("closed", (0..50).map(|_| wait()).collect(), || drop(rx));

        let barrier = Barrier::new(51);
        let wait = || Box::pin(async { drop(barrier.wait().await) }) as _;
        check("barrier", (0..50).map(|_| wait()).collect(), || {
            assert!(Wait::new(barrier.wait()).poll().is_ready())
        });

        let set = SetOnce::new();
        let wait = || Box::pin(async { drop(set.wait().await) }) as _;
        check("set_once", (0..50).map(|_| wait()).collect(), || {
            set.set(1).unwrap()
        });
    });
}

struct BadWaker;

impl Wake for BadWaker {
    fn wake(self: Arc<Self>) {
        panic!("waker");
    }
}

#[test]
fn a_value_is_received_though_the_senders_waker_panics() {
    within(20, || {
        let alive = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = oneshot::channel();
        let mut rx = Box::pin(rx);
        assert!(poll_with(rx.as_mut(), &Waker::from(Arc::new(BadWaker))).is_pending());
        assert!(panics(|| tx.send(Alive::new(&alive)).is_ok()));
        assert!(matches!(poll_once(rx.as_mut()), Poll::Ready(Ok(_))));
        assert_eq!(alive.load(SeqCst), 0);

        let (mut tx, rx) = oneshot::channel::<Alive>();
        {
            let mut closed = Box::pin(tx.closed());
            assert!(poll_with(closed.as_mut(), &Waker::from(Arc::new(BadWaker))).is_pending());
            assert!(panics(|| drop(rx)));
        }
        assert!(tx.send(Alive::new(&alive)).is_err());
        assert_eq!(alive.load(SeqCst), 0);
    });
}

struct Dear(Arc<AtomicUsize>, bool);

impl Drop for Dear {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
        if self.1 {
            panic!("drop");
        }
    }
}

#[test]
fn a_panicking_drop_leaks_none_of_the_other_values() {
    within(20, || {
        let dropped = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = mpsc::unbounded_channel();
        for i in 0..100 {
            assert!(tx.send(Dear(dropped.clone(), i == 40)).is_ok());
        }
        assert!(panics(|| drop(rx)));
        drop(tx);
        assert_eq!(dropped.load(SeqCst), 100);
    });
}

#[derive(Debug)]
struct NoClone(#[expect(dead_code)] Alive);

impl Clone for NoClone {
    fn clone(&self) -> Self {
        panic!("clone")
    }
}

#[test]
fn a_panicking_clone_counts_as_a_read_and_frees_the_value() {
    within(20, || {
        let alive = Arc::new(AtomicUsize::new(0));
        let (tx, mut rx) = broadcast::channel(2);
        let mut other = tx.subscribe();
        tx.send(NoClone(Alive::new(&alive))).unwrap();
        assert!(panics(|| rx.try_recv()));
        assert_eq!(tx.len(), 1);
        assert!(panics(|| other.try_recv()));
        assert_eq!(tx.len(), 0);
        assert_eq!(alive.load(SeqCst), 0, "the last one to read takes it");
        assert!(matches!(
            rx.try_recv(),
            Err(broadcast::error::TryRecvError::Empty)
        ));
    });
}

#[test]
fn a_receiver_that_goes_takes_its_values_along_though_a_senders_waker_panics() {
    within(20, || {
        let alive = Arc::new(AtomicUsize::new(0));
        let bad = Waker::from(Arc::new(BadWaker));
        let (tx, rx) = mpsc::channel(2);
        tx.try_send(Alive::new(&alive)).unwrap();
        tx.try_send(Alive::new(&alive)).unwrap();
        let mut send = Box::pin(tx.send(Alive::new(&alive)));
        assert!(poll_with(send.as_mut(), &bad).is_pending());
        let mut closed = Box::pin(tx.closed());
        assert!(poll_with(closed.as_mut(), &bad).is_pending());
        let _ = panics(|| drop(rx));
        assert!(poll_once(closed.as_mut()).is_ready());
        assert!(matches!(poll_once(send.as_mut()), Poll::Ready(Err(_))));
        drop(send);
        assert_eq!(alive.load(SeqCst), 0);

        let (tx, rx) = mpsc::unbounded_channel();
        tx.send(Alive::new(&alive)).unwrap();
        let mut closed = Box::pin(tx.closed());
        assert!(poll_with(closed.as_mut(), &bad).is_pending());
        let _ = panics(|| drop(rx));
        assert_eq!(alive.load(SeqCst), 0);
    });
}

#[test]
fn a_value_popped_is_not_lost_to_a_waiting_senders_waker() {
    within(20, || {
        let bad = Waker::from(Arc::new(BadWaker));
        let (tx, mut rx) = mpsc::channel(2);
        tx.try_send(1).unwrap();
        tx.try_send(2).unwrap();
        let mut send = Box::pin(tx.send(3));
        assert!(poll_with(send.as_mut(), &bad).is_pending());
        let mut got = Vec::new();
        let _ = panics(|| poll_once(pin!(rx.recv_many(&mut got, 10))));
        assert_eq!(got, [1, 2], "what was taken out stays in the buffer");
        assert!(matches!(poll_once(send.as_mut()), Poll::Ready(Ok(()))));
        assert_eq!(rx.try_recv(), Ok(3));
    });
}

#[test]
fn a_waker_that_panics_when_it_is_cloned_leaves_no_trace() {
    use std::task::{RawWaker, RawWakerVTable};
    static VTABLE: RawWakerVTable =
        RawWakerVTable::new(|_| panic!("clone"), |_| (), |_| (), |_| ());
    within(20, || {
        // SAFETY: the functions use no data.
        let waker = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &VTABLE)) };
        let notify = Notify::new();
        {
            let mut wait = Box::pin(notify.notified());
            assert!(panics(|| poll_with(wait.as_mut(), &waker)));
            let mut other = Box::pin(notify.notified());
            assert!(poll_once(other.as_mut()).is_pending());
            assert!(panics(|| poll_with(other.as_mut(), &waker)));
            notify.notify_one();
            assert!(poll_once(other.as_mut()).is_ready());
            assert!(poll_once(wait.as_mut()).is_pending());
        }
        let semaphore = Semaphore::new(2);
        {
            let mut wait = Box::pin(semaphore.acquire_many(3));
            assert!(panics(|| poll_with(wait.as_mut(), &waker)));
            drop(wait);
            let mut wait = Box::pin(semaphore.acquire_many(3));
            assert!(poll_once(wait.as_mut()).is_pending());
            assert!(panics(|| poll_with(wait.as_mut(), &waker)));
        }
        assert_eq!(semaphore.available_permits(), 2);
        let (tx, rx) = oneshot::channel();
        let mut rx = Box::pin(rx);
        assert!(poll_once(rx.as_mut()).is_pending());
        assert!(panics(|| poll_with(rx.as_mut(), &waker)));
        tx.send(1).unwrap();
        assert_eq!(poll_once(rx.as_mut()), Poll::Ready(Ok(1)));
        let (tx, mut rx) = broadcast::channel(1);
        assert!(panics(|| poll_with(pin!(rx.recv()), &waker)));
        tx.send(1).unwrap();
        assert_eq!(rx.try_recv(), Ok(1));
        let (tx, mut rx) = mpsc::channel(1);
        assert!(panics(|| poll_with(pin!(rx.recv()), &waker)));
        tx.try_send(1).unwrap();
        assert_eq!(poll_once(pin!(rx.recv())), Poll::Ready(Some(1)));
    });
}
