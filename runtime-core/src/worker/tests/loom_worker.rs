//! Models of the worker's step machine as it ships, on stand-ins for the deques.
//!
//! The tasks shut the runtime down, so a task that nobody runs is a deadlock, which loom reports. Workers end before they would
//! cancel tasks, unless a model is about that.

use super::Step;
use crate::base::rng::RngSeed;
use crate::base::shim::sync::{Condvar, Mutex};
use crate::driver::{Drivers, IoDriver, IoParts};
use crate::handle::context::{ThreadContext, WorkerContext, set_context};
use crate::handle::current::set_current;
use crate::handle::shared::Shared;
use crate::handle::{Handle, Policy};
use crate::scheduler::config::Config;
use crate::scheduler::multi_thread::{MultiThread, WorkerCore};
use crate::scheduler::steal::take_injected;
use crate::task::Runnable;
use crate::worker::rescue;
use crate::worker::start::new_core;
use ::loom::thread;
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

/// A runtime whose workers have no threads yet.
fn runtime(workers: usize) -> (Handle, Vec<Box<WorkerCore>>) {
    runtime_on(workers, Drivers::default())
}

fn runtime_on(workers: usize, drivers: Drivers) -> (Handle, Vec<Box<WorkerCore>>) {
    let mut config = Config::new(Some(workers), "model");
    config.seed = Some(RngSeed::from_bytes(b"model"));
    let (policy, queues) = MultiThread::new(&config, workers);
    let (shared, driver) = Shared::new(config, drivers, Policy::MultiThread(policy));
    let handle = Handle {
        shared: Arc::new(shared),
    };
    handle.shared.policy.multi_thread().seat.give_back(driver);
    let cores = queues.into_iter().enumerate();
    let cores = cores.map(|(index, queue)| new_core(&handle, index, queue));
    let cores = cores.collect();
    (handle, cores)
}

fn context_of(handle: &Handle, core: Box<WorkerCore>) -> ThreadContext {
    ThreadContext::Worker(WorkerContext {
        handle: handle.clone(),
        index: core.index,
        core: RefCell::new(Some(core)),
    })
}

fn run_in(cx: &ThreadContext, f: impl FnOnce(&WorkerContext)) {
    let ThreadContext::Worker(worker) = cx else {
        unreachable!("made by `context_of`")
    };
    let _current = set_current(worker.handle.clone());
    let _context = set_context(cx);
    f(worker);
}

/// Runs a worker on this thread, up to the shutdown.
fn work(handle: &Handle, core: Box<WorkerCore>) {
    run_in(&context_of(handle, core), |worker| {
        assert_eq!(Step::Shutdown, worker.run_steps());
        if worker.with_core(|core| core.searching) == Some(true) {
            worker.policy().idle.finish_search();
        }
    });
}

/// Once all workers have ended: each worker that began to search, or was claimed, has ended its search as well.
fn assert_that_nobody_searches(handle: &Handle) {
    assert_eq!(0, handle.shared.policy.multi_thread().idle.searchers());
}

fn shut_down(handle: &Handle) {
    handle
        .shared
        .policy
        .multi_thread()
        .shut_down(&*handle.shared.unpark);
}

/// A thread waits here for a task on another thread.
#[derive(Clone)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn new() -> Gate {
        Gate(Arc::new((Mutex::new(false), Condvar::new())))
    }

    fn open(&self) {
        *self.0.0.lock() = true;
        self.0.1.notify_all();
    }

    fn wait(&self) {
        let mut is_open = self.0.0.lock();
        while !*is_open {
            is_open = self.0.1.wait(is_open);
        }
    }
}

/// The announcement and the second check for work: a task from outside comes as the only worker goes to sleep.
#[test]
fn a_task_from_outside_is_run_by_a_worker_that_goes_to_sleep() {
    ::loom::model(|| {
        let (handle, mut cores) = runtime(1);
        let core = cores.pop().unwrap();
        let worker = {
            let handle = handle.clone();
            thread::spawn(move || work(&handle, core))
        };
        let ender = handle.clone();
        drop(handle.spawn(async move { shut_down(&ender) }));
        worker.join().unwrap();
        assert_that_nobody_searches(&handle);
    });
}

/// A task from outside comes as two workers go to sleep, of which one may hold the driver.
#[test]
fn a_task_from_outside_is_run_by_one_of_two_workers() {
    ::loom::model(|| {
        let (handle, mut cores) = runtime(2);
        let (first, second) = (cores.remove(0), cores.remove(0));
        let worker = {
            let handle = handle.clone();
            thread::spawn(move || work(&handle, first))
        };
        let pusher = {
            let handle = handle.clone();
            thread::spawn(move || {
                let ender = handle.clone();
                drop(handle.spawn(async move { shut_down(&ender) }));
            })
        };
        work(&handle, second);
        worker.join().unwrap();
        pusher.join().unwrap();
        assert_that_nobody_searches(&handle);
    });
}

