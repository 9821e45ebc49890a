//! The primitives where user code gets in the way: values that panic or come back in when they are cloned or
//! dropped, waits given up after they were granted, wakers that do something.

#![allow(dropping_copy_types, dropping_references, clippy::drop_non_drop)] // it says that a result is not wanted
#![allow(clippy::type_complexity)]

mod support;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex as StdMutex, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use support::{current, within};
use tokio::sync::{
    Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, SetOnce, broadcast, mpsc, oneshot, watch,
};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        // Ordering: SeqCst; a test's count.
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    fn get(&self) -> usize {
        // Ordering: SeqCst; a test's count.
        self.0.load(Ordering::SeqCst)
    }
}

/// A future and a count of its wake-ups.
struct Spawned<F> {
    future: Option<Pin<Box<F>>>,
    woken: Arc<Count>,
}

fn spawned<F: Future>(future: F) -> Spawned<F> {
    Spawned {
        future: Some(Box::pin(future)),
        woken: Arc::default(),
    }
}

impl<F: Future> Spawned<F> {
    fn poll(&mut self) -> Poll<F::Output> {
        let waker = Waker::from(self.woken.clone());
        self.future
            .as_mut()
            .unwrap()
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
    }
    fn is_woken(&self) -> bool {
        self.woken.get() > 0
    }
    fn give_up(&mut self) {
        self.future = None;
    }
}

/// A waker that runs a closure.
struct Does<F>(F);

impl<F: Fn() + Send + Sync> Wake for Does<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

fn poll_with<F: Future>(
    future: Pin<&mut F>,
    does: impl Fn() + Send + Sync + 'static,
) -> Poll<F::Output> {
    let waker = Waker::from(Arc::new(Does(does)));
    future.poll(&mut Context::from_waker(&waker))
}

fn panics<R>(f: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(f)).is_err()
}

// ---- granted, then given up ----

#[test]
fn a_lock_granted_to_who_gives_up_goes_on() {
    let lock = Mutex::new(0);
    let guard = lock.try_lock().unwrap();
    let (mut first, mut second) = (spawned(lock.lock()), spawned(lock.lock()));
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
    let mut writer = spawned(lock.write());
    assert!(writer.poll().is_pending());
    let (mut a, mut b) = (spawned(lock.read()), spawned(lock.read()));
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
        spawned(semaphore.acquire_many(3)),
        spawned(semaphore.acquire()),
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
    let (mut first, mut second) = (spawned(tx.send(2)), spawned(tx.send(3)));
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
        spawned(notify.notified()),
        spawned(notify.notified()),
        spawned(notify.notified()),
    );
    assert!(a.poll().is_pending() && b.poll().is_pending() && c.poll().is_pending());
    notify.notify_one();
    a.give_up();
    assert!(b.is_woken() && !c.is_woken());
    b.give_up();
    assert!(c.is_woken());
    c.give_up();
    assert!(spawned(notify.notified()).poll().is_ready());
    assert!(spawned(notify.notified()).poll().is_pending());
}

#[test]
fn a_last_notification_given_up_goes_to_the_last() {
    let notify = Notify::new();
    let (mut a, mut b, mut c) = (
        spawned(notify.notified()),
        spawned(notify.notified()),
        spawned(notify.notified()),
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
    let (mut a, mut b) = (spawned(notify.notified()), spawned(notify.notified()));
    assert!(a.poll().is_pending() && b.poll().is_pending());
    notify.notify_waiters();
    assert!(a.is_woken() && b.is_woken());
    a.give_up();
    b.give_up();
    assert!(spawned(notify.notified()).poll().is_pending());
}

#[test]
fn a_change_seen_by_nobody_is_still_there() {
    let (tx, mut rx) = watch::channel(0);
    let mut wait = spawned(rx.changed());
    assert!(wait.poll().is_pending());
    tx.send(1).unwrap();
    assert!(wait.is_woken());
    wait.give_up();
    drop(wait);
    assert!(rx.has_changed().unwrap());
    assert!(spawned(rx.changed()).poll().is_ready());
}

#[test]
fn a_broadcast_wait_given_up_loses_nothing() {
    let (tx, mut rx) = broadcast::channel(4);
    let mut wait = spawned(rx.recv());
    assert!(wait.poll().is_pending());
    tx.send(5).unwrap();
    wait.give_up();
    drop(wait);
    assert_eq!(rx.try_recv(), Ok(5));
}

#[test]
fn an_initialiser_given_up_or_panicking_leaves_the_cell_to_the_next() {
    let cell = OnceCell::new();
    let mut first = spawned(cell.get_or_init(std::future::pending::<u32>));
    let mut second = spawned(cell.get_or_init(|| async { panic!("on purpose") }));
    let mut third = spawned(cell.get_or_init(|| async { 3 }));
    assert!(first.poll().is_pending() && second.poll().is_pending() && third.poll().is_pending());
    assert!(cell.set(9).is_err());
    first.give_up();
    assert!(second.is_woken());
    assert!(panics(|| second.poll()));
    second.give_up();
    assert!(third.is_woken());
    assert!(matches!(third.poll(), Poll::Ready(3)));
    assert_eq!(cell.get(), Some(&3));
}

/// Who gave up has been counted: as documented of `Barrier::wait`.
#[test]
fn a_barrier_after_a_wait_given_up() {
    let barrier = Barrier::new(2);
    let mut first = spawned(barrier.wait());
    assert!(first.poll().is_pending());
    first.give_up();
    let mut second = spawned(barrier.wait());
    let Poll::Ready(result) = second.poll() else {
        panic!("the first was not counted")
    };
    assert!(result.is_leader());
}

// ---- values that panic ----

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
        // Ordering: SeqCst; a test's count.
        self.0.0.fetch_add(1, Ordering::SeqCst);
        if !thread::panicking() {
            panic!("a drop's");
        }
    }
}

