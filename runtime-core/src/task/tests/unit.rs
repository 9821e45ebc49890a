//! Tests of whole tasks on one thread: the last reference that is dropped frees the cell, once.
// `SpanId` has a value with the feature `tracing` only.
#![allow(clippy::default_constructed_unit_structs, clippy::type_complexity)]

use super::cell::{Header, RawTask, Schedule};
use super::owned::OwnedTasks;
use super::{Id, JoinHandle, Runnable};
use crate::instrument::{SpanId, SpawnSite};
use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::ptr::NonNull;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Counts the tasks that it has to queue; it is dropped with the cell.
#[derive(Clone, Default)]
struct Counting(Rc<Counts>);

#[derive(Default)]
struct Counts {
    scheduled: Cell<usize>,
    released: Cell<usize>,
    is_local: Cell<bool>,
}

impl Schedule for Counting {
    fn schedule(&self, task: Runnable) {
        self.0.scheduled.set(self.0.scheduled.get() + 1);
        task.run();
    }
    fn release(&self, _header: NonNull<Header>) {
        self.0.released.set(self.0.released.get() + 1);
    }
    fn is_local(&self) -> bool {
        self.0.is_local.get()
    }
}

fn raw<F: Future + 'static>(scheduler: &Counting, future: F) -> RawTask {
    let (id, site) = (Id::next(), SpawnSite::caller());
    RawTask::new(future, scheduler.clone(), id, site, SpanId::default())
}

fn spawn<F: Future + 'static>(
    scheduler: &Counting,
    future: F,
) -> (Runnable, JoinHandle<F::Output>) {
    let raw = raw(scheduler, future);
    (Runnable::from_raw(raw), JoinHandle::new(raw))
}

/// Is the cell freed? It holds the only other handle of the scheduler.
fn is_freed(scheduler: &Counting) -> bool {
    Rc::strong_count(&scheduler.0) == 1
}

/// A future that stores its waker, and ends at its second poll.
fn twice(slot: &Rc<Cell<Option<Waker>>>) -> impl Future<Output = Rc<()>> + use<> {
    let slot = slot.clone();
    let mut is_second = false;
    poll_fn(move |cx| {
        slot.set(Some(cx.waker().clone()));
        match std::mem::replace(&mut is_second, true) {
            true => Poll::Ready(Rc::new(())),
            false => Poll::Pending,
        }
    })
}

#[test]
fn whoever_lets_go_last_frees_the_cell() {
    for is_local in [false, true] {
        for last in ["handle", "abort handle", "waker", "waker that wakes"] {
            let scheduler = Counting::default();
            scheduler.0.is_local.set(is_local);
            let slot = Rc::new(Cell::new(None));
            let (task, handle) = spawn(&scheduler, twice(&slot));
            task.run();
            let abort = handle.abort_handle();
            let waker = slot.take().unwrap();
            waker.wake_by_ref();
            assert_eq!(
                (scheduler.0.scheduled.get(), scheduler.0.released.get()),
                (1, 1)
            );
            drop(slot.take());
            assert!(handle.is_finished() && !is_freed(&scheduler));
            let mut holders: Vec<(&str, Box<dyn FnOnce()>)> = vec![
                ("handle", Box::new(move || drop(handle))),
                ("abort handle", Box::new(move || drop(abort))),
            ];
            match last {
                "waker" => holders.push(("waker", Box::new(move || drop(waker)))),
                _ => holders.push(("waker that wakes", Box::new(move || waker.wake()))),
            }
            holders.sort_by_key(|(name, _)| *name == last);
            let count = holders.len();
            for (at, (name, let_go)) in holders.into_iter().enumerate() {
                assert!(
                    !is_freed(&scheduler),
                    "before {name}, local {is_local}, last {last}"
                );
                let_go();
                assert_eq!(
                    is_freed(&scheduler),
                    at + 1 == count,
                    "{name}, local {is_local}, last {last}"
                );
            }
            assert_eq!(scheduler.0.scheduled.get(), 1);
        }
    }
}

