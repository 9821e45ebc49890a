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
    pub fn name(self, name: &'a str) -> Self {
        Builder {
            task: self.task.name(name),
            ..self
        }
    }

    /// Spawns the task on the current runtime.
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
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + 'static,
    {
        let handle = self.task.spawn_local(future)?;
        Ok(self.set.insert(handle))
    }

    /// Spawns a task that need not be `Send` on the given [`LocalSet`].
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
