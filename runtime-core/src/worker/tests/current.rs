//! The current-thread scheduler on a driver that counts its calls: which task is next, and when the driver has a turn.

use super::*;
use crate::base::shim::sync::Mutex;
use crate::driver::Unpark;
use crate::driver::{Drivers, IoParts};
use crate::handle::Policy;
use crate::handle::shared::Shared;
use crate::scheduler::config::{Config, UnhandledPanic};
use std::any::Any;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

/// Counts the calls.
#[derive(Default)]
struct Asked {
    parks: AtomicUsize,
    turns: AtomicUsize,
    unparks: AtomicUsize,
    ends: AtomicUsize,
    /// Woken by the next park.
    sleeper: Mutex<Option<Waker>>,
}

struct Driver(Arc<Asked>);

impl IoDriver for Driver {
    fn park(&mut self, _: Option<Duration>) {
        self.0.parks.fetch_add(1, Ordering::Relaxed);
        let sleeper = self.0.sleeper.lock().take();
        sleeper.expect("nobody would end this sleep").wake();
    }
    fn turn(&mut self) {
        self.0.turns.fetch_add(1, Ordering::Relaxed);
    }
    fn shutdown(&mut self) {
        self.0.ends.fetch_add(1, Ordering::Relaxed);
    }
}

struct Bell(Arc<Asked>);

impl Unpark for Bell {
    fn unpark(&self) {
        self.0.unparks.fetch_add(1, Ordering::Relaxed);
    }
}

fn runtime(configure: impl FnOnce(&mut Config)) -> (Handle, Arc<Asked>) {
    let asked = Arc::new(Asked::default());
    let mut config = Config::new(None, "test");
    configure(&mut config);
    let drivers = Drivers {
        io: Some(IoParts {
            counters: Arc::default(),
            driver: Box::new(Driver(asked.clone())),
            unpark: Arc::new(Bell(asked.clone())),
            handle: None::<Arc<dyn Any + Send + Sync>>,
        }),
        time: None,
    };
    let policy = Policy::CurrentThread(CurrentThread::new(&config));
    let (shared, driver) = Shared::new(config, drivers, policy);
    let handle = Handle {
        shared: Arc::new(shared),
    };
    handle.shared.policy.current_thread().install(driver);
    (handle, asked)
}

fn block_on<F: Future>(handle: &Handle, future: F) -> F::Output {
    super::block_on(handle, future, crate::task::Id::next())
}

fn get(count: &AtomicUsize) -> usize {
    count.load(Ordering::Relaxed)
}

/// Pending once; woken when the scheduler parks.
fn sleep_once(asked: Arc<Asked>) -> impl Future<Output = ()> {
    let mut slept = false;
    std::future::poll_fn(move |cx| {
        if std::mem::replace(&mut slept, true) {
            return Poll::Ready(());
        }
        *asked.sleeper.lock() = Some(cx.waker().clone());
        Poll::Pending
    })
}

#[test]
fn a_new_scheduler_is_open_and_nobody_is_woken() {
    let (handle, asked) = runtime(|_| ());
    let policy = handle.shared.policy.current_thread();
    assert!(!policy.is_shutdown());
    assert!(!policy.parked.load(Ordering::Relaxed));
    assert!(!policy.main_woken.load(Ordering::Relaxed));
    drop(handle.spawn(async {}));
    assert_eq!((get(&asked.unparks), policy.injector_len()), (0, 1));
    shutdown(&handle);
    assert!(policy.is_shutdown() && handle.shared.owned.is_empty());
    assert_eq!(get(&asked.ends), 1);
}