#[test]
fn an_output_that_nobody_takes_is_dropped_with_the_handle() {
    let scheduler = Counting::default();
    let output = Rc::new(());
    let theirs = output.clone();
    let (task, handle) = spawn(&scheduler, async move { theirs });
    task.run();
    assert_eq!(Rc::strong_count(&output), 2);
    drop(handle);
    assert_eq!(Rc::strong_count(&output), 1);
    assert!(is_freed(&scheduler));
}

#[test]
fn a_task_whose_handle_is_gone_drops_its_output_when_it_ends() {
    let scheduler = Counting::default();
    let output = Rc::new(());
    let theirs = output.clone();
    let (task, handle) = spawn(&scheduler, async move { theirs });
    drop(handle);
    assert!(!is_freed(&scheduler));
    task.run();
    assert_eq!(Rc::strong_count(&output), 1);
    assert!(is_freed(&scheduler));
}

#[test]
fn an_abort_drops_the_future_and_is_told_to_the_handle() {
    let scheduler = Counting::default();
    let token = Rc::new(());
    let theirs = token.clone();
    let (task, mut handle) = spawn(&scheduler, async move {
        let _theirs = theirs;
        pending::<()>().await;
    });
    task.run();
    assert_eq!(Rc::strong_count(&token), 2);
    handle.abort();
    assert_eq!(Rc::strong_count(&token), 1);
    let mut cx = Context::from_waker(Waker::noop());
    match Pin::new(&mut handle).poll(&mut cx) {
        Poll::Ready(Err(error)) => assert!(error.is_cancelled()),
        other => panic!("{other:?}"),
    }
    drop(handle);
    assert!(is_freed(&scheduler));
}

