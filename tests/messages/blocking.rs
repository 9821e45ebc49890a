//! Threads that drive tasks are not to be blocked.

use super::told;
use crate::support::{both, current, multi};
use tokio::sync::{Mutex, RwLock, Semaphore, broadcast, mpsc, oneshot};
use tokio::task::{LocalSet, block_in_place};

const NESTED: [&str; 3] = [
    "Cannot start a runtime from within a runtime",
    "`block_on`",
    "use `.await`",
];
const BLOCKS: [&str; 3] = [
    "Cannot block the current thread from within a runtime",
    "Use the method that is awaited instead",
    "`spawn_blocking`",
];

#[test]
fn a_runtime_within_a_runtime() {
    for runtime in both() {
        let handle = runtime.handle().clone();
        told!("handle.block_on(", NESTED, || runtime
            .block_on(async { handle.block_on(async {}) }));
        let inner = current();
        told!("inner.block_on(", NESTED, || runtime
            .block_on(async { inner.block_on(async {}) }));
        let set = LocalSet::new();
        told!("set.block_on(", NESTED, || runtime
            .block_on(async { set.block_on(&inner, async {}) }));
    }
}

#[test]
fn a_runtime_that_is_dropped_in_a_task_says_what_to_do() {
    for runtime in both() {
        let inner = multi(1);
        let inner_too = multi(1);
        told!("shutdown_timeout(", ["Cannot drop a runtime"], || {
            runtime.block_on(async { inner_too.shutdown_timeout(std::time::Duration::MAX) })
        });
        let panic = crate::panic_of(|| runtime.block_on(async { drop(inner) }));
        for words in [
            "Cannot drop a runtime in a context where blocking is not allowed",
            "`shutdown_background`",
            "`spawn_blocking`",
        ] {
            assert!(panic.message.contains(words), "{}", panic.message);
        }
    }
}

#[test]
fn waits_that_block() {
    let runtime = current();
    told!("blocking_recv()", BLOCKS, || runtime.block_on(async {
        let (_tx, mut rx) = mpsc::channel::<()>(1);
        rx.blocking_recv()
    }));
    told!("blocking_recv_many(", BLOCKS, || runtime.block_on(async {
        let (_tx, mut rx) = mpsc::unbounded_channel::<()>();
        rx.blocking_recv_many(&mut Vec::new(), 1)
    }));
    told!("blocking_send(", BLOCKS, || runtime.block_on(async {
        let (tx, _rx) = mpsc::channel(1);
        _ = tx.blocking_send(1);
    }));
    told!("blocking_recv()", BLOCKS, || runtime.block_on(async {
        let (_tx, rx) = oneshot::channel::<()>();
        rx.blocking_recv()
    }));
    told!("blocking_recv()", BLOCKS, || runtime.block_on(async {
        let (_tx, mut rx) = broadcast::channel::<()>(1);
        rx.blocking_recv()
    }));
    told!("blocking_lock()", BLOCKS, || runtime.block_on(async {
        drop(Mutex::new(()).blocking_lock());
    }));
    told!("blocking_read()", BLOCKS, || runtime.block_on(async {
        drop(RwLock::new(()).blocking_read());
    }));
    told!("blocking_write()", BLOCKS, || runtime.block_on(async {
        drop(RwLock::new(()).blocking_write());
    }));
    told!("blocking_acquire()", BLOCKS, || runtime.block_on(async {
        drop(Semaphore::new(1).blocking_acquire());
    }));
}

#[test]
fn block_in_place_where_no_other_thread_goes_on() {
    let says = [
        "can call blocking only when running on the multi-threaded runtime",
        "`spawn_blocking`",
    ];
    let runtime = current();
    told!("block_in_place(", says, || runtime
        .block_on(async { block_in_place(|| ()) }));
    let runtime = multi(1);
    let set = LocalSet::new();
    told!("block_in_place(", says, || set
        .block_on(&runtime, async { block_in_place(|| ()) }));
}
