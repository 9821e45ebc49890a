//! What a `LocalSet` does besides running tasks: hooks, its current thread, panics, several drivers at a time.

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

/// A task that is always ready does not keep those from running that other threads wake.
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
