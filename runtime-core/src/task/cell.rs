//! The task's single allocation, and the operations on it through a type-erased pointer.
//!
//! ```text
//! Header { state, vtable, links, id, .. } | scheduler | stage: future / output / consumed | join waker
//! ```
//!
//! `RawTask` points at the header; the vtable knows the types. `state` says who may touch which
//! field: the stage belongs to the permit's holder (I1, I3), the join waker follows I4.
//! A panic in poll becomes the output. A panic in the future's drop or in the join waker is
//! caught, so that nothing interrupts a task's end.

use super::glance::Glance;
use super::state::{OnPending, OnWake, State};
use super::times;
use super::{Id, JoinError, Runnable, id, nested};
use crate::base::contain;
use crate::base::list::Links;
use crate::base::lock_audit;
use crate::base::shim::cell::UnsafeCell;
use crate::base::told::Told32;
use crate::instrument::{SpanId, SpawnSite};
use crate::record::{self, Outcome};
use std::any::Any;
use std::future::Future;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

/// What a task asks of its scheduler.
pub(crate) trait Schedule: Sized + 'static {
    /// Queues a task that was woken. Called with the permit; the caller holds a reference, or is
    /// on the scheduler's own thread.
    fn schedule(&self, task: Runnable);
    /// Queues a task that was woken while it was polled, behind the others.
    fn schedule_again(&self, task: Runnable) {
        self.schedule(task);
    }
    /// The task is complete: take it off the list.
    fn release(&self, header: NonNull<Header>);
    /// Is the scheduler known to outlive a call on this thread?
    fn is_local(&self) -> bool {
        false
    }
    /// Hook: the task has ended.
    fn on_terminate(&self, _header: &Header) {}
    /// A task panicked, and its join handle may never be awaited.
    fn on_panic(&self) {}
}

/// The part of the cell that is the same for all types.
#[repr(C)]
pub(crate) struct Header {
    pub(crate) state: State,
    vtable: &'static Vtable,
    /// Neighbours in the owner's list, guarded by the list's lock. Models check the lock through `linked`.
    pub(super) links: std::cell::UnsafeCell<Links<Header>>,
    /// The owner's shard; written before the task is shared.
    pub(super) shard: UnsafeCell<u16>,
    /// In the owner's list? Guarded as `links` is.
    pub(super) linked: UnsafeCell<bool>,
    /// Polls so far; see `glance`.
    pub(super) polls: Told32,
    pub(super) glance: Glance,
    pub(crate) id: Id,
    pub(crate) spawned_at: &'static Location<'static>,
    /// For the waker's events; empty unless the feature `tracing` is on.
    span: SpanId,
}

/// What every parked task costs besides its future: a cache line, and a word for its origin.
#[cfg(all(
    not(runtime_loom),
    not(feature = "tracing"),
    target_pointer_width = "64"
))]
const _: () = assert!(size_of::<Header>() == 72);

impl Header {
    /// The poll has not ended the task: stores what the task waits for in the glance. One function for all types of tasks.
    #[inline(never)]
    fn leave_waits(&self) {
        if self.glance.leave_wait() {
            self.glance.leave_others();
        }
        if times::are_kept() {
            self.end_times();
        }
    }
}

struct Vtable {
    poll: unsafe fn(NonNull<Header>) -> Outcome,
    cancel: unsafe fn(NonNull<Header>),
    schedule: unsafe fn(NonNull<Header>),
    is_local: unsafe fn(NonNull<Header>) -> bool,
    deallocate: unsafe fn(NonNull<Header>),
    take_output: unsafe fn(NonNull<Header>, *mut ()) -> bool,
    drop_output: unsafe fn(NonNull<Header>),
    join_waker: unsafe fn(NonNull<Header>) -> NonNull<UnsafeCell<Option<Waker>>>,
}

enum Stage<F: Future> {
    Running(F),
    Finished(Result<F::Output, JoinError>),
    Consumed,
}

#[repr(C)]
struct Cell<F: Future, S> {
    header: Header,
    scheduler: S,
    stage: UnsafeCell<Stage<F>>,
    join_waker: UnsafeCell<Option<Waker>>,
}

