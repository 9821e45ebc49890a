//! One worker: a step machine that an OS thread loops.
//!
//! `step` does one thing: run the next task, or search for one, or park. Every `event_interval` steps
//! it also turns the driver and fires timers.
//!
//! I1: each step begins by moving the worker's pulse, which the watch reads. A worker whose pulse stands still while it is
//!     not asleep is stuck in user code: a poll, a hook, a waker, a destructor.

use super::rescue;
use crate::base::contain;
use crate::base::deferred;
use crate::base::shim::sync::atomic::Ordering;
use crate::coop;
use crate::driver::Timers;
use crate::handle::context::{ThreadContext, WorkerContext, set_context};
use crate::handle::current::enter_runtime;
use crate::handle::{self, Handle};
use crate::record;
use crate::scheduler::config::Callback;
use crate::scheduler::multi_thread::{Delivery, WorkerCore};
use crate::task::Runnable;
use std::cell::RefCell;
use std::time::Duration;

/// The outcome of a step.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Ran,
    Parked,
    /// The core was handed off while the task ran.
    CoreGone,
    Shutdown,
}

/// Runs a worker on this thread until its core goes elsewhere or the runtime shuts down.
pub(super) fn run(handle: Handle, core: Box<WorkerCore>) {
    let _entered = enter_runtime(&handle, true);
    let index = core.index;
    let cx = ThreadContext::Worker(WorkerContext {
        handle,
        index,
        core: RefCell::new(Some(core)),
    });
    let ThreadContext::Worker(worker) = &cx else {
        unreachable!("made two lines above")
    };
    let _scheduler = set_context(&cx);
    worker.policy().remotes[index].counters.note_thread();
    record::worker(worker.shared().id.as_u64(), index);
    if worker.run_steps() == Step::Shutdown {
        worker.stop();
    }
}

impl WorkerContext {
    /// Runs until the worker ends on this thread: `CoreGone` or `Shutdown`.
    pub(super) fn run_steps(&self) -> Step {
        loop {
            match self.step() {
                Step::Ran | Step::Parked => {}
                end => return end,
            }
        }
    }

    fn step(&self) -> Step {
        let shared = self.shared();
        let policy = self.policy();
        let Some(events) = self.with_core(|core| {
            self.next_tick(core);
            core.is_time_for_events(&shared.config)
        }) else {
            return Step::CoreGone;
        };
        if policy.is_shutdown() && !self.is_slots_turn() {
            return Step::Shutdown;
        }
        if events {
            self.with_core(|core| core.tune(&shared.config, &policy.remotes[self.index].counters));
            self.maintain();
        }
        if let Some(task) = self.next_task() {
            return self.run_task(task);
        }
        if deferred::is_any() {
            self.maintain();
            return Step::Ran;
        }
        if let Some(task) = self.search() {
            return self.run_task(task);
        }
        self.park();
        Step::Parked
    }

    /// Counts the step, and shows that the worker moves (I1).
    #[inline]
    pub(super) fn next_tick(&self, core: &mut WorkerCore) {
        let tick = core.next_tick();
        let pulse = &self.policy().remotes[self.index].pulse;
        // Ordering: Relaxed; a hint for the watch.
        pulse.store(tick, Ordering::Relaxed);
    }

    fn run_task(&self, task: Runnable) -> Step {
        let policy = self.policy();
        let began = self.with_core(|core| {
            let began = core.searching || !core.attended;
            began.then(|| {
                let attended = std::mem::replace(&mut core.attended, true);
                (attended, std::mem::take(&mut core.searching))
            })
        });
        // The first task after a sleep or a search.
        if let Some(Some((attended, was_searching))) = began {
            if !attended {
                rescue::attend(&self.handle);
            }
            if was_searching && policy.idle.finish_search() && policy.has_work() {
                policy.wake_a_sleeper(&*self.shared().unpark);
            }
        }
        let counters = &policy.remotes[self.index].counters;
        coop::budget(|| handle::run_task(self.shared(), counters, task));
        if self.core.borrow().is_none() {
            Step::CoreGone
        } else {
            Step::Ran
        }
    }

    /// Turns the driver without blocking, fires due timers, wakes what was deferred.
    fn maintain(&self) {
        let policy = self.policy();
        let timers = self.timers();
        record::time_passes();
        self.begin_delivery();
        // If no worker ever sleeps, a worker that is awake ends the watch's grace period.
        self.grace_left();
        if policy.watch.take_overdue() {
            self.fire_overdue();
        }
        if let Some(mut driver) = policy.seat.take() {
            driver.turn();
            policy.seat.give_back(driver);
            if let Some(timers) = timers {
                timers.fire(self.index, true);
            }
        } else if let Some(timers) = timers {
            timers.fire(self.index, false);
        }
        deferred::wake_all();
        self.end_delivery();
    }

