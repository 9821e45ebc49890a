//! Scenarios a review of the timers asked about: far futures, the past, runtimes that are not the timer's
//! own, shutdown, panicking wakers, and the paused clock.

#![cfg(feature = "test-util")]
#![allow(clippy::async_yields_async)] // a task gives the sleep that it has polled back

mod support;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use support::{current, multi, within};
use tokio::time::{self, Instant, MissedTickBehavior};

const MS: Duration = Duration::from_millis(1);

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn panics<R>(f: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(f)).is_err()
}

fn paused<F>(future: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    within(20, move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(future)
    })
}

#[test]
fn a_resumed_clock_goes_on_from_where_it_stood() {
    paused(async {
        let start = Instant::now();
        std::thread::sleep(200 * MS);
        assert_eq!(start.elapsed(), Duration::ZERO);
        time::resume();
        assert!(start.elapsed() < 100 * MS, "{:?}", start.elapsed());
        time::pause();
        let stood = start.elapsed();
        time::advance(1000 * MS).await;
        time::resume();
        assert!(start.elapsed() < stood + 1100 * MS);
        assert!(start.elapsed() >= stood + 1000 * MS);
        let before = std::time::Instant::now();
        time::sleep(20 * MS).await;
        assert!(before.elapsed() >= 19 * MS && before.elapsed() < 500 * MS);
    });
}

#[test]
fn pausing_and_resuming_twice_panic() {
    paused(async {
        assert!(panics(time::pause));
        time::resume();
        assert!(panics(time::resume));
        assert!(panics(|| poll(pin!(time::advance(MS)))));
        time::pause();
    });
    within(20, || {
        assert!(panics(time::pause) && panics(time::resume));
        multi(1).block_on(async { assert!(panics(time::pause)) });
    });
}

#[test]
fn far_futures_are_neither_an_overflow_nor_now() {
    paused(async {
        assert!(time::timeout(Duration::MAX, async { 1 }).await.is_ok());
        assert!(poll(pin!(time::sleep(Duration::MAX))).is_pending());
        let far = Instant::now() + Duration::from_secs(86_400 * 365 * 1000);
        let mut sleep = pin!(time::sleep_until(far));
        assert!(poll(sleep.as_mut()).is_pending());
        let mut interval = time::interval_at(far, Duration::MAX);
        assert!(poll(pin!(interval.tick())).is_pending());
        let mut interval = time::interval(Duration::MAX);
        interval.tick().await;
        assert!(poll(pin!(interval.tick())).is_pending());
        interval.reset();
        assert!(poll(pin!(interval.tick())).is_pending());
        interval.reset_after(Duration::MAX);
        assert!(poll(pin!(interval.tick())).is_pending());
        let year = Duration::from_secs(86_400 * 365);
        let start = Instant::now();
        time::sleep(3 * year).await;
        assert_eq!(start.elapsed(), 3 * year);
        time::advance(10 * year).await;
        assert!(poll(sleep.as_mut()).is_pending());
        assert!(panics(|| poll(pin!(time::advance(Duration::MAX)))));
        time::sleep(MS).await;
    });
}

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
        assert_eq!(count.0.load(SeqCst), 1);
        assert!(sleep.is_elapsed());
        assert!(poll(sleep.as_mut()).is_ready());
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
        assert!(poll(sleep.as_mut()).is_pending());
        time::advance(20 * MS).await;
        sleep.as_mut().reset(start + 50 * MS);
        assert!(poll(sleep.as_mut()).is_pending());
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
        assert!(poll(pin!(interval.tick())).is_pending());
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
fn advance_stops_at_no_deadline_but_sleeps_see_their_own() {
    paused(async {
        let start = Instant::now();
        let seen = tokio::spawn(async move {
            time::sleep(5 * MS).await;
            start.elapsed()
        });
        tokio::task::yield_now().await;
        time::advance(100 * MS).await;
        assert_eq!(start.elapsed(), 100 * MS);
        assert_eq!(seen.await.unwrap(), 100 * MS);
        time::advance(Duration::ZERO).await;
        time::advance(Duration::from_micros(1500)).await;
        time::sleep(MS).await;
        assert!(start.elapsed() >= Duration::from_micros(102_500));
    });
}

