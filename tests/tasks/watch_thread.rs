//! The thread that finds stuck workers: there while a runtime is busy, and gone with it. The test is a process of its own,
//! whose threads it looks at.

use std::time::{Duration, Instant};

use super::support::{in_own_process, multi, within};

fn watches() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.trim() == "selvedge-watch").count()
}

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
                    while watches() == 0 {
                        assert!(Instant::now() < end, "it never comes");
                        tokio::task::yield_now().await;
                    }
                });
                busy.await.unwrap();
            });
            drop(runtime);
            assert_eq!(watches(), 0);
        }
        // One worker has no sibling to be woken. The watch would have come by then.
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
        assert_eq!(watches(), 0);
    });
}
