//! `LocalSet` besides running tasks: hooks, its current thread, panics, several drivers at a time.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use crate::support::{current, panic_message, within};
use selvedge::runtime::UnhandledPanic;
use selvedge::task::{self, LocalSet};

/// Counts its wake-ups.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn polls<F: Future + Unpin>(self: &Arc<Self>, future: &mut F) -> Poll<F::Output> {
        let waker = Waker::from(self.clone());
        pin!(future).poll(&mut Context::from_waker(&waker))
    }
}

#[test]
fn a_panic_that_ends_the_set_drops_its_tasks() {
    let mut set = LocalSet::new();
    set.unhandled_panic(UnhandledPanic::ShutdownRuntime);
    let kept = Rc::new(());
    let inside = kept.clone();
    set.spawn_local(async move {
        let _inside = inside;
        pending::<()>().await;
    });
    set.spawn_local(async { panic!("of a task") });
    let runtime = current();
    let message = panic_message(|| runtime.block_on(set.run_until(pending::<()>())));
    assert!(message.contains("shutdown on unhandled panic"), "{message}");
    assert_eq!(Rc::strong_count(&kept), 1);
    let late = set.spawn_local(async {});
    let late = runtime.block_on(late);
    assert!(late.unwrap_err().is_cancelled());
}

#[test]
fn hooks_are_called_for_local_tasks() {
    let (spawned, ended) = (Arc::new(Count::default()), Arc::new(Count::default()));
    let (on_spawn, on_end) = (spawned.clone(), ended.clone());
    let runtime = selvedge::runtime::Builder::new_current_thread()
        .on_task_spawn(move |_| Wake::wake_by_ref(&on_spawn))
        .on_task_terminate(move |_| Wake::wake_by_ref(&on_end))
        .build()
        .unwrap();
    let set = LocalSet::new();
    set.block_on(&runtime, async {
        let task = task::spawn_local(pending::<()>());
        assert_eq!((spawned.get(), ended.get()), (1, 0));
        task.abort();
        assert!(task.await.is_err());
    });
    assert_eq!((spawned.get(), ended.get()), (1, 1));
}

#[test]
fn a_set_is_current_while_its_guard_lives() {
    let set = LocalSet::new();
    let guard = set.enter();
    let task = task::spawn_local(async { 1 });
    drop(guard);
    let outside = catch_unwind(AssertUnwindSafe(|| task::spawn_local(async {})));
    assert!(outside.is_err());
    assert_eq!(current().block_on(set.run_until(task)).unwrap(), 1);
}

