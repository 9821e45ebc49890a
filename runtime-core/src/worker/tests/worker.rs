//! A worker's steps, one by one on this thread: where the next task comes from, and what the driver is asked for.

use super::Step;
use crate::base::shim::sync::Mutex;
use crate::driver::{Drivers, IoDriver, IoParts, Unpark};
use crate::handle::context::{
    QUEUE_CAPACITY, ThreadContext, WorkerContext, set_context, with_context,
};
use crate::handle::current::set_current;
use crate::handle::shared::Shared;
use crate::handle::{Handle, Policy};
use crate::scheduler::config::Config;
use crate::scheduler::multi_thread::{INJECTOR_INTERVALS, MultiThread};
use crate::scheduler::steal::take_injected;
use crate::task::Runnable;
use crate::worker::rescue;
use crate::worker::start::{launch, new_core};
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

#[derive(Default)]
struct Asked {
    parks: AtomicUsize,
    turns: AtomicUsize,
    hooks: AtomicUsize,
    ends: AtomicUsize,
}

struct Driver(Arc<Asked>);

impl IoDriver for Driver {
    fn park(&mut self, timeout: Option<Duration>) {
        self.0.parks.fetch_add(1, Ordering::Relaxed);
        // The time-out is the rest of the watch's grace period; after that there is none.
        std::thread::sleep(timeout.unwrap_or_default());
    }
    fn turn(&mut self) {
        self.0.turns.fetch_add(1, Ordering::Relaxed);
    }
    fn shutdown(&mut self) {
        self.0.ends.fetch_add(1, Ordering::Relaxed);
    }
}

impl Unpark for Asked {
    fn unpark(&self) {}
}

/// A runtime whose workers have no threads, and the names of the tasks that have run.
struct Scene {
    handle: Handle,
    asked: Arc<Asked>,
    ran: Arc<Mutex<String>>,
}

fn scene(workers: usize, configure: impl FnOnce(&mut Config)) -> (Scene, Vec<ThreadContext>) {
    let asked = Arc::new(Asked::default());
    let mut config = Config::new(Some(workers), "test");
    configure(&mut config);
    let drivers = Drivers {
        io: Some(IoParts {
            counters: Arc::default(),
            driver: Box::new(Driver(asked.clone())),
            unpark: asked.clone(),
            handle: None,
        }),
        time: None,
    };
    let (policy, queues) = MultiThread::new(&config, workers);
    let (shared, driver) = Shared::new(config, drivers, Policy::MultiThread(policy));
    let handle = Handle {
        shared: Arc::new(shared),
    };
    handle.shared.policy.multi_thread().seat.give_back(driver);
    let cores = queues.into_iter().enumerate();
    let contexts = cores.map(|(index, queue)| {
        ThreadContext::Worker(WorkerContext {
            handle: handle.clone(),
            index,
            core: RefCell::new(Some(new_core(&handle, index, queue))),
        })
    });
    let contexts = contexts.collect();
    let ran = Arc::default();
    (Scene { handle, asked, ran }, contexts)
}

/// Makes this thread the worker for a moment.
fn as_worker<R>(cx: &ThreadContext, f: impl FnOnce(&WorkerContext) -> R) -> R {
    let ThreadContext::Worker(worker) = cx else {
        unreachable!("made by `scene`")
    };
    let _current = set_current(worker.handle.clone());
    let _context = set_context(cx);
    f(worker)
}

impl Scene {
    fn policy(&self) -> &MultiThread {
        self.handle.shared.policy.multi_thread()
    }

    fn note(&self, name: char) {
        self.ran.lock().push(name);
    }

    /// A task that notes its name, and then spawns.
    fn spawn(self: &Arc<Self>, name: char, then: impl FnOnce(&Arc<Scene>) + Send + 'static) {
        let scene = self.clone();
        drop(self.handle.spawn(async move {
            scene.note(name);
            then(&scene);
        }));
    }

    fn spawn_all(self: &Arc<Self>, names: &str) {
        names.chars().for_each(|name| self.spawn(name, |_| ()));
    }

    fn has_run(&self) -> String {
        std::mem::take(&mut *self.ran.lock())
    }
}

/// Steps until the worker parks.
fn steps(cx: &ThreadContext) -> usize {
    as_worker(cx, |worker| {
        let mut count = 0;
        while worker.step() == Step::Ran {
            count += 1;
            assert!(count < 1_000, "it never parks");
        }
        count
    })
}

