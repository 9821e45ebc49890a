//! Panics whose payload panics when it is dropped, wherever the runtime drops it because nothing awaits it: no thread
//! of the runtime ends, nothing hangs, and the counts of tasks stay right.

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use crate::support::{OnDrop, assert_works, both, on_both, within};
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;
use tokio::time::sleep;

/// A payload whose drop panics, with a payload that does the same, so many times.
struct Payload(u32);

impl Drop for Payload {
    fn drop(&mut self) {
        if let Some(next) = self.0.checked_sub(1) {
            panic_any(Payload(next));
        }
    }
}

/// Panics when it is dropped, with a payload that panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic_any(Payload(2));
    }
}

fn nap(runtime: &Runtime) {
    runtime.block_on(async { sleep(Duration::from_millis(10)).await });
}

/// Asserts that all workers still run, and that no task is left: if one were, this would not end.
fn assert_all_there(runtime: &Runtime) {
    assert_works(runtime);
    while runtime.metrics().num_alive_tasks() > 0 {
        nap(runtime);
    }
}

fn contained(scenario: impl Fn(&Runtime) + Send + Sync + Copy + 'static) {
    on_both(move |runtime| {
        scenario(&runtime);
        assert_all_there(&runtime);
    });
}

#[test]
fn of_an_output_nobody_wants() {
    contained(|runtime| {
        drop(runtime.spawn(async { Bomb }));
        let done = runtime.spawn(async { Bomb });
        nap(runtime);
        drop(done);
    });
}

#[test]
fn of_a_poll() {
    contained(|runtime| {
        drop(runtime.spawn(async { panic_any(Payload(2)) }));
        let done = runtime.spawn(async { panic_any(Payload(2)) });
        drop(runtime.spawn_blocking(|| panic_any(Payload(2))));
        nap(runtime);
        drop(done);
    });
}

/// The future panics, and then its field panics in a drop.
#[test]
fn of_a_poll_and_of_the_drop_after_it() {
    struct Both(#[allow(dead_code)] Bomb);
    impl Future for Both {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> std::task::Poll<()> {
            panic!("polled");
        }
    }
    contained(|runtime| {
        let error = runtime.block_on(runtime.spawn(Both(Bomb))).unwrap_err();
        assert_eq!(error.into_panic().downcast_ref(), Some(&"polled"));
    });
}

#[test]
fn of_the_drop_of_an_aborted_future() {
    contained(|runtime| {
        let [kept, detached] = [Bomb, Bomb].map(|bomb| {
            runtime.spawn(async move {
                let _bomb = bomb;
                pending::<()>().await;
            })
        });
        nap(runtime);
        kept.abort();
        detached.abort();
        drop(detached);
        // The handle has given the payload to the test, which has to drop it.
        let mut payload = runtime.block_on(kept).unwrap_err().into_panic();
        while let Err(next) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            payload = next;
        }
    });
}

#[test]
fn of_the_drop_of_a_future_at_shutdown() {
    for runtime in both() {
        within(20, move || {
            for _ in 0..3 {
                let bomb = Bomb;
                runtime.spawn(async move {
                    let _bomb = bomb;
                    pending::<()>().await;
                });
            }
            nap(&runtime);
            let metrics = runtime.metrics();
            drop(runtime);
            assert_eq!(metrics.num_alive_tasks(), 0);
        });
    }
}

#[test]
fn of_a_join_handles_waker() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic_any(Payload(2));
        }
    }
    contained(|runtime| {
        let (go, goes) = tokio::sync::oneshot::channel::<()>();
        let mut task = runtime.spawn(async { goes.await.unwrap() });
        let waker = Waker::from(Arc::new(Panics));
        let poll = Pin::new(&mut task).poll(&mut Context::from_waker(&waker));
        assert!(poll.is_pending());
        go.send(()).unwrap();
        nap(runtime);
        runtime.block_on(task).unwrap();
    });
}

#[test]
fn of_the_hooks() {
    within(20, || {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .on_thread_start(|| panic_any(Payload(2)))
            .on_thread_stop(|| panic_any(Payload(2)))
            .on_task_terminate(|_| panic_any(Payload(2)))
            .build()
            .unwrap();
        assert_all_there(&runtime);
    });
}

#[test]
fn in_a_local_set() {
    contained(|runtime| {
        let set = LocalSet::new();
        set.spawn_local(async { Bomb });
        set.spawn_local(async { panic_any(Payload(2)) });
        let bomb = Bomb;
        set.spawn_local(async move {
            let _bomb = bomb;
            pending::<()>().await;
        });
        let last = set.spawn_local(async { 5 });
        assert_eq!(runtime.block_on(set.run_until(last)).unwrap(), 5);
        drop(set);
    });
}

/// Queued closures that the shutdown drops.
#[test]
fn of_the_drop_of_a_queued_closure() {
    within(20, || {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(1)
            .build()
            .unwrap();
        let (started, starts) = mpsc::channel();
        let (go, goes) = mpsc::channel::<()>();
        runtime.spawn_blocking(move || {
            started.send(()).unwrap();
            let _ = goes.recv();
        });
        starts.recv().unwrap();
        for _ in 0..3 {
            let bomb = Bomb;
            runtime.spawn_blocking(move || {
                let _bomb = OnDrop::new(move || drop(bomb));
            });
        }
        let opens = thread::spawn(move || {
            thread::sleep(Duration::from_millis(30));
            drop(go);
        });
        drop(runtime);
        opens.join().unwrap();
    });
}

/// A task owns a runtime and panics: the drop of that runtime must not be a second panic.
#[test]
fn a_runtime_goes_while_its_owner_unwinds() {
    contained(|runtime| {
        for owned in both() {
            let task = runtime.spawn(async move {
                let _owned = owned;
                if true {
                    panic!("the owner");
                }
            });
            assert!(runtime.block_on(task).unwrap_err().is_panic());
        }
    });
}
