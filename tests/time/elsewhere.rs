//! Timers used outside of their runtime: on other threads, on other runtimes, and after its end.
#![allow(clippy::async_yields_async)] // a task gives the sleep that it has polled back

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{MS, Outcome, outcome};
use crate::support::waits::{Count, panics, poll_once};
use crate::support::{both, current, multi, within};
use tokio::time::{self, Instant, interval, sleep};

/// A sleep of one runtime is awaited in another when its runtime ends: the waiting task is woken, and the poll panics.
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
            // It is polled on another runtime too; the last waker counts.
            assert_eq!(
                other.block_on(async { outcome(moved.as_mut()) }),
                Outcome::Pending
            );
            assert_eq!(moved.as_mut().poll(&mut cx), Poll::Pending);
            let handle = runtime.handle().clone();
            std::thread::sleep(Duration::from_millis(10));
            drop(runtime);

            assert!(other.block_on(waiting).unwrap_err().is_panic());
            // Ordering: SeqCst; a test's count.
            assert_eq!(woken.get(), 1);
            for _ in 0..2 {
                assert_eq!(outcome(moved.as_mut()), Outcome::Shutdown);
                assert!(moved.is_elapsed());
                moved.as_mut().reset(Instant::now());
            }
            // A timer that is first polled now panics, whether it is due or not.
            assert_eq!(outcome(due.as_mut()), Outcome::Shutdown);
            assert_eq!(outcome(pin!(ticks.tick())), Outcome::Shutdown);
            let _enter = handle.enter();
            assert_eq!(outcome(pin!(sleep(Duration::ZERO))), Outcome::Shutdown);
        });
    }
}

/// Resets race with the end of the sleep's runtime: a wait elsewhere is woken.
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
            assert_eq!(woken.get(), 1, "round {round}");
        }
    });
}

#[test]
fn a_sleep_polled_outside_or_on_another_runtime_fires_on_its_own() {
    within(20, || {
        let home = multi(1);
        let mut sleep = {
            let _inside = home.enter();
            Box::pin(time::sleep(30 * MS))
        };
        let count = Arc::new(Count::default());
        let waker = Waker::from(count.clone());
        assert!(
            sleep
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        std::thread::sleep(200 * MS);
        assert_eq!(count.get(), 1);
        let sleep = {
            let _inside = home.enter();
            Box::pin(time::sleep(30 * MS))
        };
        let away = current();
        let start = std::time::Instant::now();
        away.block_on(sleep);
        assert!(start.elapsed() >= 29 * MS);
        assert!(panics(|| drop(time::sleep(MS))), "outside of any runtime");
        let timeless = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        assert!(panics(|| timeless.block_on(async { time::sleep(MS).await })));
    });
}

#[test]
fn a_sleep_outlives_its_runtime() {
    within(20, || {
        let home = current();
        let (armed, fresh) = home.block_on(async {
            let mut armed = Box::pin(time::sleep(10_000 * MS));
            assert!(poll_once(armed.as_mut()).is_pending());
            (armed, Box::pin(time::sleep(10_000 * MS)))
        });
        let (mut armed, mut fresh) = (armed, fresh);
        drop(home);
        assert!(panics(|| poll_once(armed.as_mut())), "armed");
        assert!(panics(|| poll_once(fresh.as_mut())), "fresh");
        armed.as_mut().reset(Instant::now());
        drop((armed, fresh));
    });
}

#[test]
fn a_sleep_moves_between_workers_and_is_dropped_on_a_foreign_thread() {
    within(30, || {
        let home = multi(2);
        home.block_on(async {
            let mut sleeps = Vec::new();
            for i in 0..200u32 {
                let mut sleep = Box::pin(time::sleep((i % 20) * MS));
                sleeps.push(
                    tokio::spawn(async move {
                        let _ = poll_once(sleep.as_mut());
                        sleep
                    })
                    .await
                    .unwrap(),
                );
            }
            let (kept, dropped): (Vec<_>, Vec<_>) = sleeps
                .into_iter()
                .enumerate()
                .partition(|(i, _)| i % 2 == 0);
            std::thread::spawn(move || drop(dropped)).join().unwrap();
            for (_, sleep) in kept {
                tokio::spawn(sleep).await.unwrap();
            }
        });
    });
}

async fn time_sleep(duration: Duration) {
    time::sleep(duration).await
}

#[test]
fn a_reset_from_a_foreign_thread_wakes_the_runtime_earlier() {
    within(20, || {
        for runtime in [current(), multi(2)] {
            let handle = runtime.handle().clone();
            let sleep = {
                let _inside = handle.enter();
                Arc::new(std::sync::Mutex::new(Box::pin(time::sleep(
                    Duration::from_secs(3600),
                ))))
            };
            let mine = sleep.clone();
            let waits = runtime.spawn(std::future::poll_fn(move |cx| {
                mine.lock().unwrap().as_mut().poll(cx)
            }));
            let thread = std::thread::spawn(move || {
                std::thread::sleep(100 * MS);
                let soon = Instant::now() + 50 * MS;
                sleep.lock().unwrap().as_mut().reset(soon);
            });
            runtime.block_on(waits).unwrap();
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_sleep_in_a_task_that_is_aborted_or_in_a_runtime_that_goes() {
    within(20, || {
        for runtime in [current(), multi(2)] {
            let tasks: Vec<_> = (0..100u32)
                .map(|i| runtime.spawn(time_sleep(Duration::from_secs(3600) + i * MS)))
                .collect();
            runtime.block_on(time_sleep(5 * MS));
            for task in &tasks[..50] {
                task.abort();
            }
            // Without a limit of its own, as the machine may be slow; `within` catches a hang.
            while !tasks[..50].iter().all(|task| task.is_finished()) {
                runtime.block_on(time_sleep(MS));
            }
            assert!(!tasks[50..].iter().any(|task| task.is_finished()));
            drop(runtime);
            assert!(tasks.iter().all(|task| task.is_finished()));
        }
    });
}

/// A worker checks its own timers only before it sleeps, so a timer that another thread polls must not be among them.
#[test]
fn a_sleep_made_on_a_worker_that_sleeps_fires_for_another_thread() {
    within(20, || {
        let home = multi(1);
        let made = home.spawn(async { Box::pin(time::sleep(300 * MS)) });
        let sleep = home.block_on(made).unwrap();
        // The worker has nothing to do by now.
        std::thread::sleep(100 * MS);
        home.block_on(sleep);
    });
}
