//! Deadlines: `cargo run --example timeouts`
//!
//! What to look at: a timeout that drops the late future (see the guard's message), a deadline shared by
//! several steps, and an interval that skips missed ticks, as its `MissedTickBehavior` says.

#[macro_use]
#[path = "support/mod.rs"]
mod support;

use std::time::Duration;

use clap::Parser;
use tokio::time::{self, Instant, MissedTickBehavior};

struct Guard(&'static str);

impl Drop for Guard {
    fn drop(&mut self) {
        say!("  {} dropped", self.0);
    }
}

async fn step(name: &'static str, millis: u64) -> &'static str {
    let _guard = Guard(name);
    time::sleep(Duration::from_millis(millis)).await;
    name
}

/// Gives up on what takes too long, in three ways.
#[derive(Parser, Debug)]
#[command(name = "timeouts")]
struct Arguments {}

#[tokio::main]
async fn main() {
    let Arguments {} = Arguments::parse();
    say!("a timeout per step:");
    for (name, millis) in [("quick", 10), ("slow", 500)] {
        match time::timeout(Duration::from_millis(50), step(name, millis)).await {
            Ok(name) => say!("{name} was in time"),
            Err(error) => say!("{name}: {error}"),
        }
    }

    say!("one deadline for all:");
    let deadline = Instant::now() + Duration::from_millis(100);
    for name in ["first", "second", "third"] {
        match time::timeout_at(deadline, step(name, 40)).await {
            Ok(name) => say!("{name} was in time"),
            Err(_) => say!("{name} came too late"),
        }
    }

    say!("an interval of 10 ms whose user took 35 ms once:");
    let mut interval = time::interval(Duration::from_millis(10));
    interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let start = interval.tick().await;
    for round in 0..4 {
        if round == 0 {
            time::sleep(Duration::from_millis(35)).await;
        }
        let due = interval.tick().await;
        say!("  tick due at {:?}", due - start);
    }
}
