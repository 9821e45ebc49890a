//! What workers ask of the driver and of their timers, call by call, and when they call the watch.

use super::*;
use crate::base::shim::sync::Mutex;
use crate::handle::Policy;
use crate::handle::current::set_current;
use crate::handle::shared::Shared;
use crate::scheduler::config::Config;
use crate::scheduler::multi_thread::{INJECTOR_INTERVALS, MultiThread};
use crate::scheduler::steal::take_injected;
use crate::task::Runnable as Task;
use crate::worker::asked::World;
use crate::worker::start::{hand_off_core, new_core};
use std::sync::Arc;
use std::task::{Wake, Waker};

/// Workers without threads.
pub(super) fn workers_in_grace(
    count: usize,
    world: World,
    configure: impl FnOnce(&mut Config),
) -> (Handle, Arc<World>, Vec<ThreadContext>) {
    let world = Arc::new(world);
    let mut config = Config::new(Some(count), "test");
    configure(&mut config);
    let (policy, queues) = MultiThread::new(&config, count);
    let (shared, driver) = Shared::new(config, world.drivers(true), Policy::MultiThread(policy));
    let handle = Handle {
        shared: Arc::new(shared),
    };
    let policy = handle.shared.policy.multi_thread();
    policy.seat.give_back(driver);
    let contexts = queues.into_iter().enumerate().map(|(index, queue)| {
        ThreadContext::Worker(WorkerContext {
            handle: handle.clone(),
            index,
            core: RefCell::new(Some(new_core(&handle, index, queue))),
        })
    });
    let contexts = contexts.collect();
    (handle, world, contexts)
}

/// Workers without threads, past the watch's grace period.
pub(super) fn workers(
    count: usize,
    world: World,
    configure: impl FnOnce(&mut Config),
) -> (Handle, Arc<World>, Vec<ThreadContext>) {
    let (handle, world, contexts) = workers_in_grace(count, world, configure);
    let policy = handle.shared.policy.multi_thread();
    // While all sleep, nobody calls the watch.
    (0..count).for_each(|worker| policy.idle.announce(worker, false));
    let end = || policy.watch.grace_left(&policy.idle, || panic!("called"));
    while end().is_some() {
        std::thread::yield_now();
    }
    (0..count).for_each(|worker| assert!(!policy.idle.retract(worker)));
    (handle, world, contexts)
}

pub(super) fn as_worker<R>(cx: &ThreadContext, f: impl FnOnce(&WorkerContext) -> R) -> R {
    let ThreadContext::Worker(worker) = cx else {
        unreachable!("made by `workers`")
    };
    let _current = set_current(worker.handle.clone());
    let _context = set_context(cx);
    f(worker)
}

pub(super) struct Woken(pub(super) Mutex<bool>);

/// Does something when it is woken.
fn waker_that(does: impl Fn() + Send + Sync + 'static) -> Waker {
    struct Does<F>(F);
    impl<F: Fn() + Send + Sync + 'static> Wake for Does<F> {
        fn wake(self: Arc<Self>) {
            (self.0)();
        }
    }
    Waker::from(Arc::new(Does(does)))
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        *self.0.lock() = true;
    }
}

#[test]
fn a_look_at_the_driver_fires_the_own_timers_and_wakes_what_was_deferred() {
    let (handle, world, contexts) = workers(2, World::default(), |_| ());
    let policy = handle.shared.policy.multi_thread();
    let look = |worker: usize| {
        as_worker(&contexts[worker], |worker| {
            let woken = Arc::new(Woken(Mutex::new(false)));
            deferred::defer(&Waker::from(woken.clone()));
            worker.maintain();
            assert!(*woken.0.lock());
        });
        world.asked()
    };
    assert_eq!(look(1), "turn, fire 1 true");
    assert_eq!(look(0), "turn, fire 0 true");
    // Once after the watch has noted that timers are overdue.
    policy.watch.note_overdue();
    assert_eq!(look(0), "overdue, turn, fire 0 true");
    assert_eq!(look(0), "turn, fire 0 true");
    let driver = policy.seat.take();
    assert_eq!(look(1), "fire 1 false");
    policy.seat.give_back(driver.unwrap());
}