#[test]
fn the_driver_parks_where_nothing_is_left_and_turns_between_stretches() {
    let (handle, asked) = runtime(|config| config.event_interval = 4);
    let ran = Arc::new(AtomicUsize::new(0));
    let mut looks = Vec::new();
    block_on(&handle, async {
        sleep_once(asked.clone()).await;
        // It was woken from within the park: its own thread, which is awake, needs no unpark.
        assert_eq!(
            [&asked.parks, &asked.turns, &asked.unparks].map(get),
            [1, 0, 0]
        );
        std::future::poll_fn(|cx| {
            looks.push((get(&ran), get(&asked.turns)));
            if looks.len() == 1 {
                for _ in 0..11 {
                    let ran = ran.clone();
                    drop(handle.spawn(async move {
                        ran.fetch_add(1, Ordering::Relaxed);
                    }));
                }
            }
            cx.waker().wake_by_ref();
            match looks.len() {
                5 => Poll::Ready(()),
                _ => Poll::Pending,
            }
        })
        .await;
    });
    // The future is woken already, so the runtime does not sleep when no task is left.
    assert_eq!(looks, [(0, 0), (4, 1), (8, 2), (11, 3), (11, 4)]);
    assert_eq!([&asked.parks, &asked.unparks].map(get), [1, 0]);
}

/// The order in which tasks run: those named in `local` were spawned inside, those named in `foreign` before.
fn order(interval: Option<u32>, local: &'static str, foreign: &'static str) -> String {
    let (handle, asked) = runtime(|config| config.global_queue_interval = interval);
    let ran = Arc::new(Mutex::new(String::new()));
    let spawn = |name: char| {
        let ran = ran.clone();
        drop(handle.spawn(async move { ran.lock().push(name) }));
    };
    foreign.chars().for_each(spawn);
    block_on(&handle, async {
        local.chars().for_each(spawn);
        sleep_once(asked.clone()).await;
    });
    let ran = ran.lock();
    ran.clone()
}

#[test]
fn tasks_from_outside_have_their_turn_among_the_others() {
    assert_eq!(order(Some(3), "abcdef", "XY"), "abXcdYef");
    assert_eq!(order(Some(2), "abcdef", "XY"), "aXbYcdef");
    assert_eq!(order(Some(1), "abc", "XY"), "XYabc");
    let many = "abcdefghijklmnopqrstuvwxyz0123456789";
    let expected = format!("{}X{}", &many[..30], &many[30..]);
    assert_eq!(order(None, many, "X"), expected);
    // The rest of the injector comes last.
    assert_eq!(order(Some(100), "abc", "XY"), "abcXY");
}

/// The thread that leaves may have been the one that was called.
#[test]
fn who_leaves_the_line_without_the_core_calls_the_next() {
    let (handle, _) = runtime(|_| ());
    let policy = handle.shared.policy.current_thread();
    let core = policy.take_core();
    let next = Arc::new(ThreadParker::default());
    let output = block_on(&handle, async {
        policy.waiting.lock().push(next.clone());
        7
    });
    assert_eq!(output, 7);
    assert_eq!(policy.waiting.lock().len(), 1);
    next.park();
    *policy.core.lock() = core;
}

#[test]
fn nobody_in_the_line_for_the_core_may_block_in_place() {
    let (handle, _) = runtime(|_| ());
    let policy = handle.shared.policy.current_thread();
    let core = policy.take_core();
    let blocks = || block_on(&handle, async { crate::spawn::block_in_place(|| ()) });
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(blocks)).unwrap_err();
    let told = panic.downcast::<&str>().unwrap();
    assert!(told.contains("multi-threaded runtime"), "{told}");
    assert!(policy.waiting.lock().is_empty());
    *policy.core.lock() = core;
}

