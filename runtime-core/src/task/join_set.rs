//! `JoinSet`: a group of tasks, awaited in the order in which they end.
//!
//! Each member's join handle has a waker of its own that puts the member's key into the *ended* queue and wakes
//! whoever awaits the set: `join_next` costs the same whatever the number of members.
//!
//! I1: a key is in `ended` at most once (`queued`), and every member that has ended is there or being polled.
//! I2: the lock guards only the queue and the awaiting waker: members are polled, and wakers woken and dropped,
//!     outside of it.
//! Dropping the set aborts its members.

use super::join_set_builder::Builder;
use super::{AbortHandle, Id, JoinError, JoinHandle, LocalSet};
use crate::audit;
use crate::coop;
use crate::runtime::Handle;
use crate::shim::sync::Mutex;
use crate::shim::sync::atomic::{AtomicBool, Ordering};
use std::collections::{HashMap, VecDeque};
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
/// use runtime_core::task::JoinSet;
/// let set: JoinSet<u32> = JoinSet::new();
/// assert!(set.is_empty());
/// ```
pub struct JoinSet<T> {
    members: HashMap<u64, Member<T>>,
    next_key: u64,
    shared: Arc<Shared>,
}

struct Member<T> {
    handle: JoinHandle<T>,
    ended: Arc<EndWaker>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ended: VecDeque<u64>,
    waiter: Option<Waker>,
}

/// The waker of one member's join handle.
struct EndWaker {
    key: u64,
    queued: AtomicBool,
    shared: Arc<Shared>,
}

impl Wake for EndWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Ordering: Release; pairs with the Acquire in `poll_member`: a wake that leaves the queueing to
        // an earlier one hands over what it is about. What is queued here is under the lock.
        if self.queued.swap(true, Ordering::Release) {
            return;
        }
        let waiter = {
            let mut state = self.shared.state.lock();
            state.ended.push_back(self.key);
            state.waiter.take()
        };
        if let Some(waiter) = waiter {
            audit::wake(waiter);
        }
    }
}

impl<T> JoinSet<T> {
    /// An empty set.
    pub fn new() -> Self {
        JoinSet {
            members: HashMap::new(),
            next_key: 0,
            shared: Arc::default(),
        }
    }

    /// Number of tasks not yet joined.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Are there no tasks left to join?
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

impl<T: 'static> JoinSet<T> {
    /// Spawns a task on the current runtime into the set.
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
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, f: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(super::spawn_blocking(f))
    }

    /// Runs a blocking closure on the given runtime's pool as a member of the set.
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
    #[track_caller]
    pub fn spawn_local<F>(&mut self, task: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.insert(super::spawn_local(task))
    }

    /// Spawns a task that need not be `Send` on the given [`LocalSet`] into the set.
    #[track_caller]
    pub fn spawn_local_on<F>(&mut self, task: F, local_set: &LocalSet) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.insert(local_set.spawn_local(task))
    }

    /// A builder of a member of the set, to give it a name.
    pub fn build_task(&mut self) -> Builder<'_, T> {
        Builder::new(self)
    }

    pub(super) fn insert(&mut self, mut handle: JoinHandle<T>) -> AbortHandle {
        let key = self.next_key;
        self.next_key += 1;
        let abort = handle.abort_handle();
        let ended = Arc::new(EndWaker {
            key,
            queued: AtomicBool::new(false),
            shared: self.shared.clone(),
        });
        if handle.set_waker(&Waker::from(ended.clone())) {
            ended.wake_by_ref();
        }
        self.members.insert(key, Member { handle, ended });
        abort
    }

    /// Waits for the next task to end. `None` when the set is empty.
    ///
    /// # Cancel safety
    /// Cancel safe: a task's output is not lost.
    pub async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        poll_fn(|cx| self.poll_join_next(cx)).await
    }

    /// Like [`join_next`](Self::join_next), with the id of the task.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        poll_fn(|cx| self.poll_join_next_with_id(cx)).await
    }

    /// A task that has ended already, if there is one.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.try_join_next_with_id()
            .map(|result| result.map(|(_, output)| output))
    }

    /// Like [`try_join_next`](Self::try_join_next), with the id of the task.
    pub fn try_join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        coop::internally(|| {
            loop {
                let key = self.shared.state.lock().ended.pop_front()?;
                if let Some(result) = self.poll_member(key) {
                    return Some(result);
                }
            }
        })
    }

    /// Polls for the next task to end; `Ready(None)` when the set is empty.
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        self.poll_join_next_with_id(cx)
            .map(|next| next.map(|result| result.map(|(_, output)| output)))
    }

    /// Like [`poll_join_next`](Self::poll_join_next), with the id of the task.
    pub fn poll_join_next_with_id(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(Id, T), JoinError>>> {
        if self.members.is_empty() {
            return Poll::Ready(None);
        }
        let coop = ready!(coop::poll_proceed(cx));
        let mut fresh = None;
        loop {
            let mut state = self.shared.state.lock();
            let Some(key) = state.ended.pop_front() else {
                if state
                    .waiter
                    .as_ref()
                    .is_some_and(|w| w.will_wake(cx.waker()))
                {
                    return Poll::Pending;
                }
                if let Some(waker) = fresh.take() {
                    let old = state.waiter.replace(waker);
                    drop(state);
                    drop(old);
                    return Poll::Pending;
                }
                // Cloned outside of the lock, then looked at once more (I2).
                drop(state);
                fresh = Some(cx.waker().clone());
                continue;
            };
            drop(state);
            if let Some(result) = coop::internally(|| self.poll_member(key)) {
                coop.made_progress();
                return Poll::Ready(Some(result));
            }
        }
    }

    /// The output of a member that was queued as ended.
    fn poll_member(&mut self, key: u64) -> Option<Result<(Id, T), JoinError>> {
        let member = self.members.get_mut(&key)?;
        // Ordering: Acquire; pairs with the Release in `wake_by_ref`. A wake from here on queues the key
        // again (I1), one before is seen to by the poll below.
        member.ended.queued.swap(false, Ordering::Acquire);
        let waker = Waker::from(member.ended.clone());
        let id = member.handle.id();
        let poll = std::pin::Pin::new(&mut member.handle).poll(&mut Context::from_waker(&waker));
        let Poll::Ready(result) = poll else {
            return None;
        };
        let member = self.members.remove(&key);
        drop(member);
        Some(result.map(|output| (id, output)))
    }

    /// Aborts all tasks and waits until they have ended.
    pub async fn shutdown(&mut self) {
        self.abort_all();
        while self.join_next().await.is_some() {}
    }

    /// Waits for all tasks and gives their outputs, in the order in which they ended.
    ///
    /// # Panics
    /// If one of the tasks panicked, with its payload, or was cancelled. The others are aborted.
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

    /// Aborts all tasks; they still have to be joined.
    pub fn abort_all(&mut self) {
        for member in self.members.values() {
            member.handle.abort();
        }
    }

    /// Takes all tasks out of the set; they go on by themselves.
    pub fn detach_all(&mut self) {
        self.members.clear();
        self.shared.state.lock().ended.clear();
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        for member in self.members.values() {
            member.handle.abort();
        }
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
