//! Task dumps: a dump contains every task with the place where it waits, and disturbs no task.

use crate::support::within;
use selvedge::runtime::{Builder, Handle, Runtime};
use selvedge::sync::{Mutex, Notify};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

fn runtimes() -> [Runtime; 2] {
    [
        Builder::new_current_thread().enable_all().build().unwrap(),
        Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap(),
    ]
}

#[inline(never)]
async fn waits_for_the_gate(gate: Arc<Notify>) {
    gate.notified().await;
}

#[test]
fn a_dump_has_every_task_and_disturbs_none() {
    for runtime in runtimes() {
        runtime.block_on(async {
            let gate = Arc::new(Notify::new());
            let held = Arc::new(Mutex::new(0));
            let guard = held.clone().lock_owned().await;
            let mut tasks = Vec::new();
            for _ in 0..20 {
                tasks.push(selvedge::spawn(waits_for_the_gate(gate.clone())));
                let held = held.clone();
                tasks.push(selvedge::spawn(async move {
                    *held.lock().await += 1;
                }));
            }
            selvedge::time::sleep(Duration::from_millis(10)).await;
            for _ in 0..5 {
                let dump = Handle::current().dump().await;
                let ids: HashSet<_> = dump.tasks().iter().map(|task| task.id()).collect();
                assert_eq!(ids.len(), 40);
                let traces: Vec<_> = dump.tasks().iter().map(|t| t.trace().to_string()).collect();
                let at_gate = traces.iter().filter(|t| t.contains("waits_for_the_gate"));
                assert_eq!(at_gate.count(), 20);
            }
            drop(guard);
            gate.notify_waiters();
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(*held.lock().await, 20);
            assert_eq!(Handle::current().dump().await.tasks().iter().count(), 0);
        });
    }
}

#[test]
fn a_dump_that_is_given_up_leaves_nothing_behind() {
    for runtime in runtimes() {
        runtime.block_on(async {
            let gate = Arc::new(Notify::new());
            let task = selvedge::spawn(waits_for_the_gate(gate.clone()));
            selvedge::time::sleep(Duration::from_millis(5)).await;
            for _ in 0..100 {
                let handle = Handle::current();
                let _ = selvedge::time::timeout(Duration::ZERO, handle.dump()).await;
            }
            assert_eq!(Handle::current().dump().await.tasks().iter().count(), 1);
            gate.notify_one();
            task.await.unwrap();
        });
    }
}

/// Yields, but not by a leaf future of the runtime: a traced poll goes on after it.
async fn not_a_leaf() {
    let mut is_second = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut is_second, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await
}

/// A task that is polled for a dump leaves its worker by `block_in_place` and blocks on a future. That future is not stopped by the dump.
#[test]
fn a_dump_meets_tasks_that_block_in_place() {
    let [_, runtime] = runtimes();
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            runtime.spawn(async {
                for _ in 0..200 {
                    not_a_leaf().await;
                    selvedge::task::block_in_place(|| {
                        let pause =
                            async { selvedge::time::sleep(Duration::from_micros(50)).await };
                        Handle::current().block_on(pause);
                    });
                }
            })
        })
        .collect();
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        runtime.block_on(async {
            while tasks.iter().any(|task| !task.is_finished()) {
                Handle::current().dump().await;
                selvedge::time::sleep(Duration::from_micros(200)).await;
            }
        });
        done.send(()).unwrap();
    });
    is_done.recv_timeout(Duration::from_secs(30)).unwrap();
}

