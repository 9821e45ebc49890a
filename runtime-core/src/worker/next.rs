//! Where a worker's next task comes from.
//!
//! Every so many steps (2 to 61, by how long polls take) the injector comes first. Otherwise the order is: the LIFO slot (at
//! most [`MAX_LIFO_POLLS`] times in a row), the worker's own queue, the injector (a batch), the siblings' queues.
//! docs/scheduling.md states the fairness bound that follows.

use crate::base::shim::deque::Steal;
use crate::handle::context::{QUEUE_CAPACITY, WorkerContext};
use crate::record;
use crate::scheduler::multi_thread::WorkerCore;
use crate::scheduler::steal::{take_injected, until_settled};
use crate::task::Runnable;

/// Rounds over all siblings in one search, while they are busy taking tasks from each other.
const SEARCH_ROUNDS: u32 = 3;
/// Polls in a row from the LIFO slot.
const MAX_LIFO_POLLS: u32 = 3;

impl WorkerContext {
    /// The next task that can be had without a search.
    pub(super) fn next_task(&self) -> Option<Runnable> {
        let policy = self.policy();
        let mut core = self.core.borrow_mut();
        let core = core.as_mut()?;
        if core.is_injectors_turn() {
            if let Some(task) = take_injected(&policy.injector) {
                return Some(task);
            }
        }
        let remote = &policy.remotes[self.index];
        if core.lifo_polls < MAX_LIFO_POLLS && remote.has_lifo() {
            if let Some(task) = remote.take_lifo() {
                core.lifo_polls += 1;
                return Some(task);
            }
        }
        core.lifo_polls = 0;
        if let Some(task) = core.queue.pop() {
            return Some(task);
        }
        if let Some(task) = remote.take_lifo() {
            return Some(task);
        }
        let task = self.take_batch(core)?;
        if !core.searching && !core.queue.is_empty() {
            // On its way from the injector to this queue the rest of the batch was visible in neither. A sibling that
            // searched just then has gone to sleep.
            policy.notify(&*self.shared().unpark);
        }
        Some(task)
    }

    /// Has the last poll left a task in the slot that may be polled next? Such a task is polled before a shutdown is seen: so what a task spawns or
    /// wakes last is polled, even if that very poll led to the shutdown. This ends, as only so many polls in a row come from the slot.
    pub(super) fn is_slots_turn(&self) -> bool {
        let remote = &self.policy().remotes[self.index];
        remote.has_lifo() && self.with_core(|core| core.lifo_polls < MAX_LIFO_POLLS) == Some(true)
    }

    /// A fair share of the injector, at most half a queue.
    fn take_batch(&self, core: &mut WorkerCore) -> Option<Runnable> {
        let policy = self.policy();
        if policy.injector.is_empty() {
            return None;
        }
        let share = policy.injector.len() / policy.remotes.len() + 1;
        let limit = share.min(QUEUE_CAPACITY / 2);
        let injector = &policy.injector;
        until_settled(|| injector.steal_batch_with_limit_and_pop(&core.queue, limit))
    }

    /// Searches the siblings' queues and the injector, unless half of the workers search already.
    pub(super) fn search(&self) -> Option<Runnable> {
        let policy = self.policy();
        let mut core = self.core.borrow_mut();
        let core = core.as_mut()?;
        if !core.searching && !policy.idle.try_search() {
            return None;
        }
        core.searching = true;
        for _ in 0..SEARCH_ROUNDS {
            let stolen = self.steal_round(core);
            if let Steal::Success(task) = stolen {
                return Some(task);
            }
            if let Some(task) = self.take_batch(core) {
                return Some(task);
            }
            if stolen.is_empty() {
                break;
            }
        }
        None
    }

    /// Steals half of the first sibling's queue that has tasks, from a random sibling on. `Retry`: another thread interfered.
    fn steal_round(&self, core: &mut WorkerCore) -> Steal<Runnable> {
        let remotes = &self.policy().remotes;
        let start = core.rng.below(remotes.len() as u32) as usize;
        let mut is_contended = false;
        for at in 0..remotes.len() {
            let victim = (start + at) % remotes.len();
            if victim == self.index {
                continue;
            }
            let stealer = &remotes[victim].stealer;
            match stealer.steal_batch_with_limit_and_pop(&core.queue, QUEUE_CAPACITY / 2) {
                Steal::Success(task) => {
                    let counters = &remotes[self.index].counters;
                    counters.steal_operations.add(1);
                    let count = 1 + core.queue.len() as u64;
                    counters.steals.add(count);
                    record::stolen(count, victim);
                    return Steal::Success(task);
                }
                Steal::Retry => is_contended = true,
                Steal::Empty => {}
            }
        }
        match is_contended {
            true => Steal::Retry,
            false => Steal::Empty,
        }
    }
}
