//! Memory that a burst took is freed when the burst is over, while the channels and sets that it used live on. A binary of
//! its own with a single test, as the allocator counts for the whole process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, Semaphore, broadcast, mpsc, oneshot, watch};
use tokio::task::{JoinSet, LocalSet, unconstrained, yield_now};

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator, and a count.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // Ordering: Relaxed; a count.
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // Ordering: Relaxed; a count.
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MANY: usize = 100_000;
/// Bytes that may stay: a block or two of a channel, the first capacity of a queue.
const LEFT: usize = 48 * 1024;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Runs the burst twice: memory that is allocated once, such as a thread's own, does not count.
fn check(name: &str, mut burst: impl FnMut()) {
    burst();
    // Ordering: Relaxed; a count.
    let before = HELD.load(Ordering::Relaxed);
    burst();
    // Ordering: Relaxed; a count.
    let after = HELD.load(Ordering::Relaxed);
    assert!(
        after <= before,
        "{name} leaks: {before} before, {after} after"
    );
}

/// The bytes that are still held after `burst`.
fn left_by(burst: impl FnOnce()) -> usize {
    // Ordering: Relaxed; a count.
    let before = HELD.load(Ordering::Relaxed);
    burst();
    // Ordering: Relaxed; a count.
    HELD.load(Ordering::Relaxed).saturating_sub(before)
}

/// Spawns tasks that end at once, some at a time, so that the scheduler's own queue stays short.
async fn fill(set: &mut JoinSet<usize>, members: usize) {
    for n in 0..members {
        set.spawn(async move { n });
        if n % 32 == 0 {
            yield_now().await;
        }
    }
    yield_now().await;
}

fn join_sets() {
    let runtime = runtime();
    let mut set = JoinSet::new();
    runtime.block_on(fill(&mut set, 100));
    runtime.block_on(async { while set.join_next().await.is_some() {} });
    let left = left_by(|| {
        runtime.block_on(async {
            fill(&mut set, MANY).await;
            while set.join_next().await.is_some() {}
        });
    });
    assert!(left <= LEFT, "an empty set keeps {left} bytes");
    let left = left_by(|| {
        runtime.block_on(async {
            set.spawn(pending());
            fill(&mut set, MANY).await;
            while set.len() > 1 {
                set.join_next().await;
            }
        });
    });
    assert!(left <= LEFT, "a set with one member keeps {left} bytes");
    for detaches in [false, true] {
        let left = left_by(|| {
            runtime.block_on(async {
                fill(&mut set, MANY).await;
                match detaches {
                    true => set.detach_all(),
                    false => set.shutdown().await,
                }
            });
        });
        assert!(left <= LEFT, "a set that was cleared keeps {left} bytes");
    }
}

fn local_sets() {
    let runtime = runtime();
    let set = LocalSet::new();
    set.block_on(&runtime, async { yield_now().await });
    let left = left_by(|| {
        (0..MANY).for_each(|_| drop(set.spawn_local(async { yield_now().await })));
        set.block_on(&runtime, async {
            for _ in 0..2 * MANY / 61 + 10 {
                yield_now().await;
            }
        });
    });
    assert!(left <= LEFT, "a set without tasks keeps {left} bytes");
    // Woken from another thread.
    let left = left_by(|| {
        let notify = Arc::new(Notify::new());
        let ended = Arc::new(AtomicUsize::new(0));
        for _ in 0..MANY {
            let (notify, ended) = (notify.clone(), ended.clone());
            set.spawn_local(async move {
                notify.notified().await;
                // Ordering: Relaxed; one thread.
                ended.fetch_add(1, Ordering::Relaxed);
            });
        }
        set.block_on(&runtime, async {
            for _ in 0..MANY / 61 + 10 {
                yield_now().await;
            }
            let other = std::thread::spawn(move || notify.notify_waiters());
            // Ordering: Relaxed; one thread.
            while ended.load(Ordering::Relaxed) < MANY {
                yield_now().await;
            }
            other.join().unwrap();
        });
    });
    assert!(left <= LEFT, "a set woken from outside keeps {left} bytes");
}

