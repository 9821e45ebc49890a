//! Models of whole tasks: the cell, its wakers, the join handle, the set, and the owner's list.
//!
//! The scheduler runs a task where it is woken. Futures and outputs hold loom's `Arc`s, so loom reports those that are
//! never dropped. Loom's cells within a task's cell report if the task's cell is freed too early.

use super::cell::{Header, RawTask, Schedule};
use super::owned::OwnedTasks;
use super::{Id, JoinHandle, Runnable};
use crate::instrument::{SpanId, SpawnSite};
use crate::spawn::JoinSet;
use crate::sync::oneshot;
use ::loom::future::block_on;
use ::loom::sync::Arc;
use ::loom::sync::atomic::{AtomicUsize, Ordering};
use ::loom::thread;
use std::future::Future;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Waker};

/// Runs a woken task at once. The list, if there is one, is the owner. The second field lives as long as the task's cell:
/// by it loom reports a cell that is never freed, or freed twice.
struct Inline(
    Option<std::sync::Arc<OwnedTasks>>,
    #[allow(dead_code)] Arc<()>,
);

impl Inline {
    fn new(owner: Option<std::sync::Arc<OwnedTasks>>) -> Self {
        Inline(owner, Arc::new(()))
    }
}

impl Schedule for Inline {
    fn schedule(&self, task: Runnable) {
        task.run();
    }

    fn release(&self, header: NonNull<Header>) {
        if let Some(owned) = &self.0 {
            owned.remove(header);
        }
    }
}

fn spawn<F: Future + 'static>(future: F) -> (Runnable, JoinHandle<F::Output>) {
    let raw = RawTask::new(
        future,
        Inline::new(None),
        Id::next(),
        SpawnSite::caller(),
        SpanId::default(),
    );
    (Runnable::from_raw(raw), JoinHandle::new(raw))
}

fn poll_once<T>(handle: &mut JoinHandle<T>) -> bool {
    Pin::new(handle)
        .poll(&mut Context::from_waker(Waker::noop()))
        .is_ready()
}

#[test]
fn a_woken_task_gives_its_output() {
    ::loom::model(|| {
        let (tx, rx) = oneshot::channel();
        let (task, handle) = spawn(async move { rx.await.unwrap() });
        let sender = thread::spawn(move || tx.send(Arc::new(7)).unwrap());
        let runner = thread::spawn(move || task.run());
        assert_eq!(7, *block_on(handle).unwrap());
        sender.join().unwrap();
        runner.join().unwrap();
    });
}

#[test]
fn an_abort_races_a_wake() {
    ::loom::model(|| {
        let (tx, rx) = oneshot::channel();
        let token = Arc::new(());
        let (task, handle) = spawn(async move {
            let _token = token;
            rx.await.unwrap()
        });
        task.run();
        let abort = handle.abort_handle();
        let aborter = thread::spawn(move || abort.abort());
        // The receiver may be dropped by the abort.
        let sender = thread::spawn(move || drop(tx.send(7)));
        match block_on(handle) {
            Ok(output) => assert_eq!(7, output),
            Err(error) => assert!(error.is_cancelled()),
        }
        aborter.join().unwrap();
        sender.join().unwrap();
    });
}

#[test]
fn a_join_handle_that_waited_is_dropped_at_any_time() {
    ::loom::model(|| {
        let (task, mut handle) = spawn(async { Arc::new(7) });
        let runner = thread::spawn(move || task.run());
        let _ = poll_once(&mut handle);
        drop(handle);
        runner.join().unwrap();
    });
}

#[test]
fn a_join_waker_is_replaced_at_any_time() {
    ::loom::model(|| {
        let (task, mut handle) = spawn(async { Arc::new(7) });
        let runner = thread::spawn(move || task.run());
        if !poll_once(&mut handle) {
            assert_eq!(7, *block_on(handle).unwrap());
        }
        runner.join().unwrap();
    });
}

#[test]
fn a_waker_outlives_its_task() {
    ::loom::model(|| {
        let place = Arc::new(::loom::sync::Mutex::new(None));
        let kept = place.clone();
        let (task, handle) = spawn(std::future::poll_fn(move |cx| {
            *kept.lock().unwrap() = Some(cx.waker().clone());
            std::task::Poll::Ready(())
        }));
        let runner = thread::spawn(move || task.run());
        drop(handle);
        if let Some(waker) = { place.lock().unwrap().take() } {
            let waker: Waker = waker;
            waker.wake();
        }
        runner.join().unwrap();
        drop(place.lock().unwrap().take());
    });
}

#[test]
fn a_set_gives_every_output() {
    ::loom::model(|| {
        let mut set = JoinSet::new();
        let tasks = [1, 2].map(|n| {
            let (task, handle) = spawn(async move { n });
            set.insert(handle);
            task
        });
        let runner = thread::spawn(move || tasks.map(Runnable::run));
        let mut sum = 0;
        while let Some(result) = block_on(set.join_next()) {
            sum += result.unwrap();
        }
        assert_eq!(3, sum);
        runner.join().unwrap();
    });
}

#[test]
fn a_dropped_set_aborts_its_members() {
    ::loom::model(|| {
        let (tx, rx) = oneshot::channel::<u8>();
        let (task, handle) = spawn(async move {
            let _ = rx.await;
        });
        let mut set = JoinSet::new();
        set.insert(handle);
        let runner = thread::spawn(move || task.run());
        drop(set);
        runner.join().unwrap();
        assert!(tx.is_closed(), "the future was dropped");
    });
}

/// A detached member may still report its end, when another member has its place already.
#[test]
fn a_set_takes_no_detached_member_for_another() {
    ::loom::model(|| {
        let (task, handle) = spawn(async {});
        let mut set = JoinSet::new();
        set.insert(handle);
        let runner = thread::spawn(move || task.run());
        set.detach_all();
        let (other, handle) = spawn(std::future::pending());
        set.insert(handle);
        runner.join().unwrap();
        assert!(set.try_join_next().is_none());
        drop(set);
        other.run();
    });
}

/// Tasks that are spawned while their owner shuts down are refused or cancelled; none stays.
#[test]
fn a_shutdown_reaches_every_task() {
    ::loom::model(|| {
        let owned = std::sync::Arc::new(OwnedTasks::new(1));
        let ended = Arc::new(AtomicUsize::new(0));
        let spawner = {
            let (owned, ended) = (owned.clone(), ended.clone());
            thread::spawn(move || {
                struct OnDrop(Arc<AtomicUsize>);
                impl Drop for OnDrop {
                    fn drop(&mut self) {
                        self.0.fetch_add(1, Ordering::Relaxed);
                    }
                }
                let on_drop = OnDrop(ended);
                let future = async move {
                    let _on_drop = on_drop;
                    std::future::pending::<()>().await;
                };
                let raw = RawTask::new(
                    future,
                    Inline::new(Some(owned.clone())),
                    Id::next(),
                    SpawnSite::caller(),
                    SpanId::default(),
                );
                let handle = JoinHandle::<()>::new(raw);
                match owned.bind(raw, 0) {
                    true => Runnable::from_raw(raw).run(),
                    false => Runnable::from_raw(raw).cancel(),
                }
                drop(handle);
            })
        };
        owned.close();
        owned.shutdown_all();
        spawner.join().unwrap();
        assert_eq!(1, ended.load(Ordering::Relaxed));
        assert!(owned.is_empty());
    });
}