/// While a worker wakes what is due, in a look or after a sleep, it wakes no sibling; at the end it wakes one.
#[test]
fn what_is_woken_in_one_go_is_shared_at_its_end() {
    shared_at_its_end(WorkerContext::maintain);
    shared_at_its_end(|worker| assert_eq!(worker.step(), Step::Parked));
}

fn shared_at_its_end(wakes_all: impl Fn(&WorkerContext)) {
    let (handle, world, contexts) = workers(3, World::default(), |_| ());
    // Whether there was work for the siblings, and whether both slept on. Noted here, as a waker's panic would be swallowed.
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (inner, sees) = (handle.clone(), seen.clone());
    let wakes = Arc::new(move || {
        let policy = inner.shared.policy.multi_thread();
        (0..3).for_each(|_| drop(inner.spawn(async {})));
        let sleep_on = policy.idle.is_asleep(1) && policy.idle.is_asleep(2);
        sees.lock().push((policy.has_work(), sleep_on));
    });
    let gave_way = Arc::new(Woken(Mutex::new(false)));
    let (first, last) = (Waker::from(gave_way.clone()), gave_way.clone());
    let due = wakes.clone();
    *world.due.lock() = Some(Box::new(move || {
        deferred::defer(&first);
        let wakes = due.clone();
        deferred::defer(&waker_that(move || wakes()));
        due();
        assert!(!*last.0.lock(), "what gave way comes last");
    }));
    let policy = handle.shared.policy.multi_thread();
    (1..3).for_each(|worker| policy.idle.announce(worker, false));
    as_worker(&contexts[0], |worker| {
        wakes_all(worker);
        // Checked while the context is set: dropping its guard would wake what is left.
        assert_eq!(*seen.lock(), [(true, true); 2]);
        assert!(*gave_way.0.lock());
        let asleep = (1..3).filter(|worker| policy.idle.is_asleep(*worker));
        assert_eq!(asleep.count(), 1);
    });
    for worker in 1..3 {
        policy.idle.retract(worker);
    }
    while as_worker(&contexts[0], WorkerContext::step) != Step::Parked {}
    policy.watch.stop();
}

const LEFT: Option<Duration> = Some(Duration::from_secs(7));

#[test]
fn a_sleep_lasts_until_the_next_timer() {
    let world = World {
        left: LEFT,
        ..World::default()
    };
    let (handle, world, contexts) = workers(1, world, |_| ());
    let counters = &handle.shared.policy.multi_thread().remotes[0].counters;
    let counts = || [&counters.parks, &counters.unparks, &counters.noops].map(|t| t.get());
    let woken = Arc::new(Woken(Mutex::new(false)));
    let defers = Waker::from(woken.clone());
    *world.due.lock() = Some(Box::new(move || deferred::defer(&defers)));
    let before = counts();
    assert_eq!(as_worker(&contexts[0], WorkerContext::step), Step::Parked);
    let sleep = format!("before 0 true, park {LEFT:?}, after 0 true, fire 0 true");
    assert_eq!(world.asked(), sleep);
    assert!(*woken.0.lock(), "it was deferred in the sleep");
    assert_eq!(counts(), [before[0] + 1, before[1] + 2, before[2] + 1]);
}

