//! The order in which timers fire: by deadline; timers with the same deadline, in the order in which they were armed.

use std::future::pending;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::paused_runtime;
use tokio::time::{self, Instant};

/// What happened, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<usize>>>);

impl Log {
    fn note(&self, what: usize) {
        self.0.lock().unwrap().push(what);
    }

    fn take(&self) -> Vec<usize> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

fn in_order(n: usize) -> Vec<usize> {
    (0..n).collect()
}

/// Distances on every level of the wheel, at the levels' edges, and beyond the wheel's horizon.
fn distances() -> impl Iterator<Item = u64> {
    let near = [
        1, 2, 5, 10, 63, 64, 65, 100, 127, 128, 1_000, 4_095, 4_096, 4_097, 5_000,
    ];
    let far = (13..38).flat_map(|n| [1 << n, (1 << n) + 1, 3 << n]);
    near.into_iter().chain(far)
}

async fn settle() {
    for _ in 0..4 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn tasks_that_sleep_until_one_deadline_wake_in_the_order_in_which_they_began() {
    for distance in distances() {
        let log = Log::default();
        paused_runtime().block_on(async {
            let deadline = Instant::now() + Duration::from_millis(distance);
            let tasks: Vec<_> = (0..5)
                .map(|n| {
                    let log = log.clone();
                    tokio::spawn(async move {
                        time::sleep_until(deadline).await;
                        log.note(n);
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_eq!(log.take(), in_order(5), "{distance} ms away");
    }
}

#[test]
fn more_tasks_than_one_batch_of_wakers_wake_in_order() {
    for distance in [1, 70, 5_000] {
        let log = Log::default();
        paused_runtime().block_on(async {
            let deadline = Instant::now() + Duration::from_millis(distance);
            for n in 0..200 {
                let log = log.clone();
                tokio::spawn(async move {
                    time::sleep_until(deadline).await;
                    log.note(n);
                });
            }
            settle().await;
            time::sleep_until(deadline + Duration::from_millis(1)).await;
            settle().await;
        });
        assert_eq!(log.take(), in_order(200), "{distance} ms away");
    }
}

/// A sleeper begins at each step on the way to one deadline: the sleepers are filed at different levels.
#[test]
fn sleepers_that_began_at_different_times_wake_in_that_order() {
    for distance in distances().filter(|distance| *distance >= 16) {
        let log = Log::default();
        paused_runtime().block_on(async {
            let deadline = Instant::now() + Duration::from_millis(distance);
            for n in 0..16 {
                let log = log.clone();
                tokio::spawn(async move {
                    time::sleep_until(deadline).await;
                    log.note(n);
                });
                settle().await;
                time::advance(Duration::from_millis(distance / 17)).await;
            }
            time::sleep_until(deadline + Duration::from_millis(1)).await;
            settle().await;
        });
        assert_eq!(log.take(), in_order(16), "{distance} ms away");
    }
}

#[test]
fn timers_overdue_at_once_fire_by_deadline_then_by_arming() {
    let log = Log::default();
    paused_runtime().block_on(async {
        let start = Instant::now();
        // Deadlines fall while numbers rise, three of each.
        let distances: Vec<u64> = (0..60).map(|n| 1 + (60 - n) / 3 * 37).collect();
        for (n, distance) in distances.iter().enumerate() {
            let (log, deadline) = (log.clone(), start + Duration::from_millis(*distance));
            tokio::spawn(async move {
                time::sleep_until(deadline).await;
                log.note(n);
            });
        }
        settle().await;
        time::advance(Duration::from_secs(600)).await;
        settle().await;
        let mut expected: Vec<usize> = (0..60).collect();
        expected.sort_by_key(|n| distances[*n]);
        assert_eq!(log.take(), expected);
    });
}

/// The wheel counts in milliseconds; deadlines within one millisecond still have an order.
#[test]
fn deadlines_within_a_millisecond_fire_in_their_order() {
    let log = Log::default();
    paused_runtime().block_on(async {
        let start = Instant::now() + Duration::from_millis(200);
        for n in 0..20 {
            let deadline = start + Duration::from_micros(40 * (20 - n as u64));
            let log = log.clone();
            tokio::spawn(async move {
                time::sleep_until(deadline).await;
                log.note(n);
            });
        }
        settle().await;
        time::sleep_until(start + Duration::from_millis(2)).await;
        settle().await;
    });
    assert_eq!(log.take(), (0..20).rev().collect::<Vec<_>>());
}

/// A reset arms the timer anew, whether its place in the wheel changes or not.
#[test]
fn a_timer_that_was_reset_is_the_last_of_its_deadline() {
    for (before, after) in [
        (5_000, 5_000),
        (3_000, 5_000),
        (9_000, 5_000),
        (60, 64),
        (10, 90_000),
    ] {
        let log = Log::default();
        paused_runtime().block_on(async {
            let start = Instant::now();
            let at = move |ms| start + Duration::from_millis(ms);
            let (reset, wanted) = tokio::sync::oneshot::channel::<()>();
            let first = log.clone();
            tokio::spawn(async move {
                let mut sleep = pin!(time::sleep_until(at(before)));
                tokio::select! {
                    biased;
                    () = sleep.as_mut() => panic!("too early"),
                    _ = wanted => sleep.as_mut().reset(at(after)),
                }
                sleep.await;
                first.note(1);
            });
            let sleeper = |n| {
                let log = log.clone();
                tokio::spawn(async move {
                    time::sleep_until(at(after)).await;
                    log.note(n);
                });
            };
            sleeper(0);
            settle().await;
            reset.send(()).unwrap();
            settle().await;
            sleeper(2);
            settle().await;
            time::sleep_until(at(after + 1)).await;
            settle().await;
        });
        assert_eq!(log.take(), in_order(3), "{before} to {after}");
    }
}

#[test]
fn intervals_and_time_outs_of_one_deadline_go_in_order() {
    for period in [1, 64, 100, 4_097, 100_000] {
        let log = Log::default();
        paused_runtime().block_on(async {
            let period = Duration::from_millis(period);
            for n in 0..20 {
                let log = log.clone();
                tokio::spawn(async move {
                    if n % 2 == 0 {
                        time::timeout(period, pending::<()>()).await.unwrap_err();
                        log.note(n);
                        time::timeout(period, pending::<()>()).await.unwrap_err();
                    } else {
                        let mut interval = time::interval(period);
                        interval.tick().await;
                        interval.tick().await;
                        log.note(n);
                        interval.tick().await;
                    }
                    log.note(n);
                });
            }
            time::sleep(3 * period).await;
            settle().await;
        });
        let twice: Vec<usize> = (0..20).chain(0..20).collect();
        assert_eq!(log.take(), twice, "{period} ms");
    }
}
