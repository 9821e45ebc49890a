//! Models of the current-thread scheduler as it ships: its sleep, and the line of threads in `block_on`.
//!
//! A task or a wake-up that is lost is a deadlock, which loom reports. Flags are Relaxed and no thread is joined before the end:
//! only the wake-ups make writes visible.

use crate::base::rng::RngSeed;
use crate::base::shim::sync::Mutex;
use crate::base::shim::sync::atomic::{AtomicUsize, Ordering};
use crate::driver::Drivers;
use crate::handle::shared::Shared;
use crate::handle::{Handle, Policy};
use crate::scheduler::config::Config;
use crate::scheduler::current_thread::CurrentThread;
use ::loom::thread;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::{Poll, Waker};

fn runtime() -> Handle {
    let mut config = Config::new(None, "model");
    config.seed = Some(RngSeed::from_bytes(b"model"));
    let policy = Policy::CurrentThread(CurrentThread::new(&config));
    let (shared, driver) = Shared::new(config, Drivers::default(), policy);
    let handle = Handle {
        shared: Arc::new(shared),
    };
    handle.shared.policy.current_thread().install(driver);
    handle
}

fn block_on<F: Future>(handle: &Handle, future: F) -> F::Output {
    super::block_on(handle, future, crate::task::Id::next())
}

/// A flag, and the waker of the future that waits for it.
struct Signal {
    flag: AtomicUsize,
    waker: Mutex<Option<Waker>>,
}

impl Signal {
    fn new() -> Arc<Signal> {
        Arc::new(Signal {
            flag: AtomicUsize::new(0),
            waker: Mutex::new(None),
        })
    }

    fn set(&self) {
        self.flag.store(1, Ordering::Relaxed);
        let waker = self.waker.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn is_set(&self) -> bool {
        self.flag.load(Ordering::Relaxed) == 1
    }

    /// The waker is stored before the flag is read: the thread that sets the flag takes the waker afterwards.
    async fn wait(&self) {
        poll_fn(|cx| {
            *self.waker.lock() = Some(cx.waker().clone());
            match self.is_set() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await
    }
}

/// The future of `block_on` gives its waker to another thread, which wakes it as it goes to sleep.
#[test]
fn a_foreign_wake_of_the_main_future_ends_the_sleep() {
    ::loom::model(|| {
        let handle = runtime();
        let flag = Arc::new(AtomicUsize::new(0));
        let mut waker_thread = None;
        block_on(
            &handle,
            poll_fn(|cx| {
                if waker_thread.is_none() {
                    let (flag, waker) = (flag.clone(), cx.waker().clone());
                    waker_thread = Some(thread::spawn(move || {
                        flag.store(1, Ordering::Relaxed);
                        waker.wake();
                    }));
                }
                match flag.load(Ordering::Relaxed) {
                    1 => Poll::Ready(()),
                    _ => Poll::Pending,
                }
            }),
        );
    });
}

/// A task comes from another thread as the runtime goes to sleep.
#[test]
fn a_task_from_outside_ends_the_sleep() {
    ::loom::model(|| {
        let handle = runtime();
        let mut spawner = None;
        let done = Signal::new();
        block_on(&handle, async {
            let (handle, done) = (handle.clone(), done.clone());
            spawner = Some(thread::spawn({
                let done = done.clone();
                move || drop(handle.spawn(async move { done.set() }))
            }));
            done.wait().await;
        });
    });
}

/// Two tasks from outside, by two threads.
#[test]
fn each_of_two_tasks_from_outside_is_run() {
    ::loom::model(|| {
        let handle = runtime();
        let (first, second) = (Signal::new(), Signal::new());
        block_on(&handle, async {
            for done in [&first, &second] {
                let (handle, done) = (handle.clone(), done.clone());
                thread::spawn(move || drop(handle.spawn(async move { done.set() })));
            }
            first.wait().await;
            second.wait().await;
        });
    });
}

/// The thread that has the core leaves; the next in line needs the core to have its task run.
fn the_holder_leaves(leave: impl Fn() + Sync + Send + Copy + 'static) {
    ::loom::model(move || {
        let handle = runtime();
        let first = {
            let handle = handle.clone();
            thread::spawn(move || {
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    block_on(&handle, async { leave() });
                }));
            })
        };
        let done = Signal::new();
        let task = done.clone();
        drop(handle.spawn(async move { task.set() }));
        block_on(&handle, done.wait());
        drop(first);
    });
}

#[test]
fn the_next_in_line_takes_over() {
    the_holder_leaves(|| ());
}

#[test]
fn the_next_in_line_takes_over_from_one_that_panics() {
    // Without the panic hook's message, once for each schedule.
    the_holder_leaves(|| std::panic::resume_unwind(Box::new(())));
}

/// The thread that is called does not need the core any more: it passes the call on.
#[test]
fn a_call_to_one_that_is_ready_goes_to_the_next() {
    ::loom::model(|| {
        let handle = runtime();
        let ready = Signal::new();
        let done = Signal::new();
        let waiters = [ready.clone(), done.clone()].map(|signal| {
            let handle = handle.clone();
            thread::spawn(move || block_on(&handle, signal.wait()))
        });
        let task = done.clone();
        drop(handle.spawn(async move { task.set() }));
        block_on(&handle, async { ready.set() });
        drop(waiters);
    });
}