/// The worker was woken for what is left undone: timers of stuck siblings, among other things.
#[test]
fn a_sleeper_that_is_claimed_fires_what_is_overdue_and_searches() {
    let (handle, world, contexts) = workers(1, World::default(), |_| ());
    let inner = handle.clone();
    let called = move || {
        let policy = inner.shared.policy.multi_thread();
        policy.watch.note_overdue();
        policy.wake_a_sleeper(&*inner.shared.unpark);
    };
    *world.due.lock() = Some(Box::new(called));
    let is_searching = || {
        as_worker(&contexts[0], |worker| {
            assert_eq!(worker.step(), Step::Parked);
            worker.with_core(|core| core.searching)
        })
    };
    assert_eq!(is_searching(), Some(true));
    let sleep = "before 0 true, park None, after 0 true, fire 0 true";
    assert_eq!(world.asked(), format!("{sleep}, overdue"));
    // The token ends the next sleep; nothing is overdue any more.
    assert_eq!(is_searching(), Some(false));
    assert_eq!(
        world.asked(),
        "before 0 true, turn, after 0 true, fire 0 true"
    );
    as_worker(&contexts[0], WorkerContext::maintain);
    assert_eq!(world.asked(), "turn, fire 0 true");
}

/// Spawns a task, which goes into the slot, and gets stuck until the watch has moved the task to the injector.
fn get_stuck(handle: &Handle) {
    drop(handle.spawn(async {}));
    let policy = handle.shared.policy.multi_thread();
    assert_eq!(policy.injector_len(), 0);
    while policy.injector_len() == 0 {
        std::thread::yield_now();
    }
    let task = take_injected(&policy.injector).unwrap();
    task.cancel();
}

/// First after its start, then after a sleep, in which the watch slept as well.
#[test]
fn a_worker_that_has_a_task_after_its_sleep_calls_the_watch() {
    let (handle, world, contexts) = workers(2, World::default(), |_| ());
    let policy = handle.shared.policy.multi_thread();
    policy.idle.announce(1, false);
    // The sibling goes back to sleep whenever it is woken.
    let sleep_on = || {
        if policy.idle.retract(1) {
            policy.idle.count_once();
        }
        policy.idle.announce(1, false);
    };
    for _ in 0..2 {
        let inner = handle.clone();
        drop(handle.spawn(async move { get_stuck(&inner) }));
        sleep_on();
        assert_eq!(as_worker(&contexts[0], WorkerContext::step), Step::Ran);
        sleep_on();
        let inner = handle.clone();
        let watch_sleeps = move || {
            let policy = inner.shared.policy.multi_thread();
            while !policy.watch.needs_call() {
                std::thread::yield_now();
            }
        };
        *world.due.lock() = Some(Box::new(watch_sleeps));
        while as_worker(&contexts[0], WorkerContext::step) != Step::Parked {}
    }
    policy.watch.stop();
}

#[test]
fn a_worker_calls_the_watch_before_its_hook() {
    let place: Arc<Mutex<Option<Handle>>> = Arc::default();
    let (handle, _, contexts) = workers(2, World::default(), |config| {
        let place = place.clone();
        config.before_park = Some(Arc::new(move || {
            let handle = place.lock().take();
            if let Some(handle) = handle {
                get_stuck(&handle);
            }
        }));
    });
    *place.lock() = Some(handle.clone());
    assert_eq!(as_worker(&contexts[0], WorkerContext::step), Step::Parked);
    assert!(place.lock().is_none());
    handle.shared.policy.multi_thread().watch.stop();
}

#[test]
fn the_time_that_polls_take_decides_how_often_the_injector_is_looked_at() {
    let (handle, _, contexts) = workers(2, World::default(), |_| ());
    let shared = &handle.shared;
    let policy = shared.policy.multi_thread();
    let counters = &policy.remotes[1].counters;
    as_worker(&contexts[1], |worker| {
        let slow = async { std::thread::sleep(Duration::from_millis(5)) };
        drop(handle.spawn(slow));
        assert!(!policy.has_work(), "it is in the slot");
        assert_eq!(worker.step(), Step::Ran);
        let tuned = worker.with_core(|core| {
            core.tune(&shared.config, counters);
            core.injector_interval
        });
        assert_eq!(tuned, Some(INJECTOR_INTERVALS.0));
    });
    assert!(counters.mean_poll_nanos.get() >= 5_000_000);
    // A task in a queue can be stolen.
    as_worker(&contexts[1], |_| {
        drop(handle.spawn(async {}));
        drop(handle.spawn(async {}));
    });
    assert!(policy.has_work());
    while as_worker(&contexts[1], WorkerContext::step) != Step::Parked {}
    assert!(!policy.has_work());
}

