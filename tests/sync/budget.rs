//! The budget of a task: operations that are always ready spend it, and what waits for lack of budget is not lost.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use crate::support::waits::poll_once;
use crate::support::{current, within};
use tokio::sync::{Barrier, Mutex, Notify, Semaphore, broadcast, mpsc, oneshot, watch};

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

/// How often a task runs `step` until another task gets its turn.
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

/// Runs `f` in a poll of a task whose budget is spent.
async fn with_spent_budget<R>(f: impl FnOnce() -> R) -> R {
    tokio::task::yield_now().await;
    while tokio::task::coop::has_budget_remaining() {
        tokio::task::consume_budget().await;
    }
    f()
}

#[test]
fn a_notification_kept_back_by_a_spent_budget_is_not_lost_with_its_future() {
    on_runtime(async {
        let notify = Notify::new();
        notify.notify_one();
        let pending = with_spent_budget(|| poll_once(pin!(notify.notified())).is_pending()).await;
        tokio::task::yield_now().await;
        assert_eq!(poll_once(pin!(notify.notified())).is_ready(), pending);
    });
}

#[test]
fn a_signalled_wait_with_a_spent_budget_passes_the_notification_on() {
    on_runtime(async {
        for last in [false, true] {
            let notify = Notify::new();
            let mut first = Box::pin(notify.notified());
            let mut second = Box::pin(notify.notified());
            assert!(
                poll_once(first.as_mut()).is_pending() && poll_once(second.as_mut()).is_pending()
            );
            let mut served = if last {
                notify.notify_last();
                std::mem::swap(&mut first, &mut second);
                first
            } else {
                notify.notify_one();
                first
            };
            let pending = with_spent_budget(|| poll_once(served.as_mut()).is_pending()).await;
            drop(served);
            tokio::task::yield_now().await;
            assert_eq!(
                poll_once(second.as_mut()).is_ready(),
                pending,
                "last: {last}"
            );
        }
    });
}
