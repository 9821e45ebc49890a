//! Models of the sleep protocol and of the parker.
//!
//! A queue is one atomic word that is stored and loaded, never exchanged: a read-modify-write would
//! read the latest value by itself and so hide a missing fence.

use super::idle::Idle;
use super::parker::Parker;
use super::seat::Seat;
use super::watch::{GracePeriod, Rest};
use crate::base::shim::sync::Arc;
use crate::base::shim::sync::atomic::{AtomicUsize, Ordering};
use crate::driver::{IoDriver, Timers, Unpark};
use ::loom::thread;
use std::time::Duration;

struct World {
    idle: Idle,
    queues: [AtomicUsize; 2],
}

impl World {
    fn new(workers: usize) -> Arc<World> {
        Arc::new(World {
            idle: Idle::new(workers),
            queues: [AtomicUsize::new(0), AtomicUsize::new(0)],
        })
    }

    /// The worker that a push wakes.
    fn push(&self, queue: usize) -> Option<usize> {
        self.queues[queue].store(1, Ordering::Release);
        self.idle.worker_to_notify()
    }

    fn has_work(&self, queue: usize) -> bool {
        self.queues[queue].load(Ordering::Acquire) != 0
    }
}

/// Goes to sleep as a worker does. True if it sleeps.
fn sleeps(world: &World, searching: bool) -> bool {
    world.idle.announce(0, searching);
    !world.has_work(0)
}

#[test]
fn a_push_wakes_or_is_found() {
    ::loom::model(|| {
        let world = World::new(1);
        let sleeper = {
            let world = world.clone();
            thread::spawn(move || sleeps(&world, false))
        };
        let woken = world.push(0);
        assert!(!sleeper.join().unwrap() || woken == Some(0));
    });
}

#[test]
fn a_searcher_that_gives_up_misses_no_push() {
    ::loom::model(|| {
        let world = World::new(1);
        let sleeper = {
            let world = world.clone();
            thread::spawn(move || {
                assert!(world.idle.try_search());
                sleeps(&world, true)
            })
        };
        let woken = world.push(0);
        assert!(!sleeper.join().unwrap() || woken == Some(0));
    });
}

#[test]
fn one_sleeper_is_claimed_once() {
    ::loom::model(|| {
        let world = World::new(1);
        world.idle.announce(0, false);
        let pusher = {
            let world = world.clone();
            thread::spawn(move || world.push(0))
        };
        let woken = [world.push(1), pusher.join().unwrap()];
        assert_eq!(1, woken.iter().flatten().count());
        assert!(world.idle.retract(0));
    });
}

/// A claimer that finds its sleeper gone looks for another.
#[test]
fn two_claims_find_two_sleepers() {
    ::loom::model(|| {
        let world = World::new(2);
        world.idle.announce(0, false);
        world.idle.announce(1, false);
        let other = {
            let world = world.clone();
            thread::spawn(move || world.idle.claim_any())
        };
        let claimed = [world.idle.claim_any(), other.join().unwrap()];
        assert_eq!(2, claimed.iter().flatten().count());
    });
}

#[test]
fn a_retract_and_a_claim_agree() {
    ::loom::model(|| {
        let world = World::new(1);
        world.idle.announce(0, false);
        let pusher = {
            let world = world.clone();
            thread::spawn(move || world.push(0))
        };
        let claimed = world.idle.retract(0);
        assert_eq!(claimed, pusher.join().unwrap().is_some());
    });
}

#[test]
fn the_last_searcher_looks_for_what_it_hid() {
    ::loom::model(|| {
        let world = World::new(3);
        // Worker 0 sleeps; worker 1 searches and has found a task elsewhere.
        world.idle.announce(0, false);
        assert!(world.idle.try_search());
        let pusher = {
            let world = world.clone();
            thread::spawn(move || world.push(0))
        };
        let rescued = world.idle.finish_search() && world.has_work(0);
        let woken = pusher.join().unwrap();
        assert!(
            rescued || woken == Some(0),
            "the push was hidden by the searcher"
        );
    });
}

