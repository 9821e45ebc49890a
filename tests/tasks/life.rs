//! The runtime without drivers: spawn, join, abort, block, shut down.

use selvedge::runtime::{Builder, Runtime};
use selvedge::task;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

fn runtimes() -> Vec<Runtime> {
    vec![
        Builder::new_current_thread().build().unwrap(),
        Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap(),
        Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .unwrap(),
        Builder::new_multi_thread()
            .worker_threads(8)
            .build()
            .unwrap(),
    ]
}

#[test]
fn spawned_tasks_give_their_outputs() {
    for rt in runtimes() {
        let sum = rt.block_on(async {
            let tasks: Vec<_> = (0..1000_u64)
                .map(|n| task::spawn(async move { n }))
                .collect();
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        });
        assert_eq!(sum, 499_500);
    }
}

#[test]
fn tasks_that_yield_and_spawn_all_end() {
    for rt in runtimes() {
        let count = Arc::new(AtomicUsize::new(0));
        rt.block_on(async {
            let mut tasks = Vec::new();
            for _ in 0..50 {
                let count = count.clone();
                tasks.push(task::spawn(async move {
                    for _ in 0..50 {
                        let count = count.clone();
                        task::spawn(async move {
                            task::yield_now().await;
                            count.fetch_add(1, SeqCst);
                        })
                        .await
                        .unwrap();
                    }
                }));
            }
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_eq!(count.load(SeqCst), 2500);
    }
}

#[test]
fn a_panic_ends_its_task_alone() {
    for rt in runtimes() {
        let error = rt.block_on(async { task::spawn(async { panic!("boom") }).await.unwrap_err() });
        assert!(error.is_panic());
        assert_eq!(
            rt.block_on(async { task::spawn(async { 3 }).await.unwrap() }),
            3
        );
    }
}

#[test]
fn an_aborted_task_is_dropped() {
    for rt in runtimes() {
        let held = Arc::new(());
        let inside = held.clone();
        let error = rt.block_on(async {
            let task = task::spawn(async move {
                let _inside = inside;
                std::future::pending::<()>().await;
            });
            task::yield_now().await;
            task.abort();
            task.await.unwrap_err()
        });
        assert!(error.is_cancelled());
        assert_eq!(Arc::strong_count(&held), 1);
    }
}

#[test]
fn blocking_closures_run_beside_tasks() {
    for rt in runtimes() {
        let n = rt.block_on(async {
            let tasks: Vec<_> = (0..64_u32)
                .map(|n| {
                    task::spawn_blocking(move || {
                        std::thread::sleep(Duration::from_millis(1));
                        n
                    })
                })
                .collect();
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        });
        assert_eq!(n, 2016);
    }
}

#[test]
fn block_in_place_lets_the_others_go_on() {
    let rt = Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let n = rt.block_on(async move {
        task::spawn(async move {
            task::spawn(async move { sender.send(5).unwrap() });
            task::block_in_place(|| receiver.recv().unwrap())
        })
        .await
        .unwrap()
    });
    assert_eq!(n, 5);
}

#[test]
fn wakes_from_other_threads_arrive() {
    for rt in runtimes() {
        rt.block_on(async {
            for _ in 0..200 {
                let (sender, receiver) = futures_channel();
                std::thread::spawn(move || sender.set(7));
                assert_eq!(task::spawn(receiver).await.unwrap(), 7);
            }
        });
    }
}

#[test]
fn a_dropped_runtime_drops_its_tasks() {
    for rt in runtimes() {
        let held = Arc::new(());
        for _ in 0..100 {
            let inside = held.clone();
            rt.spawn(async move {
                let _inside = inside;
                loop {
                    task::yield_now().await;
                }
            });
        }
        drop(rt);
        assert_eq!(Arc::strong_count(&held), 1);
    }
}

#[test]
fn a_task_woken_while_its_worker_is_stuck_is_rescued() {
    let rt = Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let n = rt.block_on(async move {
        task::spawn(async move {
            // The task goes into this worker's LIFO slot, which wakes no other worker.
            task::spawn(async move { sender.send(9).unwrap() });
            receiver.recv().unwrap()
        })
        .await
        .unwrap()
    });
    assert_eq!(n, 9);
}

struct Slot(std::sync::Mutex<(Option<u32>, Option<std::task::Waker>)>);
struct Setter(Arc<Slot>);
struct Getter(Arc<Slot>);

fn futures_channel() -> (Setter, Getter) {
    let slot = Arc::new(Slot(std::sync::Mutex::new((None, None))));
    (Setter(slot.clone()), Getter(slot))
}

impl Setter {
    fn set(&self, value: u32) {
        let waker = {
            let mut slot = self.0.0.lock().unwrap();
            slot.0 = Some(value);
            slot.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Future for Getter {
    type Output = u32;
    fn poll(
        self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<u32> {
        let mut slot = self.0.0.lock().unwrap();
        match slot.0 {
            Some(value) => std::task::Poll::Ready(value),
            None => {
                slot.1 = Some(cx.waker().clone());
                std::task::Poll::Pending
            }
        }
    }
}