    fn begin_delivery(&self) {
        self.with_core(|core| core.delivery = Delivery::Begun);
    }

    /// Notifies once for all tasks that were woken since [`begin_delivery`](Self::begin_delivery).
    fn end_delivery(&self) {
        if self.with_core(WorkerCore::end_delivery) == Some(true) {
            self.policy().notify(&*self.shared().unpark);
        }
    }

    /// Fires what is due in any slot: the worker of that slot may be stuck.
    fn fire_overdue(&self) {
        if let Some(timers) = self.timers() {
            timers.fire_overdue();
        }
    }

    pub(super) fn timers(&self) -> Option<&dyn Timers> {
        self.handle.shared.timers.as_deref()
    }

    fn hook(&self, hook: &Option<Callback>) {
        if let Some(hook) = hook {
            self.attend();
            contain::contain(|| hook());
            record::time_passes();
        }
    }

    /// User code runs next, perhaps the first since this worker slept: the watch must not sleep either.
    fn attend(&self) {
        let attended = self.with_core(|core| std::mem::replace(&mut core.attended, true));
        if attended == Some(false) {
            rescue::attend(&self.handle);
        }
    }

    fn grace_left(&self) -> Option<Duration> {
        let policy = self.policy();
        policy
            .watch
            .grace_left(&policy.idle, || rescue::call(&self.handle))
    }

    fn has_own_work(&self) -> bool {
        deferred::is_any()
            || self.policy().remotes[self.index].has_lifo()
            || self
                .with_core(|core| !core.queue.is_empty())
                .unwrap_or(false)
    }

    /// The worker has found nothing, or may not search: it sleeps, unless there is work that nobody searches for (I3 of `idle`).
    fn park(&self) {
        let shared = self.shared();
        self.hook(&shared.config.before_park);
        if !self.has_own_work() {
            self.sleep();
        }
        self.hook(&shared.config.after_unpark);
    }

    fn sleep(&self) {
        let policy = self.policy();
        let remote = &policy.remotes[self.index];
        let Some(was_searching) = self.with_core(|core| {
            core.stopwatch.before_park(&remote.counters);
            core.attended = false;
            core.delivery = Delivery::Begun;
            std::mem::take(&mut core.searching)
        }) else {
            return;
        };
        policy.idle.announce(self.index, was_searching);
        let searches = policy.has_work() && policy.idle.try_search();
        if !searches {
            self.looks_out();
            self.rest(); // a shutdown unparks everyone, and the token stays
        }
        let claimed = policy.idle.retract(self.index);
        if claimed && searches {
            policy.idle.count_once();
        }
        self.with_core(|core| {
            core.searching = claimed || searches;
            core.stopwatch.after_park(&remote.counters);
        });
        if claimed {
            policy.watch.take_overdue();
            self.fire_overdue();
        }
        deferred::wake_all();
        self.end_delivery();
    }

    /// The worker has announced its sleep: a thread that unparks it while it looks out makes no system call.
    fn looks_out(&self) {
        if !self.shared().config.looks_out {
            return;
        }
        let policy = self.policy();
        let parker = &policy.remotes[self.index].parker;
        self.with_core(|core| {
            let Some(look) = core.look_out.begin() else {
                return;
            };
            let _first = policy.idle.claim_first(self.index);
            // A sibling's surplus is no reason to look out again: one worker alone would be done with those tasks sooner.
            look.awaits(|| parker.is_notified(), || !policy.injector.is_empty());
        });
    }

    /// Sleeps until there is a reason to wake. Ignores wake-ups whose only cause is the end of the grace period.
    fn rest(&self) {
        self.shared().origin.assert_here();
        let policy = self.policy();
        let parker = &policy.remotes[self.index].parker;
        loop {
            let limit = self.grace_left();
            let called = policy.seat.sleep(parker, self.timers(), self.index, limit);
            if limit.is_none() {
                return;
            }
            self.grace_left();
            if called || self.has_own_work() {
                return;
            }
        }
    }
}

#[cfg(all(test, runtime_loom, not(runtime_shuttle)))]
#[path = "tests/loom_worker.rs"]
mod loom;

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/worker.rs"]
mod tests;

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/timed.rs"]
mod timed;

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/rescued.rs"]
mod rescued;
