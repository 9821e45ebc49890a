//! Models of the sleep protocol and of the parker.
//!
//! A queue is one atomic word that is stored and loaded, never exchanged: a read-modify-write would
//! read the latest value by itself and so hide a missing fence.

use super::idle::Idle;
use super::parker::Parker;
use crate::driver::Unpark;
use crate::shim::sync::Arc;
use crate::shim::sync::atomic::{AtomicUsize, Ordering};
use ::loom::thread;

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
    ::loom::model(|| unparks_while(|parker, _| parker.park(None)));
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
