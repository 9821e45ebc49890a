//! What starts and stops: child processes and runtimes themselves.

use std::time::{Duration, Instant};

use super::rt;
use rt::runtime::Runtime;

/// Starts `true` and awaits its exit.
pub fn process(runtime: &Runtime, n: u64) -> Duration {
    runtime.block_on(async move {
        let start = Instant::now();
        for _ in 0..n {
            assert!(
                rt::process::Command::new("true")
                    .status()
                    .await
                    .unwrap()
                    .success()
            );
        }
        start.elapsed()
    })
}

/// A runtime with two workers is built, runs one task and is dropped.
pub fn create_drop(_: &Runtime, n: u64) -> Duration {
    let start = Instant::now();
    for _ in 0..n {
        let runtime = super::runtime(crate::Flavor::Multi(2));
        runtime.block_on(async { rt::spawn(async {}).await.unwrap() });
    }
    start.elapsed()
}
