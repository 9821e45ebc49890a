//! `JoinSet`: a group of tasks, awaited in the order in which they end.
//!
//! Each member's join handle has a waker of its own that puts itself into the *ended* queue and wakes the task that
//! awaits the set: the cost of `join_next` does not depend on the number of members. Members are kept without gaps, and
//! the waker knows the place of its member: no search, no hashing.
//!
//! I1: a task wakes its join handle once, when it is complete. So a waker is in `ended` at most once, and its member
//!     has ended, unless the member was detached.
//! I2: the lock guards only the queue and the awaiting waker: wakers are woken and dropped outside of it.
//! I3: `at` is the place of the waker's member, or GONE; only the set's owner, by `&mut`, reads and writes it.
//! I4: once the set is closed nothing is queued: the queue and its wakers refer to each other, and would leak.
//! Dropping the set aborts its members, oldest first.

use super::join_set_builder::Builder;
use super::local_set::LocalSet;
use crate::base::contain;
use crate::base::shim::sync::Mutex;
use crate::base::shim::sync::atomic::{AtomicUsize, Ordering};
use crate::base::shim::watched::Watched;
use crate::base::waits::{self, WaitKind};
use crate::base::waker_slot::{Look, WakerSlot, register};
use crate::coop;
use crate::handle::Handle;
use crate::task::{AbortHandle, BurstQueue, Id, JoinError, JoinHandle};
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker, ready};

/// A set of spawned tasks that all give a `T`.
///
/// Dropping it aborts the tasks.
///
/// ```
/// use runtime_core::spawn::JoinSet;
/// let set: JoinSet<u32> = JoinSet::new();
/// assert!(set.is_empty());
/// ```
pub struct JoinSet<T> {
    members: Vec<Member<T>>,
    shared: Arc<Shared>,
}

struct Member<T> {
    handle: JoinHandle<T>,
    ended: Arc<EndWaker>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// By I4 it is dropped with the set and its members.
    _watched: Watched,
}

#[derive(Default)]
struct State {
    ended: BurstQueue<Arc<EndWaker>>,
    waiter: WakerSlot,
    closed: bool,
}

impl State {
    /// The next waker in `ended`, or the slot to wait for one.
    fn next(&mut self) -> Look<'_, Arc<EndWaker>> {
        match self.ended.pop_front() {
            Some(ended) => Look::Over(ended),
            None => Look::Wait(&mut self.waiter),
        }
    }
}

/// The waker of one member's join handle.
struct EndWaker {
    at: AtomicUsize,
    shared: Arc<Shared>,
}

/// The place of a member that was detached.
const GONE: usize = usize::MAX;
/// The capacity for members that is never freed.
const KEPT: usize = 64;

impl EndWaker {
    fn set_place(&self, at: usize) {
        // Ordering: Relaxed; by I3 only one thread at a time uses it.
        self.at.store(at, Ordering::Relaxed);
    }

    /// The place of its member, unless the member was detached.
    fn place(&self) -> Option<usize> {
        // Ordering: Relaxed; as in `set_place`.
        let at = self.at.load(Ordering::Relaxed);
        (at != GONE).then_some(at)
    }
}

impl Wake for EndWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.shared.state.lock();
        if state.closed {
            return;
        }
        state.ended.push_back(self.clone());
        state.waiter.take().wake_after(state);
    }
}

impl<T> JoinSet<T> {
    /// An empty set.
    ///
    /// ```
    /// let tasks = selvedge::task::JoinSet::<()>::new();
    /// assert!(tasks.is_empty());
    /// ```
    pub fn new() -> Self {
        JoinSet {
            members: Vec::new(),
            shared: Arc::default(),
        }
    }

    /// Number of tasks not yet joined.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut tasks = selvedge::task::JoinSet::new();
    /// tasks.spawn(async {});
    /// assert_eq!(tasks.len(), 1); // until it is joined, also after its end
    /// # }
    /// ```
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Are there no tasks left to join?
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut tasks = selvedge::task::JoinSet::new();
    /// assert!(tasks.is_empty());
    /// tasks.spawn(async {});
    /// assert!(!tasks.is_empty());
    /// # }
    /// ```
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

impl<T: 'static> JoinSet<T> {
    /// Spawns a task on the current runtime into the set. As for [`spawn`](fn@super::spawn), it must be `Send`:
    ///
    /// ```compile_fail,E0277
    /// # use runtime_core::spawn::JoinSet;
    /// let mut set = JoinSet::new();
    /// let shared = std::rc::Rc::new(1);
    /// set.spawn(std::future::ready(shared));
    /// ```
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(&mut self, task: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(super::spawn(task))
    }

