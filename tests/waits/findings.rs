//! Tasks that wait for each other, for themselves, or for nothing; and tasks that only seem to.

use crate::support::each_blocks_on;
use crate::{settled, settled_after, waiting};
use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use selvedge::runtime::Handle;
use selvedge::runtime::tasks::{Finding, FindingKind};
use selvedge::sync::{Mutex, Notify, RwLock};
use selvedge::task::{Id, JoinHandle, yield_now};
use selvedge::time::{Duration, sleep};
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;

fn findings(kind: FindingKind) -> Vec<Finding> {
    let findings = Handle::current().findings();
    findings.into_iter().filter(|f| f.kind() == kind).collect()
}

/// Tasks in a circle: each holds a lock and waits for the lock of the next.
async fn circle(size: usize) -> Vec<JoinHandle<()>> {
    let locks: Vec<_> = (0..size).map(|_| Arc::new(Mutex::new(()))).collect();
    let go = Arc::new(Notify::new());
    let mut tasks = Vec::new();
    for at in 0..size {
        let (own, next) = (locks[at].clone(), locks[(at + 1) % size].clone());
        let go = go.clone();
        let (_, task) = waiting(async move {
            let _own = own.lock().await;
            go.notified().await;
            drop(next.lock().await);
        })
        .await;
        tasks.push(task);
    }
    go.notify_waiters();
    for task in &tasks {
        settled_after(2, task.id()).await;
    }
    tasks
}

#[test]
fn circles_of_two_and_three_and_five() {
    each_blocks_on(|| async {
        for size in [2, 3, 5] {
            let tasks = circle(size).await;
            let found = findings(FindingKind::Deadlock);
            assert_eq!(found.len(), 1, "{found:?}");
            let mut ids: Vec<Id> = found[0].tasks().to_vec();
            ids.sort();
            let mut expected: Vec<Id> = tasks.iter().map(JoinHandle::id).collect();
            expected.sort();
            assert_eq!(ids, expected);
            let text = found[0].to_string();
            assert!(
                text.contains("tests/waits/") && text.contains("cure:"),
                "{text}"
            );
            tasks[0].abort();
            for task in tasks {
                let _ = task.await;
            }
            assert!(findings(FindingKind::Deadlock).is_empty());
        }
    });
}

#[test]
fn a_task_that_locks_twice() {
    each_blocks_on(|| async {
        let lock = Arc::new(RwLock::new(0));
        let (task, _handle) = waiting(async move {
            let _first = lock.read().await;
            drop(lock.write().await);
        })
        .await;
        let found = findings(FindingKind::Deadlock);
        assert_eq!(found[0].tasks(), [task.id()]);
    });
}

#[test]
fn a_circle_of_a_lock_and_a_join() {
    each_blocks_on(|| async {
        let lock = Arc::new(Mutex::new(()));
        let other = lock.clone();
        let outer = selvedge::spawn(async move {
            let _guard = lock.lock().await;
            let inner = selvedge::spawn(async move { drop(other.lock().await) });
            inner.await.unwrap();
        });
        while findings(FindingKind::Deadlock).is_empty() {
            yield_now().await;
        }
        let found = findings(FindingKind::Deadlock);
        assert_eq!(found[0].tasks().len(), 2);
        assert!(found[0].tasks().contains(&outer.id()));
        outer.abort();
    });
}

/// Oxide's RFD 609 (futurelock): a lock is handed to a future that its task does not poll.
/// A task waits in two places for a lock that another task holds: in a future that it polls first, and later, after a notification, in a second
/// future. When the lock goes to the first future, the task polls only the second.
async fn futurelocked<F>(waits: impl FnOnce(Arc<Mutex<()>>, Arc<Notify>) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let lock = Arc::new(Mutex::new(()));
    let guard = lock.clone().lock_owned().await;
    let go = Arc::new(Notify::new());
    let (task, handle) = waiting(waits(lock.clone(), go.clone())).await;
    go.notify_one();
    settled_after(2, task.id()).await;
    assert!(findings(FindingKind::Futurelock).is_empty());
    drop(guard);
    settled_after(3, task.id()).await;
    let found = findings(FindingKind::Futurelock);
    assert_eq!(found[0].tasks(), [task.id()]);
    assert!(found[0].evidence().contains("tests/waits/"));
    assert!(findings(FindingKind::Deadlock).is_empty());
    handle.abort();
    let _ = handle.await;
    drop(lock.lock().await);
}

#[test]
fn a_lock_that_is_handed_to_a_branch_nobody_polls() {
    each_blocks_on(|| {
        futurelocked(|lock, start| async move {
            let mut first = pin!(lock.lock());
            selvedge::select! {
                _ = &mut first => unreachable!(),
                () = start.notified() => drop(lock.lock().await),
            }
        })
    });
}

/// The body of a loop over several futures waits for a lock that was handed to one of these futures.
#[test]
fn a_lock_that_is_handed_to_a_member_of_a_set_while_the_loops_body_runs() {
    each_blocks_on(|| {
        futurelocked(|lock, start| async move {
            let mut set = FuturesUnordered::new();
            let own = lock.clone();
            set.push(async move { drop(own.lock().await) }.boxed());
            set.push(async move { start.notified().await }.boxed());
            while let Some(()) = set.next().await {
                drop(lock.lock().await);
            }
        })
    });
}

#[test]
fn what_may_end_is_no_deadlock() {
    each_blocks_on(|| async {
        // Two tasks each hold a lock and wait for the other's lock, but one of them not for ever.
        let (a, b) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
        let go = Arc::new(Notify::new());
        let mut tasks = Vec::new();
        for (own, next, patient) in [(&a, &b, true), (&b, &a, false)] {
            let (own, next, go) = (own.clone(), next.clone(), go.clone());
            let (_, task) = waiting(async move {
                let _own = own.lock().await;
                go.notified().await;
                selvedge::select! {
                    _ = next.lock() => (),
                    () = sleep(Duration::from_secs(100)), if !patient => (),
                }
            })
            .await;
            tasks.push(task);
        }
        go.notify_waiters();
        for task in &tasks {
            settled_after(2, task.id()).await;
        }
        assert!(findings(FindingKind::Deadlock).is_empty());
        for task in tasks {
            task.abort();
        }
        // A task waits for a lock whose holder sleeps.
        let lock = Arc::new(Mutex::new(()));
        let other = lock.clone();
        let (_, holder) = waiting(async move {
            let _guard = other.lock().await;
            sleep(Duration::from_secs(100)).await;
        })
        .await;
        let (_, waiter) = waiting(async move { drop(lock.lock().await) }).await;
        assert!(findings(FindingKind::Deadlock).is_empty());
        holder.abort();
        waiter.await.unwrap();
    });
}

#[test]
fn a_task_without_a_waker_is_lost() {
    each_blocks_on(|| async {
        let (task, handle) = waiting(pending()).await;
        assert!(task.is_lost(), "{task}");
        let found = findings(FindingKind::LostTask);
        assert!(found.iter().any(|f| f.tasks() == [task.id()]), "{found:?}");
        assert!(found[0].evidence().contains("tests/waits/"), "{found:?}");
        drop(handle);
        assert!(settled(task.id()).await.is_lost());
        let (task, handle) = waiting(sleep(Duration::from_secs(100))).await;
        assert!(!task.is_lost());
        handle.abort();
    });
}
