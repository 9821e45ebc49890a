//! Tasks: spawns from a worker, from outside and onto a sleeping runtime; yields, messages and blocking calls.

use std::time::{Duration, Instant};

use super::rt;
use rt::runtime::Runtime;
use rt::sync::{mpsc, oneshot};

const BATCH: u64 = 1_000;

/// A task spawns `n` empty ones in batches and awaits their handles.
pub fn from_worker(runtime: &Runtime, n: u64) -> Duration {
    runtime.block_on(async move { rt::spawn(spawn_and_join(n)).await.unwrap() })
}

/// As `from_worker`, but the main future of a current-thread runtime spawns.
pub fn from_block_on(runtime: &Runtime, n: u64) -> Duration {
    runtime.block_on(spawn_and_join(n))
}

async fn spawn_and_join(n: u64) -> Duration {
    let mut handles = Vec::with_capacity(BATCH as usize);
    let start = Instant::now();
    let mut left = n;
    while left > 0 {
        let batch = left.min(BATCH);
        handles.extend((0..batch).map(|_| rt::spawn(async {})));
        for handle in handles.drain(..) {
            handle.await.unwrap();
        }
        left -= batch;
    }
    start.elapsed()
}

/// A thread that is no worker spawns `n` tasks; the last task to run reports back.
pub fn from_outside(runtime: &Runtime, n: u64) -> Duration {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    let left = Arc::new(AtomicU64::new(n));
    let (tx, rx) = std::sync::mpsc::sync_channel(1);
    let start = Instant::now();
    for _ in 0..n {
        let (left, tx) = (left.clone(), tx.clone());
        runtime.spawn(async move {
            // Ordering: Relaxed; a plain counter, the channel carries the rest.
            if left.fetch_sub(1, Ordering::Relaxed) == 1 {
                tx.send(()).unwrap();
            }
        });
    }
    rx.recv().unwrap();
    start.elapsed()
}

/// One task at a time is spawned onto a runtime whose workers all sleep; the thread outside awaits it.
pub fn onto_idle(runtime: &Runtime, n: u64) -> Duration {
    let start = Instant::now();
    for _ in 0..n {
        let handle = runtime.spawn(async {});
        runtime.block_on(handle).unwrap();
    }
    start.elapsed()
}

/// Each task spawns the next.
pub fn chained(runtime: &Runtime, n: u64) -> Duration {
    fn link(left: u64, done: oneshot::Sender<()>) {
        rt::spawn(async move {
            if left == 0 {
                let _ = done.send(());
            } else {
                link(left - 1, done);
            }
        });
    }
    runtime.block_on(async move {
        let (tx, rx) = oneshot::channel();
        let start = Instant::now();
        link(n, tx);
        rx.await.unwrap();
        start.elapsed()
    })
}

/// 200 tasks share `n` yields.
pub fn yields(runtime: &Runtime, n: u64) -> Duration {
    const TASKS: u64 = 200;
    runtime.block_on(async move {
        let start = Instant::now();
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                rt::spawn(async move {
                    for _ in 0..n.div_ceil(TASKS) {
                        rt::task::yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        start.elapsed()
    })
}

/// Two tasks hand a number back and forth.
pub fn ping_pong(runtime: &Runtime, n: u64) -> Duration {
    runtime.block_on(async move {
        let (ping, mut pinged) = mpsc::channel(1);
        let (pong, mut ponged) = mpsc::channel(1);
        let echo = rt::spawn(async move {
            while let Some(value) = pinged.recv().await {
                pong.send(value).await.unwrap();
            }
        });
        let elapsed = rt::spawn(async move {
            let start = Instant::now();
            for i in 0..n {
                ping.send(i).await.unwrap();
                ponged.recv().await.unwrap();
            }
            start.elapsed()
        });
        let elapsed = elapsed.await.unwrap();
        echo.await.unwrap();
        elapsed
    })
}

/// The main future of `block_on` asks a task and awaits its answer.
pub fn request_reply(runtime: &Runtime, n: u64) -> Duration {
    runtime.block_on(async move {
        let (ask, mut asked) = mpsc::channel::<(u64, oneshot::Sender<u64>)>(16);
        let server = rt::spawn(async move {
            while let Some((value, reply)) = asked.recv().await {
                let _ = reply.send(value + 1);
            }
        });
        let start = Instant::now();
        for i in 0..n {
            let (reply, answer) = oneshot::channel();
            ask.send((i, reply)).await.unwrap();
            answer.await.unwrap();
        }
        let elapsed = start.elapsed();
        drop(ask);
        server.await.unwrap();
        elapsed
    })
}

/// `n` tasks in a JoinSet, a batch at a time.
pub fn join_set(runtime: &Runtime, n: u64) -> Duration {
    let task = async move {
        let mut set = rt::task::JoinSet::new();
        let start = Instant::now();
        let mut left = n;
        while left > 0 {
            let batch = left.min(BATCH);
            for i in 0..batch {
                set.spawn(async move { i });
            }
            while let Some(result) = set.join_next().await {
                result.unwrap();
            }
            left -= batch;
        }
        start.elapsed()
    };
    runtime.block_on(async move { rt::spawn(task).await.unwrap() })
}

/// One task, one blocking call at a time.
pub fn blocking_1(runtime: &Runtime, n: u64) -> Duration {
    blocking(runtime, n, 1)
}

/// Sixteen tasks calling at once.
pub fn blocking_16(runtime: &Runtime, n: u64) -> Duration {
    blocking(runtime, n, 16)
}

fn blocking(runtime: &Runtime, n: u64, tasks: u64) -> Duration {
    runtime.block_on(async move {
        let start = Instant::now();
        let callers: Vec<_> = (0..tasks)
            .map(|_| {
                rt::spawn(async move {
                    for i in 0..n.div_ceil(tasks) {
                        rt::task::spawn_blocking(move || i).await.unwrap();
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
        start.elapsed()
    })
}
