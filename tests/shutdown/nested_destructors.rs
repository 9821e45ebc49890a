//! Destructors that spawn on a runtime or set that is shutting down, thousands deep: they run one after another, on a small stack.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::{JoinHandle, LocalSet};

use super::support::{current, within};

const DEEP: usize = 100_000;
const SMALL_STACK: usize = 256 * 1024;

/// Runs `f` on a thread with a small stack.
fn on_a_small_stack(f: impl FnOnce() + Send + 'static) {
    within(300, || {
        let thread = std::thread::Builder::new().stack_size(SMALL_STACK);
        thread.spawn(f).unwrap().join().unwrap();
    });
}

#[derive(Clone, Copy)]
enum How {
    Task,
    Blocking,
    Local,
    /// Tasks and blocking closures in turn.
    Both,
}

/// A link of a chain: its destructor spawns a task or closure that owns the next link.
struct Chain {
    left: usize,
    how: How,
    handle: Option<Handle>,
    dropped: Arc<AtomicUsize>,
}

impl Drop for Chain {
    fn drop(&mut self) {
        // Ordering: Relaxed; a counter.
        self.dropped.fetch_add(1, Ordering::Relaxed);
        if self.left == 0 {
            return;
        }
        let next = Chain {
            left: self.left - 1,
            how: self.how,
            handle: self.handle.clone(),
            dropped: self.dropped.clone(),
        };
        let hold = |chain: Chain| async move {
            let _chain = chain;
            std::future::pending::<()>().await;
        };
        match (self.how, &self.handle) {
            (How::Task, Some(handle)) => drop(handle.spawn(hold(next))),
            (How::Blocking, Some(handle)) => drop(handle.spawn_blocking(move || drop(next))),
            (How::Both, Some(handle)) if self.left & 1 == 0 => drop(handle.spawn(hold(next))),
            (How::Both, Some(handle)) => drop(handle.spawn_blocking(move || drop(next))),
            _ => drop(tokio::task::spawn_local(hold(next))),
        }
    }
}

fn chain(how: How, handle: Option<&Handle>) -> (Chain, Arc<AtomicUsize>) {
    let dropped = Arc::new(AtomicUsize::new(0));
    let chain = Chain {
        left: DEEP,
        how,
        handle: handle.cloned(),
        dropped: dropped.clone(),
    };
    (chain, dropped)
}

fn runtimes() -> [Runtime; 2] {
    let multi = Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(SMALL_STACK)
        .build()
        .unwrap();
    [current(), multi]
}

#[test]
fn of_tasks_and_closures_on_a_runtime_that_ends() {
    for how in [How::Task, How::Blocking, How::Both] {
        on_a_small_stack(move || {
            for runtime in runtimes() {
                let (chain, dropped) = chain(how, Some(runtime.handle()));
                runtime.spawn(async move {
                    let _chain = chain;
                    std::future::pending::<()>().await;
                });
                runtime.block_on(tokio::task::yield_now());
                drop(runtime);
                // Ordering: Relaxed; the runtime's threads have ended.
                assert_eq!(dropped.load(Ordering::Relaxed), DEEP + 1);
            }
        });
    }
}

#[test]
fn of_tasks_on_a_runtime_that_has_ended() {
    on_a_small_stack(|| {
        for runtime in runtimes() {
            let handle = runtime.handle().clone();
            drop(runtime);
            let (chain, dropped) = chain(How::Both, Some(&handle));
            drop(chain);
            // Ordering: Relaxed; the same thread.
            assert_eq!(dropped.load(Ordering::Relaxed), DEEP + 1);
        }
    });
}

#[test]
fn of_tasks_on_a_local_set_that_is_dropped() {
    on_a_small_stack(|| {
        let set = LocalSet::new();
        let (chain, dropped) = chain(How::Local, None);
        set.spawn_local(async move {
            let _chain = chain;
            std::future::pending::<()>().await;
        });
        drop(set);
        // Ordering: Relaxed; the same thread.
        assert_eq!(dropped.load(Ordering::Relaxed), DEEP + 1);
    });
}

#[test]
fn in_the_destructor_of_a_thread_local() {
    thread_local! {
        static LAST: RefCell<Option<Chain>> = const { RefCell::new(None) };
    }
    let runtime = current();
    let handle = runtime.handle().clone();
    drop(runtime);
    let (chain, dropped) = chain(How::Task, Some(&handle));
    on_a_small_stack(move || LAST.with(|last| *last.borrow_mut() = Some(chain)));
    // Ordering: Relaxed; the thread has ended.
    assert_eq!(dropped.load(Ordering::Relaxed), DEEP + 1);
}

/// The output of a task is the handle of another task, whose output is a handle, and so on.
#[test]
fn of_join_handles_in_outputs() {
    struct Link(
        #[allow(dead_code)] Option<JoinHandle<Link>>,
        Arc<AtomicUsize>,
    );
    impl Drop for Link {
        fn drop(&mut self) {
            // Ordering: Relaxed; a counter.
            self.1.fetch_add(1, Ordering::Relaxed);
        }
    }
    on_a_small_stack(|| {
        let runtime = current();
        let dropped = Arc::new(AtomicUsize::new(0));
        let mut last = None;
        for _ in 0..DEEP {
            let link = Link(last.take(), dropped.clone());
            let task = runtime.spawn(async move { link });
            while !task.is_finished() {
                runtime.block_on(tokio::task::yield_now());
            }
            last = Some(task);
        }
        drop(last);
        // Ordering: Relaxed; the same thread.
        assert_eq!(dropped.load(Ordering::Relaxed), DEEP);
    });
}

/// A destructor that waits for the task that it has spawned learns of its end, even if nested deep.
#[test]
fn that_wait_for_the_task_they_spawn() {
    struct Waits(Handle, usize);
    impl Drop for Waits {
        fn drop(&mut self) {
            if self.1 > 0 {
                let next = Waits(self.0.clone(), self.1 - 1);
                let task = self.0.spawn(async move { drop(next) });
                let end = self.0.block_on(task);
                assert!(end.unwrap_err().is_cancelled());
            }
        }
    }
    within(60, || {
        let runtime = current();
        let handle = runtime.handle().clone();
        drop(runtime);
        drop(Waits(handle, 20));
    });
}

/// A destructor that panics does not keep others from running.
#[test]
fn that_panic() {
    struct Panics(Handle, usize, Arc<AtomicUsize>);
    impl Drop for Panics {
        fn drop(&mut self) {
            // Ordering: Relaxed; a counter.
            self.2.fetch_add(1, Ordering::Relaxed);
            if self.1 > 0 {
                for left in [0, self.1 - 1] {
                    let next = Panics(self.0.clone(), left, self.2.clone());
                    self.0.spawn(async move { drop(next) });
                }
                panic!("on purpose");
            }
        }
    }
    std::panic::set_hook(Box::new(|info| {
        if info.payload().downcast_ref::<&str>() != Some(&"on purpose") {
            eprintln!("{info}");
        }
    }));
    let dropped = Arc::new(AtomicUsize::new(0));
    let counter = dropped.clone();
    on_a_small_stack(move || {
        let runtime = current();
        let first = Panics(runtime.handle().clone(), 1_000, counter);
        runtime.spawn(async move { drop(first) });
        drop(runtime);
    });
    // Ordering: Relaxed; the thread has ended.
    assert_eq!(dropped.load(Ordering::Relaxed), 2_001);
}