/// A pointer to a task's cell. Copying it takes no reference.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawTask(NonNull<Header>);

// SAFETY: the cell is shared by its state's protocol; what is `!Send` in it is only touched by the
// permit's holder, and the schedulers of `!Send` futures run and cancel them on their own thread.
unsafe impl Send for RawTask {}
// SAFETY: as above.
unsafe impl Sync for RawTask {}

/// Sets the running task's id until it is dropped.
struct TaskIdGuard(u64);

impl TaskIdGuard {
    fn enter(id: Id) -> Self {
        TaskIdGuard(id::replace_running(id.as_u64()))
    }
}

impl Drop for TaskIdGuard {
    fn drop(&mut self) {
        id::replace_running(self.0);
    }
}

impl RawTask {
    /// A cell with two references, the owner's and the join handle's, and its permit taken.
    pub(crate) fn new<F, S>(
        future: F,
        scheduler: S,
        id: Id,
        site: SpawnSite<'_>,
        span: SpanId,
    ) -> RawTask
    where
        F: Future + 'static,
        S: Schedule,
    {
        let header = Header {
            state: State::new(),
            vtable: const {
                &Vtable {
                    poll: poll::<F, S>,
                    cancel: cancel::<F, S>,
                    schedule: schedule::<F, S>,
                    is_local: is_local::<F, S>,
                    deallocate: deallocate::<F, S>,
                    take_output: take_output::<F, S>,
                    drop_output: drop_output::<F, S>,
                    join_waker: join_waker::<F, S>,
                }
            },
            links: std::cell::UnsafeCell::new(Links::new()),
            shard: UnsafeCell::new(0),
            linked: UnsafeCell::new(false),
            polls: Told32::new(0),
            glance: Glance::new(id::polled(), site.name),
            id,
            spawned_at: site.spawned_at,
            span,
        };
        // Field by field, so that the cell is not built on the stack and moved.
        let mut cell = Box::<Cell<F, S>>::new_uninit();
        let fields = cell.as_mut_ptr();
        // SAFETY: the fields lie in the new allocation; each is written once.
        let cell = unsafe {
            (&raw mut (*fields).header).write(header);
            (&raw mut (*fields).scheduler).write(scheduler);
            (&raw mut (*fields).stage).write(UnsafeCell::new(Stage::Running(future)));
            (&raw mut (*fields).join_waker).write(UnsafeCell::new(None));
            cell.assume_init()
        };
        RawTask(NonNull::from(Box::leak(cell)).cast())
    }

    pub(crate) fn from_header(header: NonNull<Header>) -> RawTask {
        RawTask(header)
    }

    pub(crate) fn as_ptr(self) -> NonNull<Header> {
        self.0
    }

    pub(crate) fn header(&self) -> &Header {
        // SAFETY: the holder of a RawTask has a reference or the permit (I2): the cell is alive.
        unsafe { self.0.as_ref() }
    }

    pub(crate) fn state(&self) -> &State {
        &self.header().state
    }

    /// Polls the task. The caller holds the permit and gives it up.
    pub(super) fn poll(self) -> Outcome {
        let poll = self.header().vtable.poll;
        // SAFETY: the vtable matches the cell's types; the caller holds the permit (I1).
        unsafe { poll(self.0) }
    }

    /// Drops the future and completes the task, as cancelled or with the panic of the drop. The caller holds the permit.
    pub(super) fn cancel_with_permit(self) {
        let cancel = self.header().vtable.cancel;
        // SAFETY: as in `poll`.
        unsafe { cancel(self.0) }
    }

    fn schedule(self) {
        let schedule = self.header().vtable.schedule;
        // SAFETY: as in `poll`.
        unsafe { schedule(self.0) }
    }

    pub(crate) fn wake_by_ref(self) {
        if self.state().wake() == OnWake::Schedule {
            self.schedule();
        }
    }

