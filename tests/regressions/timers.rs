//! Rows 26-28, 36: the wheel and the clock.

use std::time::Duration;

use super::support::{current, multi, within};
use tokio::time::{self, Instant};

/// Timers are armed by many threads while the driver decides how long to sleep: none is lost.
#[test]
fn row26_no_timer_is_lost_between_wheels() {
    within(60, || {
        let runtime = multi(4);
        runtime.block_on(async {
            let mut set = tokio::task::JoinSet::new();
            for i in 0..2_000u64 {
                set.spawn(async move {
                    for j in 0..10 {
                        time::sleep(Duration::from_micros(100 * ((i * 7 + j * 13) % 50))).await;
                    }
                });
            }
            time::timeout(Duration::from_secs(30), async {
                while let Some(done) = set.join_next().await {
                    done.unwrap();
                }
            })
            .await
            .expect("all fired");
        });
    });
}

/// A timer is armed on one thread, and polled and dropped on others.
#[test]
fn row26_timers_that_move_between_threads() {
    within(60, || {
        let runtime = multi(4);
        runtime.block_on(async {
            for _ in 0..500 {
                let mut sleep = Box::pin(time::sleep(Duration::from_millis(2)));
                std::future::poll_fn(|cx| {
                    let _ = sleep.as_mut().poll(cx);
                    std::task::Poll::Ready(())
                })
                .await;
                let task = tokio::spawn(sleep);
                let mut other = Box::pin(time::sleep(Duration::from_secs(100)));
                std::future::poll_fn(|cx| {
                    let _ = other.as_mut().poll(cx);
                    std::task::Poll::Ready(())
                })
                .await;
                let dropper = tokio::spawn(async move { drop(other) });
                task.await.unwrap();
                dropper.await.unwrap();
            }
        });
    });
}

/// No timer is early, whatever the fraction of the millisecond.
#[test]
fn row26_no_timer_is_early() {
    within(30, || {
        current().block_on(async {
            for micros in (1..6_000).step_by(137) {
                let start = Instant::now();
                time::sleep(Duration::from_micros(micros)).await;
                assert!(start.elapsed() >= Duration::from_micros(micros));
            }
        });
    });
}

#[test]
fn row27_deadlines_beyond_the_wheel_can_be_dropped_and_reset() {
    within(30, || {
        for runtime in [current(), multi(2)] {
            runtime.block_on(async {
                let far = Duration::from_secs(60 * 60 * 24 * 365 * 40);
                let mut sleep = Box::pin(time::sleep(far));
                assert!(
                    time::timeout(Duration::from_millis(5), &mut sleep)
                        .await
                        .is_err()
                );
                sleep
                    .as_mut()
                    .reset(Instant::now() + Duration::from_millis(5));
                sleep.await;
                tokio::spawn(time::sleep(far));
                tokio::task::yield_now().await;
            });
            drop(runtime);
        }
    });
}

#[cfg(feature = "test-util")]
#[test]
fn row27_a_month_passes_in_steps() {
    within(30, || {
        current().block_on(async {
            time::pause();
            let start = Instant::now();
            let month = Duration::from_secs(60 * 60 * 24 * 30);
            let task = tokio::spawn(async move {
                time::sleep(month).await;
                start.elapsed()
            });
            let days: Vec<_> = (1..=30)
                .map(|day| tokio::spawn(time::sleep(Duration::from_secs(60 * 60 * 24 * day))))
                .collect();
            for day in days {
                day.await.unwrap();
            }
            assert!(task.await.unwrap() >= month);
        });
    });
}

#[test]
fn row28_the_longest_durations_do_not_overflow() {
    within(30, || {
        current().block_on(async {
            assert_eq!(time::timeout(Duration::MAX, async { 1 }).await.unwrap(), 1);
            let short = Duration::from_millis(5);
            assert!(
                time::timeout(short, time::sleep(Duration::MAX))
                    .await
                    .is_err()
            );
            let mut interval = time::interval(Duration::MAX);
            interval.tick().await;
            assert!(time::timeout(short, interval.tick()).await.is_err());
        });
    });
}

/// With the clock paused, a task woken by I/O runs before time jumps ahead.
#[cfg(feature = "test-util")]
#[test]
fn row36_paused_clock_waits_for_what_io_woke() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    within(30, || {
        current().block_on(async {
            time::pause();
            let (mut near, mut far) = tokio::net::UnixStream::pair().unwrap();
            near.write_all(b"x").await.unwrap();
            let start = Instant::now();
            time::timeout(Duration::from_secs(1), far.read_u8())
                .await
                .expect("read first")
                .unwrap();
            assert_eq!(start.elapsed(), Duration::ZERO);
        });
    });
}
