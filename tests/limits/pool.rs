//! A blocking pool with one thread, and one that gets no thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::support::within;
use tokio::runtime::Builder;

/// The system refuses every thread: the caller gets an error or a panic, and the runtime works on.
#[test]
fn thread_limit_of_the_blocking_pool() {
    within(20, || {
        // The stack is larger than any address space.
        let runtime = Builder::new_current_thread()
            .thread_stack_size(usize::MAX / 4 * 3)
            .enable_all()
            .build()
            .unwrap();
        let refused = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async { tokio::task::spawn_blocking(|| 1).await })
        }));
        assert!(!matches!(refused, Ok(Ok(_))), "the thread was started?");
        runtime.block_on(async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            tokio::spawn(async {}).await.unwrap();
        });
    });
}

#[test]
fn blocking_pool_of_one_thread_runs_everything() {
    within(20, || {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(1)
            .build()
            .unwrap();
        runtime.block_on(async {
            let calls: Vec<_> = (0..1000)
                .map(|i| tokio::task::spawn_blocking(move || i))
                .collect();
            for (i, call) in calls.into_iter().enumerate() {
                assert_eq!(call.await.unwrap(), i);
            }
        });
    });
}