/// What waits for the innermost of many destructors on this thread is run before the thread sleeps: it may be what ends that
/// sleep. With the core on this thread, and on another.
#[test]
fn what_waits_for_a_destructor_is_run_before_a_sleep() {
    for has_core in [true, false] {
        let (handle, _) = runtime(|_| ());
        let policy = handle.shared.policy.current_thread();
        let core = (!has_core).then(|| policy.take_core()).flatten();
        let _levels: Vec<_> = std::iter::from_fn(nested::enter).collect();
        let place: Arc<Mutex<Option<Waker>>> = Arc::default();
        let waits = place.clone();
        nested::wait(Box::new(move || waits.lock().take().unwrap().wake_by_ref()));
        let mut is_second = false;
        let future = std::future::poll_fn(|cx| match std::mem::replace(&mut is_second, true) {
            true => Poll::Ready(()),
            false => {
                *place.lock() = Some(cx.waker().clone());
                Poll::Pending
            }
        });
        block_on(&handle, future);
        if !has_core {
            *policy.core.lock() = core;
        }
    }
}

/// Each `block_on` that would wait ends as the first one does, though there is no task left to panic.
#[test]
fn after_an_unhandled_panic_no_block_on_waits() {
    let (handle, asked) =
        runtime(|config| config.unhandled_panic = UnhandledPanic::ShutdownRuntime);
    let panics = std::future::poll_fn(|_| -> Poll<()> { panic!("unhandled") });
    drop(handle.spawn(panics));
    for _ in 0..2 {
        let waits = || block_on(&handle, std::future::pending::<()>());
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(waits)).unwrap_err();
        let told = panic.downcast::<&str>().unwrap();
        assert!(told.starts_with("a spawned task panicked"), "{told}");
    }
    assert_eq!(get(&asked.parks), 0);
    assert_eq!(block_on(&handle, async { 7 }), 7);
}

/// A waker held the task's permit when the shutdown began.
#[test]
fn a_task_that_is_queued_during_the_shutdown_is_cancelled() {
    struct Queues(Handle, Arc<Mutex<Option<Runnable>>>);
    impl Drop for Queues {
        fn drop(&mut self) {
            let late = self.1.lock().take();
            let policy = self.0.shared.policy.current_thread();
            policy.injector.push(late.unwrap());
        }
    }
    let (handle, asked) = runtime(|_| ());
    let policy = handle.shared.policy.current_thread();
    let late: Arc<Mutex<Option<Runnable>>> = Arc::default();
    let task = handle.spawn(async {});
    *late.lock() = take_injected(&policy.injector);
    let queues = Queues(handle.clone(), late);
    drop(handle.spawn(async move { drop(queues) }));
    shutdown(&handle);
    assert!(task.is_finished() && handle.shared.owned.is_empty());
    assert_eq!(get(&asked.ends), 1);
}

#[test]
fn who_runs_the_tasks_is_noted() {
    let (handle, _) = runtime(|_| ());
    let metrics = handle.metrics();
    assert_eq!(metrics.worker_thread_id(0), None);
    block_on(&handle, async {});
    assert_eq!(
        metrics.worker_thread_id(0),
        Some(std::thread::current().id())
    );
}

/// A runtime that has tasks left only turns its driver.
#[test]
fn hooks_are_told_of_sleeps_and_of_nothing_else() {
    let count = Arc::new(AtomicUsize::new(0));
    let hook = |by: usize| -> Option<Callback> {
        let count = count.clone();
        Some(Arc::new(move || {
            count.fetch_add(by, Ordering::Relaxed);
        }))
    };
    let (handle, asked) = runtime(|config| {
        config.event_interval = 1;
        config.before_park = hook(1);
        config.after_unpark = hook(100);
    });
    block_on(&handle, async {
        let mut tasks: Vec<_> = (0..3).map(|_| handle.spawn(async {})).collect();
        tasks.pop().unwrap().await.unwrap();
        assert!(tasks.iter().all(|task| task.is_finished()));
        assert_eq!((get(&count), get(&asked.turns)), (0, 3));
        sleep_once(asked.clone()).await;
    });
    assert_eq!((get(&count), get(&asked.parks)), (101, 1));
    assert_eq!(handle.metrics().worker_mean_poll_time(0), Duration::ZERO);
}
