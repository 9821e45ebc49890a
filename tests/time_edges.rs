//! Timers at the ends of time, and away from the runtime that they belong to.

mod support;

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use support::{both, current, multi, within};
use tokio::time::{Instant, interval, sleep, sleep_until, timeout, timeout_at};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        // Ordering: SeqCst; a test's count.
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Ready,
    Pending,
    /// "... it is being shutdown."
    Shutdown,
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Outcome {
    let poll = || {
        future
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    };
    match catch_unwind(AssertUnwindSafe(poll)) {
        Ok(true) => Outcome::Ready,
        Ok(false) => Outcome::Pending,
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().copied().unwrap_or_default();
            assert!(text.ends_with("it is being shutdown."), "{text}");
            Outcome::Shutdown
        }
    }
}

#[test]
fn as_far_as_durations_go() {
    within(10, || {
        current().block_on(async {
            let most = Duration::MAX;
            let mut sleeps = pin!(sleep(most));
            assert_eq!(poll(sleeps.as_mut()), Outcome::Pending);
            let far = sleeps.deadline();
            sleeps.as_mut().reset(Instant::now());
            sleeps.as_mut().await;
            sleeps.as_mut().reset(far);
            assert!(!sleeps.is_elapsed());
            assert_eq!(poll(sleeps), Outcome::Pending);

            assert_eq!(poll(pin!(timeout(most, pending::<()>()))), Outcome::Pending);
            assert_eq!(timeout(most, async { 1 }).await, Ok(1));
            let mut ticks = interval(most);
            ticks.tick().await;
            assert_eq!(poll(pin!(ticks.tick())), Outcome::Pending);
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
            assert_eq!(poll(sleeps.as_mut()), Outcome::Ready);
            assert!(sleeps.is_elapsed());
            assert!(timeout_at(past, pending::<()>()).await.is_err());
            assert_eq!(timeout_at(past, async { 1 }).await, Ok(1));
            assert_eq!(timeout(Duration::ZERO, async { 1 }).await, Ok(1));
        });
    });
}

/// A sleep of one runtime awaited in another, then its runtime goes: the other is woken, and told.
#[test]
fn a_sleep_away_from_its_runtime() {
    for runtime in both() {
        within(10, move || {
            let other = multi(1);
            let enter = runtime.enter();
            let waits = sleep(Duration::from_secs(3600));
            let mut due = pin!(sleep(Duration::from_millis(1)));
            let mut ticks = interval(Duration::from_millis(1));
            drop(enter);
            let waiting = other.spawn(waits);
            let woken = Arc::new(Count::default());
            let waker = Waker::from(woken.clone());
            let mut moved = Box::pin({
                let _enter = runtime.enter();
                sleep(Duration::from_secs(3600))
            });
            let mut cx = Context::from_waker(&waker);
            assert_eq!(moved.as_mut().poll(&mut cx), Poll::Pending);
            // Polled elsewhere too; the last waker counts.
            assert_eq!(
                other.block_on(async { poll(moved.as_mut()) }),
                Outcome::Pending
            );
            assert_eq!(moved.as_mut().poll(&mut cx), Poll::Pending);
            let handle = runtime.handle().clone();
            std::thread::sleep(Duration::from_millis(10));
            drop(runtime);

            assert!(other.block_on(waiting).unwrap_err().is_panic());
            // Ordering: SeqCst; a test's count.
            assert_eq!(woken.0.load(Ordering::SeqCst), 1);
            for _ in 0..2 {
                assert_eq!(poll(moved.as_mut()), Outcome::Shutdown);
                assert!(moved.is_elapsed());
                moved.as_mut().reset(Instant::now());
            }
            // Due or not, what is first polled now is told.
            assert_eq!(poll(due.as_mut()), Outcome::Shutdown);
            assert_eq!(poll(pin!(ticks.tick())), Outcome::Shutdown);
            let _enter = handle.enter();
            assert_eq!(poll(pin!(sleep(Duration::ZERO))), Outcome::Shutdown);
        });
    }
}

/// Resets and the end of the sleep's runtime at the same time: whoever awaits it elsewhere comes to know.
#[test]
fn a_reset_against_the_end_of_the_runtime() {
    within(30, || {
        for round in 0..200u64 {
            let runtime = multi(1);
            let enter = runtime.enter();
            let mut sleeps = Box::pin(sleep(Duration::from_secs(3600)));
            drop(enter);
            let woken = Arc::new(Count::default());
            let waker = Waker::from(woken.clone());
            let mut cx = Context::from_waker(&waker);
            assert_eq!(sleeps.as_mut().poll(&mut cx), Poll::Pending);
            let ends = std::thread::spawn(move || drop(runtime));
            for i in 0..(round % 20) {
                sleeps
                    .as_mut()
                    .reset(Instant::now() + Duration::from_secs(1000 - i));
            }
            ends.join().unwrap();
            // Ordering: SeqCst; a test's count.
            assert_eq!(woken.0.load(Ordering::SeqCst), 1, "round {round}");
        }
    });
}