fn chain(scene: &Arc<Scene>, from: char, to: char) {
    scene.spawn(from, move |scene| {
        if from < to {
            chain(scene, (from as u8 + 1) as char, to);
        }
    });
}

#[test]
fn the_slot_goes_first_but_three_times_in_a_row_only() {
    for (is_disabled, expected) in [(false, "M123Q456Q789"), (true, "MQQ123456789")] {
        let (scene, contexts) = scene(1, |config| config.disable_lifo_slot = is_disabled);
        let scene = Arc::new(scene);
        scene.spawn('M', |scene| {
            scene.spawn_all("QQ");
            chain(scene, '1', '9');
        });
        assert_eq!(steps(&contexts[0]), 12);
        assert_eq!(scene.has_run(), expected);
    }
}

/// A thread that waits for a poll's result may shut the runtime down before the tasks that the poll has spawned were polled.
#[test]
fn what_the_last_poll_left_in_the_slot_is_polled_before_a_shutdown_is_seen() {
    for (last, expected) in [('2', "M12"), ('9', "M123")] {
        let (scene, contexts) = scene(1, |_| ());
        let scene = Arc::new(scene);
        scene.spawn('M', move |scene| {
            scene.spawn_all("Q");
            chain(scene, '1', last);
            scene.policy().shut_down(&*scene.handle.shared.unpark);
        });
        let step = || as_worker(&contexts[0], WorkerContext::step);
        while step() != Step::Shutdown {}
        assert_eq!(scene.has_run(), expected);
    }
}

/// As a task that is spawned does.
#[test]
fn a_task_that_is_woken_goes_into_the_slot() {
    let (scene, contexts) = scene(1, |_| ());
    let scene = Arc::new(scene);
    let waker = Arc::new(Mutex::new(None));
    let (inner, place) = (scene.clone(), waker.clone());
    drop(scene.handle.spawn(std::future::poll_fn(move |cx| {
        inner.note('w');
        match place.lock().replace(cx.waker().clone()) {
            None => Poll::Pending,
            Some(_) => Poll::Ready(()),
        }
    })));
    assert_eq!((steps(&contexts[0]), scene.has_run().as_str()), (1, "w"));
    scene.spawn('M', move |scene| {
        scene.spawn_all("ab");
        let waker = waker.lock().clone();
        waker.unwrap().wake();
    });
    steps(&contexts[0]);
    assert_eq!(scene.has_run(), "Mwab");
}

#[test]
fn a_lone_task_in_the_slot_wakes_no_sibling_and_a_second_one_does() {
    let (scene, contexts) = scene(2, |_| ());
    let scene = Arc::new(scene);
    let is_asleep = |scene: &Scene| scene.policy().idle.is_asleep(1);
    scene.policy().idle.announce(1, false);
    as_worker(&contexts[0], |worker| {
        // The watch, which wakes siblings too, is not called.
        worker.with_core(|core| core.attended = true);
        scene.spawn_all("a");
        assert!(is_asleep(&scene));
        scene.spawn_all("b");
        assert!(!is_asleep(&scene));
        // The sibling was woken once, and is not woken again by a worker that goes on with its own tasks.
        assert!(scene.policy().idle.retract(1));
        scene.policy().idle.count_once();
        scene.policy().idle.announce(1, false);
        assert_eq!(worker.step(), Step::Ran);
        assert!(is_asleep(&scene) && scene.policy().has_work());
    });
}

/// The push has woken this worker. If other tasks come with the first, they need another worker.
#[test]
fn a_lone_task_from_outside_is_taken_without_a_call_and_one_of_several_with_one() {
    for (tasks, is_woken) in [("a", false), ("abcd", true)] {
        let (scene, contexts) = scene(2, |_| ());
        let scene = Arc::new(scene);
        scene.spawn_all(tasks);
        let idle = &scene.policy().idle;
        idle.announce(1, false);
        as_worker(&contexts[0], |worker| {
            worker.with_core(|core| core.attended = true);
            assert_eq!(worker.step(), Step::Ran);
        });
        assert_eq!(idle.is_asleep(1), !is_woken, "{tasks}");
    }
}

#[test]
fn a_task_that_wakes_itself_goes_behind_the_others() {
    let (scene, contexts) = scene(1, |_| ());
    let scene = Arc::new(scene);
    scene.spawn('M', |scene| {
        let inner = scene.clone();
        let mut again = true;
        drop(scene.handle.spawn(std::future::poll_fn(move |cx| {
            inner.note('a');
            match std::mem::take(&mut again) {
                true => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                false => Poll::Ready(()),
            }
        })));
        scene.spawn_all("CD");
    });
    steps(&contexts[0]);
    assert_eq!(scene.has_run(), "MDaCa");
}