/// Worker 0 searches, and no second worker may. Worker 1 sees work, may not search, and sleeps. Worker 0 gives up or finds work:
/// in either case a worker is awake for the push.
fn a_refused_worker_sleeps_beside(end_search: fn(&World) -> bool) {
    ::loom::model(move || {
        let world = World::new(2);
        assert!(world.idle.try_search());
        let pusher = {
            let world = world.clone();
            thread::spawn(move || world.push(0))
        };
        let refused = {
            let world = world.clone();
            thread::spawn(move || {
                world.idle.announce(1, false);
                !world.has_work(0) || !world.idle.try_search()
            })
        };
        let looked = end_search(&world);
        let woken = pusher.join().unwrap();
        let sleeps = refused.join().unwrap();
        assert!(
            looked || !sleeps || woken.is_some(),
            "work, and nobody awake for it"
        );
    });
}

#[test]
fn a_worker_that_may_not_search_sleeps_beside_one_that_gives_up() {
    a_refused_worker_sleeps_beside(|world| {
        world.idle.announce(0, true);
        world.has_work(0)
    });
}

#[test]
fn a_worker_that_may_not_search_sleeps_beside_one_that_finds_work() {
    a_refused_worker_sleeps_beside(|world| world.idle.finish_search() && world.has_work(0));
}

/// A claimer counts as a searcher while it claims. If the worker wakes by itself meanwhile, the claim fails, and
/// a push that relied on the count must still find a worker.
#[test]
fn a_claim_that_fails_hides_no_push() {
    ::loom::model(|| {
        let world = World::new(1);
        world.idle.announce(0, false);
        let worker = {
            let world = world.clone();
            thread::spawn(move || {
                if world.idle.retract(0) {
                    world.idle.finish_search();
                }
                sleeps(&world, false)
            })
        };
        let pusher = {
            let world = world.clone();
            thread::spawn(move || world.push(0))
        };
        let claimed = world.idle.claim_any();
        let woken = [claimed, pusher.join().unwrap()];
        let sleeps = worker.join().unwrap();
        // The worker sleeps, and its bit was set: the thread that cleared the bit owes the unpark.
        assert!(!sleeps || woken.iter().flatten().count() > 0);
    });
}

/// Once all have ended, nobody counts as a searcher, however claims and searches were mixed.
#[test]
fn claims_and_searches_balance() {
    ::loom::model(|| {
        let world = World::new(2);
        world.idle.announce(0, false);
        let worker = {
            let world = world.clone();
            thread::spawn(move || {
                if world.idle.retract(0) {
                    world.idle.finish_search();
                }
            })
        };
        let claimer = {
            let world = world.clone();
            thread::spawn(move || world.idle.claim_any())
        };
        if world.idle.try_search() {
            world.idle.finish_search();
        }
        worker.join().unwrap();
        let _ = claimer.join().unwrap();
        assert!(world.idle.try_search(), "someone still counts");
        assert!(world.idle.finish_search());
    });
}

/// A driver that can be parked on.
struct Driver(::loom::sync::Notify);

impl Unpark for Driver {
    fn unpark(&self) {
        self.0.notify();
    }
}

fn unparks_while(park: impl Fn(&Parker, &Driver)) {
    let shared = Arc::new((
        Parker::new(),
        Driver(::loom::sync::Notify::new()),
        AtomicUsize::new(0),
    ));
    let other = {
        let shared = shared.clone();
        thread::spawn(move || {
            shared.2.store(1, Ordering::Relaxed);
            shared.0.unpark(&shared.1);
        })
    };
    // A driver may return early. Relaxed: the token alone has to order the load after the store; a
    // park after the token was taken would never end, which loom reports.
    while shared.2.load(Ordering::Relaxed) == 0 {
        park(&shared.0, &shared.1);
    }
    other.join().unwrap();
}

#[test]
fn an_unpark_ends_a_park() {
    ::loom::model(|| {
        unparks_while(|parker, _| {
            parker.park(None);
        })
    });
}

#[test]
fn a_spurious_wake_up_ends_no_park_and_costs_no_token() {
    ::loom::model(|| {
        let shared = Arc::new((
            Parker::new(),
            Driver(::loom::sync::Notify::new()),
            AtomicUsize::new(0),
        ));
        let unparker = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.2.store(1, Ordering::Relaxed);
                shared.0.unpark(&shared.1);
            })
        };
        let system = {
            let shared = shared.clone();
            thread::spawn(move || shared.0.wake_spuriously())
        };
        shared.0.park(None);
        assert_eq!(1, shared.2.load(Ordering::Relaxed));
        unparker.join().unwrap();
        system.join().unwrap();
    });
}

