//! What a subscriber sees of tasks, locks and timers (feature `tracing`). A subscriber that panics, or that uses the
//! runtime itself, does no harm.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use selvedge::runtime::Builder;
use selvedge::sync;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

#[derive(Default)]
struct Seen {
    /// Live spans, and the total number of spans of each name.
    live: HashMap<u64, &'static str>,
    total: HashMap<&'static str, usize>,
    entered: HashMap<&'static str, i64>,
    events: HashMap<&'static str, usize>,
}

/// Counts spans and events; tracing counts a span's references through `clone_span` and `try_close`.
#[derive(Clone, Default)]
struct Counter {
    seen: Arc<Mutex<Seen>>,
    references: Arc<Mutex<HashMap<u64, usize>>>,
    next: Arc<AtomicU64>,
    on_event: Option<fn(&'static str)>,
    on_close: Option<fn()>,
}

impl Subscriber for Counter {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let name = span.metadata().name();
        let mut seen = self.seen.lock().unwrap();
        seen.live.insert(id, name);
        *seen.total.entry(name).or_default() += 1;
        self.references.lock().unwrap().insert(id, 1);
        Id::from_u64(id)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let target = event.metadata().target();
        *self.seen.lock().unwrap().events.entry(target).or_default() += 1;
        if let Some(hook) = self.on_event {
            hook(target);
        }
    }

    fn enter(&self, id: &Id) {
        let mut seen = self.seen.lock().unwrap();
        let name = seen.live[&id.into_u64()];
        *seen.entered.entry(name).or_default() += 1;
    }

    fn exit(&self, id: &Id) {
        let mut seen = self.seen.lock().unwrap();
        let name = seen.live[&id.into_u64()];
        *seen.entered.entry(name).or_default() -= 1;
    }

    fn clone_span(&self, id: &Id) -> Id {
        *self
            .references
            .lock()
            .unwrap()
            .get_mut(&id.into_u64())
            .unwrap() += 1;
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        if let Some(hook) = self.on_close {
            hook();
        }
        let mut references = self.references.lock().unwrap();
        let left = references.get_mut(&id.into_u64()).unwrap();
        *left -= 1;
        if *left == 0 {
            references.remove(&id.into_u64());
            self.seen.lock().unwrap().live.remove(&id.into_u64());
            return true;
        }
        false
    }
}

