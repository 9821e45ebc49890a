//! What a current-thread runtime asks of its driver and its timers, call by call.

use super::*;
use crate::base::shim::sync::Mutex;
use crate::handle::Policy;
use crate::handle::shared::Shared;
use crate::scheduler::config::Config;
use crate::worker::asked::{Called, World};
use std::time::Duration;

fn runtime(world: World, with_time: bool) -> (Handle, Arc<World>) {
    runtime_with(world, with_time, |_| ())
}

fn runtime_with(
    world: World,
    with_time: bool,
    configure: impl FnOnce(&mut Config),
) -> (Handle, Arc<World>) {
    let world = Arc::new(world);
    let drivers = world.drivers(with_time);
    let mut config = Config::new(None, "test");
    configure(&mut config);
    let policy = Policy::CurrentThread(CurrentThread::new(&config));
    let (shared, driver) = Shared::new(config, drivers, policy);
    let handle = Handle {
        shared: Arc::new(shared),
    };
    handle.shared.policy.current_thread().install(driver);
    (handle, world)
}

/// Runs `f` as the runtime's thread, within `block_on`, whose future has just been polled.
fn as_runtime<R>(handle: &Handle, f: impl FnOnce(&CoreGuard<'_>, &CurrentThreadContext) -> R) -> R {
    let policy = handle.shared.policy.current_thread();
    let _current = set_current(handle.clone()).unwrap();
    let core = policy.take_core().unwrap();
    let guard = CoreGuard {
        policy,
        handle,
        core: RefCell::new(None),
    };
    guard.enter(core, |cx| f(&guard, cx))
}

/// The calls of one look, and of one sleep.
fn look_and_sleep(handle: &Handle, world: &World) -> [String; 2] {
    as_runtime(handle, |guard, cx| {
        [false, true].map(|may_block| {
            guard.drive(cx, may_block);
            world.asked()
        })
    })
}

const LEFT: Option<Duration> = Some(Duration::from_secs(7));

#[test]
fn a_sleep_lasts_until_the_next_timer_which_is_announced_and_taken_back() {
    let (handle, world) = runtime(World::default(), false);
    assert_eq!(look_and_sleep(&handle, &world), ["turn", "park None"]);
    for left in [None, LEFT] {
        let (handle, world) = runtime(
            World {
                left,
                ..World::default()
            },
            true,
        );
        let sleep = format!("before 0 true, park {left:?}, after 0 true, fire 0 true");
        assert_eq!(
            look_and_sleep(&handle, &world),
            ["turn, fire 0 true", &sleep]
        );
    }
}

#[test]
fn a_paused_clock_moves_on_instead_of_a_sleep() {
    for (advances, left, then) in [
        (true, None, ""),
        (false, None, "before 0 true, park None, after 0 true, "),
        // A timer that came just now moves the clock in the next round.
        (false, LEFT, "before 0 true, turn, after 0 true, "),
    ] {
        let (handle, world) = runtime(
            World {
                is_paused: true,
                advances,
                left,
                ..World::default()
            },
            true,
        );
        let sleep = format!("turn, fire 0 true, advance, {then}fire 0 true");
        assert_eq!(
            look_and_sleep(&handle, &world),
            ["turn, fire 0 true, fire 0 true", &sleep]
        );
    }
}

#[test]
fn a_paused_clock_stays_while_there_is_work() {
    type Due = fn(Handle) -> Called;
    let due: [Due; 3] = [
        // A task that was woken here,
        |handle| Box::new(move || drop(handle.spawn(async {}))),
        // one that was woken elsewhere,
        |handle| {
            let spawn = move || drop(handle.spawn(async {}));
            Box::new(move || std::thread::spawn(spawn).join().unwrap())
        },
        // and the future in `block_on`.
        |handle| Box::new(move || Arc::new(MainWaker(handle, crate::task::Id::next())).wake()),
    ];
    for due in due {
        let (handle, world) = runtime(
            World {
                is_paused: true,
                ..World::default()
            },
            true,
        );
        *world.due.lock() = Some(due(handle.clone()));
        let [look, sleep] = look_and_sleep(&handle, &world);
        assert_eq!(look, "turn, fire 0 true, fire 0 true");
        assert_eq!(sleep, look, "no sleep, and no step of the clock");
        shutdown(&handle);
        assert_eq!(world.asked(), "end timers, end");
    }
}

#[test]
fn what_was_deferred_is_woken_after_each_look() {
    let (handle, world) = runtime(World::default(), true);
    let woken = Arc::new(Woken(Mutex::new(false)));
    // Deferred while timers fire, for instance by a timer's waker.
    let waker = Waker::from(woken.clone());
    *world.due.lock() = Some(Box::new(move || deferred::defer(&waker)));
    as_runtime(&handle, |guard, cx| guard.turn(cx));
    assert!(*woken.0.lock());
}

/// What a hook has scheduled is run instead of a sleep.
#[test]
fn hooks_are_called_before_and_after_a_sleep() {
    let hooks: Arc<Mutex<Vec<Called>>> = Arc::default();
    let notes: Arc<Mutex<Option<Arc<World>>>> = Arc::default();
    let (before, after) = (notes.clone(), notes.clone());
    let calls = hooks.clone();
    let (handle, world) = runtime_with(World::default(), true, move |config| {
        config.before_park = Some(Arc::new(move || {
            before.lock().as_ref().unwrap().note("before".into());
            let call = calls.lock().pop();
            call.into_iter().for_each(|call| call());
        }));
        config.after_unpark = Some(Arc::new(move || {
            after.lock().as_ref().unwrap().note("after".into());
        }));
    });
    *notes.lock() = Some(world.clone());
    let policy = handle.shared.policy.current_thread();
    let counters = &policy.counters;
    let counts = || [&counters.parks, &counters.unparks, &counters.noops].map(|t| t.get());
    as_runtime(&handle, |guard, cx| {
        cx.with_core(|core| core.queue.reserve(5000));
        guard.park(cx);
        let sleep = "before 0 true, park None, after 0 true, fire 0 true";
        assert_eq!(world.asked(), format!("before, {sleep}, after"));
        assert_eq!(counts(), [1, 2, 1]);
        assert!(cx.with_core(|core| core.queue.capacity() < 5000));
        let inner = handle.clone();
        hooks
            .lock()
            .push(Box::new(move || drop(inner.spawn(async {}))));
        guard.park(cx);
        assert_eq!(world.asked(), "before, turn, fire 0 true, after");
        assert_eq!(counts(), [1, 2, 1]);
    });
}

#[test]
fn the_drivers_end_after_the_tasks() {
    struct Last(Arc<World>);
    impl Drop for Last {
        fn drop(&mut self) {
            self.0.note("task".into());
        }
    }
    let (handle, world) = runtime(World::default(), true);
    let last = Last(world.clone());
    drop(handle.spawn(async move { drop(last) }));
    shutdown(&handle);
    assert_eq!(world.asked(), "task, end timers, end");
}

struct Woken(Mutex<bool>);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        *self.0.lock() = true;
    }
}

