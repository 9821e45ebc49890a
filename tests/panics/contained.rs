//! Panics of user code affect only the task that they are in.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use crate::support::{OnDrop, assert_works, on_both, within};
use tokio::runtime::{Builder, Runtime};

/// Runs the scenario on both kinds of runtime; afterwards the runtime must still work.
fn contained(scenario: impl Fn(&Runtime) + Send + Sync + Copy + 'static) {
    on_both(move |runtime| {
        scenario(&runtime);
        assert_works(&runtime);
    });
}

#[test]
fn in_a_poll() {
    contained(|runtime| {
        let error =
            runtime.block_on(async { tokio::spawn(async { panic!("poll") }).await.unwrap_err() });
        assert!(error.is_panic());
        assert_eq!(*error.into_panic().downcast_ref::<&str>().unwrap(), "poll");
    });
}

#[test]
fn in_the_main_future() {
    contained(|runtime| {
        assert!(
            catch_unwind(AssertUnwindSafe(
                || runtime.block_on(async { panic!("main") })
            ))
            .is_err()
        );
    });
}

#[test]
fn in_the_drop_of_an_aborted_future() {
    contained(|runtime| {
        runtime.block_on(async {
            let task = tokio::spawn(async {
                let _guard = OnDrop::new(|| panic!("drop of the future"));
                std::future::pending::<()>().await
            });
            tokio::task::yield_now().await;
            task.abort();
            assert!(task.await.is_err());
        });
    });
}

#[test]
fn in_the_drop_of_an_output_nobody_wants() {
    contained(|runtime| {
        runtime.block_on(async {
            drop(tokio::spawn(async {
                OnDrop::new(|| panic!("drop of the output"))
            }));
            tokio::time::sleep(Duration::from_millis(5)).await;
        });
    });
}

#[test]
fn in_a_blocking_call() {
    contained(|runtime| {
        for _ in 0..20 {
            let error = runtime.block_on(async {
                tokio::task::spawn_blocking(|| panic!("blocking"))
                    .await
                    .unwrap_err()
            });
            assert!(error.is_panic());
        }
    });
}

struct Rude;

impl Wake for Rude {
    fn wake(self: Arc<Self>) {
        panic!("waker")
    }
}

#[test]
fn in_a_join_waker() {
    contained(|runtime| {
        runtime.block_on(async {
            let (go, goes) = tokio::sync::oneshot::channel::<()>();
            let mut task = tokio::spawn(async { goes.await.unwrap() });
            let waker = Waker::from(Arc::new(Rude));
            assert!(
                std::pin::Pin::new(&mut task)
                    .poll(&mut Context::from_waker(&waker))
                    .is_pending()
            );
            go.send(()).unwrap();
            while !task.is_finished() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    });
}

#[test]
fn in_a_notify_waker() {
    contained(|runtime| {
        runtime.block_on(async {
            let notify = tokio::sync::Notify::new();
            let waker = Waker::from(Arc::new(Rude));
            let mut rude = std::pin::pin!(notify.notified());
            assert!(
                rude.as_mut()
                    .poll(&mut Context::from_waker(&waker))
                    .is_pending()
            );
            assert!(catch_unwind(AssertUnwindSafe(|| notify.notify_waiters())).is_err());
            assert!(matches!(
                rude.poll(&mut Context::from_waker(Waker::noop())),
                Poll::Ready(())
            ));
            notify.notify_one();
            notify.notified().await;
        });
    });
}

#[test]
fn in_a_thread_hook_of_the_blocking_pool() {
    within(30, || {
        let starts = Arc::new(AtomicUsize::new(0));
        let seen = starts.clone();
        let runtime = Builder::new_current_thread()
            .enable_all()
            .on_thread_stop(move || {
                // Ordering: Relaxed; a counter.
                seen.fetch_add(1, Ordering::Relaxed);
                panic!("hook")
            })
            .thread_keep_alive(Duration::from_millis(5))
            .build()
            .unwrap();
        for _ in 0..3 {
            runtime.block_on(async {
                tokio::task::spawn_blocking(|| ()).await.unwrap();
                tokio::time::sleep(Duration::from_millis(40)).await;
            });
        }
        assert_works(&runtime);
        drop(runtime);
        // Ordering: Relaxed; the runtime is gone.
        assert!(starts.load(Ordering::Relaxed) > 0);
    });
}

#[test]
fn many_at_once_while_others_work() {
    contained(|runtime| {
        runtime.block_on(async {
            let mut set = tokio::task::JoinSet::new();
            for i in 0..200 {
                set.spawn(async move {
                    tokio::task::yield_now().await;
                    assert!(i % 2 == 0, "odd");
                });
            }
            let (mut fine, mut bad) = (0, 0);
            while let Some(result) = set.join_next().await {
                if result.is_ok() { fine += 1 } else { bad += 1 }
            }
            assert_eq!((fine, bad), (100, 100));
        });
    });
}
