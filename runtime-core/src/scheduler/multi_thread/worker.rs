//! One worker: a step machine that an OS thread loops.
//!
//! `step` does one thing: run the next task, or search for one, or park. Every `event_interval` steps
//! it also looks at the driver and its timers.
//!
//! Where the next task comes from: every so many steps (2 to 61, by how long polls take) the injector first; else the LIFO slot (at most
//! [`MAX_LIFO_POLLS`] in a row), the own queue, the injector (a batch), then the siblings' queues. The fairness bound that
//! follows from it is stated in docs/scheduling.md.
//!
//! I1: each step begins by moving the worker's pulse, which the watch reads. A worker whose pulse stands still while it is
//!     not asleep is stuck in user code: a poll, a hook, a waker, a destructor.

use super::MultiThread;
use crate::base::contain;
use crate::base::rng::Rng;
use crate::base::shim::deque::{Steal, Stealer, Worker};
use crate::base::shim::sync::atomic::Ordering;
use crate::context;
use crate::coop;
use crate::driver::Timers;
use crate::runtime::Handle;
use crate::runtime::config::{Callback, Config};
use crate::runtime::metrics::{Stopwatch, WorkerCounters};
use crate::runtime::shared::Shared;
use crate::scheduler;
use crate::task::Runnable;
use crate::task::runnable::oldest_first;
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

/// Tasks a worker's queue holds before half of it goes to the injector.
const QUEUE_CAPACITY: usize = 256;
/// Looks at all siblings in one search, while they are busy taking tasks from each other.
const SEARCH_ROUNDS: u32 = 3;
/// Polls in a row from the LIFO slot.
const MAX_LIFO_POLLS: u32 = 3;

/// Time after which a busy worker looks at the injector, where the builder sets no number of steps.
const INJECTOR_LATENCY: Duration = Duration::from_micros(200);
/// Fewest and most steps to which that time is rounded.
const INJECTOR_INTERVALS: (u32, u32) = (2, 61);

/// What a worker owns; passed on whole by `block_in_place`.
pub(super) struct Core {
    pub(super) index: usize,
    queue: Worker<Runnable>,
    tick: u32,
    injector_interval: u32,
    lifo_polls: u32,
    lifo_enabled: bool,
    searching: bool,
    /// Has the watch been told since this worker last slept?
    attended: bool,
    rng: Rng,
    stopwatch: Stopwatch,
}

impl Core {
    pub(super) fn new(handle: &Handle, index: usize, queue: Worker<Runnable>) -> Self {
        let config = &handle.shared.config;
        Core {
            index,
            queue,
            tick: 0,
            injector_interval: config.global_queue_interval.unwrap_or(INJECTOR_INTERVALS.1),
            lifo_polls: 0,
            lifo_enabled: !config.disable_lifo_slot,
            searching: false,
            attended: false,
            rng: Rng::new(&handle.next_seed()),
            stopwatch: Stopwatch::new(true),
        }
    }

    /// Fits the number of steps between looks at the injector to the time a poll takes.
    fn tune(&mut self, config: &Config, counters: &WorkerCounters) {
        self.stopwatch.account(counters);
        if config.global_queue_interval.is_none() {
            let polls = INJECTOR_LATENCY.as_nanos() as u64 / counters.mean_poll_nanos.get().max(1);
            let (least, most) = INJECTOR_INTERVALS;
            self.injector_interval = polls.clamp(least.into(), most.into()) as u32;
        }
    }
}

/// The thread-local part of a worker's thread.
pub(crate) struct Context {
    handle: Handle,
    index: usize,
    core: RefCell<Option<Box<Core>>>,
}

/// What a step came to.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Ran,
    Parked,
    /// The core was handed off while the task ran.
    CoreGone,
    Shutdown,
}

