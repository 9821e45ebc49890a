//! `Core`: a running runtime. The facade's `Runtime` and `LocalRuntime` wrap it.
//!
//! Shutdown, in order: the schedulers refuse new tasks and cancel theirs, each on its own thread;
//! the drivers stop; the blocking pool cancels its queued closures and joins its threads, workers among
//! them. Inside a runtime a drop panics instead of waiting, as the thread could wait for itself. A thread of
//! the runtime's own that may block (in `spawn_blocking`, in `block_in_place`) ends the runtime without
//! waiting. A forked child leaves its parent's runtime as it is.

use super::handle::EnterGuard;
use crate::base::process_mutex::{ProcessMutex, Rank};
use crate::base::thread::is_entered;
use crate::base::{clock, spin};
use crate::driver::Drivers;
use crate::handle::shared::Shared;
use crate::handle::{Handle, Policy, current};
use crate::instrument::{self, SpawnSite};
use crate::record;
use crate::scheduler::config::Config;
use crate::scheduler::current_thread::CurrentThread;
use crate::scheduler::multi_thread::MultiThread;
use crate::scheduler::steal;
use crate::task::{Id, Recorded, is_large};
use crate::worker::{current_thread, start};
use std::any::Any;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// A running runtime. Dropping it shuts it down and waits for its threads.
#[derive(Debug)]
pub struct Core {
    handle: Handle,
    done: bool,
    /// Dropped once the runtime has shut down.
    kept: Vec<Box<dyn Any + Send + Sync>>,
}

/// Before the first runtime starts: initialises the statics that a worker would initialise at their first use. A child that is forked while
/// another thread initialises one would wait for that for ever.
fn prepare() {
    static IS_DONE: ProcessMutex<bool> = ProcessMutex::new(Rank::Setup, false);
    let mut is_done = IS_DONE.lock();
    if *is_done {
        return;
    }
    current::prepare();
    clock::ticks_and_nanos();
    spin::processors();
    // A model counts its steps, and forks nothing.
    if cfg!(not(runtime_loom)) {
        steal::prepare();
    }
    *is_done = true;
}

impl Core {
    /// Starts a runtime on the given drivers.
    ///
    /// # Errors
    /// If the system gives no thread for a worker.
    pub fn start(config: Config, drivers: Drivers) -> io::Result<Core> {
        prepare();
        let workers = config.workers;
        let (policy, queues) = match workers {
            None => (
                Policy::CurrentThread(CurrentThread::new(&config)),
                Vec::new(),
            ),
            Some(workers) => {
                let (policy, queues) = MultiThread::new(&config, workers);
                (Policy::MultiThread(policy), queues)
            }
        };
        let (shared, driver) = Shared::new(config, drivers, policy);
        let core = Core {
            handle: Handle {
                shared: Arc::new(shared),
            },
            done: false,
            kept: Vec::new(),
        };
        let shared = &core.handle.shared;
        record::runtime_start(shared.id.as_u64(), workers.unwrap_or(0) as u64);
        match &shared.policy {
            Policy::CurrentThread(policy) => policy.install(driver),
            Policy::MultiThread(_) => start::launch(&core.handle, queues, driver)?,
        }
        Ok(core)
    }

    /// Keeps a value until the runtime has shut down.
    #[doc(hidden)]
    pub fn keep(&mut self, value: Box<dyn Any + Send + Sync>) {
        self.kept.push(value);
    }

    /// The runtime's handle.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Enters the runtime's context.
    #[track_caller]
    pub fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }

    /// Runs `future` to its end on this thread; a current-thread runtime also runs its tasks here.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        if const { is_large::<F>() } {
            self.block_on_boxed(Box::pin(future))
        } else {
            self.block_on_from(future, SpawnSite::caller())
        }
    }

    /// Runs a large future, which is on the heap already.
    #[doc(hidden)]
    #[track_caller]
    pub fn block_on_boxed<F: Future>(&self, future: Pin<Box<F>>) -> F::Output {
        self.block_on_from(future, SpawnSite::caller().boxed::<F>())
    }

    #[track_caller]
    fn block_on_from<F: Future>(&self, future: F, site: SpawnSite<'_>) -> F::Output {
        self.handle.shared.origin.assert_here();
        match &self.handle.shared.policy {
            Policy::CurrentThread(_) => {
                let id = Id::next();
                let (future, _) = instrument::task(future, "block_on", site, id.as_u64());
                site.record(id.as_u64(), 0);
                let future = Recorded::new(future, self.handle.main(id, site));
                current_thread::block_on(&self.handle, future, id)
            }
            Policy::MultiThread(_) => self.handle.block_on_from(future, site),
        }
    }

    /// Shuts down, and waits for running blocking closures no longer than `timeout`.
    ///
    /// # Panics
    /// In a task, unless the timeout is zero.
    #[track_caller]
    pub fn shutdown_timeout(mut self, timeout: Duration) {
        self.done = true;
        if self.leave_to_parent() {
            return;
        }
        self.begin_shutdown();
        if !timeout.is_zero() && may_wait() {
            self.handle.pool().join(Some(timeout));
        }
    }

    /// Shuts down without waiting for anything.
    pub fn shutdown_background(self) {
        self.shutdown_timeout(Duration::ZERO);
    }

    /// Is this a forked child, and the runtime its parent's? Then the runtime is not touched: its threads do not exist
    /// here, and its descriptors are shared with the parent. Its memory is leaked.
    fn leave_to_parent(&self) -> bool {
        let is_inherited = self.handle.shared.origin.is_inherited();
        if is_inherited {
            std::mem::forget(self.handle.clone());
        }
        is_inherited
    }

    fn begin_shutdown(&self) {
        record::runtime_end(self.handle.shared.id.as_u64());
        match &self.handle.shared.policy {
            Policy::CurrentThread(_) => current_thread::shutdown(&self.handle),
            Policy::MultiThread(policy) => policy.shut_down(&*self.handle.shared.unpark),
        }
        self.handle.pool().begin_shutdown();
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if self.done || self.leave_to_parent() {
            return;
        }
        self.begin_shutdown();
        if may_wait() {
            self.handle.pool().join(None);
        }
    }
}

/// May this thread wait for a runtime's end? Panics if it must not, unless the thread is panicking already.
#[track_caller]
fn may_wait() -> bool {
    if !is_entered() {
        return true;
    }
    if std::thread::panicking() {
        return false;
    }
    panic!(
        "Cannot drop a runtime in a context where blocking is not allowed. This happens when a runtime is \
         dropped from within an asynchronous context. Use `shutdown_background`, or drop it in `spawn_blocking`."
    );
}
