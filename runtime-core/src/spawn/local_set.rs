//! `LocalSet`: tasks that are not `Send`, all on the thread that made the set.
//!
//! ```text
//! wake on the owner's thread ──▶ queue (no lock) ─────────────┐
//! wake elsewhere ──▶ remote (lock) ──▶ wakers of the drivers  ├─▶ tick: up to 61 tasks, a budget each
//!                                                             │
//! run_until / the set as a future: leaves its waker, ticks ◀──┘
//! ```
//!
//! The set has no thread of its own: it runs inside the task that polls it. A wake that comes while nobody
//! ticks wakes that task, by the waker that it has left.
//!
//! I1: `queue`, `turn`, `polling` and `broken` are touched by the owner's thread only. The set is `!Send`, so
//!     it is driven and dropped there; wakes on that thread are recognised by the thread token.
//! I2: a permit is in `queue` or `remote`, or a thread is about to put it there. The drop drains both queues
//!     until no task is left, so it also cancels a task whose permit is being queued meanwhile.
//! I3: a thread that adds to a queue while the owner is not ticking wakes every driver afterwards; a driver leaves
//!     its waker before it looks at the queues. Both take the lock of the wakers, so one sees the other. A driver
//!     that is done or dropped takes its waker out, and wakes the other drivers if it leaves tasks behind.
//! I4: tasks and wakers run outside of the locks and of any borrow of the queue.
//!
//! A panic in a task ends that task; with `UnhandledPanic::ShutdownRuntime` it ends the set, and the driver
//! panics. Rejected: one queue with a lock (spawns and wakes on the owner's thread are most of the traffic).

use crate::base::contain;
use crate::base::fork;
use crate::base::shim::cell::UnsafeCell;
use crate::base::shim::sync::atomic::{AtomicBool, Ordering};
use crate::base::shim::sync::{Arc, Mutex};
use crate::base::thread::{self, RestoreEntered, disallow_block_in_place};
use crate::base::waits::{self, WaitKind};
use crate::base::waker_slot::{Look, WakerSlot, register};
use crate::coop;
use crate::handle::{self, Handle, spawn, with_current};
use crate::instrument::{self, SpawnSite};
use crate::record::{self, Queue};
use crate::runtime::Core;
use crate::scheduler::config::UnhandledPanic;
use crate::task::cell::{Header, RawTask, Schedule};
use crate::task::owned::ListedTasks;
use crate::task::{self, BurstQueue, Id, JoinHandle, Runnable, is_large};
use pin_project_lite::pin_project;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::marker::{PhantomData, PhantomPinned};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

/// Tasks polled before the driver of the set gets to poll something else.
const TASKS_PER_TICK: u32 = 61;
/// After so many tasks the remote queue is moved behind the local queue, even if that is not empty.
const REMOTE_INTERVAL: u32 = 31;

/// Runs tasks that are not `Send` on the thread it was made on.
///
/// `task::spawn` wants `Send` futures, because any worker may poll them. A `LocalSet` keeps its tasks, started
/// with [`spawn_local`], on one thread. It makes progress while the set is awaited, or a future given to
/// [`run_until`](LocalSet::run_until). A set that is awaited completes when all of its tasks have ended.
///
/// Dropping it drops the tasks.
///
/// ```
/// use runtime_core::spawn::LocalSet;
/// let set = LocalSet::new();
/// let task = set.spawn_local(async { 1 });
/// assert!(!task.is_finished());
/// ```
///
/// It stays on its thread, as its tasks do:
///
/// ```compile_fail,E0277
/// # use runtime_core::spawn::LocalSet;
/// let set = LocalSet::new();
/// std::thread::spawn(move || drop(set));
/// ```
pub struct LocalSet {
    shared: Arc<Shared>,
    _not_send: PhantomData<*const ()>,
}

