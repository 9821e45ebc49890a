//! Runtimes leave nothing behind. Descriptors and threads are counted per process, so each test has a process of its own.

use crate::support::{self, in_own_process};
use std::sync::Arc;
use std::time::Duration;

fn cycles(n: usize) {
    let alive = Arc::new(());
    let round = |i: usize| {
        let runtime = if i % 4 == 0 {
            support::current()
        } else {
            support::multi(2)
        };
        let (token, blocked, asleep) = (alive.clone(), alive.clone(), alive.clone());
        runtime.block_on(async move {
            // A task that ends, one that never ends, one that sleeps, and one that is registered with the reactor.
            tokio::spawn(async move { drop(token) }).await.unwrap();
            tokio::spawn(async move {
                let _held = blocked;
                std::future::pending::<()>().await
            });
            tokio::spawn(async move {
                let _held = asleep;
                tokio::time::sleep(Duration::from_secs(600)).await
            });
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            tokio::spawn(async move { listener.accept().await.map(drop) });
            tokio::task::spawn_blocking(|| ()).await.unwrap();
        });
    };
    round(1);
    settle(1);
    let fds = support::open_fds();
    for i in 0..n {
        round(i);
    }
    let threads = settle(3);
    assert_eq!(Arc::strong_count(&alive), 1, "tasks leaked");
    assert_eq!(support::open_fds(), fds, "descriptors leaked");
    assert!(threads <= 3, "{threads} threads are left");
}

/// Waits a while for the count of threads: joined threads may stay listed for a moment.
fn settle(below: usize) -> usize {
    for _ in 0..100 {
        if support::threads() <= below {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    support::threads()
}

#[test]
fn five_hundred_runtimes_leave_nothing() {
    if !in_own_process!() {
        return;
    }
    cycles(500);
}

/// `cargo test --release --test shutdown leaves_nothing -- --ignored`
#[test]
#[ignore = "long; run it in release"]
fn ten_thousand_runtimes_leave_nothing() {
    if !in_own_process!() {
        return;
    }
    cycles(10_000);
}
