//! Channels and locks between tasks.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::rt;
use rt::runtime::Runtime;
use rt::sync;

/// Measures the time from `start`, which spawns tasks and returns their handles, to the end of these tasks.
fn timed<F>(runtime: &Runtime, start: F) -> Duration
where
    F: FnOnce() -> Vec<rt::task::JoinHandle<()>>,
{
    runtime.block_on(async move {
        let begun = Instant::now();
        for task in start() {
            task.await.unwrap();
        }
        begun.elapsed()
    })
}

pub fn mpsc_bounded(runtime: &Runtime, n: u64) -> Duration {
    bounded(runtime, n, 1)
}

pub fn mpsc_bounded_4(runtime: &Runtime, n: u64) -> Duration {
    bounded(runtime, n, 4)
}

fn bounded(runtime: &Runtime, n: u64, senders: u64) -> Duration {
    timed(runtime, || {
        let (tx, mut rx) = sync::mpsc::channel(100);
        let mut tasks: Vec<_> = (0..senders)
            .map(|_| {
                let tx = tx.clone();
                rt::spawn(async move {
                    for i in 0..n.div_ceil(senders) {
                        tx.send(i).await.unwrap();
                    }
                })
            })
            .collect();
        tasks.push(rt::spawn(async move { while rx.recv().await.is_some() {} }));
        tasks
    })
}

pub fn mpsc_unbounded(runtime: &Runtime, n: u64) -> Duration {
    timed(runtime, || {
        let (tx, mut rx) = sync::mpsc::unbounded_channel();
        vec![
            rt::spawn(async move {
                for i in 0..n {
                    tx.send(i).unwrap();
                    if i % 128 == 127 {
                        rt::task::yield_now().await;
                    }
                }
            }),
            rt::spawn(async move { while rx.recv().await.is_some() {} }),
        ]
    })
}

/// A task makes the channel, sends and receives: the cost of the object itself.
pub fn oneshot(runtime: &Runtime, n: u64) -> Duration {
    timed(runtime, || {
        vec![rt::spawn(async move {
            for i in 0..n {
                let (tx, rx) = sync::oneshot::channel();
                tx.send(i).unwrap();
                rx.await.unwrap();
            }
        })]
    })
}

pub fn mutex_uncontended(runtime: &Runtime, n: u64) -> Duration {
    mutex(runtime, n, 1)
}

pub fn mutex_contended(runtime: &Runtime, n: u64) -> Duration {
    mutex(runtime, n, 8)
}

fn mutex(runtime: &Runtime, n: u64, tasks: u64) -> Duration {
    timed(runtime, || {
        let lock = Arc::new(sync::Mutex::new(0u64));
        (0..tasks)
            .map(|_| {
                let lock = lock.clone();
                rt::spawn(async move {
                    for _ in 0..n.div_ceil(tasks) {
                        let mut guard = lock.lock().await;
                        *guard += 1;
                        if tasks > 1 {
                            // The lock is held across a yield, so that the other tasks queue up.
                            rt::task::yield_now().await;
                        }
                    }
                })
            })
            .collect()
    })
}

pub fn semaphore(runtime: &Runtime, n: u64) -> Duration {
    timed(runtime, || {
        let semaphore = Arc::new(sync::Semaphore::new(4));
        (0..16)
            .map(|_| {
                let semaphore = semaphore.clone();
                rt::spawn(async move {
                    for _ in 0..n.div_ceil(16) {
                        let _permit = semaphore.acquire().await.unwrap();
                        rt::task::yield_now().await;
                    }
                })
            })
            .collect()
    })
}

pub fn rwlock(runtime: &Runtime, n: u64) -> Duration {
    timed(runtime, || {
        let lock = Arc::new(sync::RwLock::new(0u64));
        (0..8)
            .map(|_| {
                let lock = lock.clone();
                rt::spawn(async move {
                    for i in 0..n.div_ceil(8) {
                        if i % 16 == 0 {
                            *lock.write().await += 1;
                        } else {
                            std::hint::black_box(*lock.read().await);
                        }
                    }
                })
            })
            .collect()
    })
}

