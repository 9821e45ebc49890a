//! The methods of `Handle`: a runtime as seen from inside and from other threads.

use super::RuntimeMetrics;
use crate::blocking::Pool;
use crate::driver::ClockHold;
use crate::handle::{Handle, Id, Policy, TryCurrentError, current, spawn};
use crate::instrument::{self, SpawnSite};
use crate::record;
use crate::task::mains::Main;
use crate::task::{self, JoinHandle, Recorded, is_large};
use std::any::Any;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;

/// Which scheduler a runtime has.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::runtime::{Handle, RuntimeFlavor};
/// assert_eq!(Handle::current().runtime_flavor(), RuntimeFlavor::CurrentThread);
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuntimeFlavor {
    /// All tasks on the thread that calls `block_on`.
    CurrentThread,
    /// Tasks on several worker threads, with work stealing.
    MultiThread,
}

impl Handle {
    /// The runtime this thread is in.
    ///
    /// # Panics
    /// Outside of a runtime.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let handle = selvedge::runtime::Handle::current();
    /// std::thread::spawn(move || handle.spawn(async {})).join().unwrap();
    /// # }
    /// ```
    #[track_caller]
    pub fn current() -> Handle {
        match current::try_current() {
            Ok(handle) => handle,
            Err(error) => panic!("{error}"),
        }
    }

    /// The runtime this thread is in, or an error outside of one.
    ///
    /// ```
    /// use selvedge::runtime::{Handle, Runtime};
    /// assert!(Handle::try_current().is_err());
    /// let runtime = Runtime::new().unwrap();
    /// assert!(runtime.block_on(async { Handle::try_current().is_ok() }));
    /// ```
    pub fn try_current() -> Result<Handle, TryCurrentError> {
        current::try_current()
    }