/// A task that is always ready does not keep tasks that other threads wake from running.
#[test]
fn a_busy_task_leaves_room_for_tasks_woken_from_other_threads() {
    within(20, || {
        let set = LocalSet::new();
        let is_done = Rc::new(Cell::new(false));
        let seen = is_done.clone();
        let (tell, told) = tokio::sync::oneshot::channel::<()>();
        let mut tell = Some(tell);
        set.spawn_local(async move {
            told.await.unwrap();
            is_done.set(true);
        });
        set.block_on(&current(), async {
            let busy = poll_fn(move |cx| {
                if let Some(tell) = tell.take() {
                    let thread = std::thread::spawn(move || tell.send(()).unwrap());
                    thread.join().unwrap();
                }
                if seen.get() {
                    return Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            });
            task::spawn_local(busy).await.unwrap();
        });
    });
}

#[test]
fn each_of_several_drivers_is_woken_until_it_goes() {
    let set = LocalSet::new();
    let counts: [Arc<Count>; 3] = Default::default();
    let mut first = Box::pin(set.run_until(pending::<()>()));
    let mut second = Box::pin(set.run_until(pending::<()>()));
    let mut third = Box::pin(set.run_until(pending::<()>()));
    let told = || [counts[0].get(), counts[1].get(), counts[2].get()];
    for _ in 0..2 {
        assert!(counts[0].polls(&mut first).is_pending());
        assert!(counts[1].polls(&mut second).is_pending());
        assert!(counts[2].polls(&mut third).is_pending());
    }
    set.spawn_local(async {});
    assert_eq!(told(), [1, 1, 1]);
    assert!(counts[0].polls(&mut first).is_pending());
    assert!(counts[1].polls(&mut second).is_pending());
    assert!(counts[2].polls(&mut third).is_pending());
    drop(first);
    assert_eq!(told(), [1, 1, 1], "there is nothing to do");
    set.spawn_local(async {});
    assert_eq!(told(), [1, 2, 2]);
    assert!(counts[1].polls(&mut second).is_pending());
    assert!(counts[2].polls(&mut third).is_pending());
    drop(third);
    set.spawn_local(async {});
    assert_eq!(told(), [1, 3, 2]);
}

#[test]
fn a_driver_that_goes_hands_what_is_left_to_another() {
    let set = LocalSet::new();
    let counts: [Arc<Count>; 2] = Default::default();
    let mut first = Box::pin(set.run_until(pending::<()>()));
    let mut second = Box::pin(set.run_until(pending::<()>()));
    // More than one poll runs.
    let tasks: Vec<_> = (0..1000).map(|_| set.spawn_local(async {})).collect();
    assert!(counts[1].polls(&mut second).is_pending());
    assert!(counts[0].polls(&mut first).is_pending());
    let before = counts[1].get();
    drop(first);
    assert_eq!(counts[1].get(), before + 1);
    assert!(tasks.iter().any(|task| !task.is_finished()));
}

/// Of two drivers, the one that was polled first is dropped: the other is woken.
#[test]
fn the_first_of_two_drivers_goes() {
    let set = LocalSet::new();
    let counts: [Arc<Count>; 2] = Default::default();
    let mut first = Box::pin(set.run_until(pending::<()>()));
    let mut second = Box::pin(set.run_until(pending::<()>()));
    assert!(counts[0].polls(&mut first).is_pending());
    assert!(counts[1].polls(&mut second).is_pending());
    drop(first);
    set.spawn_local(async {});
    assert_eq!([counts[0].get(), counts[1].get()], [0, 1]);
}

/// The task that another thread woke has run: nothing is left for the other driver.
#[test]
fn a_driver_that_goes_after_a_wake_from_outside_leaves_the_others_alone() {
    let set = LocalSet::new();
    let counts: [Arc<Count>; 2] = Default::default();
    let mut first = Box::pin(set.run_until(pending::<()>()));
    let mut second = Box::pin(set.run_until(pending::<()>()));
    let (tell, told) = tokio::sync::oneshot::channel::<()>();
    let task = set.spawn_local(told);
    assert!(counts[0].polls(&mut first).is_pending());
    let thread = std::thread::spawn(move || tell.send(()).unwrap());
    thread.join().unwrap();
    assert!(counts[0].polls(&mut first).is_pending());
    assert!(task.is_finished());
    assert!(counts[1].polls(&mut second).is_pending());
    let before = counts[1].get();
    drop(first);
    assert_eq!(counts[1].get(), before, "there is nothing to do");
}

/// The set itself was polled as a future, and then another driver drove it for a while.
#[test]
fn the_sets_own_driver_is_woken_after_another_has_gone() {
    let mut set = LocalSet::new();
    let counts: [Arc<Count>; 2] = Default::default();
    set.spawn_local(pending::<()>());
    assert!(counts[0].polls(&mut set).is_pending());
    let mut other = Box::pin(set.run_until(pending::<()>()));
    assert!(counts[1].polls(&mut other).is_pending());
    drop(other);
    set.spawn_local(async {});
    assert_eq!([counts[0].get(), counts[1].get()], [1, 0]);
}

#[test]
fn a_driver_that_leaves_tasks_for_later_is_woken_at_once() {
    let mut set = LocalSet::new();
    let count = Arc::new(Count::default());
    // More than one poll runs.
    let tasks: Vec<_> = (0..1000).map(|_| set.spawn_local(async {})).collect();
    let mut run = Box::pin(set.run_until(pending::<()>()));
    assert!(count.polls(&mut run).is_pending());
    assert_eq!(count.get(), 1);
    drop(run);
    let before = count.get();
    assert!(count.polls(&mut set).is_pending());
    assert_eq!(count.get(), before + 1);
    assert!(tasks.iter().any(|task| !task.is_finished()));
}

/// A driver that is ready drives no more, even before it is dropped.
#[test]
fn a_driver_that_is_done_leaves_what_is_left_to_another() {
    let set = LocalSet::new();
    let counts: [Arc<Count>; 2] = Default::default();
    let mut second = Box::pin(set.run_until(pending::<()>()));
    // More than one poll runs.
    let _tasks: Vec<_> = (0..1000).map(|_| set.spawn_local(async {})).collect();
    assert!(counts[1].polls(&mut second).is_pending());
    let before = counts[1].get();
    let mut done = Box::pin(set.run_until(std::future::ready(())));
    assert!(counts[0].polls(&mut done).is_ready());
    assert_eq!(counts[1].get(), before + 1);
}

/// Spawns on the set when it is dropped.
struct Spawns<'a>(&'a LocalSet);

impl Drop for Spawns<'_> {
    fn drop(&mut self) {
        self.0.spawn_local(async {});
    }
}

#[test]
fn what_the_future_of_a_driver_that_is_done_spawns_as_it_is_dropped_is_for_another() {
    let set = LocalSet::new();
    let counts: [Arc<Count>; 2] = Default::default();
    let mut second = Box::pin(set.run_until(pending::<()>()));
    assert!(counts[1].polls(&mut second).is_pending());
    let on_drop = Spawns(&set);
    let mut done = Box::pin(set.run_until(poll_fn(move |_| {
        let _ = &on_drop;
        Poll::Ready(())
    })));
    assert!(counts[0].polls(&mut done).is_ready());
    assert_eq!(counts[1].get(), 1);
}

/// Panics when it is dropped.
struct DropPanics;

impl Wake for DropPanics {
    fn wake(self: Arc<Self>) {}
}

impl Drop for DropPanics {
    fn drop(&mut self) {
        panic!("of a waker");
    }
}

#[test]
fn a_waker_that_panics_when_it_is_dropped_stops_neither_a_driver_nor_the_set_from_going() {
    let mut set = LocalSet::new();
    set.spawn_local(pending::<()>());
    let waker = Waker::from(Arc::new(DropPanics));
    let mut run = Box::pin(set.run_until(pending::<()>()));
    let polled = run.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    drop(waker);
    drop(run);
    let waker = Waker::from(Arc::new(DropPanics));
    let polled = pin!(&mut set).poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    drop(waker);
    drop(set);
}

#[test]
fn spawning_for_a_local_runtime_from_another_thread_names_the_cure() {
    let runtime = selvedge::runtime::LocalRuntime::new().unwrap();
    let handle = runtime.handle().clone();
    let elsewhere = std::thread::spawn(move || {
        let _entered = handle.enter();
        panic_message(|| task::spawn_local(async {}))
    });
    let message = elsewhere.join().unwrap();
    assert!(
        message.contains("from the thread the runtime was created on"),
        "{message}"
    );
    let runtime = current();
    let _entered = runtime.enter();
    let message = panic_message(|| task::spawn_local(async {}));
    assert!(message.contains("from outside of"), "{message}");
}
