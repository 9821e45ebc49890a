//! The paused clock: when it stands, when it jumps, and what may move it.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use super::{MS, paused, paused_runtime};
use crate::support::waits::{panics, poll_once};
use crate::support::{current, in_own_process, multi, within};
use tokio::time::{self, Instant};

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
        assert!(panics(|| poll_once(pin!(time::advance(MS)))));
        time::pause();
    });
    within(20, || {
        assert!(panics(time::pause) && panics(time::resume));
        multi(1).block_on(async { assert!(panics(time::pause)) });
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
fn a_foreign_threads_sleep_moves_a_paused_clock_that_waits_for_nothing() {
    within(20, || {
        let runtime = paused_runtime();
        let handle = runtime.handle().clone();
        let (tx, rx) = tokio::sync::oneshot::channel();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(100 * MS); // by now the runtime waits only for the channel
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

#[cfg(feature = "test-util")]
#[test]
fn a_paused_clock_is_refused_where_it_cannot_be() {
    let mut builder = selvedge::runtime::Builder::new_multi_thread();
    builder.enable_all().start_paused(true);
    let built = thread::spawn(move || builder.build().map(drop));
    assert!(built.join().is_err());
}

/// Paused clocks are not checked before the process has paused its first one, at the runtime's start or later.
#[test]
fn the_first_clock_of_a_process_to_start_paused_stands() {
    if !in_own_process!() {
        return;
    }
    paused(async {
        let start = Instant::now();
        thread::sleep(2 * MS);
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
}

#[test]
fn the_first_clock_of_a_process_to_be_paused_stands() {
    if !in_own_process!() {
        return;
    }
    current().block_on(async {
        time::pause();
        let start = Instant::now();
        thread::sleep(2 * MS);
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
}