/// The worker's own tasks come first, then the round that ends with the deferred wakers, then the siblings' tasks.
#[test]
fn a_worker_with_nothing_but_deferred_wakers_looks_at_the_driver() {
    let (handle, world, contexts) = workers(2, World::default(), |_| ());
    as_worker(&contexts[1], |_| {
        (0..4).for_each(|_| drop(handle.spawn(async {})));
    });
    let policy = handle.shared.policy.multi_thread();
    let others = policy.queue_len(1);
    as_worker(&contexts[0], |worker| {
        // The watch is not called: it would take the tasks of the workers that stand still.
        worker.with_core(|core| core.attended = true);
        let woken = Arc::new(Woken(Mutex::new(false)));
        deferred::defer(&Waker::from(woken.clone()));
        let own = handle.spawn(async {});
        assert_eq!(worker.step(), Step::Ran);
        assert!(own.is_finished() && !*woken.0.lock());
        assert_eq!(world.asked(), "");
        assert_eq!(worker.step(), Step::Ran);
        assert!(*woken.0.lock());
        assert_eq!(world.asked(), "turn, fire 0 true");
        assert_eq!(policy.queue_len(1), others);
        assert_eq!(worker.step(), Step::Ran);
        assert!(policy.queue_len(1) < others);
        // Each step is seen.
        let tick = worker.with_core(|core| core.tick).unwrap();
        assert_eq!(policy.remotes[0].pulse.load(Ordering::Relaxed), tick);
        assert!(tick >= 3);
    });
    while as_worker(&contexts[0], WorkerContext::step) != Step::Parked {}
    policy.watch.stop();
}

#[test]
fn a_worker_fits_its_looks_at_the_injector_every_so_many_steps() {
    let (handle, _, contexts) = workers(1, World::default(), |config| config.event_interval = 1);
    as_worker(&contexts[0], |worker| {
        let slow = async { std::thread::sleep(Duration::from_millis(5)) };
        drop(handle.spawn(slow));
        assert_eq!(worker.step(), Step::Ran);
        assert_eq!(worker.step(), Step::Parked);
        let tuned = worker.with_core(|core| core.injector_interval);
        assert_eq!(tuned, Some(INJECTOR_INTERVALS.0));
    });
}

/// Also a waker that is deferred by the very last destructor.
#[test]
fn a_worker_that_ends_wakes_what_was_deferred() {
    struct Defers(Arc<Woken>);
    impl Drop for Defers {
        fn drop(&mut self) {
            deferred::defer(&Waker::from(self.0.clone()));
            assert!(!*self.0.0.lock());
        }
    }
    struct Queues(Handle, Option<Task>);
    impl Drop for Queues {
        fn drop(&mut self) {
            let policy = self.0.shared.policy.multi_thread();
            policy.injector.push(self.1.take().unwrap());
        }
    }
    let (handle, _, mut contexts) = workers(1, World::default(), |_| ());
    let policy = handle.shared.policy.multi_thread();
    let woken = Arc::new(Woken(Mutex::new(false)));
    let defers = Defers(woken.clone());
    drop(handle.spawn(async move { drop(defers) }));
    let queues = Queues(handle.clone(), take_injected(&policy.injector));
    drop(handle.spawn(async move { drop(queues) }));
    policy.shut_down(&*handle.shared.unpark);
    let Some(ThreadContext::Worker(worker)) = contexts.pop() else {
        unreachable!("there is one")
    };
    let core = worker.core.borrow_mut().take();
    run(handle.clone(), core.unwrap());
    assert!(*woken.0.lock());
    assert!(handle.shared.owned.is_empty());
}

