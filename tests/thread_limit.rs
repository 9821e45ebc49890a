//! The system refuses a thread: no blocking call is left without one. A binary of its own, because the limit on
//! address space is the process's. Row 18 of the regressions.

#![cfg(target_os = "linux")]

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// The soft limit on address space becomes what is in use and `spare` bytes; gives the old one.
fn limit_address_space(to: u64) -> u64 {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is valid.
    let mut result = unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut limit) };
    let old = std::mem::replace(&mut limit.rlim_cur, to);
    // SAFETY: as above.
    result |= unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) };
    assert_eq!(result, 0);
    old
}

fn address_space() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').next().unwrap().parse::<u64>().unwrap() * 4096
}

/// Workers live on threads of the pool, but no blocking call can count on them: with the first thread refused, it is
/// its caller that has to learn of it, and it must not take a worker's place whose thread is only starting.
#[test]
fn row18_blocking_call_is_told_when_only_workers_have_threads() {
    const STACK: usize = 1 << 30;
    support::within(60, || {
        for round in 0..30 {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .thread_stack_size(STACK)
                .enable_all()
                .build()
                .unwrap();
            if round % 2 == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            let old = limit_address_space(address_space() + STACK as u64 / 2);
            let refused = catch_unwind(AssertUnwindSafe(|| {
                runtime.block_on(async {
                    let call = tokio::task::spawn_blocking(|| 1);
                    tokio::time::timeout(Duration::from_secs(5), call)
                        .await
                        .expect("neither run nor refused")
                })
            }));
            assert!(!matches!(refused, Ok(Ok(_))), "on whose thread?");
            limit_address_space(old);

            // Both workers are there: each of two tasks blocks until the other runs.
            let both = std::sync::Arc::new(std::sync::Barrier::new(2));
            let tasks = [(); 2].map(|()| {
                let both = both.clone();
                runtime.spawn(async move {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    both.wait();
                })
            });
            runtime.block_on(async {
                for task in tasks {
                    task.await.unwrap();
                }
                assert_eq!(tokio::task::spawn_blocking(|| 2).await.unwrap(), 2);
            });
        }
    });
}
