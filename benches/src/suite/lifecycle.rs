//! Starts and stops: of child processes and of runtimes.

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

/// Four children at a time; each writes to a pipe, which is read to the end.
pub fn process_output(runtime: &Runtime, n: u64) -> Duration {
    runtime.block_on(async move {
        let start = Instant::now();
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                rt::spawn(async move {
                    for _ in 0..n.div_ceil(4) {
                        let output = rt::process::Command::new("echo")
                            .arg("text")
                            .output()
                            .await
                            .unwrap();
                        assert_eq!(output.stdout, b"text\n");
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

/// A runtime with two workers is built, runs one task and is dropped.
pub fn create_drop(_: &Runtime, n: u64) -> Duration {
    let start = Instant::now();
    for _ in 0..n {
        let runtime = super::runtime(crate::Flavor::Multi(2));
        runtime.block_on(async { rt::spawn(async {}).await.unwrap() });
    }
    start.elapsed()
}