/// The system gives no thread: the worker stays where it is, and goes on.
#[test]
fn a_worker_that_cannot_be_passed_on_goes_on_here() {
    let (_, world, contexts) = workers(1, World::default(), |config| {
        // Larger than the address space.
        config.thread_stack_size = Some(usize::MAX / 4 * 3);
    });
    as_worker(&contexts[0], |worker| {
        let tick = || worker.with_core(|core| core.tick);
        let before = tick().expect("it is here");
        let passed = std::panic::catch_unwind(hand_off_core);
        let told = *passed.unwrap_err().downcast::<String>().unwrap();
        assert!(told.contains("OS can't spawn worker thread"), "{told}");
        // The attempt counts as a step: the watch sees the worker move.
        assert_eq!(tick(), Some(before + 1));
        assert_eq!(worker.worker_index(), Some(0));
        let woken = Arc::new(Woken(Mutex::new(false)));
        deferred::defer(&Waker::from(woken.clone()));
        assert!(!*woken.0.lock(), "there are rounds still");
        assert_eq!(worker.step(), Step::Ran);
        assert!(*woken.0.lock());
        assert_eq!(world.asked(), "turn, fire 0 true");
    });
}

/// This thread has no rounds any more; the worker's timers end with it, elsewhere.
#[test]
fn a_thread_whose_worker_was_passed_on_wakes_at_once() {
    let (handle, world, contexts) = workers(1, World::default(), |_| ());
    as_worker(&contexts[0], |worker| {
        hand_off_core();
        assert_eq!(worker.worker_index(), None);
        let woken = Arc::new(Woken(Mutex::new(false)));
        deferred::defer(&Waker::from(woken.clone()));
        assert!(*woken.0.lock());
        // Again: there is nothing to pass on.
        hand_off_core();
    });
    let shared = &handle.shared;
    shared.policy.multi_thread().shut_down(&*shared.unpark);
    shared.pool.begin_shutdown();
    assert!(shared.pool.join(None));
    let asked = world.asked();
    assert!(asked.ends_with("end timers, end"), "{asked}");
}

#[test]
fn a_busy_worker_ends_the_watchs_grace_period() {
    let (handle, _, contexts) = workers_in_grace(2, World::default(), |_| ());
    let policy = handle.shared.policy.multi_thread();
    std::thread::sleep(Duration::from_millis(5));
    as_worker(&contexts[0], WorkerContext::maintain);
    // The next caller finds the period over, and does not call the watch.
    let left = policy.watch.grace_left(&policy.idle, || panic!("called"));
    assert_eq!(left, None);
    policy.watch.stop();
}

#[test]
fn a_workers_hooks_are_called_before_and_after_its_sleep() {
    let notes: Arc<Mutex<Option<Arc<World>>>> = Arc::default();
    let hook = |word: &'static str| -> Option<Callback> {
        let notes = notes.clone();
        Some(Arc::new(move || {
            notes.lock().as_ref().unwrap().note(word.into())
        }))
    };
    let (_, world, contexts) = workers(1, World::default(), |config| {
        config.before_park = hook("before");
        config.after_unpark = hook("after");
    });
    *notes.lock() = Some(world.clone());
    assert_eq!(as_worker(&contexts[0], WorkerContext::step), Step::Parked);
    let sleep = "before 0 true, park None, after 0 true, fire 0 true";
    assert_eq!(world.asked(), format!("before, {sleep}, after"));
}

/// The end of the grace period ends no sleep.
#[test]
fn a_worker_that_sleeps_through_the_grace_period_sleeps_on() {
    let (_, world, contexts) = workers_in_grace(1, World::default(), |_| ());
    assert_eq!(as_worker(&contexts[0], WorkerContext::step), Step::Parked);
    let asked = world.asked();
    let last = "before 0 true, park None, after 0 true, fire 0 true";
    assert!(asked.ends_with(last), "{asked}");
}

