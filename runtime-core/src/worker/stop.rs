//! How the workers of a runtime end, and its tasks with them.
//!
//! The flag is set and all workers are unparked. The workers cancel all tasks in turn, oldest first (`ending`), and each leaves
//! its core in `cores`. The last worker to do so drains all queues until no task is left, and stops the drivers.

use super::pause::Pause;
use crate::handle::context::WorkerContext;
use crate::scheduler::multi_thread::WorkerCore;
use crate::scheduler::steal::take_injected;
use crate::task::Runnable;
use crate::task::runnable::oldest_first;

impl WorkerContext {
    /// Shutdown, on this worker's thread: see the module's page.
    pub(super) fn stop(&self) {
        let policy = self.policy();
        let shared = self.shared();
        let counters = &policy.remotes[self.index].counters;
        self.with_core(|core| {
            // The stop counts as a last sleep: so the work since the previous sleep is counted.
            core.stopwatch.before_park(counters);
            core.stopwatch.after_park(counters);
        });
        if self.with_core(|core| std::mem::take(&mut core.searching)) == Some(true) {
            policy.idle.finish_search();
        }
        shared.owned.close();
        policy.ending.cancel_in_turn(|| self.gather());
        let Some(core) = self.core.borrow_mut().take() else {
            return;
        };
        let cores = {
            let mut cores = policy.cores.lock();
            cores.push(core);
            if cores.len() < policy.remotes.len() {
                return;
            }
            std::mem::take(&mut *cores)
        };
        shared.owned.shutdown_all();
        self.drain(&cores);
        // No worker drives from here on. A task in `block_in_place` may be waiting for a timer or a socket, which tells
        // it of the shutdown.
        if let Some(timers) = self.timers() {
            timers.shutdown();
        }
        let driver = policy.seat.clear();
        if let Some(mut driver) = driver {
            driver.shutdown();
        }
        let mut pause = Pause::new();
        while !shared.owned.is_empty() {
            self.drain(&cores);
            pause.wait();
        }
    }

    /// Every permit that can be had, oldest first: those that nobody holds, and those in queues and slots.
    fn gather(&self) -> Vec<Runnable> {
        let policy = self.policy();
        let mut permits = self.shared().owned.take_permits();
        for remote in &policy.remotes {
            permits.extend(std::iter::from_fn(|| remote.take_queued()));
            permits.extend(remote.take_lifo());
        }
        permits.extend(std::iter::from_fn(|| take_injected(&policy.injector)));
        oldest_first(&mut permits);
        permits
    }

    fn drain(&self, cores: &[Box<WorkerCore>]) {
        let policy = self.policy();
        for (core, remote) in cores.iter().zip(&policy.remotes) {
            while let Some(task) = core.queue.pop() {
                task.cancel();
            }
            if let Some(task) = remote.take_lifo() {
                task.cancel();
            }
        }
        while let Some(task) = take_injected(&policy.injector) {
            task.cancel();
        }
    }
}
