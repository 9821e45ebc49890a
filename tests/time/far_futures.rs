//! Deadlines that no clock reaches, and deadlines that have passed.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use super::{MS, Outcome, outcome, paused};
use crate::support::waits::{panics, poll_once};
use crate::support::{current, within};
use tokio::time::{self, Instant, interval, sleep, sleep_until, timeout, timeout_at};

#[test]
fn as_far_as_durations_go() {
    within(10, || {
        current().block_on(async {
            let most = Duration::MAX;
            let mut sleeps = pin!(sleep(most));
            assert_eq!(outcome(sleeps.as_mut()), Outcome::Pending);
            let far = sleeps.deadline();
            sleeps.as_mut().reset(Instant::now());
            sleeps.as_mut().await;
            sleeps.as_mut().reset(far);
            assert!(!sleeps.is_elapsed());
            assert_eq!(outcome(sleeps), Outcome::Pending);

            assert_eq!(
                outcome(pin!(timeout(most, pending::<()>()))),
                Outcome::Pending
            );
            assert_eq!(timeout(most, async { 1 }).await, Ok(1));
            let mut ticks = interval(most);
            ticks.tick().await;
            assert_eq!(outcome(pin!(ticks.tick())), Outcome::Pending);
        });
    });
}

#[test]
fn what_is_past_is_polled_once() {
    within(10, || {
        current().block_on(async {
            let past = Instant::now() - Duration::from_secs(1);
            let mut sleeps = pin!(sleep_until(past));
            assert!(!sleeps.is_elapsed());
            assert_eq!(outcome(sleeps.as_mut()), Outcome::Ready);
            assert!(sleeps.is_elapsed());
            assert!(timeout_at(past, pending::<()>()).await.is_err());
            assert_eq!(timeout_at(past, async { 1 }).await, Ok(1));
            assert_eq!(timeout(Duration::ZERO, async { 1 }).await, Ok(1));
        });
    });
}

#[test]
fn far_futures_are_neither_an_overflow_nor_now() {
    paused(async {
        assert!(time::timeout(Duration::MAX, async { 1 }).await.is_ok());
        assert!(poll_once(pin!(time::sleep(Duration::MAX))).is_pending());
        let far = Instant::now() + Duration::from_secs(86_400 * 365 * 1000);
        let mut sleep = pin!(time::sleep_until(far));
        assert!(poll_once(sleep.as_mut()).is_pending());
        let mut interval = time::interval_at(far, Duration::MAX);
        assert!(poll_once(pin!(interval.tick())).is_pending());
        let mut interval = time::interval(Duration::MAX);
        interval.tick().await;
        assert!(poll_once(pin!(interval.tick())).is_pending());
        interval.reset();
        assert!(poll_once(pin!(interval.tick())).is_pending());
        interval.reset_after(Duration::MAX);
        assert!(poll_once(pin!(interval.tick())).is_pending());
        let year = Duration::from_secs(86_400 * 365);
        let start = Instant::now();
        time::sleep(3 * year).await;
        assert_eq!(start.elapsed(), 3 * year);
        time::advance(10 * year).await;
        assert!(poll_once(sleep.as_mut()).is_pending());
        assert!(panics(|| poll_once(pin!(time::advance(Duration::MAX)))));
        time::sleep(MS).await;
    });
}

#[test]
fn sends_with_a_time_limit_at_its_ends() {
    paused(async {
        use tokio::sync::mpsc::{self, error::SendTimeoutError};
        let (tx, mut rx) = mpsc::channel(1);
        tx.send_timeout(1, Duration::ZERO).await.unwrap();
        let start = Instant::now();
        assert_eq!(
            tx.send_timeout(2, 10 * MS).await,
            Err(SendTimeoutError::Timeout(2))
        );
        assert_eq!(start.elapsed(), 10 * MS);
        let mut forever = Box::pin(tx.send_timeout(3, Duration::MAX));
        assert!(poll_once(forever.as_mut()).is_pending());
        assert_eq!(rx.recv().await, Some(1));
        forever.await.unwrap();
        rx.close();
        assert_eq!(
            tx.send_timeout(4, Duration::ZERO).await,
            Err(SendTimeoutError::Closed(4))
        );
    });
}

/// Waits for deadlines that no clock reaches do not overflow.
#[test]
fn durations_without_end() {
    within(20, || {
        current().block_on(async {
            let short = tokio::time::timeout(Duration::from_millis(5), async {
                tokio::time::sleep(Duration::MAX).await
            });
            assert!(short.await.is_err());
            let done = tokio::time::timeout(Duration::MAX, async { 1 }).await;
            assert_eq!(done.unwrap(), 1);
        });
    });
}