    /// Makes this runtime the current one on this thread until the guard is dropped.
    ///
    /// # Panics
    /// If guards are not dropped in the reverse order of their making; and in a forked child, for a runtime that was
    /// made before the fork.
    ///
    /// # Examples
    /// ```
    /// let runtime = selvedge::runtime::Runtime::new().unwrap();
    /// let handle = runtime.handle().clone();
    /// std::thread::spawn(move || {
    ///     let _guard = handle.enter();
    ///     selvedge::spawn(async {});
    /// })
    /// .join()
    /// .unwrap();
    /// ```
    #[track_caller]
    pub fn enter(&self) -> EnterGuard<'_> {
        self.shared.origin.assert_here();
        match current::set_current(self.clone()) {
            Ok(guard) => EnterGuard {
                _guard: guard,
                _handle: PhantomData,
                _not_send: PhantomData,
            },
            Err(error) => panic!("{error}"),
        }
    }

    /// Spawns a future on this runtime. On a runtime that has shut down the task is cancelled.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Runtime::new().unwrap();
    /// let task = runtime.handle().spawn(async { 1 });
    /// assert_eq!(runtime.block_on(task).unwrap(), 1);
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        if const { is_large::<F>() } {
            self.spawn_boxed(Box::pin(future))
        } else {
            spawn::spawn(self, future, SpawnSite::caller())
        }
    }

    /// Spawns a large future, which is on the heap already.
    #[doc(hidden)]
    #[track_caller]
    pub fn spawn_boxed<F>(&self, future: Pin<Box<F>>) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        spawn::spawn(self, future, SpawnSite::caller().boxed::<F>())
    }

    /// Spawns a future that need not be `Send` on a local runtime.
    ///
    /// # Safety
    /// The caller is on the thread that owns the local runtime, and only that thread runs and
    /// drops its tasks.
    #[doc(hidden)]
    #[track_caller]
    pub unsafe fn spawn_local_unchecked<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        if const { is_large::<F>() } {
            // SAFETY: the caller's promise.
            unsafe { self.spawn_local_boxed(Box::pin(future)) }
        } else {
            spawn::spawn(self, future, SpawnSite::caller())
        }
    }

    /// Spawns a large future, which is on the heap already.
    ///
    /// # Safety
    /// As for `spawn_local_unchecked`.
    #[doc(hidden)]
    #[track_caller]
    pub unsafe fn spawn_local_boxed<F>(&self, future: Pin<Box<F>>) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        spawn::spawn(self, future, SpawnSite::caller().boxed::<F>())
    }

    /// Is this a local runtime?
    pub(crate) fn is_local(&self) -> bool {
        self.shared.config.is_local
    }

    /// Is this a local runtime, and this thread its owner?
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// // Only the thread of a local runtime can.
    /// assert!(!selvedge::runtime::Handle::current().can_spawn_local());
    /// # }
    /// ```
    pub fn can_spawn_local(&self) -> bool {
        match &self.shared.policy {
            Policy::CurrentThread(policy) => policy.owner == Some(std::thread::current().id()),
            Policy::MultiThread(_) => false,
        }
    }

    /// Runs a blocking closure on this runtime's blocking pool; see `task::spawn_blocking`.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = selvedge::runtime::Handle::current().spawn_blocking(|| 1);
    /// assert_eq!(task.await.unwrap(), 1);
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, f: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let spawned = if const { is_large::<F>() } {
            spawn::spawn_blocking(self, Box::new(f), SpawnSite::caller().boxed::<F>())
        } else {
            spawn::spawn_blocking(self, f, SpawnSite::caller())
        };
        match spawned {
            Ok(handle) => handle,
            Err(error) => panic!("{error}"),
        }
    }

    /// Runs a future on this thread to its end, in this runtime's context.
    ///
    /// On a current-thread runtime a thread must be in `Runtime::block_on` for I/O and timers to
    /// go on.
    ///
    /// # Panics
    /// Inside a runtime, or where the future panics.
    ///
    /// # Examples
    /// ```
    /// let runtime = selvedge::runtime::Runtime::new().unwrap();
    /// let handle = runtime.handle().clone();
    /// let thread = std::thread::spawn(move || handle.block_on(async { 1 }));
    /// assert_eq!(thread.join().unwrap(), 1);
    /// ```
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        if const { is_large::<F>() } {
            self.block_on_from(Box::pin(future), SpawnSite::caller().boxed::<F>())
        } else {
            self.block_on_from(future, SpawnSite::caller())
        }
    }

    #[track_caller]
    pub(super) fn block_on_from<F: Future>(&self, future: F, site: SpawnSite<'_>) -> F::Output {
        self.shared.origin.assert_here();
        let _entered = current::enter_runtime(self, true);
        let id = task::Id::next();
        let (future, _) = instrument::task(future, "block_on", site, id.as_u64());
        record::note_worker();
        site.record(id.as_u64(), 0);
        let future = Recorded::new(future, self.main(id, site));
        task::block_on(future, Some(id), self.shared.config.looks_out)
    }

    /// The future of a `block_on`, as it is described to other threads.
    pub(super) fn main(&self, id: task::Id, site: SpawnSite<'_>) -> Main {
        Main {
            runtime: self.shared.id.as_u64(),
            id,
            place: site.spawned_at,
        }
    }

    /// The flight recorder of this process.
    ///
    /// ```
    /// # #[selvedge::main]
    /// # async fn main() {
    /// use selvedge::runtime::{Handle, RecordOptions};
    /// let recorder = Handle::current().recorder();
    /// recorder.start(&RecordOptions::new()).unwrap();
    /// // .. later, when something was slow:
    /// let recording = recorder.snapshot().unwrap();
    /// # assert!(!recording.is_empty());
    /// # recorder.stop();
    /// # }
    /// ```
    #[cfg(feature = "insight")]
    pub fn recorder(&self) -> record::Recorder {
        record::Recorder::new()
    }

    /// Which scheduler the runtime has.
    ///
    /// ```
    /// # #[selvedge::main]
    /// # async fn main() {
    /// use selvedge::runtime::{Handle, RuntimeFlavor};
    /// assert_eq!(Handle::current().runtime_flavor(), RuntimeFlavor::MultiThread);
    /// # }
    /// ```
    pub fn runtime_flavor(&self) -> RuntimeFlavor {
        match self.shared.policy {
            Policy::CurrentThread(_) => RuntimeFlavor::CurrentThread,
            Policy::MultiThread(_) => RuntimeFlavor::MultiThread,
        }
    }

    /// The runtime's id.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let handle = selvedge::runtime::Handle::current();
    /// assert_eq!(handle.id(), handle.clone().id());
    /// # }
    /// ```
    pub fn id(&self) -> Id {
        self.shared.id
    }

    /// The runtime's name, if its builder was given one.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Builder::new_current_thread().name("indexer").build().unwrap();
    /// assert_eq!(runtime.handle().name(), Some("indexer"));
    /// ```
    pub fn name(&self) -> Option<&str> {
        self.shared.config.name.as_deref()
    }

    /// The runtime's figures.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let metrics = selvedge::runtime::Handle::current().metrics();
    /// assert_eq!(metrics.num_workers(), 1);
    /// # }
    /// ```
    pub fn metrics(&self) -> RuntimeMetrics {
        RuntimeMetrics::new(self.clone())
    }

    // ---- for the crates above ----

    /// Number of worker slots: 1 on a current-thread runtime.
    #[doc(hidden)]
    pub fn workers(&self) -> usize {
        self.shared.config.workers.unwrap_or(1)
    }

    /// Wakes the thread that is parked on the driver.
    #[doc(hidden)]
    pub fn unpark_driver(&self) {
        self.shared.unpark.unpark();
    }

    /// The reactor's shared end, if I/O is enabled.
    #[doc(hidden)]
    pub fn io_driver(&self) -> Option<&Arc<dyn Any + Send + Sync>> {
        self.shared.io.as_ref()
    }

    /// The wheels' shared end, if time is enabled.
    #[doc(hidden)]
    pub fn time_driver(&self) -> Option<&Arc<dyn Any + Send + Sync>> {
        self.shared.time.as_ref()
    }

    /// Keeps a paused clock from advancing by itself, while something takes real time.
    #[doc(hidden)]
    pub fn hold_clock(&self) -> Option<ClockHold> {
        self.shared.timers.as_ref().map(ClockHold::new)
    }

    /// Has shutdown begun?
    #[doc(hidden)]
    pub fn is_shutdown(&self) -> bool {
        self.shared.policy.is_shutdown()
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.shared.pool
    }
}

// No user code runs under the runtime's locks, so a panic leaves nothing half changed behind a handle.
impl UnwindSafe for Handle {}
impl RefUnwindSafe for Handle {}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("id", &self.id())
            .field("flavor", &self.runtime_flavor())
            .finish_non_exhaustive()
    }
}

/// Keeps a runtime current on this thread; made by [`Handle::enter`].
///
/// The guard stays on that thread: it cannot be sent to another, nor be held across an `await` of a task that may move.
///
/// ```compile_fail,E0277
/// # fn not_run(handle: runtime_core::runtime::Handle) {
/// let guard = handle.enter();
/// std::thread::scope(|scope| {
///     scope.spawn(move || drop(guard));
/// });
/// # }
/// ```
#[must_use = "Creating and dropping a guard does nothing"]
#[derive(Debug)]
pub struct EnterGuard<'a> {
    _guard: current::SetCurrent,
    _handle: PhantomData<&'a Handle>,
    _not_send: PhantomData<NotSend>,
}

/// Makes the guard `!Send`, but leaves it `Sync`.
#[derive(Debug)]
struct NotSend {
    _thread: PhantomData<*mut ()>,
}

// SAFETY: there is nothing in it to be shared.
unsafe impl Sync for NotSend {}