/// The first task blocks until the second has run: the worker that found the first must get the second one run.
#[test]
fn the_last_searcher_hands_on_what_is_left() {
    ::loom::model(|| {
        let (handle, mut cores) = runtime(2);
        let (first, second) = (cores.remove(0), cores.remove(0));
        let gate = Gate::new();
        let worker = {
            let handle = handle.clone();
            thread::spawn(move || work(&handle, first))
        };
        let (waits, ender) = (gate.clone(), handle.clone());
        drop(handle.spawn(async move {
            waits.wait();
            shut_down(&ender);
        }));
        drop(handle.spawn(async move { gate.open() }));
        work(&handle, second);
        worker.join().unwrap();
        assert_that_nobody_searches(&handle);
    });
}

/// A task spawns two others, so that the first of them is pushed out of the slot, and blocks until the first has run.
#[test]
fn a_task_pushed_out_of_the_slot_is_taken_or_woken_for() {
    ::loom::model(|| {
        let (handle, mut cores) = runtime(2);
        let (first, second) = (cores.remove(0), cores.remove(0));
        let ender = handle.clone();
        drop(handle.spawn(async move {
            let (waits, opens) = (Gate::new(), ender.clone());
            let gate = waits.clone();
            drop(opens.spawn(async move { gate.open() }));
            drop(opens.spawn(async {}));
            waits.wait();
            shut_down(&ender);
        }));
        let worker = {
            let handle = handle.clone();
            thread::spawn(move || work(&handle, first))
        };
        work(&handle, second);
        worker.join().unwrap();
        assert_that_nobody_searches(&handle);
    });
}

type Events = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

/// The driver without I/O, which delivers the events at its first turn or park.
struct Delivers(Box<dyn IoDriver>, Events);

impl Delivers {
    fn deliver(&self) -> bool {
        let events = self.1.lock().take();
        events.map(|deliver| deliver()).is_some()
    }
}

impl IoDriver for Delivers {
    fn park(&mut self, timeout: Option<Duration>) {
        if !self.deliver() {
            self.0.park(timeout);
        }
    }
    fn turn(&mut self) {
        self.deliver();
        self.0.turn();
    }
    fn shutdown(&mut self) {
        self.0.shutdown();
    }
}

/// The driver wakes two tasks at a time, and the one that is run first blocks until the other has run. A sleeper is woken for the
/// other, though none of the pushes notifies.
#[test]
fn what_a_delivery_wakes_is_shared_with_a_sleeper() {
    ::loom::model(|| {
        let mut drivers = Drivers::default();
        drop(drivers.unpark());
        let events = Events::default();
        if let Some(io) = drivers.io.take() {
            let driver = Box::new(Delivers(io.driver, events.clone()));
            drivers.io = Some(IoParts { driver, ..io });
        }
        let (handle, mut cores) = runtime_on(2, drivers);
        let (first, second) = (cores.remove(0), cores.remove(0));
        let delivered_to = handle.clone();
        *events.lock() = Some(Box::new(move || {
            let (waits, ender) = (Gate::new(), delivered_to.clone());
            let gate = waits.clone();
            drop(delivered_to.spawn(async move { gate.open() }));
            drop(delivered_to.spawn(async move {
                waits.wait();
                shut_down(&ender);
            }));
        }));
        let worker = {
            let handle = handle.clone();
            thread::spawn(move || work(&handle, first))
        };
        work(&handle, second);
        worker.join().unwrap();
        assert_that_nobody_searches(&handle);
    });
}

/// A worker that goes to sleep begins to search after all, and is called meanwhile: it counts as one searcher, not as two.
#[test]
fn a_worker_that_is_called_as_it_looks_again_searches_once() {
    ::loom::model(|| {
        let (handle, mut cores) = runtime(2);
        let core = cores.swap_remove(0);
        let policy = handle.shared.policy.multi_thread();
        let task = handle.spawn(async {});
        let caller = {
            let handle = handle.clone();
            thread::spawn(move || {
                let policy = handle.shared.policy.multi_thread();
                policy.wake_a_sleeper(&*handle.shared.unpark);
            })
        };
        run_in(&context_of(&handle, core), |worker| {
            worker.sleep();
            assert_eq!(worker.with_core(|core| core.searching), Some(true));
        });
        caller.join().unwrap();
        assert_eq!(policy.idle.searchers(), 1);
        take_injected(&policy.injector).map(Runnable::cancel);
        assert!(task.is_finished());
    });
}

