//! The watch, the thread that finds stuck workers: it exists while a runtime is busy, and ends with the runtime. The test
//! runs in a process of its own, as it reads the list of the process's threads.

use std::time::{Duration, Instant};

use super::support::{assert_ended, in_own_process, multi, threads_named, within};

const NAME: &str = "selvedge-watch";

#[test]
fn the_watch_ends_with_its_runtime() {
    if !in_own_process!() {
        return;
    }
    within(30, || {
        for _ in 0..3 {
            let runtime = multi(2);
            runtime.block_on(async {
                let busy = tokio::spawn(async {
                    let end = Instant::now() + Duration::from_secs(20);
                    while threads_named(NAME) == 0 {
                        assert!(Instant::now() < end, "it never comes");
                        tokio::task::yield_now().await;
                    }
                });
                busy.await.unwrap();
            });
            drop(runtime);
            assert_ended(NAME);
        }
        // A single worker has no sibling to wake, so there is no watch. It would have started within this time.
        let runtime = multi(1);
        runtime.block_on(async {
            let end = Instant::now() + Duration::from_millis(30);
            let busy = tokio::spawn(async move {
                while Instant::now() < end {
                    tokio::task::yield_now().await;
                }
            });
            busy.await.unwrap();
        });
        assert_eq!(threads_named(NAME), 0);
    });
}
