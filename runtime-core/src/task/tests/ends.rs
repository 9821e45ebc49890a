//! Tests of how tasks end, on one thread: who is notified, what is dropped where, what a panic does.

use super::cell::{Header, RawTask, Schedule};
use super::{Id, JoinHandle, Runnable, id, nested};
use crate::coop;
use crate::instrument::{SpanId, SpawnSite};
use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};

#[derive(Default)]
struct Told {
    is_scheduling: Cell<bool>,
    /// The cell was freed, with the scheduler in it, while `schedule` ran.
    freed_meanwhile: Cell<bool>,
    terminated: Cell<usize>,
    panicked: Cell<usize>,
}

/// Runs tasks in place.
#[derive(Clone, Default)]
struct InPlace(Rc<Told>);

impl Schedule for InPlace {
    fn schedule(&self, task: Runnable) {
        let told = self.0.clone();
        told.is_scheduling.set(true);
        task.run();
        told.is_scheduling.set(false);
    }
    fn release(&self, _header: NonNull<Header>) {}
    fn on_terminate(&self, _header: &Header) {
        self.0.terminated.set(self.0.terminated.get() + 1);
    }
    fn on_panic(&self) {
        self.0.panicked.set(self.0.panicked.get() + 1);
    }
}

impl Drop for InPlace {
    fn drop(&mut self) {
        if self.0.is_scheduling.get() {
            self.0.freed_meanwhile.set(true);
        }
    }
}

#[allow(clippy::default_constructed_unit_structs)] // it has a value with the feature `tracing` only
fn spawn<F: Future + 'static>(scheduler: &InPlace, future: F) -> (RawTask, JoinHandle<F::Output>) {
    let site = SpawnSite::caller();
    let raw = RawTask::new(
        future,
        scheduler.clone(),
        Id::next(),
        site,
        SpanId::default(),
    );
    (raw, JoinHandle::new(raw))
}

fn poll<T>(handle: &mut JoinHandle<T>, waker: &Waker) -> Poll<Result<T, super::JoinError>> {
    Pin::new(handle).poll(&mut Context::from_waker(waker))
}

struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn the_memory_of_a_task_stays_while_its_waker_schedules_it() {
    let scheduler = InPlace::default();
    let slot = Rc::new(Cell::new(None));
    let leaves = slot.clone();
    let mut is_second = false;
    let (task, handle) = spawn(
        &scheduler,
        poll_fn(move |cx| match std::mem::replace(&mut is_second, true) {
            true => Poll::Ready(()),
            false => {
                leaves.set(Some(cx.waker().clone()));
                Poll::Pending
            }
        }),
    );
    Runnable::from_raw(task).run();
    drop(handle);
    // The last reference except the owner's; the task ends while `schedule` runs.
    slot.take().unwrap().wake();
    assert!(!scheduler.0.freed_meanwhile.get());
    assert_eq!(
        (Rc::strong_count(&scheduler.0), scheduler.0.terminated.get()),
        (1, 1)
    );
}

#[test]
fn a_task_that_is_shut_down_while_it_runs_is_not_polled_again() {
    let scheduler = InPlace::default();
    let (own, polls) = (Rc::new(Cell::new(None)), Rc::new(Cell::new(0)));
    let (me, count) = (own.clone(), polls.clone());
    let (task, mut handle) = spawn(
        &scheduler,
        poll_fn(move |_| {
            count.set(count.get() + 1);
            let me: RawTask = me.get().unwrap();
            // The run holds the permit: the task is cancelled when the run ends.
            me.shutdown();
            Poll::<()>::Pending
        }),
    );
    own.set(Some(task));
    Runnable::from_raw(task).run();
    assert_eq!(polls.get(), 1);
    let Poll::Ready(Err(error)) = poll(&mut handle, Waker::noop()) else {
        panic!("it was not cancelled");
    };
    assert!(error.is_cancelled());
}

#[test]
fn a_join_waker_goes_with_the_handle_and_not_with_the_task() {
    let scheduler = InPlace::default();
    let count = Arc::new(Nobody);
    let (task, mut handle) = spawn(&scheduler, pending::<()>());
    assert!(poll(&mut handle, &Waker::from(count.clone())).is_pending());
    assert_eq!(Arc::strong_count(&count), 2);
    drop(handle);
    assert_eq!(Arc::strong_count(&count), 1);
    Runnable::from_raw(task).cancel();
    assert_eq!(Rc::strong_count(&scheduler.0), 1);
}

