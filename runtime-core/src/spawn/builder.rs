//! `task::Builder`: spawning a task under a name.
//!
//! The name goes to the `on_task_spawn` hook, by `TaskMeta::name`, and is kept for `Handle::tasks`. A task
//! without a name pays nothing for that. Spawning through a builder gives an error where the plain functions
//! panic because the system gives no thread.

use super::local_set::{self, LocalSet};
use crate::handle::{Handle, spawn};
use crate::instrument::SpawnSite;
use crate::task::{JoinHandle, is_large};
use std::future::Future;
use std::io;

/// Spawns a task with a name.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// let task = runtime_core::spawn::Builder::new().name("answer").spawn(async { 42 })?;
/// assert_eq!(task.await.unwrap(), 42);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Builder<'a> {
    name: Option<&'a str>,
}

impl<'a> Builder<'a> {
    /// A task without a name.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = selvedge::task::Builder::new().spawn(async { 1 }).unwrap();
    /// assert_eq!(task.await.unwrap(), 1);
    /// # }
    /// ```
    pub fn new() -> Self {
        Builder::default()
    }

    /// Names the task.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = selvedge::task::Builder::new().name("counter").spawn(async { 1 }).unwrap();
    /// assert_eq!(task.await.unwrap(), 1);
    /// # }
    /// ```
    #[must_use]
    pub fn name(&self, name: &'a str) -> Self {
        Builder { name: Some(name) }
    }

    #[track_caller]
    fn site(self) -> SpawnSite<'a> {
        SpawnSite {
            name: self.name,
            ..SpawnSite::caller()
        }
    }

    /// Spawns the task on the current runtime.
    ///
    /// # Errors
    /// None today; a runtime that has shut down gives a cancelled task, as [`spawn`](super::spawn()) does.
    ///
    /// # Panics
    /// Outside of a runtime.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = selvedge::task::Builder::new().spawn(async { 1 }).unwrap();
    /// assert_eq!(task.await.unwrap(), 1);
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_on(future, &Handle::current())
    }

    /// Spawns the task on the given runtime.
    ///
    /// # Errors
    /// None today, as for [`spawn`](Self::spawn).
    ///
    /// # Examples
    /// ```
    /// let runtime = selvedge::runtime::Runtime::new().unwrap();
    /// let task = selvedge::task::Builder::new().spawn_on(async { 1 }, runtime.handle()).unwrap();
    /// assert_eq!(runtime.block_on(task).unwrap(), 1);
    /// ```
    #[track_caller]
    pub fn spawn_on<F>(self, future: F, handle: &Handle) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let site = self.site();
        Ok(if const { is_large::<F>() } {
            spawn::spawn(handle, Box::pin(future), site.boxed::<F>())
        } else {
            spawn::spawn(handle, future, site)
        })
    }

    /// Spawns a task that need not be `Send` on the current [`LocalSet`] or local runtime.
    ///
    /// # Errors
    /// None today, as for [`spawn`](Self::spawn).
    ///
    /// # Panics
    /// Outside of both.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::rc::Rc;
    /// let local = selvedge::task::LocalSet::new();
    /// let sum = local.run_until(async {
    ///     let rc = Rc::new(1); // not `Send`
    ///     let task = selvedge::task::Builder::new().spawn_local(async move { *rc + 1 }).unwrap();
    ///     task.await.unwrap()
    /// });
    /// assert_eq!(sum.await, 2);
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let site = self.site();
        Ok(if const { is_large::<F>() } {
            local_set::spawn_local_from(Box::pin(future), site.boxed::<F>())
        } else {
            local_set::spawn_local_from(future, site)
        })
    }

    /// Spawns a task that need not be `Send` on the given [`LocalSet`].
    ///
    /// # Errors
    /// None today, as for [`spawn`](Self::spawn).
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::rc::Rc;
    /// let local = selvedge::task::LocalSet::new();
    /// let rc = Rc::new(1);
    /// let builder = selvedge::task::Builder::new();
    /// let task = builder.spawn_local_on(async move { *rc + 1 }, &local).unwrap();
    /// assert_eq!(local.run_until(task).await.unwrap(), 2);
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_local_on<F>(
        self,
        future: F,
        local_set: &LocalSet,
    ) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let site = self.site();
        Ok(if const { is_large::<F>() } {
            local_set.spawn_from(Box::pin(future), site.boxed::<F>())
        } else {
            local_set.spawn_from(future, site)
        })
    }

    /// Runs a closure on the current runtime's blocking pool.
    ///
    /// # Errors
    /// If the system gives no thread and the pool has none; the closure is dropped.
    ///
    /// # Panics
    /// Outside of a runtime.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let builder = selvedge::task::Builder::new();
    /// let task = builder.spawn_blocking(|| std::fs::metadata("/").is_ok()).unwrap();
    /// assert!(task.await.unwrap());
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F, R>(self, function: F) -> io::Result<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.spawn_blocking_on(function, &Handle::current())
    }

    /// Runs a closure on the given runtime's blocking pool.
    ///
    /// # Errors
    /// As for [`spawn_blocking`](Self::spawn_blocking).
    ///
    /// # Examples
    /// ```
    /// let runtime = selvedge::runtime::Runtime::new().unwrap();
    /// let builder = selvedge::task::Builder::new();
    /// let task = builder.spawn_blocking_on(|| 1, runtime.handle()).unwrap();
    /// assert_eq!(runtime.block_on(task).unwrap(), 1);
    /// ```
    #[track_caller]
    pub fn spawn_blocking_on<F, R>(self, function: F, handle: &Handle) -> io::Result<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let site = self.site();
        if const { is_large::<F>() } {
            spawn::spawn_blocking(handle, Box::new(function), site.boxed::<F>())
        } else {
            spawn::spawn_blocking(handle, function, site)
        }
    }
}
