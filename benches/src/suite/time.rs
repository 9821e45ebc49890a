//! Timers: the common case (a timeout that is armed and then dropped), and many that fire.

use std::time::{Duration, Instant};

use super::rt;
use rt::runtime::Runtime;

/// One task arms and cancels.
pub fn timeouts_one_task(runtime: &Runtime, n: u64) -> Duration {
    timeouts(runtime, n, 1)
}

/// Four tasks per worker arm and cancel.
pub fn timeouts_every_worker(runtime: &Runtime, n: u64) -> Duration {
    timeouts(runtime, n, 4 * crate::all_workers() as u64)
}

fn timeouts(runtime: &Runtime, n: u64, tasks: u64) -> Duration {
    runtime.block_on(async move {
        let start = Instant::now();
        let tasks: Vec<_> = (0..tasks)
            .map(|i| {
                rt::spawn(async move {
                    for _ in 0..n.div_ceil(tasks) {
                        // The inner future is pending once, so that the timer really is registered.
                        rt::time::timeout(Duration::from_secs(30 + i), rt::task::yield_now())
                            .await
                            .unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        start.elapsed()
    })
}

/// An iteration is 10,000 tasks that each sleep 1 to 10 ms; the ideal is 10 ms plus a tick.
pub fn many_sleeps(runtime: &Runtime, n: u64) -> Duration {
    runtime.block_on(async move {
        let start = Instant::now();
        for _ in 0..n {
            let tasks: Vec<_> = (0..10_000u64)
                .map(|i| rt::spawn(rt::time::sleep(Duration::from_millis(1 + i % 10))))
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        }
        start.elapsed()
    })
}