#[test]
fn a_blocking_closure_holds_the_paused_clock() {
    paused(async {
        let start = Instant::now();
        let closure = tokio::task::spawn_blocking(|| std::thread::sleep(50 * MS));
        let sleep = time::sleep(Duration::from_secs(60));
        tokio::select! {
            biased;
            done = closure => done.unwrap(),
            () = sleep => panic!("advanced under a blocking closure"),
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        time::sleep(Duration::from_secs(60)).await;
        assert_eq!(start.elapsed(), Duration::from_secs(60));
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
        assert_eq!(count.0.load(SeqCst), 1);
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
            assert!(poll(armed.as_mut()).is_pending());
            (armed, Box::pin(time::sleep(10_000 * MS)))
        });
        let (mut armed, mut fresh) = (armed, fresh);
        drop(home);
        assert!(panics(|| poll(armed.as_mut())), "armed");
        assert!(panics(|| poll(fresh.as_mut())), "fresh");
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
                        let _ = poll(sleep.as_mut());
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
        // Whether the panic comes out here is the runtime's choice; that it works afterwards is not.
        let _ = panics(|| {
            runtime.block_on(async { time::sleep_until(Instant::from_std(at + 20 * MS)).await })
        });
        runtime.block_on(async { time::sleep(20 * MS).await });
        assert!(sleeps.iter().all(|sleep| sleep.is_elapsed()));
        assert_eq!(count.0.load(SeqCst), 99);
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

fn paused_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}

#[test]
fn a_foreign_threads_sleep_moves_a_paused_clock_that_waits_for_nothing() {
    within(20, || {
        let runtime = paused_runtime();
        let handle = runtime.handle().clone();
        let (tx, rx) = tokio::sync::oneshot::channel();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(100 * MS); // by now the runtime waits for the channel alone
            handle.block_on(time_sleep(Duration::from_secs(60)));
            tx.send(()).unwrap();
        });
        let start = std::time::Instant::now();
        runtime.block_on(rx).unwrap();
        thread.join().unwrap();
        assert!(start.elapsed() < Duration::from_secs(10));
    });
}

#[test]
fn a_clock_resumed_from_a_foreign_thread_serves_its_sleep() {
    within(20, || {
        let runtime = paused_runtime();
        let handle = runtime.handle().clone();
        let (tx, rx) = tokio::sync::oneshot::channel();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(100 * MS);
            {
                let _inside = handle.enter();
                time::resume();
            }
            handle.block_on(time_sleep(20 * MS));
            tx.send(()).unwrap();
        });
        runtime.block_on(rx).unwrap();
        thread.join().unwrap();
    });
}

#[test]
fn a_clock_paused_or_resumed_by_a_foreign_thread_while_the_runtime_sleeps() {
    within(20, || {
        let runtime = current();
        let handle = runtime.handle().clone();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(50 * MS);
            let _inside = handle.enter();
            time::pause();
        });
        let start = std::time::Instant::now();
        runtime.block_on(time_sleep(300 * MS));
        assert!(start.elapsed() < 2000 * MS);
        thread.join().unwrap();

        let runtime = paused_runtime();
        let handle = runtime.handle().clone();
        let held = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
        let release = held.clone();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(50 * MS);
            {
                let _inside = handle.enter();
                time::resume();
            }
            std::thread::sleep(50 * MS);
            release.store(false, SeqCst);
        });
        runtime.block_on(async {
            let blocking = tokio::task::spawn_blocking(move || {
                while held.load(SeqCst) {
                    std::thread::sleep(MS);
                }
            });
            time::sleep(200 * MS).await;
            blocking.await.unwrap();
        });
        thread.join().unwrap();
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
            runtime.block_on(time_sleep(5 * MS));
            assert!(tasks[..50].iter().all(|task| task.is_finished()));
            drop(runtime);
            assert!(tasks.iter().all(|task| task.is_finished()));
        }
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
        assert!(poll(pin!(interval.tick())).is_pending());
    });
}

#[test]
fn a_paused_clock_moves_for_each_of_many_sleepers_in_order() {
    paused(async {
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        let tasks: Vec<_> = [70u32, 3, 5000, 64, 4096, 4097, 63, 1, 300_000]
            .into_iter()
            .map(|ms| {
                let order = order.clone();
                tokio::spawn(async move {
                    let start = Instant::now();
                    time::sleep(ms * MS).await;
                    assert_eq!(start.elapsed(), ms * MS);
                    order.lock().unwrap().push(ms);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let seen = order.lock().unwrap().clone();
        assert!(seen.is_sorted(), "{seen:?}");
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
        assert!(poll(forever.as_mut()).is_pending());
        assert_eq!(rx.recv().await, Some(1));
        forever.await.unwrap();
        rx.close();
        assert_eq!(
            tx.send_timeout(4, Duration::ZERO).await,
            Err(SendTimeoutError::Closed(4))
        );
    });
}