/// Runs a worker on this thread until its core goes elsewhere or the runtime shuts down.
pub(super) fn run(handle: Handle, core: Box<Core>) {
    let _entered = context::enter_runtime(&handle, true);
    let index = core.index;
    let cx = scheduler::Context::MultiThread(Context {
        handle,
        index,
        core: RefCell::new(Some(core)),
    });
    let scheduler::Context::MultiThread(worker) = &cx else {
        unreachable!("made two lines above")
    };
    let _scheduler = context::set_scheduler(&cx);
    worker.policy().remotes[index].counters.note_thread();
    if worker.run_steps() == Step::Shutdown {
        worker.stop();
    }
    // Wakers deferred on this thread must not be lost with it.
    context::wake_deferred();
}

/// Ends `block_in_place`: nothing to regain today, the new thread keeps the core.
pub(crate) struct Regain(());

impl Context {
    pub(crate) fn is_of(&self, shared: *const Shared) -> bool {
        std::ptr::eq(Arc::as_ptr(&self.handle.shared), shared)
    }

    /// `None` once the core was handed off.
    pub(crate) fn worker_index(&self) -> Option<usize> {
        self.core
            .try_borrow()
            .ok()
            .and_then(|core| core.as_ref().map(|_| self.index))
    }

    fn shared(&self) -> &Shared {
        &self.handle.shared
    }

    fn policy(&self) -> &MultiThread {
        MultiThread::of(&self.handle)
    }

    fn with_core<R>(&self, f: impl FnOnce(&mut Core) -> R) -> Option<R> {
        self.core.borrow_mut().as_mut().map(|core| f(core))
    }

    /// Queues a task on its own worker; gives it back if the core is elsewhere.
    #[inline]
    pub(crate) fn schedule(&self, task: Runnable, again: bool) -> Option<Runnable> {
        let policy = self.policy();
        let mut core = self.core.borrow_mut();
        let Some(core) = core.as_mut() else {
            return Some(task);
        };
        let remote = &policy.remotes[self.index];
        remote.counters.local_schedules.add(1);
        if again || !core.lifo_enabled {
            self.push(core, task);
            policy.notify(self.shared());
            return None;
        }
        // Ordering: AcqRel; Release publishes the task to a thief, Acquire takes over the old one.
        let old = remote.lifo.swap(task.into_ptr(), Ordering::AcqRel);
        // SAFETY: only permits are put into the slot, and the swap took this one out.
        if let Some(displaced) = unsafe { Runnable::from_ptr(old) } {
            // A lone task in the slot wakes nobody: this worker comes to it next.
            self.push(core, displaced);
            policy.notify(self.shared());
        }
        None
    }

    fn push(&self, core: &mut Core, task: Runnable) {
        if core.queue.len() >= QUEUE_CAPACITY {
            let policy = self.policy();
            for _ in 0..QUEUE_CAPACITY / 2 {
                match core.queue.pop() {
                    Some(task) => policy.injector.push(task),
                    None => break,
                }
            }
            policy.remotes[self.index].counters.overflows.add(1);
        }
        core.queue.push(task);
    }