#[test]
fn the_injector_has_its_turn_every_so_many_steps() {
    for (interval, expected) in [
        (1, "MXYabcd"),
        (2, "MXaYbcd"),
        (3, "MaXbcYd"),
        (50, "MabcdXY"),
    ] {
        let (scene, contexts) = scene(1, |config| {
            config.global_queue_interval = Some(interval);
            config.disable_lifo_slot = true;
        });
        let scene = Arc::new(scene);
        scene.spawn('M', |scene| {
            scene.spawn_all("abcd");
            // From a thread outside of the runtime.
            let outside = scene.clone();
            std::thread::spawn(move || outside.spawn_all("XY"))
                .join()
                .unwrap();
        });
        steps(&contexts[0]);
        assert_eq!(scene.has_run(), expected, "{interval}");
    }
}

#[test]
fn slow_polls_have_the_injector_looked_at_more_often() {
    let (scene, contexts) = scene(1, |_| ());
    let (fixed, other) = self::scene(1, |config| config.global_queue_interval = Some(7));
    let (least, most) = INJECTOR_INTERVALS;
    let counters = &scene.policy().remotes[0].counters;
    for (nanos, interval) in [
        (0, most),
        (1, most),
        (200_000 / 62, most),
        (10_000, 20),
        (50_000, 4),
        (100_000, 2),
        (1_000_000, least),
    ] {
        counters.mean_poll_nanos.set(nanos);
        for (scene, cx, expected) in [(&scene, &contexts[0], interval), (&fixed, &other[0], 7)] {
            as_worker(cx, |worker| {
                worker.with_core(|core| core.tune(&scene.handle.shared.config, counters));
                let tuned = worker.with_core(|core| core.injector_interval);
                assert_eq!(tuned, Some(expected), "{nanos}");
            });
        }
    }
}

#[test]
fn a_busy_worker_turns_the_driver_every_so_many_steps_and_parks_on_it_when_idle() {
    let hooks = |asked: &Arc<Asked>, by: usize| -> crate::runtime::config::Callback {
        let asked = asked.clone();
        Arc::new(move || {
            asked.hooks.fetch_add(by, Ordering::Relaxed);
        })
    };
    let counts = Arc::new(Asked::default());
    let (scene, contexts) = scene(1, |config| {
        config.event_interval = 6;
        config.before_park = Some(hooks(&counts, 1));
        config.after_unpark = Some(hooks(&counts, 100));
    });
    let scene = Arc::new(scene);
    scene.spawn('M', |scene| scene.spawn_all("abcdefghijklmnopqrs"));
    assert_eq!(steps(&contexts[0]), 20);
    let asked = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    assert_eq!(asked(&scene.asked.turns), 3);
    // It parks twice if the watch's grace period ended meanwhile.
    let parks = asked(&scene.asked.parks);
    assert!((1..=2).contains(&parks), "{parks}");
    assert_eq!(asked(&counts.hooks), 101);
    assert_eq!(steps(&contexts[0]), 0);
    assert_eq!(
        (asked(&scene.asked.turns), asked(&scene.asked.parks)),
        (3, parks + 1)
    );
    assert_eq!(asked(&counts.hooks), 202);
}

#[test]
fn what_a_hook_spawns_before_the_park_is_run_instead() {
    let place: Arc<Mutex<Option<Arc<Scene>>>> = Arc::default();
    let (scene, contexts) = scene(1, |config| {
        let place = place.clone();
        config.before_park = Some(Arc::new(move || {
            let scene = place.lock().take();
            if let Some(scene) = scene {
                scene.spawn_all("h");
            }
        }));
    });
    let scene = Arc::new(scene);
    *place.lock() = Some(scene.clone());
    assert_eq!(steps(&contexts[0]), 0);
    assert_eq!(scene.asked.parks.load(Ordering::Relaxed), 0);
    assert_eq!(steps(&contexts[0]), 1);
    assert_eq!(scene.has_run(), "h");
    assert!(scene.asked.parks.load(Ordering::Relaxed) > 0);
}

