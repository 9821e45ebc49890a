//! Rows 9-20: what a runtime or a `LocalSet` does with its tasks when it is dropped.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use super::support::{OnDrop, current, multi, within};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

#[test]
#[allow(clippy::async_yields_async)] // The task is awaited outside.
fn row09_abort_from_elsewhere_drops_a_local_task_on_its_own_thread() {
    within(30, || {
        let runtime = current();
        let local = LocalSet::new();
        let home = std::thread::current().id();
        let (dropped, seen) = mpsc::channel();
        #[allow(clippy::async_yields_async)] // it is awaited after the set is gone
        let task = local.block_on(&runtime, async move {
            let task = tokio::task::spawn_local(async move {
                let _guard =
                    OnDrop::new(move || dropped.send(std::thread::current().id()).unwrap());
                std::future::pending::<()>().await
            });
            tokio::task::yield_now().await;
            task
        });
        let abort = task.abort_handle();
        std::thread::spawn(move || abort.abort()).join().unwrap();
        local.block_on(&runtime, async {
            assert!(task.await.unwrap_err().is_cancelled())
        });
        assert_eq!(seen.recv().unwrap(), home);
    });
}

/// Thousands of wakes race with the runtime's end; a wake must not touch memory that is freed.
#[test]
fn row10_wakers_outlive_the_runtime() {
    within(60, || {
        for _ in 0..200 {
            let runtime = multi(2);
            let notify = Arc::new(tokio::sync::Notify::new());
            for _ in 0..16 {
                let notify = notify.clone();
                runtime.spawn(async move {
                    loop {
                        notify.notified().await;
                    }
                });
            }
            let waking = notify.clone();
            let waker = std::thread::spawn(move || {
                for _ in 0..2_000 {
                    waking.notify_waiters();
                }
            });
            drop(runtime);
            waker.join().unwrap();
            notify.notify_waiters();
        }
    });
}

/// The drop of a task sends to another task that is being dropped as well.
#[test]
fn row11_dropping_tasks_that_wake_each_other() {
    within(30, || {
        for runtime in [current(), multi(2)] {
            let (tx, _) = tokio::sync::broadcast::channel(16);
            for _ in 0..64 {
                let (tx, mut rx) = (tx.clone(), tx.subscribe());
                runtime.spawn(async move {
                    let _guard = OnDrop::new(move || drop(tx.send(())));
                    while rx.recv().await.is_ok() {}
                });
            }
            runtime.block_on(async { tokio::time::sleep(Duration::from_millis(5)).await });
            drop(runtime);
        }
    });
}

/// A destructor on one worker waits for a destructor on another worker: the shutdown must run both in parallel.
#[test]
fn row12_shutdown_with_workers_that_wait_for_the_pool() {
    within(30, || {
        let runtime = multi(4);
        let (done, finished) = mpsc::channel();
        runtime.spawn_blocking(move || {
            std::thread::sleep(Duration::from_millis(50));
            done.send(()).unwrap();
        });
        runtime.spawn(async move {
            let _guard = OnDrop::new(move || {
                finished
                    .recv_timeout(Duration::from_secs(10))
                    .expect("pool thread goes on");
            });
            std::future::pending::<()>().await
        });
        std::thread::sleep(Duration::from_millis(10));
        drop(runtime);
    });
}

/// The drop of a future wakes its own task through a channel.
#[test]
fn row13_wake_of_oneself_during_shutdown() {
    within(30, || {
        for runtime in [current(), multi(2)] {
            for _ in 0..50 {
                let notify = Arc::new(tokio::sync::Notify::new());
                let inner = notify.clone();
                runtime.spawn(async move {
                    let waking = inner.clone();
                    let _guard = OnDrop::new(move || waking.notify_waiters());
                    inner.notified().await;
                });
            }
            runtime.block_on(tokio::task::yield_now());
            drop(runtime);
        }
    });
}

/// Tasks stay alive between calls of `block_on`, however many there are.
#[test]
fn row14_tasks_survive_between_calls_of_block_on() {
    within(30, || {
        let runtime = current();
        let (tx, mut rx) = tokio::sync::mpsc::channel(1);
        runtime.spawn(async move {
            for i in 0.. {
                if tx.send(i).await.is_err() {
                    return;
                }
            }
        });
        for i in 0..10 {
            assert_eq!(runtime.block_on(rx.recv()), Some(i));
        }
    });
}

/// Two threads in `block_on` of one runtime: when one call ends, the tasks go on, driven by the other.
#[test]
fn row14_tasks_go_on_when_the_first_of_two_calls_ends() {
    within(30, || {
        for runtime in [current(), multi(1)] {
            let runtime = Arc::new(runtime);
            for round in 0..100 {
                let (tx, rx) = tokio::sync::oneshot::channel();
                let task = runtime.spawn(async move {
                    tokio::time::sleep(Duration::from_micros(500)).await;
                    rx.await.unwrap()
                });
                let first = runtime.clone();
                let first = std::thread::spawn(move || {
                    first.block_on(async { tokio::time::sleep(Duration::from_micros(100)).await });
                    tx.send(round).unwrap();
                });
                assert_eq!(runtime.block_on(task).unwrap(), round);
                first.join().unwrap();
            }
        }
    });
}

