//! Models of the pool: every job is run or cancelled, no more jobs than the cap run at once, and shutdown leaves no thread behind.
//!
//! The keep-alive ends when a thread of the model says so, at any point. `state`'s transitions are covered one by one
//! in `unit`; here they meet each other under the lock, with the errands on their way.

use super::world::World;
use ::loom::thread;

/// A thread whose keep-alive ends just as a job comes: with the cap reached, no other thread will take the job.
#[test]
fn a_job_is_not_left_to_a_thread_that_leaves() {
    ::loom::model(|| {
        let world = World::new(1);
        assert!(world.spawn());
        let clock = world.beside(|world| world.pool().keep_alive_is_over());
        assert!(world.spawn());
        // Nobody shuts down: both are run.
        world.wait_for(2);
        clock.join().unwrap();
        world.shut_down();
    });
}

#[test]
fn shutdown_settles_every_job_and_joins_every_thread() {
    ::loom::model(|| {
        let world = World::new(1);
        assert!(world.spawn());
        let spawner = world.beside(|world| usize::from(world.spawn()));
        world.shut_down();
        let taken = 1 + spawner.join().unwrap();
        assert_eq!(taken, world.settled());
    });
}

#[test]
fn shutdown_races_the_end_of_a_keep_alive() {
    ::loom::model(|| {
        let world = World::new(2);
        assert!(world.spawn());
        let clock = world.beside(|world| world.pool().keep_alive_is_over());
        world.shut_down();
        assert_eq!(1, world.settled());
        clock.join().unwrap();
    });
}

/// The job of a thread that is on its way, newly made or woken, runs in spite of the shutdown.
#[test]
fn shutdown_lets_a_thread_on_its_way_have_its_job() {
    ::loom::model(|| {
        let world = World::new(1);
        assert!(world.spawn());
        world.shut_down();
        assert_eq!((1, 1), (world.run(), world.settled()));
    });
    ::loom::model(|| {
        let world = World::new(1);
        assert!(world.spawn());
        world.wait_for(1);
        while world.pool().num_idle_threads() == 0 {
            thread::yield_now();
        }
        assert!(world.spawn());
        world.shut_down();
        assert_eq!((2, 2), (world.run(), world.settled()));
    });
}

#[test]
fn shutdown_runs_a_mandatory_job_and_cancels_the_one_before_it() {
    ::loom::model(|| {
        let world = World::new(1);
        assert!(world.spawn());
        assert!(world.spawn());
        assert!(world.spawn_job(true));
        world.shut_down();
        assert_eq!(3, world.settled());
        assert!(world.run() >= 2);
    });
}

#[test]
fn two_jobs_and_an_idle_thread() {
    ::loom::model(|| {
        let world = World::new(2);
        assert!(world.spawn());
        world.wait_for(1);
        // The thread is idle, or on its way: one errand must not count for two.
        let other = world.beside(|world| assert!(world.spawn()));
        assert!(world.spawn());
        other.join().unwrap();
        world.wait_for(3);
        world.shut_down();
    });
}

/// A thread that ran a worker takes closures, but no more at once than the cap.
#[test]
fn a_thread_that_ran_a_worker_keeps_to_the_cap() {
    ::loom::model(|| {
        let world = World::new(1);
        world.spawn_worker().unwrap();
        assert!(world.spawn());
        assert!(world.spawn());
        world.wait_for(2);
        world.shut_down();
        assert_eq!(1, world.workers());
    });
}

/// A worker that is handed off during the shutdown still gets a thread, and the shutdown waits for it.
#[test]
fn shutdown_runs_a_worker_that_is_handed_off_meanwhile() {
    ::loom::model(|| {
        let world = World::new(1);
        assert!(world.spawn());
        let beside = world.beside(|world| world.spawn_worker().unwrap());
        world.pool().begin_shutdown();
        beside.join().unwrap();
        assert!(world.pool().join(None));
        assert_eq!(1, world.workers());
        assert_eq!(1, world.settled());
    });
}

/// The system refuses a thread while another job relies on it, and while a thread may be idle: neither job is left
/// behind, and the second attempt works.
#[test]
fn a_refused_thread_leaves_no_job_behind() {
    ::loom::model(|| {
        let world = World::new(1);
        let other = world.beside(|world| usize::from(world.spawn()));
        let taken = usize::from(world.spawn_without_thread());
        let taken = taken + other.join().unwrap();
        // The second attempt.
        assert!(world.spawn());
        // Nobody shuts down: what was taken is run, or was cancelled because it relied on the refused thread.
        while world.settled() < taken + 1 {
            thread::yield_now();
        }
        world.shut_down();
        assert_eq!(taken + 1, world.settled());
    });
}

/// Here a thread that has run a worker goes idle beside the refused one, because the thread that never comes holds the slot.
#[test]
fn a_refused_thread_is_replaced_by_one_that_went_idle() {
    ::loom::model(|| {
        let world = World::new(1);
        world.spawn_worker().unwrap();
        let taken = usize::from(world.spawn_without_thread());
        while world.settled() < taken {
            thread::yield_now();
        }
        assert!(world.spawn());
        world.wait_for(taken + 1);
        world.shut_down();
    });
}

/// A thread is made, or refused, for a closure or a worker, while the shutdown waits already: the wait must end.
fn shutdown_races(spawn: fn(&World) -> usize) {
    ::loom::model(move || {
        let world = World::new(1);
        let ends = world.beside(|world| world.shut_down());
        let taken = spawn(&world);
        ends.join().unwrap();
        assert_eq!(taken, world.settled() + world.workers());
    });
}

#[test]
fn shutdown_races_a_new_thread() {
    shutdown_races(|world| usize::from(world.spawn()));
}

#[test]
fn shutdown_races_a_refused_thread() {
    shutdown_races(|world| usize::from(world.spawn_without_thread()));
}

#[test]
fn shutdown_races_a_refused_thread_of_a_worker() {
    shutdown_races(|world| {
        let refused = world.spawn_worker_without_thread();
        usize::from(refused.is_ok())
    });
}