    /// Wakes and gives up the caller's reference.
    pub(crate) fn wake_by_value(self) {
        let is_local = self.header().vtable.is_local;
        // SAFETY: the vtable matches the cell's types.
        if unsafe { is_local(self.0) } {
            match self.state().wake_and_unref() {
                OnWake::Schedule => self.schedule(),
                OnWake::Nothing => {}
                OnWake::Deallocate => self.deallocate(),
            }
        } else {
            // The reference is kept until the task is queued and its worker is woken: if the task
            // ends meanwhile, the memory that is used here must stay.
            self.wake_by_ref();
            self.unref();
        }
    }

    /// Requests cancellation: the future is dropped where it would have been polled.
    pub(crate) fn abort(self) {
        if self.state().cancel() {
            self.wake_by_ref();
        }
    }

    /// Cancels the task at once if its permit is free; else the permit's holder does.
    pub(crate) fn shutdown(self) {
        if let Some(task) = self.take_to_shut_down() {
            task.cancel();
        }
    }

    /// Requests cancellation. If the permit is free, the caller gets it and must cancel the task.
    pub(crate) fn take_to_shut_down(self) -> Option<Runnable> {
        self.state().cancel();
        (self.state().wake() == OnWake::Schedule).then(|| Runnable::from_raw(self))
    }

    pub(crate) fn reference(self) {
        self.state().reference();
    }

    pub(crate) fn unref(self) {
        if self.state().unref() {
            self.deallocate();
        }
    }

    fn deallocate(self) {
        let deallocate = self.header().vtable.deallocate;
        // SAFETY: the last reference was given up.
        unsafe { deallocate(self.0) }
    }

    /// A waker that borrows the caller's claim on the cell.
    fn waker_ref(&self) -> ManuallyDrop<Waker> {
        // SAFETY: the vtable's functions count references; this waker is never dropped, so it
        // needs none of its own while the caller keeps the cell alive.
        ManuallyDrop::new(unsafe { Waker::from_raw(raw_waker(self.0)) })
    }

    // ---- the join handle's side ----

    /// Polls for the output, leaving the waker if there is none yet.
    ///
    /// # Safety
    /// `T` is the task's output type, and the caller is its only join handle.
    #[track_caller]
    pub(super) unsafe fn poll_output<T>(self, cx: &mut Context<'_>) -> Poll<Result<T, JoinError>> {
        if !self.state().load().is_complete() && self.leave_waker(cx.waker()) {
            return Poll::Pending;
        }
        // SAFETY: complete, and the caller's promise.
        Poll::Ready(unsafe { self.output() })
    }

    /// The output of a task that is complete.
    ///
    /// # Safety
    /// The task is complete, `T` is its output type, and the caller is its only join handle.
    #[track_caller]
    pub(super) unsafe fn output<T>(self) -> Result<T, JoinError> {
        let mut output = MaybeUninit::<Result<T, JoinError>>::uninit();
        let take = self.header().vtable.take_output;
        // SAFETY: complete, and the handle interested: the output is ours (I3). The caller
        // promises the type.
        let was_there = unsafe { take(self.0, output.as_mut_ptr().cast()) };
        assert!(
            was_there,
            "JoinHandle polled after completion: it gave the task's output before"
        );
        // SAFETY: it was there, and was moved into the slot.
        unsafe { output.assume_init() }
    }

    fn join_waker(&self) -> &UnsafeCell<Option<Waker>> {
        let join_waker = self.header().vtable.join_waker;
        // SAFETY: the vtable matches the cell's types; the slot lives as long as the cell.
        unsafe { join_waker(self.0).as_ref() }
    }

    /// Stores the waker; false if the task is complete instead.
    fn leave_waker(&self, waker: &Waker) -> bool {
        let slot = self.join_waker();
        if self.state().load().has_join_waker() {
            // SAFETY: while JOIN_WAKER is set both sides may read (I4).
            if slot.with(|w| unsafe { &*w }.as_ref().is_some_and(|w| w.will_wake(waker))) {
                return true;
            }
            if self.state().unset_join_waker().is_err() {
                return false;
            }
        }
        let fresh = Some(waker.clone());
        // SAFETY: JOIN_WAKER is clear: the slot is the handle's (I4).
        let old = slot.with_mut(|w| unsafe { w.replace(fresh) });
        drop(old);
        if self.state().set_join_waker().is_err() {
            // SAFETY: JOIN_WAKER was not set: still ours.
            drop(slot.with_mut(|w| unsafe { w.replace(None) }));
            return false;
        }
        true
    }

