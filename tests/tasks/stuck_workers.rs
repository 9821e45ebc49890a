//! Workers whose user code blocks: idle siblings run the tasks and timers that they leave.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::support::{multi, within};

/// Long enough for the slowest machine, and shorter than the limit of a test.
const SOON: Duration = Duration::from_secs(20);

fn wait_for(what: &Receiver<()>) {
    what.recv_timeout(SOON).expect("a sibling has run it");
}

/// Blocks `count` workers; returns when all of them are blocked. They go on when the sender is dropped.
fn block_workers(runtime: &Runtime, count: usize) -> Sender<()> {
    let (hold, held) = mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let (tell, told) = mpsc::channel();
    for _ in 0..count {
        let (held, tell) = (held.clone(), tell.clone());
        runtime.spawn(async move {
            tell.send(()).unwrap();
            // One task waits for the sender's drop, the others for the lock.
            let _ = held.lock().unwrap().recv();
        });
    }
    for _ in 0..count {
        wait_for(&told);
    }
    hold
}

/// Spawns a task and blocks until it has run.
async fn spawn_and_block(then: impl Future<Output = ()> + Send + 'static) {
    let (done, ran) = mpsc::channel();
    tokio::spawn(async move {
        then.await;
        done.send(()).unwrap();
    });
    wait_for(&ran);
}

#[test]
fn a_task_left_behind_is_run_however_many_workers_are_stuck() {
    for (workers, stuck) in [(8, 5), (8, 6), (70, 68)] {
        within(120, move || {
            let runtime = multi(workers);
            let hold = block_workers(&runtime, stuck);
            runtime
                .block_on(runtime.spawn(spawn_and_block(async {})))
                .unwrap();
            drop(hold);
        });
    }
}

/// Each of several stuck workers has a task in its slot. These tasks block as well, until all of them run.
#[test]
fn every_stuck_worker_is_relieved() {
    within(60, || {
        let runtime = multi(8);
        let meeting = Arc::new(std::sync::Barrier::new(3));
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let meeting = meeting.clone();
                runtime.spawn(spawn_and_block(async move {
                    meeting.wait();
                }))
            })
            .collect();
        for task in tasks {
            runtime.block_on(task).unwrap();
        }
    });
}

#[test]
fn the_queue_of_a_stuck_worker_is_shared_among_as_many_siblings_as_it_takes() {
    within(60, || {
        let runtime = multi(6);
        let meeting = Arc::new(std::sync::Barrier::new(5));
        let task = runtime.spawn(async move {
            for _ in 0..4 {
                let meeting = meeting.clone();
                tokio::spawn(async move {
                    meeting.wait();
                });
            }
            meeting.wait();
        });
        runtime.block_on(task).unwrap();
    });
}

/// The sibling that takes over gets stuck too.
#[test]
fn a_sibling_that_takes_over_may_be_stuck_in_turn() {
    fn nest(depth: usize) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            if depth > 0 {
                spawn_and_block(nest(depth - 1)).await;
            }
        })
    }
    within(60, || {
        let runtime = multi(8);
        for _ in 0..3 {
            runtime.block_on(runtime.spawn(nest(7))).unwrap();
        }
    });
}

struct Tell(Mutex<Sender<()>>);

impl Wake for Tell {
    fn wake(self: Arc<Self>) {
        let _ = self.0.lock().unwrap().send(());
    }
}

/// Arms a timer on its own worker, and blocks until the timer has fired.
async fn arm_and_block() {
    let (tell, told) = mpsc::channel();
    let waker = Waker::from(Arc::new(Tell(Mutex::new(tell))));
    let mut sleep = pin!(tokio::time::sleep(Duration::from_millis(10)));
    let first = sleep.as_mut().poll(&mut Context::from_waker(&waker));
    assert_eq!(first, Poll::Pending);
    wait_for(&told);
}

#[test]
fn the_timers_of_all_stuck_workers_fire() {
    within(60, || {
        let runtime = multi(5);
        let tasks: Vec<_> = (0..4).map(|_| runtime.spawn(arm_and_block())).collect();
        for task in tasks {
            runtime.block_on(task).unwrap();
        }
    });
}

#[test]
fn the_timers_of_a_stuck_worker_fire_where_no_sibling_ever_sleeps() {
    within(60, || {
        let runtime = multi(2);
        let stop = Arc::new(AtomicBool::new(false));
        let (tell, told) = mpsc::channel::<()>();
        let busy = {
            let stop = stop.clone();
            let mut tell = Some(tell);
            runtime.spawn(std::future::poll_fn(move |cx| {
                drop(tell.take());
                cx.waker().wake_by_ref();
                // Ordering: Relaxed; a flag.
                match stop.load(Ordering::Relaxed) {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            }))
        };
        told.recv_timeout(SOON)
            .expect_err("dropped by the first poll");
        runtime.block_on(runtime.spawn(arm_and_block())).unwrap();
        // Ordering: Relaxed; as above.
        stop.store(true, Ordering::Relaxed);
        runtime.block_on(busy).unwrap();
    });
}

/// A thread that left its worker by `block_in_place` comes back while that worker, now on another thread, is stuck.
#[test]
fn a_worker_is_found_stuck_after_its_old_thread_has_come_back() {
    within(60, || {
        let runtime = multi(2);
        let hold = block_workers(&runtime, 1);
        let (started, has_started) = mpsc::channel();
        let (came_back, has_come_back) = mpsc::channel();
        let (ran, has_run) = mpsc::channel();
        let task = runtime.spawn(async move {
            tokio::spawn(async move {
                started.send(()).unwrap();
                wait_for(&has_come_back);
                // The other thread is about to end its poll.
                std::thread::sleep(Duration::from_millis(50));
                drop(hold);
                std::thread::sleep(Duration::from_millis(20));
                spawn_and_block(async {}).await;
                ran.send(()).unwrap();
            });
            tokio::task::block_in_place(|| wait_for(&has_started));
            came_back.send(()).unwrap();
        });
        runtime.block_on(task).unwrap();
        wait_for(&has_run);
    });
}

/// A worker that was woken to search first blocks in a hook: other workers must not rely on it.
#[test]
fn a_hook_that_blocks_keeps_no_task_waiting() {
    within(60, || {
        let (release, released) = mpsc::channel::<()>();
        let released = Mutex::new(released);
        let armed = Arc::new(AtomicBool::new(false));
        let blocked = Arc::new(AtomicUsize::new(0));
        let runtime = {
            let (armed, blocked) = (armed.clone(), blocked.clone());
            Builder::new_multi_thread()
                .worker_threads(3)
                .on_thread_unpark(move || {
                    // Ordering: Relaxed; a flag.
                    if armed.swap(false, Ordering::Relaxed) {
                        blocked.fetch_add(1, Ordering::Relaxed);
                        let _ = released.lock().unwrap().recv_timeout(2 * SOON);
                    }
                })
                .enable_all()
                .build()
                .unwrap()
        };
        for _ in 0..20 {
            // All workers fall asleep.
            std::thread::sleep(Duration::from_millis(10));
            // Ordering: Relaxed; as above.
            armed.store(true, Ordering::Relaxed);
            for _ in 0..4 {
                let (done, ran) = mpsc::channel();
                runtime.spawn(async move { done.send(()).unwrap() });
                wait_for(&ran);
            }
            let _ = release.send(());
        }
        // Ordering: Relaxed; as above.
        assert!(blocked.load(Ordering::Relaxed) > 0);
    });
}