#[test]
fn drops_that_panic_are_each_done_once() {
    // mpsc: what is left in the channel.
    let dropped = Arc::new(Count::default());
    let (tx, rx) = mpsc::unbounded_channel();
    for _ in 0..3 {
        assert!(tx.send(Bomb(dropped.clone())).is_ok());
    }
    let first = panics(|| drop(rx));
    let second = panics(|| drop(tx));
    assert_eq!((first, second, dropped.get()), (true, false, 3));

    // oneshot: a value nobody wants.
    let dropped = Arc::new(Count::default());
    let (tx, rx) = oneshot::channel();
    assert!(tx.send(Bomb(dropped.clone())).is_ok());
    let first = panics(|| drop(rx));
    assert_eq!((first, dropped.get()), (true, 1));

    // watch: the value before.
    let dropped = Arc::new(Count::default());
    let (tx, mut rx) = watch::channel(Bomb(dropped.clone()));
    let first = panics(|| tx.send(Bomb(dropped.clone())).is_ok());
    let changed = rx.has_changed();
    assert_eq!((first, changed.unwrap(), dropped.get()), (true, true, 1));
    let mut changed = spawned(rx.changed());
    assert!(changed.poll().is_ready());
    changed.give_up();
    drop(changed);
    let a = panics(|| drop(tx));
    let b = panics(|| drop(rx));
    assert_eq!((a, b, dropped.get()), (false, true, 2));

    // broadcast: what is written over, and what is left.
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
    let mut wait = spawned(rx.wait_for(|_| panic!("on purpose")));
    assert!(panics(|| wait.poll().is_ready()));
    drop(wait);
    tx.send(4).unwrap();
    assert!(spawned(rx.changed()).poll().is_ready());
    assert_eq!(*rx.borrow_and_update(), 4);
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

// ---- values and wakers that come back in ----

#[test]
fn a_value_that_sends_when_it_is_dropped() {
    struct Sends(broadcast::Sender<Arc<Sends>>, u32, Arc<Count>);
    impl Drop for Sends {
        fn drop(&mut self) {
            // Ordering: SeqCst; a test's count.
            self.2.0.fetch_add(1, Ordering::SeqCst);
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
                // Ordering: SeqCst; a test's count.
                self.1.0.fetch_add(1, Ordering::SeqCst);
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
        // The receiver is sent through its own channel: nobody can receive it any more.
        type Slot = Arc<StdMutex<Option<oneshot::Receiver<Own>>>>;
        struct Own(#[allow(dead_code)] Option<Slot>, Arc<Count>);
        impl Drop for Own {
            fn drop(&mut self) {
                // Ordering: SeqCst; a test's count.
                self.1.0.fetch_add(1, Ordering::SeqCst);
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

/// Wakers that use the primitive that wakes them: from within the call that wakes.
#[test]
fn wakers_that_come_back_in() {
    within(10, || {
        let notify = Arc::new(Notify::new());
        let mut first = Box::pin(notify.clone().notified_owned());
        let again = notify.clone();
        assert!(
            poll_with(first.as_mut(), move || {
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
            poll_with(wait.as_mut(), move || {
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
        assert!(poll_with(wait.as_mut(), move || assert!(again.try_lock().is_err())).is_pending());
        drop(held);
        drop(wait);
        assert!(lock.try_lock().is_ok());

        let (tx, mut rx) = mpsc::channel::<u32>(1);
        let again = tx.clone();
        {
            let mut wait = Box::pin(rx.recv());
            assert!(poll_with(wait.as_mut(), move || drop(again.try_send(2))).is_pending());
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
                poll_with(wait.as_mut(), move || {
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
                poll_with(wait.as_mut(), move || {
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
                poll_with(wait.as_mut(), move || {
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
                poll_with(wait.as_mut(), move || {
                    let mut next = Box::pin(again.wait());
                    let waker = Waker::from(count.clone());
                    let _ = next.as_mut().poll(&mut Context::from_waker(&waker));
                })
                .is_pending()
            );
            assert!(spawned(barrier.wait()).poll().is_ready());
        }
    });
}

/// A waker that panics, among others that wait for the same thing: they are woken all the same.
#[test]
fn a_waker_that_panics_among_others() {
    fn check(
        what: &str,
        mut waits: Vec<Pin<Box<dyn Future<Output = ()> + '_>>>,
        wake: impl FnOnce(),
    ) {
        let woken = Arc::new(Count::default());
        for (i, wait) in waits.iter_mut().enumerate() {
            if i == 1 {
                assert!(poll_with_dyn(wait.as_mut(), || panic!("a waker's")).is_pending());
            } else {
                let waker = Waker::from(woken.clone());
                assert!(
                    wait.as_mut()
                        .poll(&mut Context::from_waker(&waker))
                        .is_pending()
                );
            }
        }
        assert!(panics(wake), "{what}");
        assert_eq!(woken.get(), waits.len() - 1, "{what}");
    }
    fn poll_with_dyn(
        future: Pin<&mut (dyn Future<Output = ()> + '_)>,
        does: impl Fn() + Send + Sync + 'static,
    ) -> Poll<()> {
        let waker = Waker::from(Arc::new(Does(does)));
        future.poll(&mut Context::from_waker(&waker))
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
            assert!(spawned(barrier.wait()).poll().is_ready())
        });

        let set = SetOnce::new();
        let wait = || Box::pin(async { drop(set.wait().await) }) as _;
        check("set_once", (0..50).map(|_| wait()).collect(), || {
            set.set(1).unwrap()
        });
    });
}

// ---- numbers at their ends ----

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
            Box::new(|| drop(spawned(Barrier::new(0).wait()).poll().is_ready())),
        ),
    ];
    for (what, expected, f) in table {
        assert_eq!(panics(f), expected, "{what}");
    }
    let semaphore = Semaphore::new(1);
    assert!(spawned(semaphore.acquire_many(0)).poll().is_ready());
    assert!(semaphore.try_acquire_many(u32::MAX).is_err());
    assert_eq!(semaphore.forget_permits(usize::MAX), 1);
    assert!(spawned(semaphore.acquire_many(0)).poll().is_ready());
    let mut waiter = spawned(semaphore.acquire());
    assert!(waiter.poll().is_pending());
    assert!(spawned(semaphore.acquire_many(0)).poll().is_ready());
    semaphore.close();
    assert!(matches!(
        spawned(semaphore.acquire_many(0)).poll(),
        Poll::Ready(Err(_))
    ));
    let (tx, mut rx) = mpsc::channel::<u8>(4);
    assert!(spawned(tx.reserve_many(0)).poll().is_ready());
    assert!(matches!(
        spawned(tx.reserve_many(5)).poll(),
        Poll::Ready(Err(_))
    ));
    assert!(tx.try_reserve_many(5).map(|_| ()).is_err());
    let mut buf = Vec::new();
    assert!(matches!(
        spawned(rx.recv_many(&mut buf, 0)).poll(),
        Poll::Ready(0)
    ));
    assert_eq!(rx.blocking_recv_many(&mut buf, 0), 0);
}

// ---- threads that are not the runtime's ----

#[test]
fn blocking_calls_from_plain_threads() {
    within(20, || {
        let (tx, mut rx) = mpsc::channel::<u32>(1);
        let sender = thread::spawn(move || (0..1000).for_each(|i| tx.blocking_send(i).unwrap()));
        let mut sum = 0;
        while let Some(i) = rx.blocking_recv() {
            sum += i;
        }
        sender.join().unwrap();
        assert_eq!(sum, 499_500);
        let (tx, rx) = oneshot::channel::<u32>();
        let waits = thread::spawn(move || rx.blocking_recv());
        thread::sleep(Duration::from_millis(5));
        drop(tx);
        assert!(waits.join().unwrap().is_err());
        let runtime = current();
        let (tx, mut rx) = broadcast::channel::<u32>(1);
        let waits = thread::spawn(move || rx.blocking_recv());
        thread::sleep(Duration::from_millis(5));
        tx.send(6).unwrap();
        assert_eq!(waits.join().unwrap(), Ok(6));
        let (tx, mut rx) = mpsc::unbounded_channel::<u32>();
        runtime.block_on(async {
            assert!(panics(|| rx.blocking_recv()));
            let (_tx, rx) = oneshot::channel::<u32>();
            assert!(panics(|| rx.blocking_recv()));
            let lock = Mutex::new(0);
            assert!(panics(|| *lock.blocking_lock()));
        });
        drop(tx);
    });
}