    /// Stores the waker for the task's end; true if the task has ended.
    pub(super) fn leave_waker_or_complete(self, waker: &Waker) -> bool {
        self.state().load().is_complete() || !self.leave_waker(waker)
    }

    /// The join handle is dropped.
    pub(super) fn drop_join_handle(self) {
        let before = self.state().drop_join_interest();
        if before.is_complete() {
            let drop_output = self.header().vtable.drop_output;
            // SAFETY: complete with the handle interested until now: the output is ours (I3).
            unsafe { drop_output(self.0) };
        }
        if !(before.is_complete() && before.has_join_waker()) {
            // SAFETY: JOIN_WAKER is clear now, by us or before: the slot is ours (I4).
            let waker = self.join_waker().with_mut(|w| unsafe { w.replace(None) });
            contain::contain(|| drop(waker));
        }
        self.unref();
    }
}

// ---- waker ----

/// The vtable of every task's waker.
pub(crate) static WAKER: RawWakerVTable =
    RawWakerVTable::new(waker_clone, waker_wake, waker_wake_by_ref, waker_drop);

fn raw_waker(header: NonNull<Header>) -> RawWaker {
    RawWaker::new(header.as_ptr().cast_const().cast(), &WAKER)
}

/// # Safety
/// `data` is the data of a waker made by `raw_waker`.
unsafe fn from_data(data: *const ()) -> RawTask {
    // SAFETY: `raw_waker` stored a non-null header.
    RawTask(unsafe { NonNull::new_unchecked(data.cast_mut().cast()) })
}

unsafe fn waker_clone(data: *const ()) -> RawWaker {
    // SAFETY: called through our vtable.
    let task = unsafe { from_data(data) };
    // The event comes first: a subscriber that panics must not leak a reference.
    task.header().span.waker_event("waker.clone");
    task.reference();
    raw_waker(task.0)
}

unsafe fn waker_wake(data: *const ()) {
    // SAFETY: called through our vtable.
    let task = unsafe { from_data(data) };
    // Here and below the event comes last: a subscriber that panics must not lose a wake-up.
    let span = task.header().span;
    task.wake_by_value();
    span.waker_event("waker.wake");
}

unsafe fn waker_wake_by_ref(data: *const ()) {
    // SAFETY: called through our vtable.
    let task = unsafe { from_data(data) };
    task.wake_by_ref();
    task.header().span.waker_event("waker.wake_by_ref");
}

unsafe fn waker_drop(data: *const ()) {
    // SAFETY: called through our vtable.
    let task = unsafe { from_data(data) };
    let span = task.header().span;
    task.unref();
    span.waker_event("waker.drop");
}

// ---- the functions behind the vtable; all need a live cell of their types ----

