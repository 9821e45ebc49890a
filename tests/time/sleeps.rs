//! Sleeps, time-outs and intervals that are reset, late, dropped, or woken beside a waker that panics.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::{MS, paused};
use crate::support::waits::{Count, panics, poll_once};
use crate::support::{current, within};
use tokio::task::coop::has_budget_remaining;
use tokio::time::{self, Instant, MissedTickBehavior};

#[test]
fn a_reset_to_the_past_ends_the_sleep_and_wakes() {
    paused(async {
        let count = Arc::new(Count::default());
        let waker = Waker::from(count.clone());
        let mut sleep = Box::pin(time::sleep(1000 * MS));
        let polled = sleep.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        time::advance(100 * MS).await;
        sleep.as_mut().reset(Instant::now() - 50 * MS);
        tokio::task::yield_now().await;
        assert_eq!(count.get(), 1);
        assert!(sleep.is_elapsed());
        assert!(poll_once(sleep.as_mut()).is_ready());
        sleep.as_mut().reset(Instant::now() + 10 * MS);
        assert!(!sleep.is_elapsed());
        sleep.as_mut().await;
        sleep.as_mut().reset(Instant::now() - 5 * MS);
        sleep.await;
    });
}

#[test]
fn a_reset_after_the_end_counts_before_the_next_poll() {
    paused(async {
        let start = Instant::now();
        let mut sleep = Box::pin(time::sleep(10 * MS));
        assert!(poll_once(sleep.as_mut()).is_pending());
        time::advance(20 * MS).await;
        sleep.as_mut().reset(start + 50 * MS);
        assert!(poll_once(sleep.as_mut()).is_pending());
        sleep.await;
        assert_eq!(start.elapsed(), 50 * MS);
    });
}

#[test]
fn missed_ticks() {
    paused(async {
        for (behavior, expected) in [
            (MissedTickBehavior::Burst, [0, 10, 20, 30, 40]),
            (MissedTickBehavior::Delay, [0, 10, 45, 55, 65]),
            (MissedTickBehavior::Skip, [0, 10, 40, 50, 60]),
        ] {
            let start = Instant::now();
            let mut interval = time::interval(10 * MS);
            interval.set_missed_tick_behavior(behavior);
            let mut ticks = vec![interval.tick().await];
            time::advance(35 * MS).await;
            for _ in 0..4 {
                ticks.push(interval.tick().await);
            }
            let ticks: Vec<_> = ticks.iter().map(|t| (*t - start).as_millis()).collect();
            assert_eq!(ticks, expected, "{behavior:?}");
        }
        let mut interval = time::interval_at(Instant::now() - 25 * MS, 10 * MS);
        interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let first = interval.tick().await;
        assert_eq!(interval.tick().await - first, 30 * MS);
        assert!(panics(|| time::interval(Duration::ZERO)));
    });
}

#[test]
fn a_tick_that_is_dropped_is_not_lost() {
    paused(async {
        let start = Instant::now();
        let mut interval = time::interval(10 * MS);
        interval.tick().await;
        assert!(poll_once(pin!(interval.tick())).is_pending());
        time::advance(10 * MS).await;
        assert_eq!(interval.tick().await - start, 10 * MS);
        interval.reset_immediately();
        assert_eq!(interval.tick().await - start, 10 * MS);
        interval.reset_at(start + 15 * MS);
        assert_eq!(interval.tick().await - start, 15 * MS);
        assert_eq!(interval.tick().await - start, 25 * MS);
    });
}

#[test]
fn a_panicking_waker_leaves_the_other_sleepers_awake() {
    struct Bomb;
    impl Wake for Bomb {
        fn wake(self: Arc<Self>) {
            panic!("waker");
        }
    }
    within(20, || {
        let runtime = current();
        let count = Arc::new(Count::default());
        let at = std::time::Instant::now() + 50 * MS;
        let mut sleeps: Vec<_> = {
            let _inside = runtime.enter();
            (0..100)
                .map(|_| Box::pin(time::sleep_until(Instant::from_std(at))))
                .collect()
        };
        let (bad, good) = (Waker::from(Arc::new(Bomb)), Waker::from(count.clone()));
        for (i, sleep) in sleeps.iter_mut().enumerate() {
            let waker = if i == 50 { &bad } else { &good };
            assert!(
                sleep
                    .as_mut()
                    .poll(&mut Context::from_waker(waker))
                    .is_pending()
            );
        }
        // The panic may come out here or not; the runtime must work afterwards.
        let _ = panics(|| {
            runtime.block_on(async { time::sleep_until(Instant::from_std(at + 20 * MS)).await })
        });
        runtime.block_on(async { time::sleep(20 * MS).await });
        assert!(sleeps.iter().all(|sleep| sleep.is_elapsed()));
        assert_eq!(count.get(), 99);
    });
}