    /// Runs until the worker ends on this thread: `CoreGone` or `Shutdown`.
    fn run_steps(&self) -> Step {
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
        let Some(tick) = self.with_core(|core| self.next_tick(core)) else {
            return Step::CoreGone;
        };
        if policy.is_shutdown() {
            return Step::Shutdown;
        }
        if tick % shared.config.event_interval == 0 {
            self.with_core(|core| core.tune(&shared.config, &policy.remotes[self.index].counters));
            self.maintain();
        }
        if let Some(task) = self.next_task(tick) {
            return self.run_task(task);
        }
        if context::has_deferred() {
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
    fn next_tick(&self, core: &mut Core) -> u32 {
        core.tick = core.tick.wrapping_add(1);
        let pulse = &self.policy().remotes[self.index].pulse;
        // Ordering: Relaxed; a hint for the watch.
        pulse.store(core.tick, Ordering::Relaxed);
        core.tick
    }

    fn run_task(&self, task: Runnable) -> Step {
        let policy = self.policy();
        let remote = &policy.remotes[self.index];
        let (was_searching, attended) = self
            .with_core(|core| {
                let attended = std::mem::replace(&mut core.attended, true);
                (std::mem::take(&mut core.searching), attended)
            })
            .unwrap_or((false, true));
        if !attended {
            policy.watch.attend(&self.handle);
        }
        if was_searching && policy.idle.finish_search() && policy.has_work() {
            policy.wake_a_sleeper(self.shared());
        }
        coop::budget(|| scheduler::run_task(self.shared(), &remote.counters, task));
        if self.core.borrow().is_none() {
            Step::CoreGone
        } else {
            Step::Ran
        }
    }

    /// The next task of this worker's own share.
    fn next_task(&self, tick: u32) -> Option<Runnable> {
        let policy = self.policy();
        let mut core = self.core.borrow_mut();
        let core = core.as_mut()?;
        if tick.is_multiple_of(core.injector_interval)
            && let Some(task) = take_injected(policy)
        {
            return Some(task);
        }
        let lifo = &policy.remotes[self.index].lifo;
        // Ordering: Relaxed; the swap below decides.
        if core.lifo_polls < MAX_LIFO_POLLS
            && !lifo.load(Ordering::Relaxed).is_null()
            && let Some(task) = take_lifo(lifo)
        {
            core.lifo_polls += 1;
            return Some(task);
        }
        core.lifo_polls = 0;
        if let Some(task) = core.queue.pop() {
            return Some(task);
        }
        if let Some(task) = take_lifo(lifo) {
            return Some(task);
        }
        let task = self.take_batch(core)?;
        if !core.searching && !core.queue.is_empty() {
            // On their way from the injector to this queue the others of the batch were nowhere to be seen. A sibling
            // that looked just then has gone to sleep.
            policy.notify(self.shared());
        }
        Some(task)
    }

    /// A fair share of the injector, at most half a queue.
    fn take_batch(&self, core: &mut Core) -> Option<Runnable> {
        let policy = self.policy();
        if policy.injector.is_empty() {
            return None;
        }
        let share = policy.injector.len() / policy.remotes.len() + 1;
        let limit = share.min(QUEUE_CAPACITY / 2);
        loop {
            match policy
                .injector
                .steal_batch_with_limit_and_pop(&core.queue, limit)
            {
                Steal::Success(task) => return Some(task),
                Steal::Empty => return None,
                Steal::Retry => {}
            }
        }
    }

    /// Looks at the siblings' queues and the injector, if not half of the workers do already.
    fn search(&self) -> Option<Runnable> {
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

    /// Half of the first sibling's queue that has something, from a random sibling on. `Retry`: somebody was in the way.
    fn steal_round(&self, core: &mut Core) -> Steal<Runnable> {
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
                    counters.steals.add(1 + core.queue.len() as u64);
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

    /// Looks at the driver without blocking, fires due timers, wakes what was deferred.
    fn maintain(&self) {
        let policy = self.policy();
        let timers = self.timers();
        // Where no worker ever sleeps, those that are awake end the watch's youth.
        policy.watch.youth_left(&self.handle);
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
        context::wake_deferred();
    }

    /// Fires what is due in any slot: the worker of that slot may be stuck.
    fn fire_overdue(&self) {
        if let Some(timers) = self.timers() {
            timers.fire_overdue();
        }
    }

    fn timers(&self) -> Option<&dyn Timers> {
        self.handle.shared.timers.as_deref()
    }

    fn hook(&self, hook: &Option<Callback>) {
        if let Some(hook) = hook {
            self.attend();
            contain::contain(|| hook());
        }
    }

    /// User code runs next, perhaps the first since this worker slept: the watch must not sleep either.
    fn attend(&self) {
        let attended = self.with_core(|core| std::mem::replace(&mut core.attended, true));
        if attended == Some(false) {
            self.policy().watch.attend(&self.handle);
        }
    }

    fn has_own_work(&self) -> bool {
        let slot = &self.policy().remotes[self.index].lifo;
        // Ordering: Relaxed; this worker's own slot, thieves only take.
        context::has_deferred()
            || !slot.load(Ordering::Relaxed).is_null()
            || self
                .with_core(|core| !core.queue.is_empty())
                .unwrap_or(false)
    }

    /// Nothing found, or not allowed to search: sleep, unless there is work and nobody else looks for it (I3 of `idle`).
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
            std::mem::take(&mut core.searching)
        }) else {
            return;
        };
        policy.idle.announce(self.index, was_searching);
        let searches = policy.has_work() && policy.idle.try_search();
        if !searches {
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
        context::wake_deferred();
    }

    /// Sleeps until there is a reason to wake, which the end of the watch's youth is not.
    fn rest(&self) {
        self.shared().origin.assert_here();
        let policy = self.policy();
        let parker = &policy.remotes[self.index].parker;
        loop {
            let limit = policy.watch.youth_left(&self.handle);
            let called = policy.seat.sleep(parker, self.timers(), self.index, limit);
            if limit.is_none() {
                return;
            }
            policy.watch.youth_left(&self.handle);
            if called || self.has_own_work() {
                return;
            }
        }
    }

    /// For `block_in_place`: another thread goes on as this worker.
    pub(crate) fn hand_off_core(&self) -> Option<Regain> {
        let mut core = self.core.borrow_mut().take()?;
        let policy = self.policy();
        // The worker moves: it is not in this poll any more.
        self.next_tick(&mut core);
        if let Err((error, core)) = policy.start_worker(&self.handle, core) {
            *self.core.borrow_mut() = Some(core);
            panic!("OS can't spawn worker thread: {error}");
        }
        Some(Regain(()))
    }

    /// Shutdown, on this worker's thread: see the room's page.
    fn stop(&self) {
        let policy = self.policy();
        let shared = self.shared();
        let counters = &policy.remotes[self.index].counters;
        self.with_core(|core| {
            // The stop counts as a last sleep: what was done since the one before is accounted for.
            core.stopwatch.before_park(counters);
            core.stopwatch.after_park(counters);
        });
        if self.with_core(|core| std::mem::take(&mut core.searching)) == Some(true) {
            policy.idle.finish_search();
        }
        shared.owned.close();
        policy.ending.cancel_in_turn(|| self.gather());
        context::wake_deferred();
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
        // Nobody drives from here on. A task in `block_in_place` may be waiting for a timer or a socket: it learns of
        // the shutdown from them.
        if let Some(timers) = self.timers() {
            timers.shutdown();
        }
        let driver = policy.seat.clear();
        if let Some(mut driver) = driver {
            driver.shutdown();
        }
        let mut pause = scheduler::Pause::new();
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
            permits.extend(std::iter::from_fn(|| take_queued(&remote.stealer)));
            permits.extend(take_lifo(&remote.lifo));
        }
        permits.extend(std::iter::from_fn(|| take_injected(policy)));
        oldest_first(&mut permits);
        permits
    }

    fn drain(&self, cores: &[Box<Core>]) {
        let policy = self.policy();
        for (core, remote) in cores.iter().zip(&policy.remotes) {
            while let Some(task) = core.queue.pop() {
                task.cancel();
            }
            if let Some(task) = take_lifo(&remote.lifo) {
                task.cancel();
            }
        }
        while let Some(task) = take_injected(policy) {
            task.cancel();
        }
    }
}

pub(super) fn take_lifo(slot: &super::AtomicPtr<crate::task::cell::Header>) -> Option<Runnable> {
    // Ordering: Acquire; pairs with the Release in `schedule`: takes the task over.
    let ptr = slot.swap(std::ptr::null_mut(), Ordering::Acquire);
    // SAFETY: only permits are put into the slot, and the swap took this one out.
    unsafe { Runnable::from_ptr(ptr) }
}

#[cfg(all(test, runtime_loom))]
#[path = "tests/loom_worker.rs"]
mod loom;
#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/worker.rs"]
mod tests;

fn take_queued(queue: &Stealer<Runnable>) -> Option<Runnable> {
    loop {
        match queue.steal() {
            Steal::Success(task) => return Some(task),
            Steal::Empty => return None,
            Steal::Retry => {}
        }
    }
}

fn take_injected(policy: &MultiThread) -> Option<Runnable> {
    loop {
        match policy.injector.steal() {
            Steal::Success(task) => return Some(task),
            Steal::Empty => return None,
            Steal::Retry => {}
        }
    }
}