/// The part of the set that its tasks' cells refer to.
pub(crate) struct Shared {
    owner: u64,
    id: handle::Id,
    owned: ListedTasks,
    queue: UnsafeCell<BurstQueue<Runnable>>,
    turn: Cell<u32>,
    /// The owner is between a poll's start and its end: it will look at the queue without being woken.
    polling: Cell<bool>,
    /// What a panic of a task does, and whether a panic has ended the set.
    on_panic: Cell<UnhandledPanic>,
    broken: Cell<bool>,
    remote: Mutex<BurstQueue<Runnable>>,
    has_remote: AtomicBool,
    drivers: Mutex<Drivers>,
    next_driver: Cell<u64>,
}

/// The wakers of a set's drivers, each with its driver's number, in the order in which the drivers came. Mostly there
/// is one driver: `others` is used only beside `first`.
#[derive(Default)]
struct Drivers {
    first: Option<(u64, WakerSlot)>,
    others: Vec<(u64, WakerSlot)>,
}

/// The number of the set as a future.
const SET_ITSELF: u64 = 0;

impl Drivers {
    /// The driver's slot, which is made if there is none.
    fn slot(&mut self, driver: u64) -> &mut WakerSlot {
        let Drivers { first, others } = self;
        let (of, slot) = first.get_or_insert_with(|| (driver, WakerSlot::new()));
        if *of == driver {
            return slot;
        }
        let at = others.iter().position(|(of, _)| *of == driver);
        let at = at.unwrap_or_else(|| {
            others.push((driver, WakerSlot::new()));
            others.len() - 1
        });
        &mut others[at].1
    }

    /// Removes the driver and returns its waker, for the caller to drop.
    fn remove(&mut self, driver: u64) -> Option<WakerSlot> {
        let gone = match &self.first {
            Some((of, _)) if *of == driver => {
                let next = (!self.others.is_empty()).then(|| self.others.remove(0));
                std::mem::replace(&mut self.first, next)
            }
            _ => {
                let at = self.others.iter().position(|(of, _)| *of == driver)?;
                return Some(self.others.remove(at).1);
            }
        };
        gone.map(|(_, slot)| slot)
    }
}