#[test]
fn half_of_a_siblings_queue_is_taken_and_the_oldest_is_run() {
    let (scene, contexts) = scene(3, |config| config.disable_lifo_slot = true);
    let scene = Arc::new(scene);
    let of = |worker: usize| {
        let counters = &scene.policy().remotes[worker].counters;
        (counters.steal_operations.get(), counters.steals.get())
    };
    scene.spawn('M', |scene| scene.spawn_all("abcdefghij"));
    assert_eq!(as_worker(&contexts[1], WorkerContext::step), Step::Ran);
    assert_eq!(scene.policy().queue_len(1), 10);
    assert_eq!(as_worker(&contexts[2], WorkerContext::step), Step::Ran);
    assert_eq!(scene.has_run(), "Ma");
    assert_eq!(
        (scene.policy().queue_len(1), scene.policy().queue_len(2)),
        (5, 4)
    );
    assert_eq!((of(1), of(2), of(0)), ((0, 0), (1, 5), (0, 0)));
    // The worker that has not run yet takes the rest from both.
    assert_eq!(steps(&contexts[0]), 9);
    assert_eq!(of(0).1, 9);
    let mut rest: Vec<char> = scene.has_run().chars().collect();
    rest.sort_unstable();
    assert!(rest.into_iter().eq("bcdefghij".chars()));
}

#[test]
fn half_of_a_queue_is_taken_however_long_it_is() {
    let (scene, contexts) = scene(2, |config| config.disable_lifo_slot = true);
    let scene = Arc::new(scene);
    as_worker(&contexts[1], |_| {
        (0..QUEUE_CAPACITY).for_each(|_| scene.spawn_all("a"));
    });
    assert_eq!(scene.policy().queue_len(1), QUEUE_CAPACITY);
    assert_eq!(as_worker(&contexts[0], WorkerContext::step), Step::Ran);
    assert_eq!(scene.policy().queue_len(1), QUEUE_CAPACITY / 2);
    assert_eq!(steps(&contexts[0]), QUEUE_CAPACITY - 1);
}

/// A task that is taken from one source is not lost when the other source has tasks too.
#[test]
fn a_search_finds_what_siblings_have_and_what_is_in_the_injector() {
    for (siblings, injected) in [("abcd", "XY"), ("", "X"), ("ab", "")] {
        let (scene, contexts) = scene(3, |config| config.disable_lifo_slot = true);
        let scene = Arc::new(scene);
        as_worker(&contexts[1], |_| scene.spawn_all(siblings));
        scene.spawn_all(injected);
        let found = as_worker(&contexts[0], |worker| worker.search());
        found.expect("there are tasks").run();
        steps(&contexts[0]);
        let mut ran: Vec<char> = scene.has_run().chars().collect();
        ran.sort_unstable();
        assert!(ran.into_iter().eq(injected.chars().chain(siblings.chars())));
    }
}

#[test]
fn a_share_of_the_injector_is_taken_at_a_time() {
    let (scene, contexts) = scene(3, |_| ());
    let scene = Arc::new(scene);
    scene.spawn_all("abcdefghijkl");
    assert_eq!(as_worker(&contexts[0], WorkerContext::step), Step::Ran);
    // A third of the tasks and one more were taken, of which one was run.
    assert_eq!(
        (scene.policy().queue_len(0), scene.policy().injector_len()),
        (4, 7)
    );
    assert_eq!(steps(&contexts[0]), 11);
    assert_eq!(scene.has_run(), "abcdefghijkl");
    const { assert!(QUEUE_CAPACITY / 2 > 12) };
}

#[test]
fn a_worker_without_its_core_has_no_index_and_queues_nothing() {
    let (scene, contexts) = scene(1, |_| ());
    let scene = Arc::new(scene);
    as_worker(&contexts[0], |worker| {
        assert_eq!(worker.worker_index(), Some(0));
        let core = worker.core.borrow_mut().take();
        assert_eq!(worker.worker_index(), None);
        assert_eq!(worker.step(), Step::CoreGone);
        scene.spawn_all("a");
        assert_eq!(scene.policy().injector_len(), 1);
        *worker.core.borrow_mut() = core;
        scene.spawn_all("b");
        assert_eq!(scene.policy().injector_len(), 1);
    });
    assert_eq!(steps(&contexts[0]), 2);
    assert_eq!(scene.has_run(), "ba");
    scene.policy().shut_down(&*scene.handle.shared.unpark);
    assert_eq!(as_worker(&contexts[0], WorkerContext::step), Step::Shutdown);
}

/// Puts a permit somewhere when it is dropped.
struct Queues(Arc<Mutex<Option<Runnable>>>, fn(&WorkerContext, Runnable));

