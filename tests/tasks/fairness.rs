//! How long a task waits for other tasks that are always ready.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::{current, multi, within};

/// A future that wakes itself on every poll until it is told to stop, and counts its polls.
async fn spinner(stop: Arc<AtomicBool>, polls: Arc<AtomicUsize>) {
    std::future::poll_fn(|cx| {
        // Ordering: Relaxed; a counter and a flag, nothing is published by them.
        polls.fetch_add(1, Ordering::Relaxed);
        if stop.load(Ordering::Relaxed) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await
}

#[test]
fn self_wakers_share_one_worker_evenly() {
    for runtime in [current(), multi(1)] {
        within(30, move || {
            runtime.block_on(async {
                let stop = Arc::new(AtomicBool::new(false));
                let polls: Vec<_> = (0..8).map(|_| Arc::new(AtomicUsize::new(0))).collect();
                let tasks: Vec<_> = polls
                    .iter()
                    .map(|n| tokio::spawn(spinner(stop.clone(), n.clone())))
                    .collect();
                tokio::time::sleep(Duration::from_millis(200)).await;
                // Ordering: Relaxed; see spinner.
                stop.store(true, Ordering::Relaxed);
                for task in tasks {
                    task.await.unwrap();
                }
                let counts: Vec<_> = polls.iter().map(|n| n.load(Ordering::Relaxed)).collect();
                let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
                assert!(most <= &(least * 2 + 1000), "{counts:?}");
            });
        });
    }
}

#[test]
fn timers_and_sockets_are_served_beside_self_wakers() {
    for runtime in [current(), multi(1), multi(2)] {
        within(30, move || {
            runtime.block_on(async {
                let stop = Arc::new(AtomicBool::new(false));
                for _ in 0..16 {
                    tokio::spawn(spinner(stop.clone(), Arc::default()));
                }
                let start = Instant::now();
                tokio::time::sleep(Duration::from_millis(20)).await;
                assert!(
                    start.elapsed() < Duration::from_secs(2),
                    "{:?}",
                    start.elapsed()
                );

                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap();
                let (accepted, connected) =
                    tokio::join!(listener.accept(), tokio::net::TcpStream::connect(address));
                accepted.unwrap();
                connected.unwrap();
                // Ordering: Relaxed; see spinner.
                stop.store(true, Ordering::Relaxed);
            });
        });
    }
}

/// A receiver that always finds a message yields when its budget is used up.
#[test]
fn budget_interrupts_a_channel_that_is_never_empty() {
    within(30, || {
        current().block_on(async {
            let (tx, mut rx) = tokio::sync::mpsc::unbounded_channel();
            for i in 0..1_000 {
                tx.send(i).unwrap();
            }
            let seen = Arc::new(AtomicUsize::new(0));
            let counter = seen.clone();
            let reader = tokio::spawn(async move {
                for _ in 0..1_000 {
                    rx.recv().await.unwrap();
                    // Ordering: Relaxed; one thread.
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            });
            tokio::task::yield_now().await;
            // Ordering: Relaxed; one thread.
            let first = seen.load(Ordering::Relaxed);
            assert!((1..=128).contains(&first), "{first} messages in one poll");
            reader.await.unwrap();
        });
    });
}

/// The bound of docs/scheduling.md: the number of polls of other tasks between two polls of a task that is always ready.
#[test]
fn polls_between_ready_and_polled_are_bounded() {
    const SPINNERS: usize = 40;
    const PAIRS: usize = 4;
    for (runtime, factor) in [(current(), 2), (multi(1), 8)] {
        // It takes half a minute under an emulator on a busy machine.
        within(120, move || {
            runtime.block_on(async {
                let stop = Arc::new(AtomicBool::new(false));
                let polls = Arc::new(AtomicUsize::new(0));
                for _ in 0..SPINNERS {
                    tokio::spawn(spinner(stop.clone(), polls.clone()));
                }
                // Pairs that wake each other keep the LIFO slot busy.
                for _ in 0..PAIRS {
                    let turns = Arc::new((tokio::sync::Notify::new(), tokio::sync::Notify::new()));
                    for first in [true, false] {
                        let (turns, stop, polls) = (turns.clone(), stop.clone(), polls.clone());
                        tokio::spawn(async move {
                            let (mine, others) = match first {
                                true => (&turns.0, &turns.1),
                                false => (&turns.1, &turns.0),
                            };
                            // Ordering: Relaxed; see spinner.
                            while !stop.load(Ordering::Relaxed) {
                                others.notify_one();
                                mine.notified().await;
                                polls.fetch_add(1, Ordering::Relaxed);
                            }
                            others.notify_one();
                        });
                    }
                }
                let watcher = tokio::spawn(async move {
                    let (mut worst, mut last) = (0, None);
                    let mut left = 2000;
                    std::future::poll_fn(|cx| {
                        // Ordering: Relaxed; see spinner.
                        let now = polls.load(Ordering::Relaxed);
                        if let Some(last) = last {
                            worst = worst.max(now - last);
                        }
                        last = Some(now);
                        left -= 1;
                        if left == 0 {
                            return std::task::Poll::Ready(worst);
                        }
                        cx.waker().wake_by_ref();
                        std::task::Poll::Pending
                    })
                    .await
                });
                let worst = watcher.await.unwrap();
                // Ordering: Relaxed; see spinner.
                stop.store(true, Ordering::Relaxed);
                let ahead = SPINNERS + 2 * PAIRS;
                assert!(
                    worst <= factor * (ahead + 1),
                    "{worst} polls, {ahead} tasks"
                );
                assert!(worst >= SPINNERS, "the others were not ready: {worst}");
            });
        });
    }
}