/// The task that it wakes may be on another thread.
#[test]
fn what_is_deferred_by_the_last_poll_is_woken_when_the_thread_leaves() {
    for panics in [false, true] {
        let (handle, _) = runtime(World::default(), true);
        let woken = Arc::new(Woken(Mutex::new(false)));
        let leaves = std::panic::AssertUnwindSafe(|| {
            let future = async {
                deferred::defer(&Waker::from(woken.clone()));
                assert!(!*woken.0.lock() && !panics);
            };
            block_on(&handle, future, crate::task::Id::next());
        });
        assert_eq!(std::panic::catch_unwind(leaves).is_err(), panics);
        assert!(*woken.0.lock());
    }
}

#[test]
fn what_a_destructor_defers_at_the_shutdown_is_woken() {
    struct Defers(Arc<Woken>);
    impl Drop for Defers {
        fn drop(&mut self) {
            deferred::defer(&Waker::from(self.0.clone()));
        }
    }
    let (handle, _) = runtime(World::default(), true);
    let woken = Arc::new(Woken(Mutex::new(false)));
    let defers = Defers(woken.clone());
    drop(handle.spawn(async move { drop(defers) }));
    shutdown(&handle);
    assert!(*woken.0.lock());
}

/// A task whose permit is still out comes back by a waker that was deferred.
#[test]
fn a_shutdown_that_waits_wakes_what_was_deferred() {
    struct Queues(Handle, Mutex<Option<Runnable>>);
    impl Wake for Queues {
        fn wake(self: Arc<Self>) {
            let late = self.1.lock().take().unwrap();
            self.0.shared.policy.current_thread().injector.push(late);
        }
    }
    struct Defers(Arc<Queues>);
    impl Drop for Defers {
        fn drop(&mut self) {
            deferred::defer(&Waker::from(self.0.clone()));
        }
    }
    let (handle, _) = runtime(World::default(), true);
    let late = handle.spawn(async {});
    let permit = take_injected(&handle.shared.policy.current_thread().injector);
    let defers = Defers(Arc::new(Queues(handle.clone(), Mutex::new(permit))));
    drop(handle.spawn(async move { drop(defers) }));
    shutdown(&handle);
    assert!(late.is_finished());
}

/// Tasks that yielded are woken after those that events and timers wake.
#[test]
fn what_was_deferred_is_woken_last() {
    struct Woken(Mutex<bool>);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            *self.0.lock() = true;
        }
    }
    for is_paused in [false, true] {
        let world = World {
            is_paused,
            ..World::default()
        };
        let (handle, world) = runtime(world, true);
        for may_block in [false, true] {
            let woken = Arc::new(Woken(Mutex::new(false)));
            let (waker, last) = (Waker::from(woken.clone()), woken.clone());
            let fires = Arc::new(Mutex::new(false));
            let fired = fires.clone();
            *world.due.lock() = Some(Box::new(move || {
                *fired.lock() = true;
                assert!(!*last.0.lock());
            }));
            as_runtime(&handle, |guard, cx| {
                deferred::defer(&waker);
                guard.drive(cx, may_block);
            });
            assert!(*fires.lock() && *woken.0.lock());
        }
    }
}