impl Drop for Queues {
    fn drop(&mut self) {
        let late = self.0.lock().take().unwrap();
        with_context(|cx| match cx {
            Some(ThreadContext::Worker(worker)) => self.1(worker, late),
            _ => unreachable!("a worker cancels it"),
        });
    }
}

/// A waker held the task's permit when the shutdown began. The driver ends after the last of the tasks.
#[test]
fn a_task_that_is_queued_during_the_shutdown_is_cancelled() {
    struct Late(Arc<Scene>);
    impl Drop for Late {
        fn drop(&mut self) {
            assert_eq!(self.0.asked.ends.load(Ordering::Relaxed), 0);
            self.0.note('l');
        }
    }
    let places: [fn(&WorkerContext, Runnable); 3] = [
        |worker, task| worker.policy().injector.push(task),
        |worker, task| assert!(worker.policy().remotes[0].replace_lifo(task).is_none()),
        |worker, task| worker.with_core(|core| core.queue.push(task)).unwrap(),
    ];
    for place in places {
        let (scene, contexts) = scene(1, |_| ());
        let scene = Arc::new(scene);
        let late = Late(scene.clone());
        drop(scene.handle.spawn(async move { drop(late) }));
        let permit = Arc::new(Mutex::new(take_injected(&scene.policy().injector)));
        let queues = Queues(permit, place);
        drop(scene.handle.spawn(async move { drop(queues) }));
        as_worker(&contexts[0], WorkerContext::stop);
        assert_eq!(scene.has_run(), "l");
        assert!(scene.handle.shared.owned.is_empty());
        assert_eq!(scene.asked.ends.load(Ordering::Relaxed), 1);
    }
}

/// Tasks in the injector, and in queue and slot of a worker that ends first and of one that ends later.
#[test]
fn the_first_worker_that_ends_cancels_all_tasks_in_the_order_of_their_age() {
    struct Named(Arc<Scene>, char);
    impl Drop for Named {
        fn drop(&mut self) {
            let task = self.0.handle.spawn(async {});
            assert!(task.is_finished(), "nothing is taken in any more");
            self.0.note(self.1);
        }
    }
    let (scene, contexts) = scene(2, |_| ());
    let scene = Arc::new(scene);
    let spawn = |name: char| {
        let named = Named(scene.clone(), name);
        drop(scene.handle.spawn(async move { drop(named) }));
    };
    spawn('a');
    as_worker(&contexts[1], |_| "bcd".chars().for_each(spawn));
    spawn('e');
    as_worker(&contexts[0], |_| "fg".chars().for_each(spawn));
    spawn('h');
    scene.policy().shut_down(&*scene.handle.shared.unpark);
    as_worker(&contexts[0], WorkerContext::stop);
    assert_eq!(scene.has_run(), "abcdefgh");
    assert_eq!(scene.asked.ends.load(Ordering::Relaxed), 0);
    as_worker(&contexts[1], WorkerContext::stop);
    assert_eq!(scene.asked.ends.load(Ordering::Relaxed), 1);
}

/// A worker waits for the destructor that another one runs, but no longer than 10 ms; then it goes on with the next.
#[test]
fn destructors_run_one_after_another_though_several_workers_end() {
    use std::sync::mpsc::{Sender, channel};
    use std::time::Instant;

    /// Its drop goes on until `Younger` is dropped.
    struct Older(Sender<()>, Arc<Mutex<Option<Instant>>>);
    impl Drop for Older {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
            while self.1.lock().is_none() {
                std::thread::yield_now();
            }
        }
    }
    struct Younger(Arc<Mutex<Option<Instant>>>);
    impl Drop for Younger {
        fn drop(&mut self) {
            *self.0.lock() = Some(Instant::now());
        }
    }
    let (scene, mut contexts) = scene(2, |_| ());
    let (tell, told) = channel();
    let ended: Arc<Mutex<Option<Instant>>> = Arc::default();
    let older = Older(tell, ended.clone());
    drop(scene.handle.spawn(async move { drop(older) }));
    let younger = Younger(ended.clone());
    drop(scene.handle.spawn(async move { drop(younger) }));
    scene.policy().shut_down(&*scene.handle.shared.unpark);
    let second = contexts.pop().unwrap();
    let first = contexts.pop().unwrap();
    let first = std::thread::spawn(move || as_worker(&first, WorkerContext::stop));
    told.recv().unwrap();
    let start = Instant::now();
    as_worker(&second, WorkerContext::stop);
    first.join().unwrap();
    let ended = ended.lock().unwrap();
    assert!(ended - start >= Duration::from_millis(10));
}

