//! Scenarios of whole runtimes as they ship, under shuttle: more workers, threads and tasks than loom can try.
//!
//! A task or a thread that is stranded is a deadlock, which shuttle reports. At the end of each schedule [`World`] checks that
//! every future was dropped once, and [`Rest`] that nothing is left of the runtime.

mod current_thread;
mod local_set;
mod multi_thread;
mod program;
mod world;

use crate::base::rng::RngSeed;
use crate::base::shim::explore::{below, one_in};
use crate::driver::Drivers;
use crate::handle::shared::Shared;
use crate::handle::{Handle, Policy};
use crate::runtime::Core;
use crate::scheduler::config::Config;
use std::sync::{Arc, Weak};
use std::time::Duration;
use world::World;

/// Longer than any schedule takes by the clock.
const LONG: Duration = Duration::from_secs(24 * 3600);

/// A runtime with small limits. `None`: current-thread.
fn start(workers: Option<usize>) -> Core {
    let mut config = Config::new(workers, "scenario");
    config.seed = Some(RngSeed::from_bytes(b"scenario"));
    config.keep_alive = LONG;
    config.max_blocking_threads = 1 + below(3);
    config.event_interval = 1 + below(8) as u32;
    // Computed from measured times it would differ from run to run.
    config.global_queue_interval = Some(2 + below(6) as u32);
    config.disable_lifo_slot = one_in(4);
    let core = Core::start(config, Drivers::default()).expect("a model has threads");
    if one_in(2) {
        let_the_watch_tick(&core);
    }
    if one_in(4) {
        core.handle().pool().keep_alive_is_over();
    }
    core
}

fn let_the_watch_tick(core: &Core) {
    if let Policy::MultiThread(policy) = &core.handle().shared.policy {
        policy.watch.let_tick();
    }
}

/// Ends the runtime, in one of the ways that wait for its threads.
fn end(core: Core) {
    match one_in(2) {
        true => drop(core),
        false => core.shutdown_timeout(LONG),
    }
}

/// What is left of a runtime that has ended.
struct Rest {
    handle: Handle,
    shared: Weak<Shared>,
}

impl Rest {
    fn of(core: &Core) -> Rest {
        Rest {
            handle: core.handle().clone(),
            shared: Arc::downgrade(&core.handle().shared),
        }
    }

    /// Once all threads that used the runtime have been joined: nothing is left of it.
    fn assert_nothing_left(self, world: &World) {
        world.assert_all_ended();
        let shared = &self.handle.shared;
        assert!(shared.owned.is_empty(), "a task is still listed");
        let pool = (shared.pool.num_threads(), shared.pool.queue_depth());
        assert_eq!((0, 0), pool, "the pool has threads or jobs");
        match &shared.policy {
            Policy::CurrentThread(policy) => policy.assert_at_rest(),
            Policy::MultiThread(policy) => policy.assert_at_rest(),
        }
        drop(self.handle);
        assert_eq!(0, self.shared.strong_count(), "the runtime is not freed");
    }
}
