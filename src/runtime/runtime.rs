//! `Runtime`: owns the threads and drivers; dropping it stops them.

use super::{EnterGuard, Handle, RuntimeMetrics};
use crate::task::JoinHandle;
use runtime_core::runtime::Core;
use runtime_core::task::is_large;
use std::future::Future;
use std::io;
use std::time::Duration;

/// A runtime.
///
/// Dropping it cancels its tasks, each at its next yield point, and waits for its threads and for the
/// blocking closures that run. [`shutdown_timeout`](Self::shutdown_timeout) and
/// [`shutdown_background`](Self::shutdown_background) wait less. A runtime cannot be dropped in
/// an async context: that panics. Dropped in its own `spawn_blocking` or `block_in_place`, it does not wait.
///
/// ```
/// use selvedge::runtime::Runtime;
/// let runtime = Runtime::new().unwrap();
/// let task = runtime.spawn(async { 40 });
/// assert_eq!(runtime.block_on(async { task.await.unwrap() + 2 }), 42);
/// // Dropped, it cancels its tasks and waits for its threads.
/// drop(runtime);
/// ```
#[derive(Debug)]
pub struct Runtime {
    core: Core,
}

impl Runtime {
    pub(super) fn from_core(core: Core) -> Runtime {
        Runtime { core }
    }

    /// A multi-thread runtime with all drivers enabled.
    ///
    /// # Errors
    /// See [`Builder::build`](super::Builder::build).
    ///
    /// # Examples
    /// ```
    /// let runtime = selvedge::runtime::Runtime::new().unwrap();
    /// assert_eq!(runtime.block_on(async { 1 }), 1);
    /// ```
    #[cfg(feature = "rt-multi-thread")]
    #[track_caller]
    pub fn new() -> io::Result<Runtime> {
        super::Builder::new_multi_thread().enable_all().build()
    }

    /// A handle to the runtime.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Runtime::new().unwrap();
    /// let handle = runtime.handle().clone();
    /// // A thread of one's own spawns into it.
    /// std::thread::spawn(move || handle.spawn(async {})).join().unwrap();
    /// ```
    pub fn handle(&self) -> &Handle {
        self.core.handle()
    }

    /// Spawns a task on the runtime.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Runtime::new().unwrap();
    /// let task = runtime.spawn(async { 1 });
    /// assert_eq!(runtime.block_on(task).unwrap(), 1);
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        if const { is_large::<F>() } {
            self.handle().spawn_boxed(Box::pin(future))
        } else {
            self.handle().spawn(future)
        }
    }

    /// Runs a blocking closure on the blocking pool.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Runtime::new().unwrap();
    /// let task = runtime.spawn_blocking(|| std::fs::metadata("/").is_ok());
    /// assert!(runtime.block_on(task).unwrap());
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, func: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.handle().spawn_blocking(func)
    }

    /// Runs `future` to its end on this thread.
    ///
    /// # Panics
    /// If the future does, or inside a runtime.
    ///
    /// # Examples
    /// ```
    /// let runtime = selvedge::runtime::Runtime::new().unwrap();
    /// assert_eq!(runtime.block_on(async { 1 + 1 }), 2);
    /// ```
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        if const { is_large::<F>() } {
            self.core.block_on_boxed(Box::pin(future))
        } else {
            self.core.block_on(future)
        }
    }

    /// Makes this runtime the current one on this thread until the guard is dropped.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Runtime::new().unwrap();
    /// let guard = runtime.enter();
    /// selvedge::spawn(async {}); // into this runtime
    /// drop(guard);
    /// ```
    pub fn enter(&self) -> EnterGuard<'_> {
        self.core.enter()
    }

    /// Stops the runtime, waiting at most `duration` for blocking closures that run.
    ///
    /// # Panics
    /// In an async context, unless `duration` is zero.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// let runtime = selvedge::runtime::Runtime::new().unwrap();
    /// runtime.spawn_blocking(|| std::thread::sleep(Duration::from_millis(5)));
    /// runtime.shutdown_timeout(Duration::from_secs(1));
    /// ```
    #[track_caller]
    pub fn shutdown_timeout(self, duration: Duration) {
        self.core.shutdown_timeout(duration);
    }

    /// Stops the runtime without waiting.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Runtime::new().unwrap();
    /// runtime.shutdown_background(); // waits for nothing, so async code may call it
    /// ```
    pub fn shutdown_background(self) {
        self.core.shutdown_background();
    }

    /// The runtime's figures.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Runtime::new().unwrap();
    /// println!("{} tasks", runtime.metrics().num_alive_tasks());
    /// ```
    pub fn metrics(&self) -> RuntimeMetrics {
        self.handle().metrics()
    }
}

impl std::panic::UnwindSafe for Runtime {}
impl std::panic::RefUnwindSafe for Runtime {}

#[cfg(not(feature = "rt-multi-thread"))]
const _: fn() -> io::Result<()> = || Ok(());

/// `LocalSet::block_on` takes the core.
#[doc(hidden)]
impl std::ops::Deref for Runtime {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.core
    }
}