#[test]
fn many_tasks_end_without_a_pause_between_them() {
    let (scene, contexts) = scene(1, |_| ());
    (0..10_000).for_each(|_| drop(scene.handle.spawn(async {})));
    as_worker(&contexts[0], WorkerContext::stop);
    assert!(scene.handle.shared.owned.is_empty());
}

/// The stop counts as a last sleep, and ends the search.
#[test]
fn a_worker_that_stops_settles_its_accounts() {
    let (scene, contexts) = scene(2, |_| ());
    let scene = Arc::new(scene);
    let counters = &scene.policy().remotes[0].counters;
    let parks = (counters.parks.get(), counters.unparks.get());
    std::thread::sleep(Duration::from_millis(1));
    as_worker(&contexts[0], |worker| {
        assert!(scene.policy().idle.try_search());
        worker.with_core(|core| core.searching = true);
        worker.stop();
    });
    assert_eq!(
        (counters.parks.get(), counters.unparks.get()),
        (parks.0 + 1, parks.1 + 2)
    );
    assert!(counters.busy_nanos.get() >= 1_000_000);
    // Two workers: one may search.
    assert!(scene.policy().idle.try_search());
}

/// The last worker to stop, of those that have a thread, needs the cores of all others.
#[test]
fn cores_that_find_no_thread_count_as_stopped() {
    let mut config = Config::new(Some(3), "test");
    // Larger than the address space.
    config.thread_stack_size = Some(usize::MAX / 4 * 3);
    let (policy, queues) = MultiThread::new(&config, 3);
    let (shared, driver) = Shared::new(config, Drivers::default(), Policy::MultiThread(policy));
    let handle = Handle {
        shared: Arc::new(shared),
    };
    assert!(launch(&handle, queues, driver).is_err());
    let mut stopped: Vec<usize> = {
        let cores = handle.shared.policy.multi_thread().cores.lock();
        cores.iter().map(|core| core.index).collect()
    };
    stopped.sort_unstable();
    assert_eq!(stopped, [0, 1, 2]);
}

#[test]
fn a_delivery_wakes_one_sleeper_at_its_end_if_others_may_take_something() {
    let (scene, contexts) = scene(4, |_| ());
    let scene = Arc::new(scene);
    let idle = &scene.policy().idle;
    (1..4).for_each(|worker| idle.announce(worker, false));
    let sleepers = || (1..4).filter(|worker| idle.is_asleep(*worker)).count();
    as_worker(&contexts[0], |worker| {
        worker.begin_delivery();
        scene.spawn('1', |_| ());
        worker.end_delivery();
        assert_eq!(sleepers(), 3, "a lone task wakes nobody");
        worker.begin_delivery();
        scene.spawn_all("2345");
        assert_eq!(sleepers(), 3);
        worker.end_delivery();
        assert_eq!(sleepers(), 2);
        // As if the woken worker had found nothing. A delivery that was notified of is not notified of again.
        idle.finish_search();
        worker.end_delivery();
        assert_eq!(sleepers(), 2);
        // Outside of a delivery each push notifies.
        scene.spawn('6', |_| ());
        assert_eq!(sleepers(), 1);
    });
    steps(&contexts[0]);
    assert_eq!(scene.has_run().len(), 6);
}

#[test]
fn a_look_tells_whether_workers_moved_and_whether_one_was_helped() {
    let (scene, contexts) = scene(2, |_| ());
    let (idle, mut seen) = (&scene.policy().idle, Vec::new());
    let mut look = || {
        let look = rescue::look(&scene.handle, &mut seen);
        (
            look.any_awake,
            look.any_moved,
            look.any_stuck,
            look.any_rescued,
        )
    };
    (0..2).for_each(|worker| idle.announce(worker, false));
    assert_eq!(look(), (false, true, false, false));
    assert_eq!(look(), (false, false, false, false));
    idle.retract(0);
    // It may have slept at the look before.
    assert_eq!(look(), (true, false, false, false));
    as_worker(&contexts[0], |worker| {
        worker.with_core(|core| worker.next_tick(core))
    });
    assert_eq!(look(), (true, true, false, false));
    // Nobody holds the driver: the sleeper is woken for it, and nobody sleeps after that.
    assert_eq!(look(), (true, false, true, true));
    assert!(!idle.is_asleep(1));
    idle.retract(1);
    assert_eq!(look(), (true, false, true, false));
}