#[test]
fn a_time_out_and_its_future_at_the_same_moment() {
    paused(async {
        assert!(time::timeout(Duration::ZERO, async { 1 }).await.is_ok());
        assert!(
            time::timeout(Duration::ZERO, std::future::pending::<()>())
                .await
                .is_err()
        );
        assert!(time::timeout(10 * MS, time::sleep(10 * MS)).await.is_ok());
        assert!(
            time::timeout_at(Instant::now() - 5 * MS, std::future::pending::<()>())
                .await
                .is_err()
        );
        let (tx, mut rx) = tokio::sync::mpsc::unbounded_channel::<u8>();
        let start = Instant::now();
        let busy = async {
            loop {
                tx.send(1).unwrap();
                rx.recv().await;
            }
        };
        tokio::spawn(async {
            time::sleep(5 * MS).await;
        });
        assert!(time::timeout(Duration::ZERO, busy).await.is_err());
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
}

#[test]
fn ticks_that_are_late_by_no_more_than_the_tolerance_keep_the_rhythm() {
    paused(async {
        for (late, next) in [(5, 20), (6, 26)] {
            let start = Instant::now();
            let mut interval = time::interval(10 * MS);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval.tick().await;
            time::advance((10 + late) * MS).await;
            assert_eq!(interval.tick().await - start, 10 * MS);
            assert_eq!(interval.tick().await - start, next * MS);
        }
        let mut interval = time::interval_at(Instant::now() - 100 * MS, Duration::MAX);
        interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
        interval.tick().await;
        assert!(poll_once(pin!(interval.tick())).is_pending());
    });
}

/// The number of futures that are ready at once, in one poll of the task around them.
fn ready_at_once<F: Future>(cx: &mut Context<'_>, future: impl Fn() -> F) -> usize {
    let ready = (0..1_000).take_while(|_| pin!(future()).poll(cx).is_ready());
    ready.count()
}

#[test]
fn a_sleep_costs_budget_once_it_is_over() {
    paused(poll_fn(|cx| {
        let mut waits = pin!(time::sleep(10 * MS));
        for _ in 0..1_000 {
            assert!(waits.as_mut().poll(cx).is_pending());
        }
        assert!(has_budget_remaining());
        let over = ready_at_once(cx, || time::sleep(Duration::ZERO));
        assert!((1..1_000).contains(&over), "{over}");
        assert!(!has_budget_remaining());
        Poll::Ready(())
    }));
}

#[test]
fn a_time_out_costs_budget_but_not_where_its_future_has_spent_it() {
    paused(poll_fn(|cx| {
        let over = ready_at_once(cx, || time::timeout(Duration::ZERO, pending::<()>()));
        assert!((1..1_000).contains(&over), "{over}");
        assert!(!has_budget_remaining());
        // The time-out begins without budget, so the task has to yield.
        let timeout = pin!(time::timeout(Duration::ZERO, pending::<()>()));
        assert!(timeout.poll(cx).is_pending());
        Poll::Ready(())
    }));
    paused(poll_fn(|cx| {
        let spends = poll_fn(|cx| {
            ready_at_once(cx, || time::sleep(Duration::ZERO));
            Poll::<()>::Pending
        });
        assert!(has_budget_remaining());
        let timeout = pin!(time::timeout(Duration::ZERO, spends));
        assert!(timeout.poll(cx).is_ready());
        Poll::Ready(())
    }));
}

#[test]
fn a_sleep_longer_than_the_clock_counts_ends_in_thirty_years() {
    paused(async {
        let years = Duration::from_secs(30 * 365 * 24 * 60 * 60);
        assert_eq!(
            time::sleep(Duration::MAX).deadline() - Instant::now(),
            years
        );
    });
}
