//! Scenarios a review of the synchronisation types asked about: futures dropped between their wake-up and
//! their next poll, panics of wakers, drops, clones and closures, channels that hold their own ends. Each has a
//! watchdog; a leak is seen by counting drops.

mod support;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use support::{current, within};
use tokio::sync::*;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

struct Bomb;

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        panic!("waker");
    }
}

/// Counts the values alive.
#[derive(Debug)]
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, SeqCst);
        Alive(count.clone())
    }
}

impl Clone for Alive {
    fn clone(&self) -> Self {
        Alive::new(&self.0)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn poll_with<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

fn panics<R>(f: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(f)).is_err()
}

/// Spends the task's budget, in a fresh poll of a task.
async fn with_spent_budget<R>(f: impl FnOnce() -> R) -> R {
    tokio::task::yield_now().await;
    while tokio::task::coop::has_budget_remaining() {
        tokio::task::consume_budget().await;
    }
    f()
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

// Dropped after the wake-up, before the poll.

#[test]
fn a_notification_kept_back_by_a_spent_budget_is_not_lost_with_its_future() {
    on_runtime(async {
        let notify = Notify::new();
        notify.notify_one();
        let pending = with_spent_budget(|| poll(pin!(notify.notified())).is_pending()).await;
        tokio::task::yield_now().await;
        assert_eq!(poll(pin!(notify.notified())).is_ready(), pending);
    });
}

#[test]
fn a_signalled_wait_with_a_spent_budget_passes_the_notification_on() {
    on_runtime(async {
        for last in [false, true] {
            let notify = Notify::new();
            let mut first = Box::pin(notify.notified());
            let mut second = Box::pin(notify.notified());
            assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
            let mut served = if last {
                notify.notify_last();
                std::mem::swap(&mut first, &mut second);
                first
            } else {
                notify.notify_one();
                first
            };
            let pending = with_spent_budget(|| poll(served.as_mut()).is_pending()).await;
            drop(served);
            tokio::task::yield_now().await;
            assert_eq!(poll(second.as_mut()).is_ready(), pending, "last: {last}");
        }
    });
}

#[test]
fn a_woken_wait_that_is_dropped_passes_on_permit_lock_and_notification() {
    within(20, || {
        let semaphore = Semaphore::new(0);
        let mut waits: Vec<_> = (0..3).map(|_| Box::pin(semaphore.acquire())).collect();
        for wait in &mut waits {
            assert!(poll(wait.as_mut()).is_pending());
        }
        semaphore.add_permits(1);
        drop(waits.remove(0));
        drop(waits.remove(0));
        assert!(matches!(poll(waits[0].as_mut()), Poll::Ready(Ok(_))));

        let lock = RwLock::new(0);
        let held = lock.try_write().unwrap();
        let mut writer = Box::pin(lock.write());
        let mut readers: Vec<_> = (0..3).map(|_| Box::pin(lock.read())).collect();
        assert!(poll(writer.as_mut()).is_pending());
        assert!(readers.iter_mut().all(|r| poll(r.as_mut()).is_pending()));
        drop(held);
        drop(writer);
        assert!(readers.iter_mut().all(|r| poll(r.as_mut()).is_ready()));
    });
}

#[test]
fn a_half_served_batch_gives_back_what_it_holds() {
    within(20, || {
        let semaphore = Semaphore::new(3);
        let mut large = Box::pin(semaphore.acquire_many(5));
        assert!(poll(large.as_mut()).is_pending());
        assert_eq!(semaphore.available_permits(), 0);
        let mut small = Box::pin(semaphore.acquire_many(2));
        assert!(poll(small.as_mut()).is_pending());
        semaphore.add_permits(1);
        assert!(
            poll(small.as_mut()).is_pending(),
            "first come, first served"
        );
        drop(large);
        let permit = poll(small.as_mut());
        assert!(permit.is_ready());
        assert_eq!(semaphore.available_permits(), 2);
        drop(permit);
        assert_eq!(semaphore.available_permits(), 4);
    });
}

#[test]
fn room_granted_to_a_dropped_send_goes_to_the_next() {
    within(20, || {
        let (tx, mut rx) = mpsc::channel(1);
        tx.try_send(0).unwrap();
        let mut first = Box::pin(tx.send(1));
        let mut second = Box::pin(tx.send(2));
        assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
        assert_eq!(rx.try_recv(), Ok(0));
        drop(first);
        assert!(matches!(poll(second.as_mut()), Poll::Ready(Ok(()))));
        assert_eq!(rx.try_recv(), Ok(2));
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
            assert_eq!(count.0.load(SeqCst), 1);
        }
        assert_eq!(rx.try_recv(), Ok(1));

        let (tx, mut rx) = broadcast::channel(2);
        {
            let mut recv = Box::pin(rx.recv());
            assert!(poll(recv.as_mut()).is_pending());
            tx.send(1).unwrap();
        }
        assert_eq!(rx.try_recv(), Ok(1));

        let (tx, mut rx) = watch::channel(1);
        {
            let mut changed = Box::pin(rx.changed());
            assert!(poll(changed.as_mut()).is_pending());
            tx.send(2).unwrap();
        }
        assert!(rx.has_changed().unwrap());
    });
}

#[test]
fn the_next_caller_initialises_after_a_panic_or_a_cancellation() {
    within(20, || {
        let cell = OnceCell::new();
        let mut stuck = Box::pin(cell.get_or_init(std::future::pending::<u8>));
        assert!(poll(stuck.as_mut()).is_pending());
        assert!(matches!(cell.set(1), Err(SetError::InitializingError(1))));
        let mut next = Box::pin(cell.get_or_init(|| async { panic!("init") }));
        assert!(poll(next.as_mut()).is_pending());
        let mut last = Box::pin(cell.get_or_init(|| async { 3 }));
        assert!(poll(last.as_mut()).is_pending());
        drop(stuck);
        assert!(panics(|| poll(next.as_mut())));
        assert_eq!(poll(last.as_mut()), Poll::Ready(&3));
        assert!(panics(|| OnceCell::<u8>::new_with(None)
            .get()
            .unwrap()
            .to_owned()));
    });
}

// Panics.

#[test]
fn a_panicking_waker_does_not_keep_the_others_asleep() {
    within(20, || {
        let count = Arc::new(Count::default());
        let good = Waker::from(count.clone());
        let bad = Waker::from(Arc::new(Bomb));

        let notify = Notify::new();
        let mut waits: Vec<_> = (0..40).map(|_| Box::pin(notify.notified())).collect();
        for (i, wait) in waits.iter_mut().enumerate() {
            let _ = poll_with(wait.as_mut(), if i == 3 { &bad } else { &good });
        }
        assert!(panics(|| notify.notify_waiters()));
        assert!(waits.iter_mut().all(|wait| poll(wait.as_mut()).is_ready()));

        let semaphore = Semaphore::new(0);
        let mut first = Box::pin(semaphore.acquire());
        let mut second = Box::pin(semaphore.acquire());
        assert!(poll_with(first.as_mut(), &bad).is_pending());
        assert!(poll_with(second.as_mut(), &good).is_pending());
        assert!(panics(|| semaphore.add_permits(2)));
        assert!(poll(first.as_mut()).is_ready() && poll(second.as_mut()).is_ready());
    });
}

#[test]
fn a_value_is_received_though_the_senders_waker_panics() {
    within(20, || {
        let alive = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = oneshot::channel();
        let mut rx = Box::pin(rx);
        assert!(poll_with(rx.as_mut(), &Waker::from(Arc::new(Bomb))).is_pending());
        assert!(panics(|| tx.send(Alive::new(&alive)).is_ok()));
        assert!(matches!(poll(rx.as_mut()), Poll::Ready(Ok(_))));
        assert_eq!(alive.load(SeqCst), 0);

        let (mut tx, rx) = oneshot::channel::<Alive>();
        {
            let mut closed = Box::pin(tx.closed());
            assert!(poll_with(closed.as_mut(), &Waker::from(Arc::new(Bomb))).is_pending());
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
fn a_panicking_closure_leaves_the_watch_usable_and_tells_nobody() {
    within(20, || {
        let (tx, mut rx) = watch::channel(1);
        assert!(panics(|| tx.send_modify(|v| {
            *v = 2;
            panic!("modify")
        })));
        assert!(panics(|| tx.send_if_modified(|_| panic!("modify"))));
        assert!(!rx.has_changed().unwrap());
        assert_eq!(*rx.borrow(), 2);
        assert!(panics(|| poll(pin!(rx.wait_for(|_| panic!("look"))))));
        tx.send(3).unwrap();
        assert!(rx.has_changed().unwrap());
        assert!(matches!(
            poll(pin!(rx.wait_for(|v| *v == 3))),
            Poll::Ready(Ok(_))
        ));
    });
}

// Drop order.

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
        assert!(matches!(poll(pin!(rx2)), Poll::Ready(Err(_))));
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

#[test]
fn a_receiver_that_goes_takes_its_values_along_though_a_senders_waker_panics() {
    within(20, || {
        let alive = Arc::new(AtomicUsize::new(0));
        let bad = Waker::from(Arc::new(Bomb));
        let (tx, rx) = mpsc::channel(2);
        tx.try_send(Alive::new(&alive)).unwrap();
        tx.try_send(Alive::new(&alive)).unwrap();
        let mut send = Box::pin(tx.send(Alive::new(&alive)));
        assert!(poll_with(send.as_mut(), &bad).is_pending());
        let mut closed = Box::pin(tx.closed());
        assert!(poll_with(closed.as_mut(), &bad).is_pending());
        let _ = panics(|| drop(rx));
        assert!(poll(closed.as_mut()).is_ready());
        assert!(matches!(poll(send.as_mut()), Poll::Ready(Err(_))));
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
fn a_closed_channel_waits_for_the_permits_that_are_out() {
    within(20, || {
        let (tx, mut rx) = mpsc::channel(2);
        let kept = tx.try_reserve().unwrap();
        let lost = tx.try_reserve().unwrap();
        rx.close();
        let count = Arc::new(Count::default());
        let waker = Waker::from(count.clone());
        assert!(poll_with(pin!(rx.recv()), &waker).is_pending());
        assert!(rx.is_closed() && rx.is_empty());
        kept.send(1);
        assert_eq!(poll_with(pin!(rx.recv()), &waker), Poll::Ready(Some(1)));
        assert!(poll_with(pin!(rx.recv()), &waker).is_pending());
        let before = count.0.load(SeqCst);
        drop(lost);
        assert_eq!(count.0.load(SeqCst), before + 1);
        assert_eq!(poll(pin!(rx.recv())), Poll::Ready(None));
        let mut buffer = Vec::new();
        assert_eq!(poll(pin!(rx.recv_many(&mut buffer, 0))), Poll::Ready(0));
        assert_eq!(poll(pin!(rx.recv_many(&mut buffer, 9))), Poll::Ready(0));
    });
}

#[test]
fn a_value_popped_is_not_lost_to_a_waiting_senders_waker() {
    within(20, || {
        let bad = Waker::from(Arc::new(Bomb));
        let (tx, mut rx) = mpsc::channel(2);
        tx.try_send(1).unwrap();
        tx.try_send(2).unwrap();
        let mut send = Box::pin(tx.send(3));
        assert!(poll_with(send.as_mut(), &bad).is_pending());
        let mut got = Vec::new();
        let _ = panics(|| poll(pin!(rx.recv_many(&mut got, 10))));
        assert_eq!(got, [1, 2], "what was taken out stays in the buffer");
        assert!(matches!(poll(send.as_mut()), Poll::Ready(Ok(()))));
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
            assert!(poll(other.as_mut()).is_pending());
            assert!(panics(|| poll_with(other.as_mut(), &waker)));
            notify.notify_one();
            assert!(poll(other.as_mut()).is_ready());
            assert!(poll(wait.as_mut()).is_pending());
        }
        let semaphore = Semaphore::new(2);
        {
            let mut wait = Box::pin(semaphore.acquire_many(3));
            assert!(panics(|| poll_with(wait.as_mut(), &waker)));
            drop(wait);
            let mut wait = Box::pin(semaphore.acquire_many(3));
            assert!(poll(wait.as_mut()).is_pending());
            assert!(panics(|| poll_with(wait.as_mut(), &waker)));
        }
        assert_eq!(semaphore.available_permits(), 2);
        let (tx, rx) = oneshot::channel();
        let mut rx = Box::pin(rx);
        assert!(poll(rx.as_mut()).is_pending());
        assert!(panics(|| poll_with(rx.as_mut(), &waker)));
        tx.send(1).unwrap();
        assert_eq!(poll(rx.as_mut()), Poll::Ready(Ok(1)));
        let (tx, mut rx) = broadcast::channel(1);
        assert!(panics(|| poll_with(pin!(rx.recv()), &waker)));
        tx.send(1).unwrap();
        assert_eq!(rx.try_recv(), Ok(1));
        let (tx, mut rx) = mpsc::channel(1);
        assert!(panics(|| poll_with(pin!(rx.recv()), &waker)));
        tx.try_send(1).unwrap();
        assert_eq!(poll(pin!(rx.recv())), Poll::Ready(Some(1)));
    });
}