/// The runtime's own polls inside of a dump's poll are not stopped: of the signal pipe when a signal comes, of a set's
/// member that has ended.
#[test]
fn a_dump_meets_the_runtimes_own_polls() {
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for runtime in runtimes() {
            let tasks: Vec<_> = (0..4)
                .map(|_| {
                    runtime.spawn(async {
                        let kind = selvedge::signal::unix::SignalKind::user_defined2();
                        for _ in 0..100 {
                            not_a_leaf().await;
                            let mut signals = selvedge::signal::unix::signal(kind).unwrap();
                            // SAFETY: the signal has a handler since the line above.
                            unsafe { libc::raise(libc::SIGUSR2) };
                            signals.recv().await;
                            let mut set = selvedge::task::JoinSet::new();
                            set.spawn(async {});
                            not_a_leaf().await;
                            while set.try_join_next().is_none() {
                                not_a_leaf().await;
                            }
                        }
                    })
                })
                .collect();
            runtime.block_on(async {
                while tasks.iter().any(|task| !task.is_finished()) {
                    Handle::current().dump().await;
                    selvedge::time::sleep(Duration::from_micros(200)).await;
                }
            });
        }
        done.send(()).unwrap();
    });
    is_done.recv_timeout(Duration::from_secs(30)).unwrap();
}

/// A worker is already polling the task when the dump begins, and the task ends with that poll.
#[test]
fn a_dump_does_not_wait_for_a_task_that_ends_as_it_begins() {
    use std::future::{Future, poll_fn};
    use std::pin::pin;
    use std::sync::mpsc;

    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || {
        let [_, runtime] = runtimes();
        let (polled, is_polled) = mpsc::channel();
        let (go, goes) = mpsc::channel();
        let task = runtime.spawn(async move {
            polled.send(()).unwrap();
            goes.recv().unwrap();
        });
        is_polled.recv().unwrap();
        runtime.block_on(async {
            let handle = Handle::current();
            let mut dump = pin!(handle.dump());
            poll_fn(|cx| {
                assert!(dump.as_mut().poll(cx).is_pending());
                std::task::Poll::Ready(())
            })
            .await;
            go.send(()).unwrap();
            assert_eq!(dump.await.tasks().iter().count(), 0);
            task.await.unwrap();
        });
        done.send(()).unwrap();
    });
    is_done.recv_timeout(Duration::from_secs(30)).unwrap();
}

/// A traced future keeps what it waits for, and its turn.
#[test]
fn a_trace_takes_nothing_from_what_it_traces() {
    use selvedge::runtime::dump::Trace;
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }
    fn trace<F: Future>(future: Pin<&mut F>) {
        let (polled, trace) = Trace::capture(|| poll(future));
        assert!(polled.is_pending());
        assert_eq!(trace.resolve_backtraces().len(), 1);
    }

    let notify = Notify::new();
    notify.notify_one();
    let mut notified = pin!(notify.notified());
    trace(notified.as_mut());
    assert!(pin!(notify.notified()).enable(), "it is there still");
    trace(notified);

    let semaphore = selvedge::sync::Semaphore::new(1);
    let mut acquire = pin!(semaphore.acquire());
    trace(acquire.as_mut());
    assert_eq!(semaphore.available_permits(), 1);
    assert!(poll(acquire).is_ready());

    let mut yields = pin!(selvedge::task::yield_now());
    trace(yields.as_mut());
    assert!(poll(yields.as_mut()).is_pending());
    trace(yields.as_mut());
    assert!(poll(yields).is_ready());
}

/// Each worker wakes up for a dump and sleeps again after it, as the park hooks see. A task that is spawned later runs.
#[test]
fn a_dump_ends_the_sleep_of_each_worker() {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    within(60, || {
        for workers in [1, 2, 8] {
            let (sleeps, asleep) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let (counted, begun, ended) = (sleeps.clone(), asleep.clone(), asleep.clone());
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(workers).enable_all();
            builder.on_thread_park(move || {
                counted.fetch_add(1, Relaxed);
                begun.fetch_add(1, Relaxed);
            });
            builder.on_thread_unpark(move || {
                ended.fetch_sub(1, Relaxed);
            });
            let runtime = builder.build().unwrap();
            let all_sleep = || {
                while asleep.load(Relaxed) != workers {
                    std::thread::yield_now();
                }
            };
            all_sleep();
            let before = sleeps.load(Relaxed);
            runtime.block_on(runtime.handle().dump());
            while sleeps.load(Relaxed) < before + workers {
                std::thread::yield_now();
            }
            all_sleep();
            let task = runtime.spawn(async {});
            runtime.block_on(task).unwrap();
        }
    });
}