/// Otherwise nobody would see the worker get stuck.
#[test]
fn a_worker_that_is_called_after_the_grace_period_ends_it() {
    let (handle, world, contexts) = workers_in_grace(2, World::default(), |_| ());
    let policy = handle.shared.policy.multi_thread();
    *world.due.lock() = Some(Box::new(|| std::thread::sleep(Duration::from_millis(5))));
    assert_eq!(as_worker(&contexts[0], WorkerContext::step), Step::Parked);
    let left = policy.watch.grace_left(&policy.idle, || panic!("called"));
    assert_eq!(left, None);
    policy.watch.stop();
}

/// Two looks must find the worker at the same step.
#[test]
fn the_watch_takes_the_slot_of_a_worker_that_stands_still_and_of_no_other() {
    let (handle, _, contexts) = workers(2, World::default(), |_| ());
    let policy = handle.shared.policy.multi_thread();
    let steps = || {
        as_worker(&contexts[0], |worker| {
            worker.with_core(|core| worker.next_tick(core));
        });
    };
    as_worker(&contexts[0], |_| drop(handle.spawn(async {})));
    let mut last = Vec::new();
    let is_taken = |last: &mut Vec<_>| {
        rescue::look(&handle, last);
        assert_ne!(policy.remotes[0].has_lifo(), policy.injector_len() == 1);
        !policy.remotes[0].has_lifo()
    };
    // A worker that is asleep does not move, and is not stuck.
    policy.idle.announce(0, false);
    policy.idle.announce(1, false);
    assert!(!is_taken(&mut last) && !is_taken(&mut last));
    assert!(policy.idle.is_asleep(1));
    assert!(!policy.idle.retract(0));
    for _ in 0..3 {
        assert!(!is_taken(&mut last));
        steps();
    }
    assert!(!is_taken(&mut last));
    assert!(policy.idle.is_asleep(1));
    assert!(is_taken(&mut last));
    assert!(!policy.idle.is_asleep(1), "woken to run it");
    take_injected(&policy.injector).unwrap().cancel();
}

/// Nobody holds the driver, or something is in a queue.
#[test]
fn the_watch_wakes_a_sibling_if_a_stuck_worker_leaves_something_undone() {
    for (is_driven, has_work, is_woken) in [
        (true, false, false),
        (false, false, true),
        (true, true, true),
    ] {
        let (handle, _, _contexts) = workers(2, World::default(), |_| ());
        let policy = handle.shared.policy.multi_thread();
        let driver = is_driven.then(|| policy.seat.take()).flatten();
        if has_work {
            drop(handle.spawn(async {}));
        }
        policy.idle.announce(1, false);
        let mut last = Vec::new();
        rescue::look(&handle, &mut last);
        assert!(policy.idle.is_asleep(1));
        rescue::look(&handle, &mut last);
        assert_eq!(policy.idle.is_asleep(1), !is_woken);
        if has_work {
            take_injected(&policy.injector).unwrap().cancel();
        }
        drop(driver);
    }
}

/// A task whose permit is still out comes back by a waker that was deferred.
#[test]
fn a_worker_that_waits_for_the_last_tasks_wakes_what_was_deferred_and_cancels_what_comes() {
    struct Queues(Handle, Mutex<Option<Task>>);
    impl Wake for Queues {
        fn wake(self: Arc<Self>) {
            let late = self.1.lock().take().unwrap();
            self.0.shared.policy.multi_thread().injector.push(late);
        }
    }
    struct Defers(Arc<Queues>);
    impl Drop for Defers {
        fn drop(&mut self) {
            deferred::defer(&Waker::from(self.0.clone()));
        }
    }
    let (handle, world, contexts) = workers(1, World::default(), |_| ());
    let late = handle.spawn(async {});
    let permit = take_injected(&handle.shared.policy.multi_thread().injector);
    let defers = Defers(Arc::new(Queues(handle.clone(), Mutex::new(permit))));
    drop(handle.spawn(async move { drop(defers) }));
    as_worker(&contexts[0], WorkerContext::stop);
    assert!(late.is_finished());
    assert_eq!(world.asked(), "end timers, end");
}
