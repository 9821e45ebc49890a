//! A runtime that ends drops its tasks in a fixed order: oldest first.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::Notify;

use super::support::{OnDrop, current, multi, within};

const TASKS: usize = 500;

fn runtimes() -> [Runtime; 4] {
    [current(), multi(1), multi(2), multi(8)]
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<usize>>>);

impl Log {
    /// A task that notes its number when it is dropped, and waits for `notify` for ever.
    fn task(
        &self,
        number: usize,
        notify: Arc<Notify>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let log = self.clone();
        let note = OnDrop::new(move || log.0.lock().unwrap().push(number));
        async move {
            let _note = note;
            loop {
                notify.notified().await;
            }
        }
    }

    fn assert_in_order(&self, tasks: usize) {
        let log = self.0.lock().unwrap();
        assert_eq!(*log, (0..tasks).collect::<Vec<_>>());
    }
}

#[test]
fn tasks_that_wait_end_oldest_first() {
    for runtime in runtimes() {
        within(60, move || {
            let log = Log::default();
            let polled = Arc::new(AtomicUsize::new(0));
            let notify = Arc::new(Notify::new());
            for number in 0..TASKS {
                let (task, polled) = (log.task(number, notify.clone()), polled.clone());
                runtime.spawn(async move {
                    // Ordering: Relaxed; a counter.
                    polled.fetch_add(1, Ordering::Relaxed);
                    task.await;
                });
            }
            // Ordering: Relaxed; as above.
            while polled.load(Ordering::Relaxed) < TASKS {
                runtime.block_on(tokio::task::yield_now());
            }
            // Time for the last polls to end.
            std::thread::sleep(Duration::from_millis(50));
            drop(runtime);
            log.assert_in_order(TASKS);
        });
    }
}

/// Some tasks wait, some are queued, some have never been polled.
#[test]
fn tasks_in_queues_end_in_the_same_order() {
    within(60, move || {
        let log = Log::default();
        let runtime = current();
        let notify = Arc::new(Notify::new());
        let mut handles = Vec::new();
        for number in 0..TASKS {
            if number == TASKS / 2 {
                runtime.block_on(async {
                    for _ in 0..TASKS {
                        tokio::task::yield_now().await;
                    }
                });
            }
            let own = match number % 3 {
                0 => notify.clone(),
                _ => Arc::new(Notify::new()),
            };
            handles.push(runtime.spawn(log.task(number, own)));
        }
        notify.notify_waiters();
        drop(runtime);
        log.assert_in_order(TASKS);
    });
}

#[test]
fn tasks_that_no_worker_came_to_end_in_the_same_order() {
    for workers in [1, 2, 4] {
        within(60, move || {
            let runtime = multi(workers);
            let log = Log::default();
            let (hold, held) = mpsc::channel::<()>();
            let held = Arc::new(Mutex::new(held));
            let (tell, told) = mpsc::channel();
            for _ in 0..workers {
                let (held, tell) = (held.clone(), tell.clone());
                runtime.spawn(async move {
                    tell.send(()).unwrap();
                    let _ = held.lock().unwrap().recv();
                });
            }
            for _ in 0..workers {
                told.recv().unwrap();
            }
            for number in 0..TASKS {
                runtime.spawn(log.task(number, Arc::new(Notify::new())));
            }
            let handle = runtime.handle().clone();
            runtime.shutdown_background();
            drop(hold);
            while handle.metrics().num_alive_tasks() > 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            log.assert_in_order(TASKS);
        });
    }
}

/// The destructor of an older task may wait for that of a younger task: another worker goes on with the next task.
#[test]
fn a_destructor_may_wait_for_that_of_a_younger_task() {
    within(60, || {
        let runtime = multi(2);
        let (tell, told) = mpsc::channel();
        let (ends, ended) = mpsc::channel();
        let older = OnDrop::new(move || {
            let is_told = told.recv_timeout(Duration::from_secs(10)).is_ok();
            ends.send(is_told).unwrap();
        });
        let younger = OnDrop::new(move || tell.send(()).unwrap());
        runtime.spawn(async move {
            let _older = older;
            std::future::pending::<()>().await;
        });
        runtime.spawn(async move {
            let _younger = younger;
            std::future::pending::<()>().await;
        });
        runtime.block_on(async {
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        });
        std::thread::sleep(Duration::from_millis(20));
        drop(runtime);
        assert_eq!(ended.recv(), Ok(true), "the younger task is dropped");
    });
}
