//! `LocalRuntime`: a current-thread runtime bound to its thread, whose tasks need not be `Send`.

use super::{EnterGuard, Handle, RuntimeMetrics};
use crate::task::JoinHandle;
use runtime_core::runtime::Core;
use runtime_core::task::is_large;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::time::Duration;

/// A current-thread runtime for `!Send` tasks; it stays on the thread that built it.
///
/// ```
/// use std::rc::Rc;
/// let runtime = selvedge::runtime::LocalRuntime::new().unwrap();
/// let shared = Rc::new(7);
/// let n = runtime.block_on(async move {
///     *shared
/// });
/// assert_eq!(n, 7);
/// ```
///
/// ```compile_fail,E0277
/// let runtime = selvedge::runtime::LocalRuntime::new().unwrap();
/// std::thread::spawn(move || drop(runtime));
/// ```
#[derive(Debug)]
pub struct LocalRuntime {
    core: Core,
    _not_send: PhantomData<*mut ()>,
}

/// Options of `Builder::build_local`; none exist today.
///
/// ```
/// use selvedge::runtime::{Builder, LocalOptions};
/// let runtime = Builder::new_current_thread().build_local(LocalOptions::default()).unwrap();
/// assert_eq!(runtime.block_on(async { 1 }), 1);
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct LocalOptions {
    _not_send: PhantomData<*mut ()>,
}

impl LocalRuntime {
    pub(super) fn from_core(core: Core) -> LocalRuntime {
        LocalRuntime {
            core,
            _not_send: PhantomData,
        }
    }

    /// A local runtime with all drivers enabled.
    ///
    /// # Errors
    /// See [`Builder::build`](super::Builder::build).
    ///
    /// # Examples
    /// ```
    /// let runtime = selvedge::runtime::LocalRuntime::new().unwrap();
    /// assert_eq!(runtime.block_on(async { 1 }), 1);
    /// ```
    pub fn new() -> io::Result<LocalRuntime> {
        super::Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())
    }

    /// A handle to the runtime; futures spawned through it must be `Send`.
    ///
    /// ```
    /// let runtime = selvedge::runtime::LocalRuntime::new().unwrap();
    /// let task = runtime.handle().spawn(async { 1 });
    /// assert_eq!(runtime.block_on(task).unwrap(), 1);
    /// ```
    pub fn handle(&self) -> &Handle {
        self.core.handle()
    }

    /// Spawns a task on the runtime, which need not be `Send`.
    ///
    /// ```
    /// let runtime = selvedge::runtime::LocalRuntime::new().unwrap();
    /// let shared = std::rc::Rc::new(1);
    /// let task = runtime.spawn_local(async move { *shared });
    /// assert_eq!(runtime.block_on(task).unwrap(), 1);
    /// ```
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        if const { is_large::<F>() } {
            // SAFETY: this type is `!Send`: we are on the thread that built it, the runtime's owner.
            unsafe { self.handle().spawn_local_boxed(Box::pin(future)) }
        } else {
            // SAFETY: as above.
            unsafe { self.handle().spawn_local_unchecked(future) }
        }
    }

    /// Runs a blocking closure on the blocking pool.
    ///
    /// ```
    /// let runtime = selvedge::runtime::LocalRuntime::new().unwrap();
    /// let task = runtime.spawn_blocking(|| 1);
    /// assert_eq!(runtime.block_on(task).unwrap(), 1);
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, func: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.handle().spawn_blocking(func)
    }

    /// Runs `future`, and the runtime's tasks meanwhile, to its end.
    ///
    /// # Panics
    /// If the future does, or inside a runtime.
    ///
    /// # Examples
    /// ```
    /// let runtime = selvedge::runtime::LocalRuntime::new().unwrap();
    /// let sum = runtime.block_on(async {
    ///     let shared = std::rc::Rc::new(1);
    ///     selvedge::task::spawn_local(async move { *shared }).await.unwrap()
    /// });
    /// assert_eq!(sum, 1);
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
    /// let runtime = selvedge::runtime::LocalRuntime::new().unwrap();
    /// let guard = runtime.enter();
    /// assert!(selvedge::runtime::Handle::try_current().is_ok());
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
    /// let runtime = selvedge::runtime::LocalRuntime::new().unwrap();
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
    /// let runtime = selvedge::runtime::LocalRuntime::new().unwrap();
    /// runtime.shutdown_background(); // waits for nothing
    /// ```
    pub fn shutdown_background(self) {
        self.core.shutdown_background();
    }

    /// The runtime's figures.
    ///
    /// ```
    /// let runtime = selvedge::runtime::LocalRuntime::new().unwrap();
    /// assert_eq!(runtime.metrics().num_workers(), 1);
    /// ```
    pub fn metrics(&self) -> RuntimeMetrics {
        self.handle().metrics()
    }
}

impl std::panic::UnwindSafe for LocalRuntime {}
impl std::panic::RefUnwindSafe for LocalRuntime {}
