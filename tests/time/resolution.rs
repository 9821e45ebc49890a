//! `Builder::timer_resolution`: finer and coarser timers than a millisecond.

use super::support::waits::poll_once;
use super::support::{self, within};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, interval, sleep, sleep_until, timeout};

const fn us(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

/// A runtime with a paused clock and this resolution.
fn paused(resolution: Duration) -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().start_paused(true);
    builder.timer_resolution(resolution).build().unwrap()
}

/// How far the clock moves for a sleep.
fn slept(resolution: Duration, time: Duration) -> Duration {
    paused(resolution).block_on(async {
        let begin = Instant::now();
        sleep(time).await;
        begin.elapsed()
    })
}

#[test]
fn a_sleep_ends_at_the_tick_that_follows() {
    for (resolution, time, expected) in [
        (us(1_000), us(250), us(1_000)),
        // Below a millisecond, ticks are at most a quarter of the resolution, and divide a second.
        (us(100), us(251), us(275)),
        (us(100), us(300), us(300)),
        (us(100), us(12_345), us(12_350)),
        (us(300), us(250), us(256)),
        (us(1), us(1), us(1)),
        (us(1), us(2_000_001), us(2_000_001)),
        (us(10_000), us(1), us(10_000)),
        (us(1_000_000), us(1_500_000), us(2_000_000)),
    ] {
        assert_eq!(slept(resolution, time), expected, "{resolution:?} {time:?}");
    }
}

/// With ticks of a microsecond, the wheel covers 4.8 hours.
#[test]
fn a_sleep_may_be_longer_than_the_wheel() {
    for hours in [1, 4, 5, 10, 50, 10_000] {
        let time = Duration::from_secs(hours * 3600) + us(7);
        assert_eq!(slept(us(1), time), time);
    }
}

#[test]
fn timers_of_one_tick_and_of_several_fire_in_the_order_of_their_deadlines() {
    for resolution in [us(1), us(400), us(1_000), us(50_000)] {
        let order = Arc::new(Mutex::new(Vec::new()));
        paused(resolution).block_on(async {
            let begin = Instant::now();
            let tasks: Vec<_> = [900, 30, 31, 450, 29, 1_700, 899]
                .into_iter()
                .map(|micros| {
                    let order = order.clone();
                    tokio::spawn(async move {
                        sleep_until(begin + us(micros)).await;
                        order.lock().unwrap().push(micros);
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        let order = order.lock().unwrap().clone();
        assert_eq!(order, [29, 30, 31, 450, 899, 900, 1_700], "{resolution:?}");
    }
}

#[test]
fn intervals_and_time_outs_follow() {
    paused(us(100)).block_on(async {
        let begin = Instant::now();
        let mut every = interval(us(200));
        for _ in 0..10 {
            every.tick().await;
        }
        assert_eq!(begin.elapsed(), us(1_800));
        let never = std::future::pending::<()>();
        assert!(timeout(us(300), never).await.is_err());
        assert_eq!(begin.elapsed(), us(2_100));
        // A reset to an earlier deadline, then to a later deadline.
        let mut pinned = Box::pin(sleep(us(500)));
        assert!(poll_once(pinned.as_mut()).is_pending());
        pinned.as_mut().reset(Instant::now() + us(100));
        (&mut pinned).await;
        assert_eq!(begin.elapsed(), us(2_200));
        pinned.as_mut().reset(Instant::now() + us(100));
        assert!(poll_once(pinned.as_mut()).is_pending());
        pinned.as_mut().reset(Instant::now() + us(900));
        pinned.await;
        assert_eq!(begin.elapsed(), us(3_100));
    });
}

/// With the real clock, on every kind of thread, beside sockets: no timer is early, and sockets are served while the driver
/// sleeps with the finer resolution.
#[test]
fn nothing_is_early_and_no_event_is_missed() {
    let finely = |builder: &mut Builder| {
        let builder = builder.enable_all();
        builder.timer_resolution(us(50)).build().unwrap()
    };
    for runtime in [
        finely(&mut Builder::new_current_thread()),
        finely(Builder::new_multi_thread().worker_threads(2)),
    ] {
        within(60, move || {
            runtime.block_on(async {
                let (mut near, mut far) = tokio::net::UnixStream::pair().unwrap();
                let echo = tokio::spawn(async move {
                    let mut byte = [0];
                    while far.read_exact(&mut byte).await.is_ok() {
                        sleep(us(130)).await;
                        far.write_all(&byte).await.unwrap();
                    }
                });
                let sleepers: Vec<_> = (0..20_u64)
                    .map(|n| {
                        tokio::spawn(async move {
                            for step in 0..50 {
                                let (begin, time) = (Instant::now(), us(37 * (n + step)));
                                sleep(time).await;
                                assert!(begin.elapsed() >= time);
                            }
                        })
                    })
                    .collect();
                for n in 0..100 {
                    near.write_all(&[n]).await.unwrap();
                    let mut byte = [0];
                    near.read_exact(&mut byte).await.unwrap();
                    assert_eq!(byte, [n]);
                }
                for sleeper in sleepers {
                    sleeper.await.unwrap();
                }
                // There is no deadline: only an event ends the wait.
                near.write_all(b"x").await.unwrap();
                near.read_exact(&mut [0]).await.unwrap();
                drop(near);
                echo.await.unwrap();
            });
        });
    }
}

/// The timer slack of this thread, in nanoseconds.
#[cfg(target_os = "linux")]
fn slack() -> i32 {
    // SAFETY: asks for a number.
    unsafe { libc::prctl(libc::PR_GET_TIMERSLACK) }
}

#[cfg(target_os = "linux")]
#[test]
fn threads_sleep_without_slack_if_and_only_if_the_resolution_is_fine() {
    for (resolution, is_fine) in [(us(100), true), (us(1_000), false)] {
        // A thread of its own: what it has set stays.
        let seen = std::thread::spawn(move || {
            let before = slack();
            let mut builder = Builder::new_current_thread();
            let builder = builder.enable_all().timer_resolution(resolution);
            let runtime = builder.build().unwrap();
            runtime.block_on(async { sleep(us(2_000)).await });
            (before, slack())
        });
        let (before, after) = seen.join().unwrap();
        assert!(before > 1, "{before}");
        assert_eq!(after, if is_fine { 1 } else { before });
    }
}

#[test]
fn what_is_no_resolution_is_refused() {
    for wrong in [Duration::ZERO, Duration::from_nanos(999), Duration::MAX] {
        let message = support::panic_message(|| {
            Builder::new_current_thread().timer_resolution(wrong);
        });
        assert!(
            message.contains("from 1 microsecond to 1 second"),
            "{message}"
        );
    }
}