// SAFETY: the cells and the queue are the owner thread's alone (I1); all else is `Sync`. What a permit refers to
// is polled and dropped on that thread only.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    fn is_owner(&self) -> bool {
        self.owner == thread::token()
    }

    fn push(&self, task: Runnable) {
        record::queued(task.raw().header().id.as_u64(), Queue::Local);
        if self.is_owner() {
            // SAFETY: the owner's thread (I1); nothing runs within the borrow.
            self.queue
                .with_mut(|queue| unsafe { &mut *queue }.push_back(task));
            if self.polling.get() {
                return;
            }
        } else {
            let mut remote = self.remote.lock();
            remote.push_back(task);
            // Ordering: Relaxed; the lock publishes the task, and an owner that misses the flag is woken (I3).
            self.has_remote.store(true, Ordering::Relaxed);
        }
        self.wake_drivers();
    }

    fn wake_drivers(&self) {
        let Drivers { first, others } = std::mem::take(&mut *self.drivers.lock());
        for (_, mut slot) in first.into_iter().chain(others) {
            contain::contain(|| slot.take().wake_after(()));
        }
    }

    fn leave_waker(&self, driver: u64, waker: &Waker) {
        register(&self.drivers, waker, |drivers| {
            Look::<()>::Wait(drivers.slot(driver))
        });
    }

    /// The next task to run; on the owner's thread.
    fn pop(&self) -> Option<Runnable> {
        let turn = self.turn.get().wrapping_add(1);
        self.turn.set(turn);
        if turn % REMOTE_INTERVAL == 0 {
            self.take_remote();
        }
        if let Some(task) = self.pop_local() {
            return Some(task);
        }
        self.take_remote();
        self.pop_local()
    }

    fn pop_local(&self) -> Option<Runnable> {
        // SAFETY: the owner's thread (I1); nothing runs within the borrow.
        self.queue
            .with_mut(|queue| unsafe { &mut *queue }.pop_front())
    }

    /// Moves the tasks of the remote queue behind those of the local queue.
    fn take_remote(&self) {
        // Ordering: Relaxed; the lock below orders what was pushed. A push we miss is followed by a wake (I3).
        if !self.has_remote.load(Ordering::Relaxed) {
            return;
        }
        record::time_passes(); // they may have come since this thread's last event
        let mut remote = self.remote.lock();
        // Ordering: Relaxed; the lock orders it with the pushers' stores.
        self.has_remote.store(false, Ordering::Relaxed);
        // SAFETY: the owner's thread (I1); nothing runs within the borrow.
        self.queue
            .with_mut(|queue| unsafe { &mut *queue }.append(&mut remote));
    }

    /// Is there anything to run, as far as the owner's thread knows?
    fn has_tasks(&self) -> bool {
        // SAFETY: the owner's thread (I1).
        let has_local = self.queue.with(|queue| !unsafe { &*queue }.is_empty());
        // Ordering: Relaxed; a push that is missed is followed by a wake (I3).
        has_local || self.has_remote.load(Ordering::Relaxed)
    }

    /// Runs some tasks; true if there may be more.
    fn tick(&self) -> bool {
        let _notes = waits::Poll::begin();
        record::time_passes();
        for _ in 0..TASKS_PER_TICK {
            if self.broken.get() {
                self.cancel_all();
                panic!(
                    "a spawned task panicked and the LocalSet is configured to shutdown on unhandled panic"
                );
            }
            match self.pop() {
                Some(task) => coop::budget(|| task.run()),
                None => return self.broken.get(),
            }
        }
        true
    }

    /// Ends all tasks, oldest first.
    fn cancel_all(&self) {
        self.owned.close();
        let mut tasks = Vec::new();
        self.owned
            .for_each(|task| tasks.extend(task.take_to_shut_down()));
        loop {
            // This thread has the permits: nobody else runs or ends these tasks. A drop that panics ends only its own task.
            tasks.extend(std::iter::from_fn(|| self.pop()));
            tasks.sort_unstable_by_key(|task| task.raw().header().id.as_u64());
            for task in tasks.drain(..) {
                task.cancel();
            }
            if self.owned.is_empty() {
                break;
            }
            // A waker on another thread is between taking a permit and queueing it (I2).
            crate::base::shim::thread::yield_now();
        }
    }
}

impl Schedule for Arc<Shared> {
    fn schedule(&self, task: Runnable) {
        self.push(task);
    }

    fn release(&self, header: NonNull<Header>) {
        self.owned.remove(header);
    }

    fn is_local(&self) -> bool {
        // Outside of a poll the push wakes the driver: this is user code, and might end the task during the call.
        self.is_owner() && self.polling.get()
    }

    fn on_terminate(&self, header: &Header) {
        let _ = with_current(Handle::clone).map(|handle| handle.shared.hook_terminate(header));
    }

    fn on_panic(&self) {
        if self.on_panic.get() == UnhandledPanic::ShutdownRuntime {
            self.broken.set(true);
        }
    }
}

/// Marks the set current, and the owner as polling it, until dropped; on unwinding too.
struct Enter<'a> {
    shared: &'a Shared,
    was_polling: bool,
    previous: Option<Arc<Shared>>,
    _entered: Option<RestoreEntered>,
}

impl<'a> Enter<'a> {
    fn new(shared: &'a Arc<Shared>) -> Self {
        Enter {
            was_polling: shared.polling.replace(true),
            previous: replace_current(Some(shared.clone())),
            _entered: disallow_block_in_place(),
            shared,
        }
    }
}

impl Drop for Enter<'_> {
    fn drop(&mut self) {
        self.shared.polling.set(self.was_polling);
        drop(replace_current(self.previous.take()));
    }
}

/// A driver of the set; dropping it removes its waker.
struct Driver<'a> {
    shared: &'a Shared,
    number: u64,
}

impl<'a> Driver<'a> {
    fn new(shared: &'a Shared) -> Self {
        let number = shared.next_driver.get();
        shared.next_driver.set(number + 1);
        Driver { shared, number }
    }
}

