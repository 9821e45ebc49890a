//! A runtime that is dropped on its own threads, or in unusual places.

use std::cell::RefCell;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use crate::support::{OnDrop, both, current, multi, on_both, panic_message, within};
use tokio::runtime::Runtime;

/// The last reference to a runtime is dropped by one of its own blocking threads.
#[test]
fn dropped_by_its_own_blocking_thread() {
    on_both(|runtime| {
        let runtime = Arc::new(runtime);
        let (done, is_done) = mpsc::channel();
        let own = runtime.clone();
        let gate = Arc::new(std::sync::Barrier::new(2));
        let gate2 = gate.clone();
        runtime.spawn_blocking(move || {
            gate2.wait();
            drop(own);
            done.send(()).unwrap();
        });
        drop(runtime);
        gate.wait();
        is_done.recv().unwrap();
    });
}

#[test]
fn dropped_in_block_in_place_of_its_own_task() {
    within(20, || {
        let runtime = Arc::new(multi(2));
        let (done, is_done) = mpsc::channel();
        let gate = Arc::new(std::sync::Barrier::new(2));
        let (own, gate2) = (runtime.clone(), gate.clone());
        runtime.spawn(async move {
            tokio::task::block_in_place(|| {
                gate2.wait();
                drop(own);
                done.send(()).unwrap();
            });
        });
        drop(runtime);
        gate.wait();
        is_done.recv().unwrap();
    });
}

thread_local! {
    static KEPT: RefCell<Option<Runtime>> = const { RefCell::new(None) };
}

/// A runtime in a thread-local ends with its thread, after the runtime's own thread-locals, with tasks in its queue.
#[test]
fn dropped_by_a_thread_local_with_tasks_in_its_queue() {
    for runtime in both() {
        within(20, move || {
            let dropped = Arc::new(AtomicUsize::new(0));
            let count = dropped.clone();
            thread::spawn(move || {
                KEPT.with(|kept| {
                    *kept.borrow_mut() = Some(runtime);
                    let kept = kept.borrow();
                    let runtime = kept.as_ref().unwrap();
                    runtime.block_on(async {});
                    for _ in 0..100 {
                        let count = count.clone();
                        let on_drop = OnDrop::new(move || {
                            // Ordering: Relaxed; counted before the thread is joined.
                            count.fetch_add(1, Ordering::Relaxed);
                        });
                        runtime.spawn(async move {
                            let _on_drop = on_drop;
                            pending::<()>().await;
                        });
                    }
                });
            })
            .join()
            .unwrap();
            // Ordering: Relaxed; the thread was joined.
            assert_eq!(dropped.load(Ordering::Relaxed), 100);
        });
    }
}

/// `shutdown_timeout` where blocking is not allowed.
#[test]
fn shutdown_timeout_inside_of_a_task() {
    within(20, || {
        let (outer, inner) = (current(), multi(1));
        let (began, begins) = mpsc::channel();
        let (end, ends) = mpsc::channel::<()>();
        inner.spawn_blocking(move || {
            began.send(()).unwrap();
            let _ = ends.recv();
        });
        begins.recv().unwrap();
        let result = catch_unwind(AssertUnwindSafe(|| {
            outer.block_on(async move { inner.shutdown_timeout(Duration::from_millis(50)) })
        }));
        drop(end);
        assert!(result.is_err());
    });
}

#[test]
fn runtime_dropped_inside_async() {
    let message = panic_message(|| current().block_on(async { drop(multi(1)) }));
    assert!(message.contains("Cannot drop a runtime"), "{message}");
    assert!(message.contains("`shutdown_background`"), "{message}");
}
