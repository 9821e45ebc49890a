//! Rows 1-8, 33: tasks that wait although a worker could run them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::support::{current, multi, within};

/// A wake-up that is lost between "the queues are empty" and "I sleep" shows as a hang after enough rounds.
#[test]
fn row01_wake_from_outside_while_workers_go_to_sleep() {
    within(60, || {
        let runtime = multi(2);
        for i in 0..20_000u32 {
            let (tx, rx) = tokio::sync::oneshot::channel();
            let task = runtime.spawn(async move { rx.await.unwrap() });
            if i % 64 == 0 {
                std::thread::sleep(Duration::from_micros(50));
            }
            tx.send(i).unwrap();
            assert_eq!(runtime.block_on(task).unwrap(), i);
        }
    });
}

/// A wake of a task that is notified already must still publish what was written before it. The proof is the model
/// `each_of_two_wakes_is_seen_by_a_run`; here two threads write and wake, and no final value may be missed.
#[test]
fn row02_second_of_two_wakes_publishes_too() {
    within(60, || {
        let runtime = multi(2);
        for _ in 0..2_000 {
            let inputs = [0, 1].map(|_| Arc::new(AtomicBool::new(false)));
            let seen = inputs.clone();
            let (give, take) = mpsc::channel();
            let task = runtime.spawn(std::future::poll_fn(move |cx| {
                let _ = give.send(cx.waker().clone());
                // Ordering: Relaxed on purpose: the wakes publish the inputs.
                match seen.iter().all(|input| input.load(Ordering::Relaxed)) {
                    true => std::task::Poll::Ready(()),
                    false => std::task::Poll::Pending,
                }
            }));
            let waker = take.recv().unwrap();
            std::thread::scope(|scope| {
                for input in &inputs {
                    let waker = &waker;
                    scope.spawn(move || {
                        // Ordering: Relaxed; see above.
                        input.store(true, Ordering::Relaxed);
                        waker.wake_by_ref();
                    });
                }
            });
            runtime.block_on(task).unwrap();
        }
    });
}

/// The worker that polls the driver takes a task that blocks: timers and sockets must go on elsewhere.
#[test]
fn row03_driver_holder_blocks_and_timers_go_on() {
    within(30, || {
        let runtime = multi(2);
        for _ in 0..5 {
            runtime.block_on(async {
                let (release, held) = mpsc::channel::<()>();
                // Woken by a timer: the worker that fired it is the one that held the driver.
                let blocker = tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    held.recv_timeout(Duration::from_secs(10))
                        .expect("released in time");
                });
                let other = tokio::spawn(async move {
                    let start = Instant::now();
                    for _ in 0..20 {
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                    release.send(()).unwrap();
                    start.elapsed()
                });
                let took = other.await.unwrap();
                assert!(took < Duration::from_secs(5), "{took:?}");
                blocker.await.unwrap();
            });
        }
    });
}

#[test]
fn row03_driver_holder_blocks_and_sockets_go_on() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    within(30, || {
        multi(2).block_on(async {
            let (release, held) = mpsc::channel::<()>();
            let (mut near, mut far) = tokio::net::UnixStream::pair().unwrap();
            let (mut gate, mut opener) = tokio::net::UnixStream::pair().unwrap();
            let blocker = tokio::spawn(async move {
                gate.read_u8().await.unwrap();
                held.recv_timeout(Duration::from_secs(10))
                    .expect("released in time");
            });
            opener.write_u8(1).await.unwrap();
            let echo = tokio::spawn(async move {
                for _ in 0..50 {
                    let byte = far.read_u8().await.unwrap();
                    far.write_u8(byte).await.unwrap();
                }
            });
            let client = tokio::spawn(async move {
                for i in 0..50 {
                    near.write_u8(i).await.unwrap();
                    assert_eq!(near.read_u8().await.unwrap(), i);
                }
                release.send(()).unwrap();
            });
            client.await.unwrap();
            echo.await.unwrap();
            blocker.await.unwrap();
        });
    });
}

/// A task wakes another into its worker's LIFO slot and then blocks: a sibling must take it from there.
#[test]
fn row04_task_in_the_lifo_slot_of_a_blocked_worker_runs() {
    within(30, || {
        let runtime = multi(2);
        for _ in 0..20 {
            runtime.block_on(async {
                tokio::spawn(async {
                    let (done, ran) = mpsc::channel();
                    tokio::spawn(async move { done.send(()).unwrap() });
                    ran.recv_timeout(Duration::from_secs(10))
                        .expect("the sibling ran it");
                })
                .await
                .unwrap();
            });
        }
    });
}