impl Drop for Driver<'_> {
    fn drop(&mut self) {
        let own = self.shared.drivers.lock().remove(self.number);
        contain::contain(|| drop(own));
        if self.shared.has_tasks() {
            self.shared.wake_drivers();
        }
    }
}

crate::runtime_thread_local! {
    /// The set that `spawn_local` finds.
    static CURRENT: RefCell<Option<Arc<Shared>>> = RefCell::new(None)
}

/// Makes `set` the one that `spawn_local` finds; returns the one before.
fn replace_current(set: Option<Arc<Shared>>) -> Option<Arc<Shared>> {
    CURRENT.try_with(|c| c.replace(set)).ok().flatten()
}

/// The set that `spawn_local` finds.
fn current() -> Option<Arc<Shared>> {
    CURRENT.try_with(|c| c.borrow().clone()).ok().flatten()
}

/// In a forked child the thread is in no set. The parent's set is leaked, not dropped.
unsafe extern "C" fn forget_set() {
    let _ = CURRENT.try_with(|c| {
        if let Ok(mut set) = c.try_borrow_mut() {
            std::mem::forget(set.take());
        }
    });
}

impl LocalSet {
    /// An empty set, bound to this thread.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::rc::Rc;
    /// let local = selvedge::task::LocalSet::new();
    /// let rc = Rc::new(5);
    /// local.spawn_local(async move { println!("{rc}, on this thread") });
    /// local.await; // until all its tasks have ended
    /// # }
    /// ```
    pub fn new() -> LocalSet {
        static FORKS: fork::Watch = fork::Watch::in_child(forget_set);
        FORKS.begin();
        LocalSet {
            shared: Arc::new(Shared {
                owner: thread::token(),
                id: handle::Id::next(),
                owned: ListedTasks::new(),
                queue: UnsafeCell::new(BurstQueue::new()),
                turn: Cell::new(0),
                polling: Cell::new(false),
                on_panic: Cell::new(UnhandledPanic::Ignore),
                broken: Cell::new(false),
                remote: Mutex::new(BurstQueue::new()),
                has_remote: AtomicBool::new(false),
                drivers: Mutex::default(),
                next_driver: Cell::new(SET_ITSELF + 1),
            }),
            _not_send: PhantomData,
        }
    }

    /// Makes the set current on this thread until the guard is dropped: [`spawn_local`] then spawns on it.
    /// The tasks run once the set is driven.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::rc::Rc;
    /// let local = selvedge::task::LocalSet::new();
    /// let guard = local.enter();
    /// let rc = Rc::new(5);
    /// let task = selvedge::task::spawn_local(async move { *rc });
    /// drop(guard);
    /// assert_eq!(local.run_until(task).await.unwrap(), 5);
    /// # }
    /// ```
    pub fn enter(&self) -> LocalEnterGuard {
        LocalEnterGuard {
            previous: replace_current(Some(self.shared.clone())),
            _not_send: PhantomData,
        }
    }