/// The time runs out as the worker is unparked: this park reports the unpark, or the token is there for the next park.
#[test]
fn a_park_that_times_out_costs_no_token() {
    ::loom::model(|| {
        let shared = Arc::new((
            Parker::new(),
            Driver(::loom::sync::Notify::new()),
            AtomicUsize::new(0),
        ));
        let unparker = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.2.store(1, Ordering::Relaxed);
                shared.0.unpark(&shared.1);
            })
        };
        let clock = {
            let shared = shared.clone();
            thread::spawn(move || shared.0.time_is_up())
        };
        if !shared.0.park(Some(Duration::from_secs(1))) {
            assert!(shared.0.park(None));
        }
        assert_eq!(1, shared.2.load(Ordering::Relaxed));
        // Nor is there a second token.
        clock.join().unwrap();
        unparker.join().unwrap();
        assert!(!shared.0.park(Some(Duration::from_secs(1))));
    });
}

/// Both leave one token, and the park that takes it sees what both threads did.
#[test]
fn two_unparks_before_a_park_are_both_seen() {
    ::loom::model(|| {
        let shared = Arc::new((
            Parker::new(),
            Driver(::loom::sync::Notify::new()),
            [AtomicUsize::new(0), AtomicUsize::new(0)],
        ));
        let unparkers = [0, 1].map(|at| {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.2[at].store(1, Ordering::Relaxed);
                shared.0.unpark(&shared.1);
            })
        });
        while shared
            .2
            .iter()
            .any(|flag| flag.load(Ordering::Relaxed) == 0)
        {
            shared.0.park(None);
        }
        for unparker in unparkers {
            unparker.join().unwrap();
        }
    });
}

#[test]
fn an_unpark_ends_a_park_on_the_driver() {
    ::loom::model(|| {
        unparks_while(|parker, driver| {
            parker.park_driving(|may_block| {
                if may_block {
                    driver.0.wait();
                }
            });
        });
    });
}

/// The watch falls asleep as a worker wakes: the worker calls it, or it sees that not all sleep.
#[test]
fn the_watch_sleeps_only_while_all_workers_do() {
    ::loom::model(|| {
        let shared = Arc::new((Idle::new(1), Rest::new()));
        shared.0.announce(0, false);
        shared.1.tick_is_over();
        shared.1.call(|| None);
        let watch = {
            let shared = shared.clone();
            thread::spawn(move || {
                // The first rest ends by the call above. The second would not end if the worker's call were lost.
                assert!(shared.1.rest(&shared.0, false, Duration::ZERO));
                assert!(shared.1.rest(&shared.0, false, Duration::ZERO));
            })
        };
        shared.0.retract(0);
        if shared.1.needs_call() {
            shared.1.call(|| unreachable!("it was started before"));
        }
        watch.join().unwrap();
    });
}

/// The grace period ends as a worker wakes: at least one of the two starts the watch.
#[test]
fn the_end_of_youth_misses_no_worker() {
    ::loom::model(|| {
        let shared = Arc::new((Idle::new(2), Rest::new(), GracePeriod::new()));
        shared.0.announce(0, false);
        shared.0.announce(1, false);
        let sleeper = {
            let shared = shared.clone();
            thread::spawn(move || shared.2.end(&shared.0))
        };
        shared.0.retract(0);
        let calls = shared.1.needs_call() && shared.2.is_over();
        assert!(sleeper.join().unwrap() || calls);
    });
}

#[test]
fn the_watch_stops_awake_or_asleep() {
    ::loom::model(|| {
        let shared = Arc::new((Idle::new(1), Rest::new()));
        shared.0.announce(0, false);
        shared.1.tick_is_over();
        let watch = {
            let shared = shared.clone();
            thread::spawn(move || while shared.1.rest(&shared.0, false, Duration::ZERO) {})
        };
        shared.1.stop();
        watch.join().unwrap();
    });
}

/// What a driver and timers see of the workers that sleep in turn on one seat.
struct Turns {
    holder: AtomicUsize,
    driver: Driver,
}