/// The shutdown comes as the worker goes to sleep.
#[test]
fn a_shutdown_ends_a_worker_that_goes_to_sleep() {
    ::loom::model(|| {
        let (handle, mut cores) = runtime(1);
        let core = cores.pop().unwrap();
        let worker = {
            let handle = handle.clone();
            thread::spawn(move || work(&handle, core))
        };
        shut_down(&handle);
        worker.join().unwrap();
    });
}

/// The task that a stuck worker has in its slot is taken out by the watch, and a sleeping sibling is woken for it. Here the stuck
/// task itself does what the watch's thread would.
#[test]
fn a_task_in_the_slot_of_a_stuck_worker_is_run_by_a_sibling() {
    ::loom::model(|| {
        let (handle, mut cores) = runtime(2);
        let (first, second) = (cores.remove(0), cores.remove(0));
        let ender = handle.clone();
        drop(handle.spawn(async move {
            let waits = Gate::new();
            let gate = waits.clone();
            drop(ender.spawn(async move { gate.open() }));
            let mut seen = Vec::new();
            assert!(!rescue::look(&ender, &mut seen).any_stuck);
            assert!(rescue::look(&ender, &mut seen).any_stuck);
            waits.wait();
            shut_down(&ender);
        }));
        let worker = {
            let handle = handle.clone();
            thread::spawn(move || work(&handle, first))
        };
        work(&handle, second);
        worker.join().unwrap();
    });
}

/// A thread that takes a task out of the slot of a worker sees all of the task.
#[test]
fn a_task_taken_out_of_the_slot_of_another_worker_is_whole() {
    ::loom::model(|| {
        let (handle, mut cores) = runtime(1);
        let core = cores.pop().unwrap();
        let worker = {
            let handle = handle.clone();
            thread::spawn(move || {
                run_in(&context_of(&handle, core), |_| {
                    drop(handle.spawn(async {}));
                });
            })
        };
        let take = || handle.shared.policy.multi_thread().remotes[0].take_lifo();
        let taken = take().map(Runnable::cancel).is_some();
        worker.join().unwrap();
        assert_ne!(taken, take().map(Runnable::cancel).is_some());
    });
}

/// Two workers cancel the same tasks in turn: all of them are cancelled, and both workers come to an end.
#[test]
fn two_workers_share_the_cancelling() {
    ::loom::model(|| {
        let (handle, _cores) = runtime(2);
        let tasks = [0, 1].map(|_| handle.spawn(async {}));
        let gather = |handle: &Handle| {
            let policy = handle.shared.policy.multi_thread();
            std::iter::from_fn(|| take_injected(&policy.injector)).collect()
        };
        let other = {
            let handle = handle.clone();
            thread::spawn(move || {
                let ending = &handle.shared.policy.multi_thread().ending;
                ending.cancel_in_turn(|| gather(&handle));
            })
        };
        let ending = &handle.shared.policy.multi_thread().ending;
        ending.cancel_in_turn(|| gather(&handle));
        other.join().unwrap();
        assert!(tasks.iter().all(|task| task.is_finished()));
    });
}

/// A worker handed over in `block_in_place` goes on elsewhere: with the task in its slot, and up to the shutdown.
#[test]
fn a_worker_that_is_handed_over_goes_on() {
    ::loom::model(|| {
        let (handle, mut cores) = runtime(1);
        let core = cores.pop().unwrap();
        let ender = handle.clone();
        drop(handle.spawn(async move {
            let waits = Gate::new();
            let gate = waits.clone();
            drop(ender.spawn(async move { gate.open() }));
            crate::worker::start::hand_off_core();
            waits.wait();
            shut_down(&ender);
        }));
        let cx = context_of(&handle, core);
        run_in(&cx, |worker| assert_eq!(Step::CoreGone, worker.run_steps()));
        // The thread that has the worker now cancels what is left, and stops the drivers.
        handle.pool().begin_shutdown();
        assert!(handle.pool().join(None));
        assert!(handle.shared.owned.is_empty());
    });
}

/// A task that comes with the shutdown is run or cancelled, and the worker ends.
#[test]
fn a_task_that_comes_with_the_shutdown_is_settled() {
    ::loom::model(|| {
        let (handle, mut cores) = runtime(1);
        let core = cores.pop().unwrap();
        let worker = {
            let handle = handle.clone();
            thread::spawn(move || super::run(handle, core))
        };
        let pusher = {
            let handle = handle.clone();
            thread::spawn(move || handle.spawn(async {}))
        };
        shut_down(&handle);
        let task = pusher.join().unwrap();
        worker.join().unwrap();
        assert!(task.is_finished());
        assert!(handle.shared.owned.is_empty());
    });
}