/// A waker that counts its wakes; the strong count of the `Arc` shows whether the waker still exists.
fn counting_waker() -> (std::sync::Arc<std::sync::atomic::AtomicUsize>, Waker) {
    struct Wakes(std::sync::Arc<std::sync::atomic::AtomicUsize>);
    impl std::task::Wake for Wakes {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
    let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let waker = Waker::from(std::sync::Arc::new(Wakes(count.clone())));
    (count, waker)
}

#[test]
fn the_last_join_waker_is_woken_and_all_are_dropped() {
    let scheduler = Counting::default();
    let slot = Rc::new(Cell::new(None));
    let (task, mut handle) = spawn(&scheduler, twice(&slot));
    task.run();
    let (first, first_waker) = counting_waker();
    let (second, second_waker) = counting_waker();
    for waker in [&first_waker, &first_waker, &second_waker] {
        let mut cx = Context::from_waker(waker);
        assert!(Pin::new(&mut handle).poll(&mut cx).is_pending());
    }
    drop((first_waker, second_waker));
    let wakes = |count: &std::sync::Arc<std::sync::atomic::AtomicUsize>| {
        (
            count.load(std::sync::atomic::Ordering::Relaxed),
            std::sync::Arc::strong_count(count),
        )
    };
    // The first was dropped, the second is held by the cell.
    assert_eq!((wakes(&first), wakes(&second)), ((0, 1), (0, 2)));
    slot.take().unwrap().wake();
    drop(slot.take());
    assert_eq!((wakes(&first).0, wakes(&second).0), (0, 1));
    drop(handle);
    assert_eq!((wakes(&first).1, wakes(&second).1), (1, 1));
    assert!(is_freed(&scheduler));
}

#[test]
fn the_owners_list_counts_and_reaches_every_task() {
    let scheduler = Counting::default();
    let owned = OwnedTasks::new(2);
    assert!(owned.is_empty());
    let tasks: Vec<RawTask> = (0..5).map(|_| raw(&scheduler, pending::<()>())).collect();
    for (at, task) in tasks.iter().enumerate() {
        assert!(owned.bind(*task, at));
        assert_eq!(owned.len(), at + 1);
    }
    let mut seen = 0;
    owned.for_each(|_| seen += 1);
    assert_eq!(seen, 5);
    // The middle, the first and the last of a shard's list; one twice.
    for (at, left) in [(2, 4), (4, 3), (4, 3), (0, 2), (1, 1), (3, 0)] {
        owned.remove(tasks[at].as_ptr());
        assert_eq!(owned.len(), left);
        assert_eq!(owned.is_empty(), left == 0);
    }
    for (at, task) in tasks.iter().enumerate() {
        assert!(owned.bind(*task, at));
    }
    for task in &tasks {
        let runnable = Runnable::from_raw(*task);
        runnable.run();
    }
    let permits = owned.take_permits();
    assert_eq!(permits.len(), 5);
    permits.into_iter().for_each(Runnable::cancel);
    assert_eq!(scheduler.0.released.get(), 5);
    owned.close();
    let late = raw(&scheduler, pending::<()>());
    assert!(!owned.bind(late, 0));
    Runnable::from_raw(late).cancel();
    drop(JoinHandle::<()>::new(late));
    for task in tasks {
        drop(JoinHandle::<()>::new(task));
    }
    assert!(is_freed(&scheduler));
}

/// Notes the id of the running task when it is dropped.
struct NotesId(Rc<Cell<Option<Id>>>);

impl Drop for NotesId {
    fn drop(&mut self) {
        self.0.set(super::id::try_id());
    }
}

#[test]
fn a_tasks_id_is_there_while_its_future_runs_or_is_dropped_and_not_afterwards() {
    let scheduler = Counting::default();
    let noted = Rc::new(Cell::new(None));
    for is_run in [true, false] {
        let notes = NotesId(noted.clone());
        let (task, handle) = spawn(&scheduler, async move {
            drop(notes);
            super::id::try_id()
        });
        let id = handle.id();
        match is_run {
            true => task.run(),
            false => task.cancel(),
        }
        assert_eq!(noted.take(), Some(id));
        assert_eq!(super::id::try_id(), None);
        let mut handle = handle;
        let ended = Pin::new(&mut handle).poll(&mut Context::from_waker(Waker::noop()));
        match (is_run, ended) {
            (true, Poll::Ready(Ok(seen))) => assert_eq!(seen, Some(id)),
            (false, Poll::Ready(Err(error))) => {
                assert_eq!((error.is_cancelled(), error.id()), (true, id))
            }
            (_, other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_join_waker_that_stays_the_same_is_not_cloned_again() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{RawWaker, RawWakerVTable};
    static CLONES: AtomicUsize = AtomicUsize::new(0);
    static VTABLE: RawWakerVTable = RawWakerVTable::new(
        |data| {
            CLONES.fetch_add(1, Ordering::Relaxed);
            RawWaker::new(data, &VTABLE)
        },
        |_| (),
        |_| (),
        |_| (),
    );
    // SAFETY: the functions use no data.
    let waker = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &VTABLE)) };
    let scheduler = Counting::default();
    let (task, mut handle) = spawn(&scheduler, async {});
    for _ in 0..3 {
        let mut cx = Context::from_waker(&waker);
        assert!(Pin::new(&mut handle).poll(&mut cx).is_pending());
    }
    assert_eq!(CLONES.load(Ordering::Relaxed), 1);
    task.run();
    assert!(handle.is_finished());
}

#[test]
fn whose_permit_is_elsewhere_is_cancelled_by_who_has_it() {
    for all in [true, false] {
        let scheduler = Counting::default();
        let owned = OwnedTasks::new(1);
        let polls = Rc::new(Cell::new(0));
        let count = polls.clone();
        let task = raw(
            &scheduler,
            poll_fn(move |_| {
                count.set(count.get() + 1);
                Poll::<()>::Pending
            }),
        );
        assert!(owned.bind(task, 0));
        // The permit is in a queue.
        let permit = Runnable::from_raw(task);
        match all {
            true => owned.shutdown_all(),
            false => assert!(owned.take_permits().is_empty()),
        }
        assert_eq!(scheduler.0.released.get(), 0);
        permit.run();
        assert_eq!((polls.get(), scheduler.0.released.get()), (0, 1));
        owned.remove(task.as_ptr());
        drop(JoinHandle::<()>::new(task));
        assert!(is_freed(&scheduler));
    }
}