unsafe fn poll<F: Future + 'static, S: Schedule>(header: NonNull<Header>) -> Outcome {
    // SAFETY: the vtable's promise.
    let cell = unsafe { header.cast::<Cell<F, S>>().as_ref() };
    let task = RawTask(header);
    let begin = cell.header.state.begin_run();
    if begin.is_cancelled() {
        // SAFETY: the caller holds the permit.
        unsafe { cancel::<F, S>(header) };
        return Outcome::Cancelled;
    }
    let result = {
        let _id = TaskIdGuard::enter(cell.header.id);
        let waker = task.waker_ref();
        let mut cx = Context::from_waker(&waker);
        lock_audit::user_code();
        catch_unwind(AssertUnwindSafe(|| {
            let unwinding = DropOnUnwind(cell);
            let poll = cell.stage.with_mut(|stage| {
                // SAFETY: the permit's holder owns the stage (I1).
                let Stage::Running(future) = (unsafe { &mut *stage }) else {
                    unreachable!("a task was polled after it ended");
                };
                // SAFETY: the cell never moves, and the future is dropped in place.
                unsafe { Pin::new_unchecked(future) }.poll(&mut cx)
            });
            std::mem::forget(unwinding);
            poll
        }))
    };
    let output = match result {
        Ok(Poll::Pending) => {
            cell.header.leave_waits();
            match cell.header.state.pending(begin) {
                OnPending::Idle => {}
                OnPending::Again => cell.scheduler.schedule_again(Runnable::from_raw(task)),
                // SAFETY: still the holder.
                OnPending::Cancelled => unsafe { cancel::<F, S>(header) },
            }
            return Outcome::Pending;
        }
        Ok(Poll::Ready(output)) => Ok(output),
        Err(payload) => {
            cell.scheduler.on_panic();
            Err(JoinError::panic(cell.header.id, payload))
        }
    };
    let outcome = match output.is_ok() {
        true => Outcome::Ready,
        false => Outcome::Panicked,
    };
    // SAFETY: still the holder.
    unsafe { finish(cell, output) };
    outcome
}

/// Drops a future whose poll panics while the panic unwinds, so that the destructors of its fields
/// see `thread::panicking()`. A second panic, in a destructor, is contained.
struct DropOnUnwind<'a, F: Future, S>(&'a Cell<F, S>);

impl<F: Future, S> Drop for DropOnUnwind<'_, F, S> {
    fn drop(&mut self) {
        // SAFETY: made by the permit's holder, for the time of its poll.
        discard_panic(unsafe { replace_stage(self.0, Stage::Consumed) });
    }
}

unsafe fn cancel<F: Future + 'static, S: Schedule>(header: NonNull<Header>) {
    // SAFETY: the vtable's promise.
    let cell = unsafe { header.cast::<Cell<F, S>>().as_ref() };
    record::cancelled(cell.header.id.as_u64());
    // SAFETY: the caller holds the permit.
    let error = match unsafe { replace_stage(cell, Stage::Consumed) } {
        Ok(()) => JoinError::cancelled(cell.header.id),
        Err(payload) => JoinError::panic(cell.header.id, payload),
    };
    // SAFETY: as above.
    unsafe { finish(cell, Err(error)) };
}

/// Drops what the stage held, in place and with the task's id set, and puts `next` there.
unsafe fn replace_stage<F: Future, S>(
    cell: &Cell<F, S>,
    next: Stage<F>,
) -> Result<(), Box<dyn Any + Send>> {
    let _id = TaskIdGuard::enter(cell.header.id);
    lock_audit::user_code();
    cell.stage.with_mut(|stage| {
        // After a panic in the drop the fields count as dropped: they are written over, never dropped again.
        // SAFETY: the caller owns the stage (I1 or I3).
        let dropped = catch_unwind(AssertUnwindSafe(|| unsafe {
            std::ptr::drop_in_place(stage)
        }));
        // SAFETY: as above; the old value is gone.
        unsafe { stage.write(next) };
        dropped
    })
}

/// A panic in the drop of what a stage held is reported to nobody.
fn discard_panic(dropped: Result<(), Box<dyn Any + Send>>) {
    if let Err(payload) = dropped {
        contain::discard(payload);
    }
}

/// Wakes the join handle's waker. One function for all types of tasks.
///
/// # Safety
/// The caller has completed the task, and saw JOIN_WAKER as it did.
#[inline(never)]
unsafe fn wake_joiner(state: &State, join_waker: &UnsafeCell<Option<Waker>>) {
    contain::contain(|| {
        join_waker.with(|waker| {
            // SAFETY: JOIN_WAKER is set: both sides may read (I4).
            if let Some(waker) = unsafe { &*waker } {
                waker.wake_by_ref();
            }
        });
    });
    let after = state.unset_join_waker_after_complete();
    if !after.is_join_interested() {
        // SAFETY: the handle was dropped and left the waker to us (I4).
        let waker = join_waker.with_mut(|w| unsafe { w.replace(None) });
        contain::contain(|| drop(waker));
    }
}