impl Timers for std::sync::Arc<Turns> {
    fn before_park(&self, slot: usize, with_driver: bool) -> Option<Duration> {
        if with_driver {
            self.holder.store(slot + 1, Ordering::Relaxed);
        }
        None
    }
    fn after_park(&self, _slot: usize, with_driver: bool) {
        if with_driver {
            self.holder.store(0, Ordering::Relaxed);
        }
    }
    fn fire(&self, _slot: usize, _with_driver: bool) -> usize {
        0
    }
    fn fire_overdue(&self) -> usize {
        0
    }
    fn is_overdue(&self) -> bool {
        false
    }
    fn now(&self) -> u64 {
        0
    }
    fn is_auto_advancing(&self) -> bool {
        false
    }
    fn advance_to_next(&self) -> bool {
        false
    }
    fn inhibit_auto_advance(&self) {}
    fn allow_auto_advance(&self) {}
    fn shutdown(&self) {}
}

struct ModelDriver(std::sync::Arc<Turns>);

impl IoDriver for ModelDriver {
    fn park(&mut self, _timeout: Option<Duration>) {
        self.0.driver.0.wait();
        let holder = self.0.holder.load(Ordering::Relaxed);
        assert_ne!(0, holder, "another worker took the announcement back");
    }
    fn turn(&mut self) {
        thread::yield_now();
        let holder = self.0.holder.load(Ordering::Relaxed);
        assert_ne!(0, holder, "another worker took the announcement back");
    }
    fn shutdown(&mut self) {}
}

fn seat() -> (std::sync::Arc<Turns>, Seat) {
    let turns = std::sync::Arc::new(Turns {
        holder: AtomicUsize::new(0),
        driver: Driver(::loom::sync::Notify::new()),
    });
    let seat = Seat::new();
    seat.give_back(Box::new(ModelDriver(turns.clone())));
    (turns, seat)
}

#[test]
fn the_next_holder_of_the_driver_stays_announced() {
    ::loom::model(|| {
        let (turns, seat) = seat();
        let shared = Arc::new((seat, [Parker::new(), Parker::new()]));
        let other = {
            let (shared, turns) = (shared.clone(), turns.clone());
            thread::spawn(move || {
                // With a token, a sleep on the condition ends at once, and a sleep on the driver is ended by it.
                shared.1[1].unpark(&turns.driver);
                shared.0.sleep(&shared.1[1], Some(&turns), 1, None);
            })
        };
        shared.1[0].unpark(&turns.driver);
        shared.0.sleep(&shared.1[0], Some(&turns), 0, None);
        other.join().unwrap();
    });
}

/// The protocol as a whole: two workers, one driver, one task. The task is run, and both workers end.
#[test]
fn a_task_pushed_to_two_sleepers_is_run() {
    ::loom::model(|| {
        let (turns, seat) = seat();
        let shared = Arc::new((seat, World::new(2), [Parker::new(), Parker::new()]));
        let work =
            |shared: &(Seat, Arc<World>, [Parker; 2]), me: usize, turns: &std::sync::Arc<Turns>| {
                let (seat, world, parkers) = shared;
                loop {
                    // The second queue stands for the shutdown flag.
                    if world.has_work(1) {
                        return;
                    }
                    // Writes only if there is a task: loom may order a plain store before a
                    // concurrent read-modify-write that did not see it.
                    let taken =
                        world.queues[0].compare_exchange(1, 0, Ordering::AcqRel, Ordering::Relaxed);
                    if taken.is_ok() {
                        world.queues[1].store(1, Ordering::Release);
                        parkers[1 - me].unpark(&turns.driver);
                        return;
                    }
                    world.idle.announce(me, false);
                    if !world.has_work(0) && !world.has_work(1) {
                        seat.sleep(&parkers[me], Some(turns), me, None);
                    }
                    if world.idle.retract(me) {
                        world.idle.finish_search();
                    }
                }
            };
        let other = {
            let (shared, turns) = (shared.clone(), turns.clone());
            thread::spawn(move || work(&shared, 1, &turns))
        };
        let pusher = {
            let (shared, turns) = (shared.clone(), turns.clone());
            thread::spawn(move || {
                if let Some(worker) = shared.1.push(0) {
                    shared.2[worker].unpark(&turns.driver);
                }
            })
        };
        work(&shared, 0, &turns);
        other.join().unwrap();
        pusher.join().unwrap();
    });
}
