//! The system refuses a thread: a blocking call is refused, and not left waiting. Row 18 of the regressions.

use crate::support::{in_own_process, within};
use crate::system::{NoThreads, STACK};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// Workers run on threads of the pool, but a blocking call cannot use those. If its thread is refused, its caller must
/// learn of that, and the call must not take the place of a worker whose thread is still starting.
#[test]
fn row18_blocking_call_is_told_when_only_workers_have_threads() {
    if !in_own_process!() {
        return;
    }
    within(60, || {
        for round in 0..30 {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .thread_stack_size(STACK)
                .enable_all()
                .build()
                .unwrap();
            if round % 2 == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            let none = NoThreads::new();
            let refused = catch_unwind(AssertUnwindSafe(|| {
                runtime.block_on(async {
                    let call = tokio::task::spawn_blocking(|| 1);
                    tokio::time::timeout(Duration::from_secs(5), call)
                        .await
                        .expect("neither run nor refused")
                })
            }));
            assert!(!matches!(refused, Ok(Ok(_))), "on whose thread?");
            drop(none);

            // Both workers are there: each of two tasks blocks until the other runs.
            let both = std::sync::Arc::new(std::sync::Barrier::new(2));
            let tasks = [(); 2].map(|()| {
                let both = both.clone();
                runtime.spawn(async move {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    both.wait();
                })
            });
            runtime.block_on(async {
                for task in tasks {
                    task.await.unwrap();
                }
                assert_eq!(tokio::task::spawn_blocking(|| 2).await.unwrap(), 2);
            });
        }
    });
}