/// Two tasks that keep waking each other through the LIFO slot must not starve a third.
#[test]
fn row04_lifo_ping_pong_does_not_starve_others() {
    within(30, || {
        multi(1).block_on(async {
            let stop = Arc::new(AtomicBool::new(false));
            let (a, b) = (
                Arc::new(tokio::sync::Notify::new()),
                Arc::new(tokio::sync::Notify::new()),
            );
            let side = |wait: Arc<tokio::sync::Notify>, wake: Arc<tokio::sync::Notify>| {
                let stop = stop.clone();
                tokio::spawn(async move {
                    // Ordering: Relaxed; a flag that publishes nothing.
                    while !stop.load(Ordering::Relaxed) {
                        wake.notify_one();
                        wait.notified().await;
                    }
                    wake.notify_one();
                })
            };
            let tasks = [side(a.clone(), b.clone()), side(b, a)];
            let third = tokio::spawn(async {
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
            });
            tokio::time::timeout(Duration::from_secs(10), third)
                .await
                .expect("not starved")
                .unwrap();
            // Ordering: Relaxed; see above.
            stop.store(true, Ordering::Relaxed);
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
}

/// A hook makes work whenever a worker is about to park: the driver must be turned all the same.
#[test]
fn row05_driver_is_turned_though_every_park_makes_work() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::runtime::Builder;
    within(30, || {
        for mut builder in [Builder::new_current_thread(), Builder::new_multi_thread()] {
            let work = Arc::new(tokio::sync::Notify::new());
            let (from_hook, parks) = (work.clone(), Arc::new(AtomicUsize::new(0)));
            let count = parks.clone();
            let runtime = builder
                .worker_threads(1)
                .enable_all()
                .on_thread_park(move || {
                    // Ordering: Relaxed; a counter.
                    count.fetch_add(1, Ordering::Relaxed);
                    from_hook.notify_one();
                })
                .build()
                .unwrap();
            runtime.block_on(async move {
                tokio::spawn(async move {
                    loop {
                        work.notified().await;
                    }
                });
                let served = tokio::spawn(async {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    let (mut near, mut far) = tokio::net::UnixStream::pair().unwrap();
                    let echo = tokio::spawn(async move {
                        let byte = far.read_u8().await.unwrap();
                        far.write_u8(byte).await.unwrap();
                        far
                    });
                    near.write_u8(7).await.unwrap();
                    assert_eq!(near.read_u8().await.unwrap(), 7);
                    echo.await.unwrap();
                });
                tokio::time::timeout(Duration::from_secs(10), served)
                    .await
                    .expect("timers and sockets are served")
                    .unwrap();
            });
            // Ordering: Relaxed; a counter.
            assert!(parks.load(Ordering::Relaxed) > 0);
        }
    });
}

/// More tasks than a local queue holds, from a worker that then blocks: none is stranded.
#[test]
fn row06_local_queue_of_a_blocked_worker_is_emptied_by_siblings() {
    within(30, || {
        multi(2).block_on(async {
            tokio::spawn(async {
                let (done, ran) = mpsc::channel();
                for _ in 0..1_000 {
                    let done = done.clone();
                    tokio::spawn(async move { done.send(()).unwrap() });
                }
                for i in 0..1_000 {
                    ran.recv_timeout(Duration::from_secs(10))
                        .unwrap_or_else(|_| panic!("{i} ran"));
                }
            })
            .await
            .unwrap();
        });
    });
}

/// Every task runs exactly once, whichever worker steals it.
#[test]
fn row07_no_task_is_popped_twice() {
    within(60, || {
        let runtime = multi(8);
        runtime.block_on(async {
            let runs: Arc<Vec<AtomicUsize>> =
                Arc::new((0..20_000).map(|_| AtomicUsize::new(0)).collect());
            let mut set = tokio::task::JoinSet::new();
            for i in 0..20_000 {
                let runs = runs.clone();
                set.spawn(async move {
                    // Ordering: Relaxed; joined before it is read.
                    runs[i].fetch_add(1, Ordering::Relaxed);
                });
            }
            while let Some(done) = set.join_next().await {
                done.unwrap();
            }
            // Ordering: Relaxed; joined above.
            assert!(runs.iter().all(|n| n.load(Ordering::Relaxed) == 1));
        });
    });
}

#[test]
fn row08_self_waking_local_task_lets_others_run() {
    within(30, || {
        let local = tokio::task::LocalSet::new();
        local.block_on(&current(), async {
            let spinner = tokio::task::spawn_local(async {
                loop {
                    tokio::task::yield_now().await;
                }
            });
            let start = Instant::now();
            tokio::task::spawn_local(tokio::time::sleep(Duration::from_millis(10)))
                .await
                .unwrap();
            assert!(start.elapsed() < Duration::from_secs(5));
            spinner.abort();
        });
    });
}

/// No queue has a bound that makes `wake` wait.
#[test]
fn row33_a_hundred_thousand_wakes_from_outside_do_not_block() {
    within(60, || {
        let runtime = current();
        let notify = Arc::new(tokio::sync::Semaphore::new(0));
        let tasks: Vec<_> = (0..100_000)
            .map(|_| {
                let notify = notify.clone();
                runtime.spawn(async move { notify.acquire_owned().await.unwrap().forget() })
            })
            .collect();
        runtime.block_on(tokio::task::yield_now());
        // No thread drives the runtime now.
        notify.add_permits(100_000);
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
}

/// The first task of a new runtime leaves work in its worker's LIFO slot and blocks, before there is a watch.
#[test]
fn worker_that_blocks_in_the_first_moments_of_a_runtime_is_noticed() {
    let rt = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let (tx, rx) = std::sync::mpsc::channel();
    let start = std::time::Instant::now();
    rt.spawn(async move {
        tokio::spawn(async move { tx.send(start.elapsed()).unwrap() });
        std::thread::sleep(std::time::Duration::from_millis(1500));
    });
    assert!(rx.recv().unwrap() < std::time::Duration::from_millis(1000));
}