/// One sender, four receivers that need not see every value.
pub fn watch(runtime: &Runtime, n: u64) -> Duration {
    timed(runtime, || {
        let (tx, rx) = sync::watch::channel(0u64);
        let mut tasks: Vec<_> = (0..4)
            .map(|_| {
                let mut rx = rx.clone();
                rt::spawn(async move { while rx.changed().await.is_ok() {} })
            })
            .collect();
        drop(rx);
        tasks.push(rt::spawn(async move {
            for i in 0..n {
                tx.send(i).unwrap();
                rt::task::yield_now().await;
            }
        }));
        tasks
    })
}

/// One sender, four receivers that see every value or learn that they lag.
pub fn broadcast(runtime: &Runtime, n: u64) -> Duration {
    timed(runtime, || {
        let (tx, rx) = sync::broadcast::channel(1024);
        let mut tasks: Vec<_> = (0..4)
            .map(|_| {
                let mut rx = rx.resubscribe();
                rt::spawn(async move {
                    while !matches!(
                        rx.recv().await,
                        Err(sync::broadcast::error::RecvError::Closed)
                    ) {}
                })
            })
            .collect();
        drop(rx);
        tasks.push(rt::spawn(async move {
            for i in 0..n {
                tx.send(i).unwrap();
                if i % 64 == 63 {
                    rt::task::yield_now().await;
                }
            }
        }));
        tasks
    })
}

/// Two tasks wake each other in turn.
pub fn notify(runtime: &Runtime, n: u64) -> Duration {
    timed(runtime, || {
        let there = Arc::new(sync::Notify::new());
        let back = Arc::new(sync::Notify::new());
        let side = |waits: Arc<sync::Notify>, wakes: Arc<sync::Notify>, first: bool| {
            rt::spawn(async move {
                for _ in 0..n {
                    if first {
                        wakes.notify_one();
                        waits.notified().await;
                    } else {
                        waits.notified().await;
                        wakes.notify_one();
                    }
                }
            })
        };
        vec![
            side(back.clone(), there.clone(), true),
            side(there, back, false),
        ]
    })
}

/// Four tasks meet `n` times.
pub fn barrier(runtime: &Runtime, n: u64) -> Duration {
    timed(runtime, || {
        let barrier = Arc::new(sync::Barrier::new(4));
        (0..4)
            .map(|_| {
                let barrier = barrier.clone();
                rt::spawn(async move {
                    for _ in 0..n {
                        barrier.wait().await;
                    }
                })
            })
            .collect()
    })
}

/// A cell is made, set and read sixteen times.
pub fn once_cell(runtime: &Runtime, n: u64) -> Duration {
    timed(runtime, || {
        vec![rt::spawn(async move {
            for i in 0..n {
                let cell = sync::OnceCell::new();
                for _ in 0..16 {
                    let value = cell.get_or_init(|| async move { i }).await;
                    assert_eq!(*std::hint::black_box(value), i);
                }
            }
        })]
    })
}

/// A task takes and releases a read lock that no other task wants.
pub fn rwlock_uncontended(runtime: &Runtime, n: u64) -> Duration {
    timed(runtime, || {
        vec![rt::spawn(async move {
            let lock = sync::RwLock::new(0u64);
            for _ in 0..n {
                std::hint::black_box(*lock.read().await);
            }
        })]
    })
}

/// As `rwlock`, but every other lock is a write lock, held across a yield.
pub fn rwlock_half_write(runtime: &Runtime, n: u64) -> Duration {
    timed(runtime, || {
        let lock = Arc::new(sync::RwLock::new(0u64));
        (0..8)
            .map(|_| {
                let lock = lock.clone();
                rt::spawn(async move {
                    for i in 0..n.div_ceil(8) {
                        if i % 2 == 0 {
                            let mut guard = lock.write().await;
                            *guard += 1;
                            rt::task::yield_now().await;
                        } else {
                            std::hint::black_box(*lock.read().await);
                        }
                    }
                })
            })
            .collect()
    })
}

/// A value set once, seen by four tasks that wait for it.
pub fn set_once(runtime: &Runtime, n: u64) -> Duration {
    timed(runtime, || {
        vec![rt::spawn(async move {
            for i in 0..n {
                let cell = Arc::new(sync::SetOnce::new());
                let tasks: Vec<_> = (0..4)
                    .map(|_| {
                        let cell = cell.clone();
                        rt::spawn(async move { *cell.wait().await })
                    })
                    .collect();
                rt::task::yield_now().await;
                cell.set(i).unwrap();
                for task in tasks {
                    assert_eq!(task.await.unwrap(), i);
                }
            }
        })]
    })
}

