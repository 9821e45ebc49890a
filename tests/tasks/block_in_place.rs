//! `block_in_place`, and threads that take over driving a runtime from each other.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::waits::{poll_with, waker_that};
use crate::support::{assert_works, current, within};
use tokio::runtime::{Builder, Handle};
use tokio::task;
use tokio::time::{sleep, timeout};

/// All threads that the pool may have are busy; tasks that block in place hand off their worker all the same.
#[test]
fn blocking_in_place_with_a_full_pool() {
    fn nested(depth: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
        Box::pin(async move {
            if depth == 0 {
                return 0;
            }
            task::block_in_place(|| {
                let inner = tokio::spawn(nested(depth - 1));
                let wait = async { timeout(Duration::from_secs(5), inner).await };
                Handle::current().block_on(wait).unwrap().unwrap() + 1
            })
        })
    }
    within(60, || {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (go, goes) = mpsc::channel::<()>();
        runtime.spawn_blocking(move || goes.recv());
        let task = runtime.spawn(nested(5));
        assert_eq!(runtime.block_on(task).unwrap(), 5);
        drop(go);
    });
}

/// Many threads are in `block_on` of one current-thread runtime; the thread that drives it leaves, also by a panic.
#[test]
fn the_driving_thread_leaves() {
    within(20, || {
        let runtime = Arc::new(current());
        let start = Instant::now();
        let threads: Vec<_> = (0..8u64)
            .map(|i| {
                let runtime = runtime.clone();
                thread::spawn(move || {
                    let result = catch_unwind(AssertUnwindSafe(|| {
                        runtime.block_on(async {
                            sleep(Duration::from_millis(20 * i)).await;
                            tokio::spawn(sleep(Duration::from_millis(10)))
                                .await
                                .unwrap();
                            assert!(i % 2 == 0, "on purpose");
                        })
                    }));
                    assert_eq!(result.is_ok(), i % 2 == 0);
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(start.elapsed() < Duration::from_secs(15));
        assert_works(&runtime);
    });
}

/// The waker of a `yield_now` is normally called after the poll; it does not wait for a `block_in_place` in that poll.
#[test]
fn what_yields_beside_it_goes_on_while_it_blocks() {
    within(20, || {
        let runtime = crate::support::multi(1);
        let task = runtime.spawn(async {
            let (woken, wakes) = mpsc::channel();
            let waker = waker_that(move || woken.send(()).unwrap());
            let mut yields = Box::pin(task::yield_now());
            assert!(poll_with(yields.as_mut(), &waker).is_pending());
            task::block_in_place(|| wakes.recv().unwrap());
        });
        runtime.block_on(task).unwrap();
    });
}
