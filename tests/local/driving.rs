//! Driving a `LocalSet`, and spawning on it from different places.

use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use crate::support::{current, within};
use futures_util::stream::{FuturesUnordered, StreamExt};
use selvedge::task::{self, LocalSet};

#[selvedge::test(flavor = "multi_thread", worker_threads = 2)]
async fn wakes_from_other_threads_and_timers_arrive() {
    let set = LocalSet::new();
    let shared = Rc::new(1);
    let sum = set
        .run_until(async {
            let mut tasks = task::JoinSet::new();
            for i in 0..100 {
                let shared = shared.clone();
                tasks.spawn_local(async move {
                    selvedge::time::sleep(Duration::from_millis(1)).await;
                    let remote = selvedge::spawn(async move { i });
                    remote.await.unwrap() + *shared
                });
            }
            tasks.join_all().await.into_iter().sum::<i32>()
        })
        .await;
    assert_eq!(sum, (0..100).sum::<i32>() + 100);
    set.await;
}

#[test]
fn dropping_the_set_drops_its_tasks() {
    let kept = Rc::new(());
    let set = LocalSet::new();
    let inside = kept.clone();
    set.spawn_local(async move {
        let _inside = inside;
        std::future::pending::<()>().await;
    });
    drop(set);
    assert_eq!(Rc::strong_count(&kept), 1);
}

#[test]
#[should_panic(expected = "called from outside of a `task::LocalSet`")]
fn spawning_outside_of_a_set_names_the_cure() {
    task::spawn_local(async {});
}

/// Two futures drive one set. The future that was polled last ends, or is dropped, and the other must still be woken.
#[test]
fn two_drivers_of_one_set() {
    for drops in [false, true] {
        within(20, move || {
            let runtime = current();
            let set = LocalSet::new();
            let (tell, told) = tokio::sync::oneshot::channel::<()>();
            let (go, goes) = mpsc::channel::<()>();
            let sender = thread::spawn(move || {
                goes.recv().unwrap();
                thread::sleep(Duration::from_millis(50));
                let _ = tell.send(());
            });
            let task = set.spawn_local(async move {
                told.await.unwrap();
                3
            });
            runtime.block_on(async {
                let first = async { set.run_until(task).await.unwrap() };
                let mut both: FuturesUnordered<Pin<Box<dyn Future<Output = i32>>>> =
                    FuturesUnordered::new();
                both.push(Box::pin(first));
                // Polls the first driver, whose waker the set keeps.
                assert!(futures_util::poll!(both.next()).is_pending());
                {
                    let mut second: FuturesUnordered<Pin<Box<dyn Future<Output = i32>>>> =
                        FuturesUnordered::new();
                    let mut polls = 0;
                    let set = &set;
                    second.push(Box::pin(async move {
                        set.run_until(poll_fn(move |cx| {
                            polls += 1;
                            if drops || polls < 2 {
                                cx.waker().wake_by_ref();
                                return Poll::Pending;
                            }
                            Poll::Ready(1)
                        }))
                        .await
                    }));
                    if drops {
                        assert!(futures_util::poll!(second.next()).is_pending());
                    } else {
                        assert_eq!(second.next().await, Some(1));
                    }
                }
                go.send(()).unwrap();
                assert_eq!(both.next().await, Some(3));
            });
            sender.join().unwrap();
        });
    }
}

/// When a set is dropped, the drops of its tasks spawn on it.
#[test]
fn spawn_local_from_a_drop_of_the_set() {
    within(20, || {
        struct Again(u32);
        impl Drop for Again {
            fn drop(&mut self) {
                if self.0 > 0 {
                    let next = Again(self.0 - 1);
                    tokio::task::spawn_local(async move {
                        let _next = next;
                        pending::<()>().await;
                    });
                }
            }
        }
        let runtime = current();
        let set = LocalSet::new();
        set.block_on(&runtime, async {
            let again = Again(5);
            tokio::task::spawn_local(async move {
                let _again = again;
                pending::<()>().await;
            });
            tokio::task::yield_now().await;
        });
        drop(set);
    });
}

/// A set is a task of another set, and one of its tasks drives a third.
#[test]
fn a_set_inside_of_a_set() {
    within(20, || {
        let runtime = current();
        let outer = LocalSet::new();
        let value = outer.block_on(&runtime, async {
            let inner = LocalSet::new();
            let task = inner.spawn_local(async {
                let innermost = LocalSet::new();
                innermost
                    .run_until(async { tokio::task::spawn_local(async { 7 }).await.unwrap() })
                    .await
            });
            tokio::task::spawn_local(inner);
            task.await.unwrap()
        });
        assert_eq!(value, 7);
    });
}