/// Stores the output, completes the task, wakes the join handle, unlinks the task from the owner's list.
unsafe fn finish<F: Future + 'static, S: Schedule>(
    cell: &Cell<F, S>,
    output: Result<F::Output, JoinError>,
) {
    let header = NonNull::from(&cell.header);
    // SAFETY: the caller holds the permit (I1).
    discard_panic(unsafe { replace_stage(cell, Stage::Finished(output)) });
    let state = cell.header.state.complete();
    if !state.is_join_interested() {
        // SAFETY: nobody else will read the output (I3).
        discard_panic(unsafe { replace_stage(cell, Stage::Consumed) });
    } else if state.has_join_waker() {
        // SAFETY: complete, with a waker.
        unsafe { wake_joiner(&cell.header.state, &cell.join_waker) };
    }
    contain::contain(|| cell.scheduler.on_terminate(&cell.header));
    cell.scheduler.release(header);
    RawTask(header).unref();
}

unsafe fn schedule<F: Future + 'static, S: Schedule>(header: NonNull<Header>) {
    // SAFETY: the vtable's promise.
    let cell = unsafe { header.cast::<Cell<F, S>>().as_ref() };
    cell.scheduler.schedule(Runnable::from_raw(RawTask(header)));
}

unsafe fn is_local<F: Future + 'static, S: Schedule>(header: NonNull<Header>) -> bool {
    // SAFETY: the vtable's promise.
    unsafe { header.cast::<Cell<F, S>>().as_ref() }
        .scheduler
        .is_local()
}

unsafe fn deallocate<F: Future + 'static, S: Schedule>(header: NonNull<Header>) {
    // SAFETY: the last reference is gone: nobody else uses the cell.
    unsafe { header.as_ref().free_glance() };
    // SAFETY: as above.
    drop(unsafe { Box::from_raw(header.cast::<Cell<F, S>>().as_ptr()) });
}

/// Moves the output to `to`, which is a `MaybeUninit` of its type; false if it is gone.
unsafe fn take_output<F: Future + 'static, S: Schedule>(
    header: NonNull<Header>,
    to: *mut (),
) -> bool {
    // SAFETY: the vtable's promise.
    let cell = unsafe { header.cast::<Cell<F, S>>().as_ref() };
    cell.stage.with_mut(|stage| {
        // SAFETY: complete: the stage is the join handle's (I3).
        match unsafe { &*stage } {
            Stage::Finished(output) => {
                // Byte by byte: an output may be too large for the stack.
                // SAFETY: `to` has room for it, and nobody drops the original, which is written over.
                unsafe { std::ptr::copy_nonoverlapping(output, to.cast(), 1) };
                // SAFETY: as above.
                unsafe { stage.write(Stage::Consumed) };
                true
            }
            Stage::Consumed => false,
            Stage::Running(_) => unreachable!("a task is complete without an output"),
        }
    })
}

unsafe fn drop_output<F: Future + 'static, S: Schedule>(header: NonNull<Header>) {
    // SAFETY: the vtable's promise.
    let cell = unsafe { header.cast::<Cell<F, S>>().as_ref() };
    let mut level = None;
    if std::mem::needs_drop::<F::Output>() {
        level = nested::enter();
        if level.is_none() {
            // SAFETY: complete: the stage is the join handle's (I3).
            let output = cell
                .stage
                .with_mut(|s| unsafe { s.replace(Stage::Consumed) });
            let id = cell.header.id;
            return nested::wait(Box::new(move || {
                let _id = TaskIdGuard::enter(id);
                drop(output);
            }));
        }
    }
    // SAFETY: as above.
    discard_panic(unsafe { replace_stage(cell, Stage::Consumed) });
    drop(level);
}

unsafe fn join_waker<F: Future + 'static, S: Schedule>(
    header: NonNull<Header>,
) -> NonNull<UnsafeCell<Option<Waker>>> {
    // SAFETY: the vtable's promise.
    NonNull::from(&unsafe { header.cast::<Cell<F, S>>().as_ref() }.join_waker)
}
