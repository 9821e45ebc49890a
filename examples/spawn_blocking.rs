//! Code that blocks: `cargo run --example spawn_blocking`
//!
//! What to look at: the ticker ticks on time while eight threads of the blocking pool compute, because none
//! of them is a worker. Call `count_primes` directly in the task to see the ticks come late.

#[macro_use]
#[path = "support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use clap::Parser;
use tokio::task;

fn count_primes(below: u32) -> usize {
    (2..below)
        .filter(|n| (2..).take_while(|d| d * d <= *n).all(|d| n % d != 0))
        .count()
}

/// Computes on the blocking pool while a ticker keeps its beat.
#[derive(Parser, Debug)]
#[command(name = "spawn_blocking")]
struct Arguments {}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let Arguments {} = Arguments::parse();
    let (done, mut is_done) = tokio::sync::watch::channel(false);
    let ticker = tokio::spawn(async move {
        let mut interval = tokio::time::interval(Duration::from_millis(10));
        let mut worst = Duration::ZERO;
        interval.tick().await;
        loop {
            let asked = Instant::now();
            tokio::select! {
                _ = interval.tick() => worst = worst.max(asked.elapsed()),
                _ = is_done.changed() => break worst,
            }
        }
    });

    let calls: Vec<_> = (1..=8)
        .map(|i| task::spawn_blocking(move || count_primes(i * 20_000)))
        .collect();
    for call in calls {
        say!("{} primes", call.await.expect("blocking call"));
    }
    let _ = done.send(true);
    say!(
        "longest wait for a 10 ms tick: {:?}",
        ticker.await.expect("ticker")
    );
}