#[test]
fn row15_tasks_that_hold_their_own_wakers_are_freed() {
    within(30, || {
        let alive = Arc::new(());
        for runtime in [current(), multi(2)] {
            let local = LocalSet::new();
            for _ in 0..10 {
                let (mine, theirs) = (alive.clone(), alive.clone());
                // A cycle: the task owns the channel that holds the task's waker.
                let (tx, mut rx) = tokio::sync::mpsc::channel::<()>(1);
                runtime.spawn(async move {
                    let _held = (mine, tx);
                    rx.recv().await
                });
                local.spawn_local(async move {
                    let _held = theirs;
                    tokio::time::sleep(Duration::from_secs(1000)).await
                });
            }
            local.block_on(&runtime, tokio::task::yield_now());
            drop(local);
            drop(runtime);
        }
        assert_eq!(Arc::strong_count(&alive), 1);
    });
}

#[test]
fn row15_wake_while_a_local_set_shuts_down() {
    within(30, || {
        let runtime = current();
        let local = LocalSet::new();
        let shared = Rc::new(RefCell::new(Vec::new()));
        for _ in 0..8 {
            let (tx, rx) = tokio::sync::oneshot::channel::<()>();
            shared.borrow_mut().push(Some(tx));
            let shared = shared.clone();
            local.spawn_local(async move {
                let _guard = OnDrop::new(move || {
                    let wakes: Vec<_> = shared.borrow_mut().iter_mut().map(Option::take).collect();
                    for tx in wakes.into_iter().flatten() {
                        let _ = tx.send(());
                    }
                });
                let _ = rx.await;
                std::future::pending::<()>().await
            });
        }
        local.block_on(&runtime, tokio::task::yield_now());
        drop(local);
        assert_eq!(Rc::strong_count(&shared), 1);
    });
}

#[test]
fn row16_runtime_and_local_set_dropped_by_thread_local_destructors() {
    thread_local! {
        static RUNTIME: RefCell<Option<tokio::runtime::Runtime>> = const { RefCell::new(None) };
        static LOCAL: RefCell<Option<LocalSet>> = const { RefCell::new(None) };
    }
    within(30, || {
        for first_the_set in [true, false] {
            std::thread::spawn(move || {
                // The order of destructors depends on the order of first use: both orders are tried.
                if first_the_set {
                    LOCAL.with(|_| ());
                }
                RUNTIME.with(|_| ());
                LOCAL.with(|_| ());
                let (runtime, local) = (multi(1), LocalSet::new());
                local.spawn_local(std::future::pending::<()>());
                runtime.spawn(std::future::pending::<()>());
                local.block_on(&runtime, tokio::task::yield_now());
                RUNTIME.set(Some(runtime));
                LOCAL.set(Some(local));
            })
            .join()
            .unwrap();
        }
    });
}

/// A wrong count of idle threads would leave a queued call without a thread.
#[test]
fn row17_bursts_of_blocking_calls_with_a_short_keep_alive() {
    within(60, || {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .max_blocking_threads(4)
            .thread_keep_alive(Duration::from_millis(1))
            .build()
            .unwrap();
        runtime.block_on(async {
            for round in 0..300u64 {
                let calls: Vec<_> = (0..8)
                    .map(|i| tokio::task::spawn_blocking(move || i))
                    .collect();
                for call in calls {
                    call.await.unwrap();
                }
                tokio::time::sleep(Duration::from_millis(round % 3)).await;
            }
        });
    });
}

#[test]
fn row19_shutdown_races_with_idle_pool_threads() {
    within(60, || {
        for _ in 0..200 {
            let runtime = Builder::new_current_thread()
                .thread_keep_alive(Duration::from_micros(200))
                .build()
                .unwrap();
            for _ in 0..4 {
                runtime.spawn_blocking(|| ());
            }
            std::thread::sleep(Duration::from_micros(150));
            drop(runtime);
        }
    });
}

/// After shutdown the closure is dropped, and its drop may call the pool again.
#[test]
fn row20_rejected_blocking_call_reenters_the_pool_from_its_drop() {
    within(30, || {
        let runtime = current();
        let handle = runtime.handle().clone();
        drop(runtime);
        let again = handle.clone();
        let guard = OnDrop::new(move || drop(again.spawn_blocking(|| ())));
        let call = handle.spawn_blocking(move || drop(guard));
        let error = current().block_on(call).unwrap_err();
        assert!(error.is_cancelled());
    });
}
