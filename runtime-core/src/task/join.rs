//! The handles on a spawned task: `JoinHandle` waits for its output, `AbortHandle` only cancels.

use super::cell::RawTask;
use super::{Id, JoinError};
use crate::base::waits::{self, WaitKind};
use crate::coop;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Waits for a task's output. Dropping it detaches the task, which goes on.
///
/// # Cancel safety
/// Cancel safe when awaited by `&mut`: the output is not lost.
///
/// # Examples
/// ```
/// # #[selvedge::main]
/// # async fn main() {
/// use selvedge::task::JoinHandle;
/// let task: JoinHandle<u32> = selvedge::spawn(async { 42 });
/// assert_eq!(task.await.unwrap(), 42);
/// # }
/// ```
pub struct JoinHandle<T> {
    raw: RawTask,
    _output: PhantomData<T>,
}

// SAFETY: the output crosses threads through the handle, hence `T: Send`; all else is the cell's
// own protocol.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: a shared handle gives no access to the output.
unsafe impl<T: Send> Sync for JoinHandle<T> {}

impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}
impl<T> Unpin for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// Takes over the join reference of a new cell whose output is `T`.
    pub(crate) fn new(raw: RawTask) -> Self {
        JoinHandle {
            raw,
            _output: PhantomData,
        }
    }

    /// Cancels the task: it is dropped at its next yield point, and the handle then gives a
    /// cancelled error, unless it ended before. Closures of `spawn_blocking` that have begun
    /// run to their end.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = selvedge::spawn(std::future::pending::<()>());
    /// task.abort();
    /// assert!(task.await.unwrap_err().is_cancelled());
    /// # }
    /// ```
    pub fn abort(&self) {
        self.raw.abort();
    }

    /// Has the task ended? An aborted task has ended only once its future is dropped.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = selvedge::spawn(async {});
    /// assert!(!task.is_finished());
    /// selvedge::task::yield_now().await;
    /// assert!(task.is_finished());
    /// # }
    /// ```
    pub fn is_finished(&self) -> bool {
        self.raw.state().load().is_complete()
    }

    /// A handle that can abort the task, and outlive this one.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = selvedge::spawn(std::future::pending::<()>());
    /// let abort = task.abort_handle(); // ends the task, but cannot await it
    /// abort.abort();
    /// assert!(task.await.unwrap_err().is_cancelled());
    /// # }
    /// ```
    #[must_use = "abort handles do nothing unless `.abort` is called"]
    pub fn abort_handle(&self) -> AbortHandle {
        self.raw.reference();
        AbortHandle { raw: self.raw }
    }

    /// The task's id.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = selvedge::spawn(async { selvedge::task::id() });
    /// let id = task.id();
    /// assert_eq!(task.await.unwrap(), id);
    /// # }
    /// ```
    pub fn id(&self) -> Id {
        self.raw.header().id
    }

    /// The output of a task that has ended.
    ///
    /// # Panics
    /// If it was taken before.
    pub(crate) fn take_output(&mut self) -> Result<T, JoinError> {
        assert!(self.is_finished());
        // SAFETY: complete; `new` was given a cell whose output is `T`; there is one join handle.
        unsafe { self.raw.output() }
    }

    /// Registers `waker` for the end of the task; true if it has ended already.
    pub(crate) fn set_waker(&mut self, waker: &std::task::Waker) -> bool {
        self.raw.leave_waker_or_complete(waker)
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let coop = ready!(coop::poll_proceed(cx));
        // SAFETY: `new` was given a cell whose output is `T`; there is one join handle.
        let output = unsafe { self.raw.poll_output::<T>(cx) };
        match output.is_ready() {
            true => coop.made_progress(),
            false => waits::note(WaitKind::Join, self.raw.header().id.as_u64()),
        }
        output
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        self.raw.drop_join_handle();
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("id", &self.id())
            .finish()
    }
}

/// Cancels a task from elsewhere; does not keep it from ending, nor wait for it.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::task::{AbortHandle, JoinSet};
/// let mut tasks = JoinSet::new();
/// let endless: AbortHandle = tasks.spawn(std::future::pending::<()>());
/// endless.abort();
/// assert!(tasks.join_next().await.unwrap().unwrap_err().is_cancelled());
/// # }
/// ```
pub struct AbortHandle {
    raw: RawTask,
}

impl UnwindSafe for AbortHandle {}
impl RefUnwindSafe for AbortHandle {}

impl AbortHandle {
    /// Cancels the task; see [`JoinHandle::abort`].
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = selvedge::spawn(std::future::pending::<()>());
    /// task.abort_handle().abort();
    /// assert!(task.await.unwrap_err().is_cancelled());
    /// # }
    /// ```
    pub fn abort(&self) {
        self.raw.abort();
    }

    /// Has the task ended?
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = selvedge::spawn(async {});
    /// let handle = task.abort_handle();
    /// task.await.unwrap();
    /// assert!(handle.is_finished());
    /// # }
    /// ```
    pub fn is_finished(&self) -> bool {
        self.raw.state().load().is_complete()
    }

    /// The task's id.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = selvedge::spawn(async {});
    /// assert_eq!(task.abort_handle().id(), task.id());
    /// # }
    /// ```
    pub fn id(&self) -> Id {
        self.raw.header().id
    }
}

impl Clone for AbortHandle {
    fn clone(&self) -> Self {
        self.raw.reference();
        AbortHandle { raw: self.raw }
    }
}

impl Drop for AbortHandle {
    fn drop(&mut self) {
        self.raw.unref();
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle")
            .field("id", &self.id())
            .finish()
    }
}