    /// Spawns a task on the given runtime into the set.
    ///
    /// ```
    /// use selvedge::{runtime::Runtime, task::JoinSet};
    /// let runtime = Runtime::new().unwrap();
    /// let mut tasks = JoinSet::new();
    /// tasks.spawn_on(async { 1 }, runtime.handle());
    /// assert_eq!(runtime.block_on(tasks.join_all()), [1]);
    /// ```
    #[track_caller]
    pub fn spawn_on<F>(&mut self, task: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(handle.spawn(task))
    }

    /// Runs a blocking closure on the blocking pool as a member of the set.
    ///
    /// # Panics
    /// Outside of a runtime.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut tasks = selvedge::task::JoinSet::new();
    /// for n in 1..=3_u64 {
    ///     tasks.spawn_blocking(move || (1..=n).product::<u64>());
    /// }
    /// let mut all = tasks.join_all().await;
    /// all.sort();
    /// assert_eq!(all, [1, 2, 6]);
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, f: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(super::spawn_blocking(f))
    }

    /// Runs a blocking closure on the given runtime's pool as a member of the set.
    ///
    /// ```
    /// use selvedge::{runtime::Runtime, task::JoinSet};
    /// let runtime = Runtime::new().unwrap();
    /// let mut tasks = JoinSet::new();
    /// tasks.spawn_blocking_on(|| 1, runtime.handle());
    /// assert_eq!(runtime.block_on(tasks.join_all()), [1]);
    /// ```
    #[track_caller]
    pub fn spawn_blocking_on<F>(&mut self, f: F, handle: &Handle) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(handle.spawn_blocking(f))
    }

    /// Spawns a task that need not be `Send` on the current [`LocalSet`] or local runtime, into the set.
    ///
    /// # Panics
    /// Outside of both.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::rc::Rc;
    /// use selvedge::task::{JoinSet, LocalSet};
    /// let local = LocalSet::new();
    /// let sum = local.run_until(async {
    ///     let mut tasks = JoinSet::new();
    ///     let rc = Rc::new(1);
    ///     tasks.spawn_local(async move { *rc });
    ///     tasks.join_all().await
    /// });
    /// assert_eq!(sum.await, [1]);
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_local<F>(&mut self, task: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.insert(super::spawn_local(task))
    }

    /// Spawns a task that need not be `Send` on the given [`LocalSet`] into the set.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::rc::Rc;
    /// use selvedge::task::{JoinSet, LocalSet};
    /// let (local, mut tasks) = (LocalSet::new(), JoinSet::new());
    /// let rc = Rc::new(1);
    /// tasks.spawn_local_on(async move { *rc }, &local);
    /// assert_eq!(local.run_until(tasks.join_all()).await, [1]);
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_local_on<F>(&mut self, task: F, local_set: &LocalSet) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.insert(local_set.spawn_local(task))
    }

    /// A builder of a member of the set, to give it a name.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut tasks = selvedge::task::JoinSet::new();
    /// tasks.build_task().name("counter").spawn(async { 1 }).unwrap();
    /// assert_eq!(tasks.join_all().await, [1]);
    /// # }
    /// ```
    pub fn build_task(&mut self) -> Builder<'_, T> {
        Builder::new(self)
    }

    pub(crate) fn insert(&mut self, mut handle: JoinHandle<T>) -> AbortHandle {
        let abort = handle.abort_handle();
        let ended = Arc::new(EndWaker {
            at: AtomicUsize::new(self.members.len()),
            shared: self.shared.clone(),
        });
        if handle.set_waker(&Waker::from(ended.clone())) {
            ended.wake_by_ref();
        }
        self.members.push(Member { handle, ended });
        abort
    }

    /// Waits for the next task to end. `None` when the set is empty.
    ///
    /// # Cancel safety
    /// Cancel safe: a task's output is not lost.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut tasks = selvedge::task::JoinSet::new();
    /// tasks.spawn(async { 1 });
    /// tasks.spawn(async { panic!("out of luck") });
    /// let (mut sum, mut failed) = (0, 0);
    /// while let Some(ended) = tasks.join_next().await {
    ///     match ended {
    ///         Ok(n) => sum += n,
    ///         Err(_) => failed += 1,
    ///     }
    /// }
    /// assert_eq!((sum, failed), (1, 1));
    /// # }
    /// ```
    pub async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        let at = poll_fn(|cx| self.poll_ended(cx)).await?;
        Some(self.take(at))
    }

    /// Like [`join_next`](Self::join_next), with the id of the task.
    ///
    /// # Cancel safety
    /// Cancel safe.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut tasks = selvedge::task::JoinSet::new();
    /// let id = tasks.spawn(async { 1 }).id();
    /// assert_eq!(tasks.join_next_with_id().await.unwrap().unwrap(), (id, 1));
    /// # }
    /// ```
    pub async fn join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        let at = poll_fn(|cx| self.poll_ended(cx)).await?;
        Some(self.take_with_id(at))
    }

    /// A task that has ended already, if there is one.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut tasks = selvedge::task::JoinSet::new();
    /// tasks.spawn(async { 1 });
    /// assert!(tasks.try_join_next().is_none()); // none has ended
    /// selvedge::task::yield_now().await;
    /// assert_eq!(tasks.try_join_next().unwrap().unwrap(), 1);
    /// # }
    /// ```
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        let at = self.try_ended()?;
        Some(self.take(at))
    }

    /// Like [`try_join_next`](Self::try_join_next), with the id of the task.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut tasks = selvedge::task::JoinSet::new();
    /// let id = tasks.spawn(async { 1 }).id();
    /// selvedge::task::yield_now().await;
    /// assert_eq!(tasks.try_join_next_with_id().unwrap().unwrap(), (id, 1));
    /// # }
    /// ```
    pub fn try_join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        let at = self.try_ended()?;
        Some(self.take_with_id(at))
    }

    /// Polls for the next task to end; `Ready(None)` when the set is empty.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// let mut tasks = selvedge::task::JoinSet::new();
    /// tasks.spawn(async { 1 });
    /// let ended = poll_fn(|cx| tasks.poll_join_next(cx)).await;
    /// assert_eq!(ended.unwrap().unwrap(), 1);
    /// # }
    /// ```
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        match ready!(self.poll_ended(cx)) {
            Some(at) => Poll::Ready(Some(self.take(at))),
            None => Poll::Ready(None),
        }
    }

    /// Like [`poll_join_next`](Self::poll_join_next), with the id of the task.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// let mut tasks = selvedge::task::JoinSet::new();
    /// let id = tasks.spawn(async { 1 }).id();
    /// let ended = poll_fn(|cx| tasks.poll_join_next_with_id(cx)).await;
    /// assert_eq!(ended.unwrap().unwrap(), (id, 1));
    /// # }
    /// ```
    pub fn poll_join_next_with_id(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(Id, T), JoinError>>> {
        match ready!(self.poll_ended(cx)) {
            Some(at) => Poll::Ready(Some(self.take_with_id(at))),
            None => Poll::Ready(None),
        }
    }

    /// The place of a member that has ended; `None`: no member is left.
    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        if self.members.is_empty() {
            return Poll::Ready(None);
        }
        let coop = ready!(coop::poll_proceed(cx));
        loop {
            let Some(ended) = register(&self.shared.state, cx.waker(), State::next) else {
                waits::note(WaitKind::JoinSet, Arc::as_ptr(&self.shared) as u64);
                return Poll::Pending;
            };
            if let Some(at) = ended.place() {
                coop.made_progress();
                return Poll::Ready(Some(at));
            }
        }
    }

    /// The place of a member that has ended, if there is one.
    fn try_ended(&mut self) -> Option<usize> {
        loop {
            let ended = self.shared.state.lock().ended.pop_front()?;
            if let Some(at) = ended.place() {
                return Some(at);
            }
        }
    }

    /// Removes a member that has ended, and returns its output.
    fn take(&mut self, at: usize) -> Result<T, JoinError> {
        self.remove(at).handle.take_output()
    }

    fn take_with_id(&mut self, at: usize) -> Result<(Id, T), JoinError> {
        let mut handle = self.remove(at).handle;
        let id = handle.id();
        handle.take_output().map(|output| (id, output))
    }

    /// Takes a member out; the last one moves to its place.
    fn remove(&mut self, at: usize) -> Member<T> {
        let member = self.members.swap_remove(at);
        if let Some(moved) = self.members.get(at) {
            moved.ended.set_place(at);
        }
        let room = self.members.capacity();
        if room > KEPT && self.members.len() < room / 4 {
            self.members.shrink_to((room / 2).max(KEPT));
        }
        member
    }

    /// Aborts all tasks and waits until they have ended.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut tasks = selvedge::task::JoinSet::new();
    /// tasks.spawn(std::future::pending::<()>());
    /// tasks.shutdown().await; // aborts them, and waits until they have ended
    /// assert!(tasks.is_empty());
    /// # }
    /// ```
    pub async fn shutdown(&mut self) {
        self.abort_all();
        while self.join_next().await.is_some() {}
    }

    /// Waits for all tasks and gives their outputs, in the order in which they ended.
    ///
    /// # Panics
    /// If one of the tasks panicked, with its payload, or was cancelled. The others are aborted.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let tasks: selvedge::task::JoinSet<_> = (1..=3).map(|n| async move { n * n }).collect();
    /// let mut all = tasks.join_all().await; // in the order in which they end
    /// all.sort();
    /// assert_eq!(all, [1, 4, 9]);
    /// # }
    /// ```
    pub async fn join_all(mut self) -> Vec<T> {
        let mut outputs = Vec::with_capacity(self.len());
        while let Some(result) = self.join_next().await {
            match result {
                Ok(output) => outputs.push(output),
                Err(error) if error.is_panic() => panic::resume_unwind(error.into_panic()),
                Err(error) => panic!("{error}"),
            }
        }
        outputs
    }

    /// Aborts all tasks, oldest first; they still have to be joined.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut tasks = selvedge::task::JoinSet::new();
    /// tasks.spawn(std::future::pending::<()>());
    /// tasks.abort_all();
    /// assert!(tasks.join_next().await.unwrap().unwrap_err().is_cancelled());
    /// # }
    /// ```
    pub fn abort_all(&mut self) {
        self.sort();
        for member in &self.members {
            member.handle.abort();
        }
    }

    /// Takes all tasks out of the set; they go on by themselves.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::{sync::oneshot, task::JoinSet};
    /// let (tx, rx) = oneshot::channel();
    /// let mut tasks = JoinSet::new();
    /// tasks.spawn(async move { tx.send(1) });
    /// tasks.detach_all();
    /// drop(tasks); // aborts nothing any more
    /// assert_eq!(rx.await, Ok(1));
    /// # }
    /// ```
    pub fn detach_all(&mut self) {
        self.sort();
        let members = std::mem::take(&mut self.members);
        for member in &members {
            member.ended.set_place(GONE);
        }
        let ended = std::mem::take(&mut self.shared.state.lock().ended);
        drop(ended);
        // Last, as this drops the user's outputs.
        drop(members);
    }
}