/// As `mpsc_bounded`, but the receiver takes up to 64 messages at a time.
pub fn mpsc_recv_many(runtime: &Runtime, n: u64) -> Duration {
    timed(runtime, || {
        let (tx, mut rx) = sync::mpsc::channel(256);
        vec![
            rt::spawn(async move {
                for i in 0..n {
                    tx.send(i).await.unwrap();
                }
            }),
            rt::spawn(async move {
                let mut values = Vec::with_capacity(64);
                while rx.recv_many(&mut values, 64).await > 0 {
                    values.clear();
                }
            }),
        ]
    })
}

/// The number of tasks that are woken at once.
const CROWD: u64 = 32;

/// Counts arrivals: the last of `CROWD` tasks notifies the task that waits for all of them.
#[derive(Debug, Default)]
struct Arrivals {
    count: AtomicU64,
    complete: sync::Notify,
}

impl Arrivals {
    fn arrive(&self) {
        // Ordering: AcqRel; pairs with itself: the last arrival comes after all others.
        if self.count.fetch_add(1, Ordering::AcqRel) % CROWD == CROWD - 1 {
            self.complete.notify_one();
        }
    }
}

/// `CROWD` tasks wait for one `Notify` and are woken again and again; an iteration is one task woken.
pub fn notify_storm(runtime: &Runtime, n: u64) -> Duration {
    let rounds = n.div_ceil(CROWD);
    timed(runtime, || {
        let gate = Arc::new(sync::Notify::new());
        let arrivals = Arc::new(Arrivals::default());
        let mut tasks: Vec<_> = (0..CROWD)
            .map(|_| {
                let (gate, arrivals) = (gate.clone(), arrivals.clone());
                rt::spawn(async move {
                    for _ in 0..rounds {
                        let mut opens = pin!(gate.notified());
                        opens.as_mut().enable();
                        arrivals.arrive();
                        opens.await;
                    }
                })
            })
            .collect();
        tasks.push(rt::spawn(async move {
            for _ in 0..rounds {
                arrivals.complete.notified().await;
                gate.notify_waiters();
            }
        }));
        tasks
    })
}

/// As `notify_storm`, by a broadcast channel: each receiver sees each value before the next value is sent.
pub fn broadcast_storm(runtime: &Runtime, n: u64) -> Duration {
    let rounds = n.div_ceil(CROWD);
    timed(runtime, || {
        let (tx, rx) = sync::broadcast::channel(16);
        let arrivals = Arc::new(Arrivals::default());
        let mut tasks: Vec<_> = (0..CROWD)
            .map(|_| {
                let (mut rx, arrivals) = (rx.resubscribe(), arrivals.clone());
                rt::spawn(async move {
                    for _ in 0..rounds {
                        rx.recv().await.unwrap();
                        arrivals.arrive();
                    }
                })
            })
            .collect();
        drop(rx);
        tasks.push(rt::spawn(async move {
            for i in 0..rounds {
                tx.send(i).unwrap();
                arrivals.complete.notified().await;
            }
        }));
        tasks
    })
}

/// Eight tasks send into one unbounded channel, and yield now and then.
pub fn fan_in_unbounded(runtime: &Runtime, n: u64) -> Duration {
    timed(runtime, || {
        let (tx, mut rx) = sync::mpsc::unbounded_channel();
        let mut tasks: Vec<_> = (0..8)
            .map(|_| {
                let tx = tx.clone();
                rt::spawn(async move {
                    for i in 0..n.div_ceil(8) {
                        tx.send(i).unwrap();
                        if i % 32 == 31 {
                            rt::task::yield_now().await;
                        }
                    }
                })
            })
            .collect();
        tasks.push(rt::spawn(async move { while rx.recv().await.is_some() {} }));
        tasks
    })
}

/// Eight tasks send into one bounded channel.
pub fn fan_in_bounded(runtime: &Runtime, n: u64) -> Duration {
    bounded(runtime, n, 8)
}
