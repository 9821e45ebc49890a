//! Scenarios of tasks, timers and threads.

use crate::{Flavor, check, panic_text, run};
use std::io;
use std::time::{Duration, Instant};
use tokio::runtime::{Handle, Runtime};
use tokio::task::{JoinError, JoinSet, block_in_place, spawn_blocking, yield_now};

/// A runtime made, used a little, and dropped.
pub fn build(flavor: Flavor) -> io::Result<()> {
    let runtime = flavor.build()?;
    let sum = runtime.block_on(async {
        let mut set = JoinSet::new();
        for n in 0..10u32 {
            set.spawn(async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                n
            });
        }
        set.join_all().await.iter().sum::<u32>()
    });
    check(sum == 45, "a task's output")
}

/// Many tasks that wait for each other.
pub fn spawn(runtime: &Runtime, _: u32) -> io::Result<()> {
    run(runtime, async {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(4);
        for n in 0..100u64 {
            let sender = sender.clone();
            tokio::spawn(async move {
                yield_now().await;
                let _ = sender.send(n).await;
            });
        }
        drop(sender);
        let mut sum = 0;
        while let Some(n) = receiver.recv().await {
            sum += n;
        }
        check(sum == 4950, "a message")
    })
}

/// Sleeps that end late enough, in the order of their deadlines.
pub fn timers(runtime: &Runtime, _: u32) -> io::Result<()> {
    run(runtime, async {
        let start = Instant::now();
        let mut set = JoinSet::new();
        for ms in [1, 5, 20] {
            set.spawn(async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                check(
                    start.elapsed() >= Duration::from_millis(ms),
                    "a sleep ended early",
                )
            });
        }
        set.join_all().await.into_iter().collect()
    })
}

/// Jobs of the blocking pool: each is run, or its caller is told.
pub fn blocking(runtime: &Runtime, _: u32) -> io::Result<()> {
    run(runtime, async {
        let jobs: Vec<_> = (0..4u32).map(|n| spawn_blocking(move || n)).collect();
        for (n, job) in jobs.into_iter().enumerate() {
            check(job.await.map_err(told)? as usize == n, "a job's output")?;
        }
        Ok(())
    })
}

/// A worker's place is handed on, and the other tasks go on: with `block_in_place`, where the flavor has it.
pub fn in_place(runtime: &Runtime, _: u32) -> io::Result<()> {
    run(runtime, async {
        let (sender, receiver) = std::sync::mpsc::channel();
        let other = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(2)).await;
            let _ = sender.send(7);
        });
        let handle = Handle::current();
        let got = block_in_place(|| {
            handle.block_on(async { tokio::time::sleep(Duration::from_millis(2)).await });
            receiver.recv_timeout(Duration::from_secs(5))
        });
        check(got == Ok(7), "a task beside the one that blocks")?;
        other.await.map_err(told)
    })
}

fn told(error: JoinError) -> io::Error {
    match error.try_into_panic() {
        Ok(payload) => io::Error::other(panic_text(&*payload)),
        Err(error) => io::Error::other(error),
    }
}
