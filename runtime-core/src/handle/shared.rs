//! What all handles of a runtime share.

use super::id::Id;
use super::policy::Policy;
use crate::base::clock;
use crate::base::fork::Origin;
use crate::base::rng::{RngSeed, SeedSequence};
use crate::blocking::pool::{Pool, ThreadConfig};
use crate::driver::{BoxSleep, Drivers, IoCounters, IoDriver, IoParts, Timers, Unpark};
use crate::instrument::SpawnSite;
use crate::scheduler::config::{Config, TaskCallback, TaskMeta};
use crate::scheduler::counters::Counters;
use crate::task;
use crate::task::cell::Header;
use crate::task::owned::OwnedTasks;
use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A handle to a runtime: spawns on it, from any thread, and enters it.
///
/// Cheap to clone. It does not keep the runtime running.
///
/// ```
/// use selvedge::runtime::{Handle, Runtime};
/// let runtime = Runtime::new().unwrap();
/// let handle: Handle = runtime.handle().clone();
/// let task = std::thread::spawn(move || handle.block_on(async { 1 }));
/// assert_eq!(task.join().unwrap(), 1);
/// ```
#[derive(Clone)]
pub struct Handle {
    pub(crate) shared: Arc<Shared>,
}

/// See the module's page.
pub(crate) struct Shared {
    pub(crate) id: Id,
    /// The process whose runtime this is.
    pub(crate) origin: Origin,
    started: Instant,
    pub(crate) config: Config,
    /// Is there anything to do around a poll, by the settings?
    pub(crate) observes_polls: bool,
    pub(crate) pool: Pool,
    pub(crate) owned: OwnedTasks,
    pub(crate) seeds: SeedSequence,
    pub(crate) unpark: Arc<dyn Unpark>,
    pub(crate) io_counters: Arc<IoCounters>,
    pub(crate) io: Option<Arc<dyn Any + Send + Sync>>,
    pub(crate) timers: Option<Arc<dyn Timers>>,
    pub(crate) time: Option<Arc<dyn Any + Send + Sync>>,
    pub(crate) sleep: Option<fn(Duration) -> BoxSleep>,
    pub(crate) counters: Counters,
    #[cfg(feature = "taskdump")]
    pub(crate) dumps: super::dumps::Dumps,
    pub(crate) policy: Policy,
}

impl Shared {
    /// The shared half, and the driver for the thread that parks first.
    pub(crate) fn new(
        config: Config,
        mut drivers: Drivers,
        policy: Policy,
    ) -> (Shared, Box<dyn IoDriver>) {
        let unpark = drivers.unpark();
        let Some(IoParts {
            driver,
            handle: io,
            counters: io_counters,
            ..
        }) = drivers.io
        else {
            unreachable!("`unpark` has seen to it")
        };
        let (timers, time, sleep) = match drivers.time {
            Some(parts) => (Some(parts.timers), Some(parts.handle), Some(parts.sleep)),
            None => (None, None, None),
        };
        crate::base::waker_slot::set_own_vtable(&crate::task::cell::WAKER);
        let shared = Shared {
            id: Id::next(),
            origin: Origin::here(),
            started: clock::now(),
            pool: Pool::new(ThreadConfig {
                name: config.thread_name.clone(),
                stack_size: config.thread_stack_size,
                cap: config.max_blocking_threads,
                keep_alive: config.keep_alive,
                looks_out: config.looks_out,
                after_start: config.after_start.clone(),
                before_stop: config.before_stop.clone(),
            }),
            owned: OwnedTasks::new(config.workers.unwrap_or(1)),
            seeds: SeedSequence::new(config.seed.clone().unwrap_or_else(RngSeed::random)),
            unpark,
            io,
            io_counters,
            timers,
            time,
            sleep,
            counters: Counters::default(),
            #[cfg(feature = "taskdump")]
            dumps: Default::default(),
            policy,
            observes_polls: config.observes_polls(),
            config,
        };
        (shared, driver)
    }

    /// Nanoseconds since the runtime's start; never 0.
    pub(crate) fn nanos(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64 + 1
    }

    fn hook_task(&self, hook: &Option<TaskCallback>, header: &Header) {
        if let Some(hook) = hook {
            hook(&TaskMeta {
                id: header.id,
                spawned_at: header.spawned_at,
                name: None,
                schedule_latency: None,
            });
        }
    }

    pub(crate) fn hook_terminate(&self, header: &Header) {
        self.hook_task(&self.config.after_termination, header);
    }

    pub(crate) fn hook_spawn(&self, id: task::Id, site: SpawnSite<'_>) {
        if let Some(hook) = &self.config.before_spawn {
            hook(&TaskMeta {
                id,
                spawned_at: site.spawned_at,
                name: site.name,
                schedule_latency: None,
            });
        }
    }
}