fn channels() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    let (bounded, mut bounded_rx) = mpsc::channel(MANY);
    let left = left_by(|| {
        (0..MANY).for_each(|n| tx.send(n).unwrap());
        (0..MANY).for_each(|n| bounded.try_send(n).unwrap());
        while rx.try_recv().is_ok() && bounded_rx.try_recv().is_ok() {}
    });
    assert!(left <= LEFT, "empty channels keep {left} bytes");
    let (tx, mut rx) = broadcast::channel(1_024);
    let left = left_by(|| {
        for _ in 0..3_000 {
            tx.send(vec![0_u8; 1_024]).unwrap();
        }
        while !matches!(rx.try_recv(), Err(broadcast::error::TryRecvError::Empty)) {}
    });
    assert!(left <= LEFT, "a broadcast that was read keeps {left} bytes");
}

/// Bursts of waiting futures, of timers, and of oneshot channels.
fn waits() {
    let runtime = runtime();
    let (notify, semaphore) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let tx = watch::Sender::new(0);
    let (all, _) = broadcast::channel::<u8>(1);
    check("waiting", || {
        runtime.block_on(unconstrained(async {
            let mut waits: Vec<std::pin::Pin<Box<dyn Future<Output = ()>>>> = Vec::new();
            for _ in 0..2_000 {
                let (mut rx, mut every) = (tx.subscribe(), all.subscribe());
                waits.push(Box::pin(notify.notified()));
                waits.push(Box::pin(async {
                    semaphore.acquire().await.unwrap().forget()
                }));
                waits.push(Box::pin(async move { rx.changed().await.unwrap() }));
                waits.push(Box::pin(async move { drop(every.recv().await) }));
                waits.push(Box::pin(tokio::time::sleep(Duration::from_secs(600))));
            }
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            for wait in &mut waits {
                assert!(wait.as_mut().poll(&mut cx).is_pending());
            }
            notify.notify_waiters();
            semaphore.add_permits(2_000);
            tx.send(1).unwrap();
            drop(all.send(1));
            for wait in &mut waits {
                let _ = wait.as_mut().poll(&mut cx);
            }
        }));
    });
    check("timers", || {
        runtime.block_on(async {
            let timers: Vec<_> = (0..MANY as u64)
                .map(|n| Box::pin(tokio::time::sleep(Duration::from_micros(n / 10))))
                .collect();
            for timer in timers {
                timer.await;
            }
        });
    });
    check("oneshots", || {
        let ends: Vec<_> = (0..MANY).map(|_| oneshot::channel::<u64>()).collect();
        for (tx, mut rx) in ends {
            tx.send(1).unwrap();
            assert_eq!(rx.try_recv(), Ok(1));
        }
    });
}

/// Members that end after their set is dropped do not keep the set's memory.
fn dropped_join_sets() {
    let runtime = runtime();
    check("sets that were dropped", || {
        runtime.block_on(async {
            for _ in 0..1_000 {
                let mut set = JoinSet::new();
                set.spawn(pending::<()>());
                yield_now().await;
                drop(set);
                yield_now().await;
            }
        });
    });
}

/// A task's name, and its waits beyond the first, are freed with the task.
fn named_tasks() {
    let runtime = runtime();
    let (notify, semaphore) = (Notify::new(), Semaphore::new(0));
    let (notify, semaphore) = (Arc::new(notify), Arc::new(semaphore));
    check("tasks with names or several waits", || {
        runtime.block_on(async {
            for name in [None, Some("a task with a name")].repeat(1_000) {
                let (notify, semaphore) = (notify.clone(), semaphore.clone());
                let waits = async move {
                    tokio::select! {
                        () = notify.notified() => {}
                        _ = semaphore.acquire() => {}
                    }
                };
                let builder = match name {
                    Some(name) => tokio::task::Builder::new().name(name),
                    None => tokio::task::Builder::new(),
                };
                let task = builder.spawn(waits).unwrap();
                yield_now().await;
                task.abort();
                assert!(task.await.unwrap_err().is_cancelled());
            }
        });
    });
}

#[test]
fn what_a_burst_took_is_given_back() {
    named_tasks();
    join_sets();
    dropped_join_sets();
    local_sets();
    channels();
    waits();
}