    /// Spawns a task on the set. It runs once the set is driven.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::rc::Rc;
    /// let local = selvedge::task::LocalSet::new();
    /// let rc = Rc::new(5);
    /// let task = local.spawn_local(async move { *rc });
    /// assert_eq!(local.run_until(task).await.unwrap(), 5);
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        if const { is_large::<F>() } {
            self.spawn_from(Box::pin(future), SpawnSite::caller().boxed::<F>())
        } else {
            self.spawn_from(future, SpawnSite::caller())
        }
    }

    pub(super) fn spawn_from<F>(&self, future: F, site: SpawnSite<'_>) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        spawn_on(&self.shared, future, site)
    }

    /// Runs a future to its end on the given runtime, and the set's tasks meanwhile. Tasks that are not
    /// done by then stay in the set.
    ///
    /// # Panics
    /// As `Runtime::block_on`.
    ///
    /// # Examples
    /// ```
    /// use std::rc::Rc;
    /// let runtime = selvedge::runtime::Runtime::new().unwrap();
    /// let local = selvedge::task::LocalSet::new();
    /// let sum = local.block_on(&runtime, async {
    ///     let rc = Rc::new(5);
    ///     selvedge::task::spawn_local(async move { *rc }).await.unwrap()
    /// });
    /// assert_eq!(sum, 5);
    /// ```
    #[track_caller]
    pub fn block_on<F>(&self, rt: &Core, future: F) -> F::Output
    where
        F: Future,
    {
        if const { is_large::<F>() } {
            rt.block_on(self.run_until(Box::pin(future)))
        } else {
            rt.block_on(self.run_until(future))
        }
    }

    /// Runs a future to its end, and the set's tasks meanwhile. The future may use [`spawn_local`].
    ///
    /// # Panics
    /// If the future panics, or if a task panics and [`unhandled_panic`](Self::unhandled_panic) says so.
    ///
    /// # Cancel safety
    /// Cancel safe if the future is: the tasks stay in the set.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::rc::Rc;
    /// let local = selvedge::task::LocalSet::new();
    /// let sum = local.run_until(async {
    ///     let rc = Rc::new(5);
    ///     selvedge::task::spawn_local(async move { *rc }).await.unwrap()
    /// });
    /// assert_eq!(sum.await, 5);
    /// # }
    /// ```
    ///
    /// The returned future runs the set's tasks, so it stays on the set's thread:
    ///
    /// ```compile_fail,E0277
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let local: &'static _ = Box::leak(Box::new(selvedge::task::LocalSet::new()));
    /// selvedge::spawn(local.run_until(async {}));
    /// # }
    /// ```
    pub fn run_until<F>(&self, future: F) -> impl Future<Output = F::Output>
    where
        F: Future,
    {
        RunUntil {
            driver: None,
            shared: &self.shared,
            future: Some(future),
            _not_send: PhantomData,
            _not_unpin: PhantomPinned,
        }
    }

    /// What the set does when one of its tasks panics. By default it ignores the panic, which the join handle reports.
    ///
    /// With [`UnhandledPanic::ShutdownRuntime`] the first panic drops all tasks, and the future that drives the set
    /// panics.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::{runtime::UnhandledPanic, task::LocalSet};
    /// let mut local = LocalSet::new();
    /// local.unhandled_panic(UnhandledPanic::ShutdownRuntime);
    /// # }
    /// ```
    pub fn unhandled_panic(&mut self, behavior: UnhandledPanic) -> &mut Self {
        self.shared.on_panic.set(behavior);
        self
    }

    /// The set's id, which no runtime and no other set has.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::task::LocalSet;
    /// assert_ne!(LocalSet::new().id(), LocalSet::new().id());
    /// # }
    /// ```
    pub fn id(&self) -> handle::Id {
        self.shared.id
    }
}

pin_project! {
    /// Future of [`LocalSet::run_until`]. Not an async function's, which would have room for the future twice.
    ///
    /// It polls the set's tasks, so it must stay on the set's thread: `Shared` is `Sync`, so only the marker makes it `!Send`.
    struct RunUntil<'a, F> {
        // Dropped before the future: the other drivers run the tasks that the future's drop wakes.
        driver: Option<Driver<'a>>,
        shared: &'a Arc<Shared>,
        #[pin]
        future: Option<F>,
        _not_send: PhantomData<*const ()>,
        // Not `Unpin`, as an async function's future, whatever `F` is.
        #[pin]
        _not_unpin: PhantomPinned,
    }
}

impl<F: Future> Future for RunUntil<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let shared = *this.shared;
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            panic!("`LocalSet::run_until` polled after completion");
        };
        let driver = this.driver.get_or_insert_with(|| Driver::new(shared));
        let entered = Enter::new(shared);
        shared.leave_waker(driver.number, cx.waker());
        if let Poll::Ready(output) = future.poll(cx) {
            drop(entered);
            *this.driver = None;
            this.future.set(None);
            return Poll::Ready(output);
        }
        if shared.tick() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

