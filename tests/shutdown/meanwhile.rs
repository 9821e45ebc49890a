//! What tasks, handles and other threads do while a runtime ends.

use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use crate::support::{current, on_both};
use tokio::runtime::Handle;
use tokio::time::sleep;

/// A task that is dropped spawns a task that does the same when it is dropped, and so on.
#[test]
fn spawning_from_drops_at_shutdown_ends() {
    struct Respawn(Handle, u32);
    impl Drop for Respawn {
        fn drop(&mut self) {
            if self.1 > 0 {
                let next = Respawn(self.0.clone(), self.1 - 1);
                let join = self.0.spawn(async move {
                    let _next = next;
                    pending::<()>().await;
                });
                drop(join);
                let next = Respawn(self.0.clone(), 0);
                drop(self.0.spawn_blocking(move || drop(next)));
            }
        }
    }
    on_both(|runtime| {
        for _ in 0..10 {
            let respawn = Respawn(runtime.handle().clone(), 20);
            runtime.spawn(async move {
                let _respawn = respawn;
                pending::<()>().await;
            });
        }
        runtime.block_on(tokio::task::yield_now());
        drop(runtime);
    });
}

/// Another thread wakes and aborts tasks, and drops their handles, while the runtime ends.
#[test]
fn wakes_and_aborts_from_elsewhere_during_shutdown() {
    for _ in 0..200 {
        on_both(|runtime| {
            let wakers: Arc<Mutex<Vec<Waker>>> = Arc::default();
            let mut handles = Vec::new();
            for _ in 0..20 {
                let wakers = wakers.clone();
                handles.push(runtime.spawn(poll_fn(move |cx| {
                    wakers.lock().unwrap().push(cx.waker().clone());
                    Poll::<()>::Pending
                })));
            }
            runtime.block_on(tokio::task::yield_now());
            let other = thread::spawn(move || {
                for round in 0..50 {
                    let taken = std::mem::take(&mut *wakers.lock().unwrap());
                    taken.iter().for_each(Waker::wake_by_ref);
                    if let Some(handle) = handles.get(round) {
                        handle.abort();
                    }
                    thread::yield_now();
                }
                handles
            });
            drop(runtime);
            for handle in other.join().unwrap() {
                assert!(handle.is_finished());
            }
        });
    }
}

/// A `JoinSet` whose runtime is gone returns each task as cancelled.
#[test]
fn a_join_set_outlives_its_runtime() {
    on_both(|runtime| {
        let mut set = tokio::task::JoinSet::new();
        for _ in 0..10 {
            set.spawn_on(pending::<()>(), runtime.handle());
        }
        let handle = runtime.handle().clone();
        drop(runtime);
        set.spawn_on(pending::<()>(), &handle);
        set.spawn_blocking_on(|| (), &handle);
        let other = current();
        other.block_on(async {
            let mut count = 0;
            while let Some(result) = set.join_next().await {
                assert!(result.unwrap_err().is_cancelled());
                count += 1;
            }
            assert_eq!(count, 12);
        });
    });
}

/// `Handle::block_on` on another thread while the runtime ends.
#[test]
fn handle_block_on_elsewhere_at_shutdown() {
    on_both(|runtime| {
        let handle = runtime.handle().clone();
        let (began, begins) = mpsc::channel();
        let other = thread::spawn(move || {
            catch_unwind(AssertUnwindSafe(|| {
                handle.block_on(async {
                    let mut sleep = Box::pin(sleep(Duration::from_secs(3600)));
                    poll_fn(|cx| {
                        assert!(sleep.as_mut().poll(cx).is_pending());
                        Poll::Ready(())
                    })
                    .await;
                    began.send(()).unwrap();
                    sleep.await;
                })
            }))
            .is_err()
        });
        begins.recv().unwrap();
        drop(runtime);
        assert!(other.join().unwrap(), "not told of the shutdown");
    });
}