#[test]
fn spans_begin_and_end_with_what_they_stand_for() {
    let counter = Counter::default();
    tracing::subscriber::with_default(counter.clone(), || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let lock = Arc::new(sync::Mutex::new(0));
            let rwlock = sync::RwLock::new(0);
            let semaphore = sync::Semaphore::new(1);
            let barrier = Arc::new(sync::Barrier::new(2));
            let tasks: Vec<_> = (0..2)
                .map(|_| {
                    let (lock, barrier) = (lock.clone(), barrier.clone());
                    selvedge::spawn(async move {
                        let mut guard = lock.lock().await;
                        *guard += 1;
                        selvedge::task::yield_now().await;
                        drop(guard);
                        barrier.wait().await;
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            drop((rwlock.read().await, rwlock.try_read().unwrap()));
            drop(rwlock.write().await.downgrade());
            drop(semaphore.acquire().await.unwrap());
            let (tx, rx) = sync::oneshot::channel();
            tx.send(1).unwrap();
            assert_eq!(rx.await, Ok(1));
            selvedge::time::sleep(Duration::from_millis(2)).await;
            let mut ticks = selvedge::time::interval(Duration::from_millis(1));
            ticks.tick().await;
            ticks.tick().await;
            selvedge::task::spawn_blocking(|| ()).await.unwrap();
        });
    });
    let seen = counter.seen.lock().unwrap();
    assert_eq!(
        seen.live,
        HashMap::new(),
        "spans outlive what they stand for"
    );
    assert!(seen.entered.values().all(|&n| n == 0), "{:?}", seen.entered);
    // Two tasks, a closure, and the future of `block_on`.
    assert_eq!(seen.total["runtime.spawn"], 4);
    // Mutex, RwLock, Semaphore with a semaphore each; barrier, oneshot, two sleeps, an interval.
    assert_eq!(seen.total["runtime.resource"], 11);
    assert!(seen.total["runtime.resource.async_op"] >= 10);
    assert!(seen.events["tokio::task::waker"] > 0);
    assert!(seen.events["runtime::resource::poll_op"] > 0);
}

/// A subscriber may use the primitives that it watches: it is never called under a lock.
#[test]
fn subscriber_may_use_the_primitives_it_watches() {
    static LOCK: sync::Semaphore = sync::Semaphore::const_new(1);
    let counter = Counter {
        on_event: Some(|_| drop(LOCK.try_acquire())),
        ..Counter::default()
    };
    tracing::subscriber::with_default(counter, || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let tasks: Vec<_> = (0..4)
                .map(|_| {
                    selvedge::spawn(async {
                        for _ in 0..100 {
                            let _permit = LOCK.acquire().await.unwrap();
                            selvedge::task::yield_now().await;
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
    assert_eq!(LOCK.available_permits(), 1);
}

/// The ends of spans are not reported under a lock either: of requests that are granted, cancelled or refused.
#[test]
fn subscriber_may_use_what_it_watches_when_a_span_ends() {
    static LOCK: Mutex<Option<Arc<sync::Semaphore>>> = Mutex::new(None);
    let (done, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let counter = Counter {
            on_close: Some(|| {
                let semaphore = LOCK.lock().unwrap().clone();
                // Takes the lock of the semaphore's queue.
                if let Some(semaphore) = semaphore {
                    semaphore.add_permits(0);
                    semaphore.close();
                }
            }),
            ..Counter::default()
        };
        tracing::subscriber::with_default(counter, || {
            let runtime = Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let semaphore = Arc::new(sync::Semaphore::new(1));
                let held = semaphore.clone().acquire_owned().await.unwrap();
                let waiting: Vec<_> = (0..3)
                    .map(|_| {
                        let semaphore = semaphore.clone();
                        selvedge::spawn(async move { semaphore.acquire_many(2).await.is_err() })
                    })
                    .collect();
                selvedge::task::yield_now().await;
                waiting[1].abort();
                selvedge::task::yield_now().await;
                *LOCK.lock().unwrap() = Some(semaphore.clone());
                semaphore.close();
                drop(held);
                for (at, task) in waiting.into_iter().enumerate() {
                    assert_eq!(task.await.ok(), (at != 1).then_some(true));
                }
                *LOCK.lock().unwrap() = None;
            });
        });
        done.send(()).unwrap();
    });
    let limit = Duration::from_secs(20);
    ended
        .recv_timeout(limit)
        .expect("told under a lock, or panicked");
}

/// At whatever event a subscriber panics, no permit is lost and no task is left waiting.
#[test]
fn subscriber_that_panics_costs_no_permit() {
    static COUNTDOWN: AtomicU64 = AtomicU64::new(u64::MAX);
    for at in 0..40 {
        let counter = Counter {
            on_event: Some(|_| {
                if COUNTDOWN.fetch_sub(1, Ordering::Relaxed) == 0 {
                    panic!("a subscriber's panic");
                }
            }),
            ..Counter::default()
        };
        let semaphore = Arc::new(sync::Semaphore::new(3));
        tracing::subscriber::with_default(counter, || {
            let runtime = Builder::new_current_thread().build().unwrap();
            COUNTDOWN.store(at, Ordering::Relaxed);
            let _ = catch_unwind(AssertUnwindSafe(|| {
                runtime.block_on(async {
                    let tasks: Vec<_> = (0..3)
                        .map(|_| {
                            let semaphore = semaphore.clone();
                            selvedge::spawn(async move {
                                // The second task waits with one of its two permits.
                                let _permit = semaphore.acquire_many(2).await.unwrap();
                                selvedge::task::yield_now().await;
                            })
                        })
                        .collect();
                    for task in tasks {
                        let _ = task.await;
                    }
                });
            }));
            COUNTDOWN.store(u64::MAX, Ordering::Relaxed);
            drop(runtime);
        });
        assert_eq!(
            semaphore.available_permits(),
            3,
            "after a panic at event {at}"
        );
    }
}
