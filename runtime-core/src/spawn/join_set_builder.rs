//! `join_set::Builder`: spawning a member of a `JoinSet` under a name.

use super::builder::Builder as TaskBuilder;
use super::join_set::JoinSet;
use super::local_set::LocalSet;
use crate::handle::Handle;
use crate::task::AbortHandle;
use std::fmt;
use std::future::Future;
use std::io;

/// Spawns a named member of a [`JoinSet`]; made by [`JoinSet::build_task`].
///
/// Errors and panics are those of the methods of [`task::Builder`](super::Builder).
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// let mut tasks = selvedge::task::JoinSet::new();
/// let builder: selvedge::task::join_set::Builder<'_, u32> = tasks.build_task();
/// builder.name("counter").spawn(async { 1 }).unwrap();
/// assert_eq!(tasks.join_all().await, [1]);
/// # }
/// ```
#[must_use = "builders do nothing unless used to spawn a task"]
pub struct Builder<'a, T> {
    set: &'a mut JoinSet<T>,
    task: TaskBuilder<'a>,
}

impl<'a, T: 'static> Builder<'a, T> {
    pub(super) fn new(set: &'a mut JoinSet<T>) -> Self {
        Builder {
            set,
            task: TaskBuilder::new(),
        }
    }

    /// Names the task.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut tasks = selvedge::task::JoinSet::new();
    /// tasks.build_task().name("counter").spawn(async { 1 }).unwrap();
    /// assert_eq!(tasks.join_all().await, [1]);
    /// # }
    /// ```
    pub fn name(self, name: &'a str) -> Self {
        Builder {
            task: self.task.name(name),
            ..self
        }
    }

    /// Spawns the task on the current runtime.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut tasks = selvedge::task::JoinSet::new();
    /// let abort = tasks.build_task().spawn(std::future::pending::<()>()).unwrap();
    /// abort.abort();
    /// assert!(tasks.join_next().await.unwrap().is_err());
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        let handle = self.task.spawn(future)?;
        Ok(self.set.insert(handle))
    }

    /// Spawns the task on the given runtime.
    ///
    /// ```
    /// use selvedge::{runtime::Runtime, task::JoinSet};
    /// let runtime = Runtime::new().unwrap();
    /// let mut tasks = JoinSet::new();
    /// tasks.build_task().spawn_on(async { 1 }, runtime.handle()).unwrap();
    /// assert_eq!(runtime.block_on(tasks.join_all()), [1]);
    /// ```
    #[track_caller]
    pub fn spawn_on<F>(self, future: F, handle: &Handle) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        let handle = self.task.spawn_on(future, handle)?;
        Ok(self.set.insert(handle))
    }

    /// Runs a closure on the current runtime's blocking pool.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut tasks = selvedge::task::JoinSet::new();
    /// tasks.build_task().spawn_blocking(|| 1).unwrap();
    /// assert_eq!(tasks.join_all().await, [1]);
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F>(self, f: F) -> io::Result<AbortHandle>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        let handle = self.task.spawn_blocking(f)?;
        Ok(self.set.insert(handle))
    }

    /// Runs a closure on the given runtime's blocking pool.
    ///
    /// ```
    /// use selvedge::{runtime::Runtime, task::JoinSet};
    /// let runtime = Runtime::new().unwrap();
    /// let mut tasks = JoinSet::new();
    /// tasks.build_task().spawn_blocking_on(|| 1, runtime.handle()).unwrap();
    /// assert_eq!(runtime.block_on(tasks.join_all()), [1]);
    /// ```
    #[track_caller]
    pub fn spawn_blocking_on<F>(self, f: F, handle: &Handle) -> io::Result<AbortHandle>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        let handle = self.task.spawn_blocking_on(f, handle)?;
        Ok(self.set.insert(handle))
    }

    /// Spawns a task that need not be `Send` on the current [`LocalSet`] or local runtime.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::rc::Rc;
    /// use selvedge::task::{JoinSet, LocalSet};
    /// let local = LocalSet::new();
    /// let sum = local.run_until(async {
    ///     let mut tasks = JoinSet::new();
    ///     let rc = Rc::new(1);
    ///     tasks.build_task().spawn_local(async move { *rc }).unwrap();
    ///     tasks.join_all().await
    /// });
    /// assert_eq!(sum.await, [1]);
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + 'static,
    {
        let handle = self.task.spawn_local(future)?;
        Ok(self.set.insert(handle))
    }

    /// Spawns a task that need not be `Send` on the given [`LocalSet`].
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::rc::Rc;
    /// use selvedge::task::{JoinSet, LocalSet};
    /// let (local, mut tasks) = (LocalSet::new(), JoinSet::new());
    /// let rc = Rc::new(1);
    /// tasks.build_task().spawn_local_on(async move { *rc }, &local).unwrap();
    /// assert_eq!(local.run_until(tasks.join_all()).await, [1]);
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_local_on<F>(self, future: F, local_set: &LocalSet) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + 'static,
    {
        let handle = self.task.spawn_local_on(future, local_set)?;
        Ok(self.set.insert(handle))
    }
}

impl<T> fmt::Debug for Builder<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("join_set::Builder")
            .field("set", &self.set)
            .field("task", &self.task)
            .finish()
    }
}
