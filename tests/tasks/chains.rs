//! A long chain, in which each link owns the next, is dropped without recursion, where a channel or a task can drop the next
//! link before its own memory is freed.

use crate::support::current;
use tokio::sync::oneshot;

const LINKS: usize = 100_000;

/// Runs `f` on a small stack, which a recursion would overflow.
fn on_a_small_stack(f: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(512 * 1024);
    thread.spawn(f).unwrap().join().unwrap();
}

/// Each task holds the sender whose receiver the next task awaits.
#[test]
fn a_chain_of_tasks_that_wait_for_each_other_ends_with_its_first() {
    on_a_small_stack(|| {
        current().block_on(async {
            let (first, mut rx) = oneshot::channel::<()>();
            for _ in 0..LINKS {
                let (tx, next) = oneshot::channel();
                let wait = std::mem::replace(&mut rx, next);
                tokio::spawn(async move {
                    let _tx = tx;
                    let _ = wait.await;
                });
            }
            tokio::task::yield_now().await;
            drop(first);
            assert!(rx.await.is_err());
        });
    });
}

/// Each task owns the join handle of the next task.
#[test]
fn a_chain_of_join_handles_is_dropped() {
    for aborts in [false, true] {
        on_a_small_stack(move || {
            let runtime = current();
            runtime.block_on(async {
                let mut last = tokio::spawn(std::future::pending::<()>());
                for _ in 0..LINKS {
                    let next = last;
                    last = tokio::spawn(async move {
                        let _ = next.await;
                    });
                }
                tokio::task::yield_now().await;
                if aborts {
                    last.abort();
                    let _ = last.await;
                }
            });
            drop(runtime);
        });
    }
}