/// Drives the set; ready when all of its tasks are done.
impl Future for LocalSet {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let shared = &self.shared;
        let _entered = Enter::new(shared);
        shared.leave_waker(SET_ITSELF, cx.waker());
        if shared.tick() {
            cx.waker().wake_by_ref();
            Poll::Pending
        } else if shared.owned.is_empty() {
            Poll::Ready(())
        } else {
            waits::note(WaitKind::LocalSet, Arc::as_ptr(shared) as u64);
            Poll::Pending
        }
    }
}

impl Drop for LocalSet {
    fn drop(&mut self) {
        let _entered = Enter::new(&self.shared);
        self.shared.cancel_all();
        let Drivers { first, others } = std::mem::take(&mut *self.shared.drivers.lock());
        for (_, waker) in first.into_iter().chain(others) {
            contain::contain(|| drop(waker));
        }
    }
}

impl Default for LocalSet {
    fn default() -> Self {
        LocalSet::new()
    }
}

impl fmt::Debug for LocalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSet")
            .field("id", &self.shared.id)
            .field("tasks", &self.shared.owned.len())
            .finish()
    }
}

/// Keeps a [`LocalSet`] current on this thread; made by [`LocalSet::enter`].
///
/// The guard stays on that thread:
///
/// ```compile_fail,E0277
/// # use runtime_core::spawn::LocalSet;
/// let set = LocalSet::new();
/// let guard = set.enter();
/// std::thread::scope(|scope| {
///     scope.spawn(move || drop(guard));
/// });
/// ```
#[must_use = "the set is current only while the guard lives"]
pub struct LocalEnterGuard {
    previous: Option<Arc<Shared>>,
    _not_send: PhantomData<*const ()>,
}

impl Drop for LocalEnterGuard {
    fn drop(&mut self) {
        drop(replace_current(self.previous.take()));
    }
}

impl fmt::Debug for LocalEnterGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalEnterGuard").finish_non_exhaustive()
    }
}

#[track_caller]
fn spawn_on<F>(shared: &Arc<Shared>, future: F, site: SpawnSite<'_>) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let id = Id::next();
    let _ = with_current(Handle::clone).map(|handle| handle.shared.hook_spawn(id, site));
    if record::is_on() {
        site.record(id.as_u64(), task::running());
    }
    let (future, span) = instrument::task(future, "local", site, id.as_u64());
    let raw = RawTask::new(future, shared.clone(), id, site, span);
    let join = JoinHandle::new(raw);
    let task = Runnable::from_raw(raw);
    if shared.owned.bind(raw, 0) {
        shared.push(task);
    } else {
        task.refuse();
    }
    join
}

/// Spawns a task that need not be `Send` on the current [`LocalSet`] or local runtime.
///
/// # Panics
/// Outside of both: use `LocalSet::run_until`, `LocalSet::enter`, or a `LocalRuntime`.
///
/// # Examples
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::rc::Rc;
/// use selvedge::task::{LocalSet, spawn_local};
/// let shared = Rc::new(5);
/// let local = LocalSet::new();
/// let sum = local.run_until(async move {
///     let other = shared.clone();
///     spawn_local(async move { *other }).await.unwrap() + *shared
/// });
/// assert_eq!(sum.await, 10);
/// # }
/// ```
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    if const { is_large::<F>() } {
        spawn_local_from(Box::pin(future), SpawnSite::caller().boxed::<F>())
    } else {
        spawn_local_from(future, SpawnSite::caller())
    }
}

#[track_caller]
pub(super) fn spawn_local_from<F>(future: F, site: SpawnSite<'_>) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    if let Some(shared) = current() {
        return spawn_on(&shared, future, site);
    }
    match Handle::try_current() {
        // This is the thread of the local runtime.
        Ok(handle) if handle.can_spawn_local() => spawn::spawn(&handle, future, site),
        Ok(handle) if handle.is_local() => panic!(
            "Local tasks can only be spawned on a LocalRuntime from the thread the runtime was created on"
        ),
        _ => panic!(
            "`spawn_local` called from outside of a `task::LocalSet` or `runtime::LocalRuntime`; call it within `LocalSet::run_until`, or `LocalSet::spawn_local` on the set"
        ),
    }
}
