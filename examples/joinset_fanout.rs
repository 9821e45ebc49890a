//! Fan out, fan in: `cargo run --example joinset_fanout`
//!
//! What to look at: results come in the order in which the tasks end, one task's panic is an `Err` for that task
//! alone, and dropping the set at the end of the scope aborts the tasks that still run.

#[macro_use]
#[path = "support/mod.rs"]
mod support;

use std::time::Duration;

use clap::Parser;
use tokio::task::JoinSet;

/// Fans out to tasks and takes their results as they are ready.
#[derive(Parser, Debug)]
#[command(name = "joinset_fanout")]
struct Arguments {}

#[tokio::main]
async fn main() {
    let Arguments {} = Arguments::parse();
    let mut set = JoinSet::new();
    for i in 0..8u64 {
        set.spawn(async move {
            tokio::time::sleep(Duration::from_millis(10 * (8 - i))).await;
            assert_ne!(i, 5, "five is unlucky");
            i * i
        });
    }
    set.spawn(std::future::pending());

    for _ in 0..8 {
        match set.join_next().await {
            Some(Ok(square)) => say!("got {square}"),
            Some(Err(error)) if error.is_panic() => say!("one task panicked: {error}"),
            Some(Err(error)) => say!("one task was cancelled: {error}"),
            None => break,
        }
    }
    say!(
        "{} still running, aborted when the set is dropped",
        set.len()
    );
}