impl<T> JoinSet<T> {
    /// Puts the members into the order in which they were spawned.
    fn sort(&mut self) {
        if self
            .members
            .is_sorted_by_key(|member| member.handle.id().as_u64())
        {
            return;
        }
        self.members
            .sort_unstable_by_key(|member| member.handle.id().as_u64());
        for (at, member) in self.members.iter().enumerate() {
            member.ended.set_place(at);
        }
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        self.sort();
        for member in &self.members {
            member.handle.abort();
        }
        let mut state = self.shared.state.lock();
        state.closed = true;
        let (ended, waiter) = (std::mem::take(&mut state.ended), state.waiter.take());
        drop(state);
        contain::contain(|| waiter.drop_after(()));
        drop(ended);
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        JoinSet::new()
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet").field("len", &self.len()).finish()
    }
}

/// Spawns each future on the current runtime.
impl<T, F> FromIterator<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    fn from_iter<I: IntoIterator<Item = F>>(iter: I) -> Self {
        let mut set = JoinSet::new();
        set.extend(iter);
        set
    }
}

/// Spawns each future on the current runtime.
impl<T, F> Extend<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    fn extend<I: IntoIterator<Item = F>>(&mut self, iter: I) {
        for task in iter {
            self.spawn(task);
        }
    }
}
