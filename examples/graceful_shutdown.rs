//! Graceful shutdown: `cargo run --example graceful_shutdown` (stops at Ctrl-C, or by itself after a second)
//!
//! What to look at: a watch channel tells all tasks to stop, each task finishes its piece of work, the `JoinSet` shows
//! when all have ended, a deadline bounds that wait, and `shutdown_timeout` bounds the wait for a blocked pool thread.

#[macro_use]
#[path = "support/mod.rs"]
mod support;

use std::time::Duration;

use clap::Parser;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time;

/// Stops tasks in order: at Ctrl-C, or by itself after a second.
#[derive(Parser, Debug)]
#[command(name = "graceful_shutdown")]
struct Arguments {}

fn main() -> std::io::Result<()> {
    let Arguments {} = Arguments::parse();
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let (stop, stopping) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for id in 0..4 {
            tasks.spawn(worker(id, stopping.clone()));
        }
        // This task never stops by itself: the deadline below is for it.
        tasks.spawn(std::future::pending());

        tokio::select! {
            _ = tokio::signal::ctrl_c() => say!("interrupted"),
            () = time::sleep(Duration::from_secs(1)) => say!("time is up"),
        }
        let _ = stop.send(true);
        let drained = time::timeout(Duration::from_millis(300), async {
            while tasks.join_next().await.is_some() {}
        });
        if drained.await.is_err() {
            say!("{} task did not stop in time, aborting it", tasks.len());
            tasks.shutdown().await;
        }
        tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_secs(60)));
    });
    // The call above still blocks its thread; do not wait a minute for it.
    runtime.shutdown_timeout(Duration::from_millis(100));
    say!("done");
    Ok(())
}

async fn worker(id: u32, mut stopping: watch::Receiver<bool>) {
    let mut pieces = 0;
    while !*stopping.borrow_and_update() {
        time::sleep(Duration::from_millis(20 + 10 * u64::from(id))).await;
        pieces += 1;
    }
    say!("worker {id} stopped after {pieces} pieces");
}