#[test]
fn a_join_waker_that_panics_when_dropped_costs_nothing() {
    static VTABLE: RawWakerVTable = RawWakerVTable::new(
        |data| RawWaker::new(data, &VTABLE),
        |_| (),
        |_| (),
        |_| panic!("this waker panics when dropped"),
    );
    let scheduler = InPlace::default();
    let (task, mut handle) = spawn(&scheduler, pending::<()>());
    // SAFETY: the functions use no data.
    let waker = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &VTABLE)) };
    assert!(poll(&mut handle, &waker).is_pending());
    std::mem::forget(waker);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(handle))).is_ok());
    Runnable::from_raw(task).cancel();
    assert_eq!(Rc::strong_count(&scheduler.0), 1);
}

/// Notes whether it is dropped while a panic unwinds.
struct NotesPanicking(Rc<Cell<Option<bool>>>);

impl Drop for NotesPanicking {
    fn drop(&mut self) {
        self.0.set(Some(std::thread::panicking()));
    }
}

#[test]
fn every_end_is_told_once_and_a_panic_drops_the_future_while_it_unwinds() {
    for (panics, is_run) in [(false, true), (true, true), (false, false)] {
        let scheduler = InPlace::default();
        let noted = Rc::new(Cell::new(None));
        let notes = NotesPanicking(noted.clone());
        // `notes` is a field of the future, not a variable of its poll.
        let future = poll_fn(move |_| {
            let _ = &notes;
            assert!(!panics, "this task panics");
            Poll::Ready(())
        });
        let (task, mut handle) = spawn(&scheduler, future);
        match is_run {
            true => Runnable::from_raw(task).run(),
            false => Runnable::from_raw(task).cancel(),
        }
        assert_eq!(noted.get(), Some(panics));
        assert_eq!(scheduler.0.terminated.get(), 1);
        assert_eq!(scheduler.0.panicked.get(), usize::from(panics));
        let Poll::Ready(outcome) = poll(&mut handle, Waker::noop()) else {
            panic!("it has not ended");
        };
        assert_eq!(outcome.is_ok(), is_run && !panics);
        // The output is given once.
        let again = catch_unwind(AssertUnwindSafe(|| {
            poll(&mut handle, Waker::noop()).is_ready()
        }));
        assert!(again.is_err());
    }
}

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    static DEEPEST: Cell<usize> = const { Cell::new(0) };
}

/// The output of a task that holds the handle of the task before.
struct Output {
    before: Option<JoinHandle<Output>>,
    drops: Rc<Cell<usize>>,
}

impl Drop for Output {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() + 1);
        DEEPEST.set(DEEPEST.get().max(DEPTH.get()));
        assert!(id::try_id().is_some(), "the task's id is there");
        self.before = None;
        self.drops.set(self.drops.get() + 1);
        DEPTH.set(DEPTH.get() - 1);
    }
}

#[test]
fn handles_within_outputs_are_dropped_without_a_frame_for_each() {
    let scheduler = InPlace::default();
    let drops = Rc::new(Cell::new(0));
    let mut before = None;
    for _ in 0..100 {
        let output = Output {
            before,
            drops: drops.clone(),
        };
        let (task, handle) = spawn(&scheduler, async move { output });
        Runnable::from_raw(task).run();
        before = Some(handle);
    }
    DEEPEST.set(0);
    drop(before);
    assert_eq!(drops.get(), 100);
    assert!(DEEPEST.get() < 10, "{}", DEEPEST.get());
    assert_eq!(Rc::strong_count(&scheduler.0), 1);
}

/// Work that comes up too deep waits for its turn.
#[test]
fn destructors_that_wait_run_in_the_order_in_which_they_came() {
    let log = Rc::new(std::cell::RefCell::new(Vec::new()));
    let levels: Vec<_> = std::iter::from_fn(nested::enter).collect();
    assert!(!levels.is_empty());
    for n in 0..5 {
        let log = log.clone();
        nested::wait(Box::new(move || log.borrow_mut().push(n)));
    }
    assert!(log.borrow().is_empty());
    // The innermost first.
    levels.into_iter().rev().for_each(drop);
    assert_eq!(*log.borrow(), [0, 1, 2, 3, 4]);
    assert!(nested::enter().is_some());
}

#[test]
fn outputs_that_are_there_spend_budget() {
    let scheduler = InPlace::default();
    let outputs = coop::budget(|| {
        let is_there = |_: &i32| {
            let (task, mut handle) = spawn(&scheduler, async {});
            Runnable::from_raw(task).run();
            poll(&mut handle, Waker::noop()).is_ready()
        };
        (0..1000).take_while(is_there).count()
    });
    assert_eq!(outputs, usize::from(coop::BUDGET));
}

#[test]
fn an_abort_handle_tells_whether_the_task_has_ended() {
    let scheduler = InPlace::default();
    let (task, handle) = spawn(&scheduler, async {});
    let abort = handle.abort_handle();
    assert!(!abort.is_finished());
    Runnable::from_raw(task).run();
    assert!(abort.is_finished());
}
