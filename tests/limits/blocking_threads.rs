//! The blocking pool's limits: `max_blocking_threads` and the keep-alive.

use super::support::within;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::{block_in_place, spawn_blocking};

fn runtime(workers: usize, cap: usize, keep_alive: Duration) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(workers)
        .max_blocking_threads(cap)
        .thread_keep_alive(keep_alive)
        .enable_all()
        .build()
        .unwrap()
}

const LONG: Duration = Duration::from_secs(1000);

/// Counts how many closures run at once.
#[derive(Clone, Default)]
struct Gauge(Arc<(AtomicUsize, AtomicUsize)>);

impl Gauge {
    fn during<R>(&self, f: impl FnOnce() -> R) -> R {
        let now = self.0.0.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.1.fetch_max(now, Ordering::SeqCst);
        let result = f();
        self.0.0.fetch_sub(1, Ordering::SeqCst);
        result
    }

    fn most(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

/// Makes `n` threads that were workers: `n` tasks are in `block_in_place` at the same time, then all return.
fn make_former_workers(runtime: &Runtime, n: usize) {
    let all = Arc::new(Barrier::new(n));
    let tasks: Vec<_> = (0..n)
        .map(|_| {
            let all = all.clone();
            runtime.spawn(async move { block_in_place(|| all.wait()) })
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn former_workers_keep_to_the_cap() {
    within(120, || {
        for (workers, cap) in [(1, 1), (1, 3), (3, 2)] {
            let runtime = runtime(workers, cap, LONG);
            for _ in 0..3 {
                make_former_workers(&runtime, 8);
                let gauge = Gauge::default();
                let calls: Vec<_> = (0..8)
                    .map(|_| {
                        let gauge = gauge.clone();
                        let sleep = || std::thread::sleep(Duration::from_millis(20));
                        runtime.spawn_blocking(move || gauge.during(sleep))
                    })
                    .collect();
                runtime.block_on(async {
                    for call in calls {
                        call.await.unwrap();
                    }
                });
                assert!(gauge.most() <= cap, "{} at once, cap {cap}", gauge.most());
            }
        }
    });
}

/// Workers are handed off and come back while closures run.
#[test]
fn the_cap_holds_while_workers_are_handed_off() {
    within(120, || {
        let runtime = runtime(2, 2, LONG);
        let gauge = Gauge::default();
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let gauge = gauge.clone();
                runtime.spawn(async move {
                    for _ in 0..50 {
                        block_in_place(|| std::thread::sleep(Duration::from_micros(200)));
                        let gauge = gauge.clone();
                        let nap = || std::thread::sleep(Duration::from_micros(300));
                        let call = spawn_blocking(move || gauge.during(nap));
                        tokio::task::yield_now().await;
                        call.await.unwrap();
                    }
                })
            })
            .collect();
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert!(gauge.most() <= 2, "{}", gauge.most());
    });
}

#[test]
fn a_closure_that_spawns_another_needs_no_second_thread() {
    within(60, || {
        let runtime = runtime(1, 1, LONG);
        let last = runtime.block_on(async {
            let first = spawn_blocking(|| spawn_blocking(|| spawn_blocking(|| 7)));
            first.await.unwrap().await.unwrap().await.unwrap()
        });
        assert_eq!(last, 7);
        assert_eq!(runtime.metrics().num_blocking_threads(), 1);
    });
}

#[test]
fn closures_run_in_the_order_in_which_they_came() {
    within(60, || {
        let runtime = runtime(1, 1, LONG);
        make_former_workers(&runtime, 4);
        let (tell, told) = mpsc::channel();
        for n in 0..200 {
            let tell = tell.clone();
            runtime.spawn_blocking(move || tell.send(n).unwrap());
        }
        drop(tell);
        assert!(told.iter().eq(0..200));
    });
}

/// At shutdown, waiting closures are cancelled at once, not when the running closure ends.
#[test]
fn shutdown_cancels_what_waits_and_keeps_to_the_cap() {
    within(60, || {
        let runtime = runtime(1, 1, LONG);
        make_former_workers(&runtime, 4);
        let (go, wait) = mpsc::channel::<()>();
        let (tell, started) = mpsc::channel();
        let running = runtime.spawn_blocking(move || {
            tell.send(()).unwrap();
            wait.recv().unwrap();
        });
        started.recv().unwrap();
        let waiting: Vec<_> = (0..10).map(|_| runtime.spawn_blocking(|| ())).collect();
        runtime.shutdown_background();
        let outside = Builder::new_current_thread().build().unwrap();
        outside.block_on(async {
            for call in waiting {
                assert!(call.await.unwrap_err().is_cancelled());
            }
            go.send(()).unwrap();
            running.await.unwrap();
        });
    });
}

/// A burst makes threads; later work for one thread keeps one alive, and lets the others end.
#[test]
fn threads_that_a_burst_made_go_while_work_goes_on() {
    within(120, || {
        let runtime = runtime(1, 64, Duration::from_millis(300));
        let all = Arc::new(Barrier::new(30));
        let burst: Vec<_> = (0..30)
            .map(|_| {
                let all = all.clone();
                runtime.spawn_blocking(move || all.wait())
            })
            .collect();
        runtime.block_on(async {
            for call in burst {
                call.await.unwrap();
            }
            assert!(runtime.metrics().num_blocking_threads() >= 30);
            // One closure at a time, on and on: if any idle thread could take it, no thread's keep-alive would end.
            while runtime.metrics().num_blocking_threads() > 3 {
                spawn_blocking(|| ()).await.unwrap();
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
    });
}

#[test]
fn a_keep_alive_of_nothing_leaves_nothing_behind() {
    within(120, || {
        let runtime = runtime(1, 4, Duration::ZERO);
        runtime.block_on(async {
            for n in 0..500 {
                assert_eq!(spawn_blocking(move || n).await.unwrap(), n);
            }
            while runtime.metrics().num_blocking_threads() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    });
}
