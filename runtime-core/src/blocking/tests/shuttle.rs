//! The blocking pool by itself, under shuttle: more threads and jobs than loom can try.

use super::world::World;
use crate::base::shim::explore::{below, explore, one_in};

/// Submits some jobs; returns how many jobs and how many workers were taken.
fn submit(world: &World) -> (usize, usize) {
    let (mut jobs, mut workers) = (0, 0);
    for _ in 0..1 + below(6) {
        match below(6) {
            0 => jobs += usize::from(world.spawn_without_thread()),
            1 => jobs += usize::from(world.spawn_job(true)),
            2 => {
                world.spawn_worker().expect("a model has threads");
                workers += 1;
            }
            _ => jobs += usize::from(world.spawn()),
        }
    }
    (jobs, workers)
}

fn scenario(ends_early: bool) {
    let world = World::new(1 + below(3));
    let mut threads: Vec<_> = (0..1 + below(3))
        .map(|_| world.beside(|world| submit(&world)))
        .collect();
    if one_in(2) {
        threads.push(world.beside(|world| {
            world.pool().keep_alive_is_over();
            (0, 0)
        }));
    }
    let mut taken = submit(&world);
    if ends_early {
        world.pool().begin_shutdown();
        if one_in(2) {
            // Threads may be on their way still.
            assert!(world.pool().join(None));
        }
    }
    for thread in threads {
        let (jobs, workers) = thread.join().unwrap();
        taken = (taken.0 + jobs, taken.1 + workers);
    }
    if !ends_early {
        // Nobody shuts down: the threads run all jobs by themselves.
        while world.settled() < taken.0 {
            crate::base::shim::thread::yield_now();
        }
    }
    world.shut_down();
    assert_eq!(taken, (world.settled(), world.workers()));
}

#[test]
fn every_job_is_run_by_itself() {
    explore(|| scenario(false));
}

#[test]
fn a_shutdown_at_a_random_moment_settles_every_job() {
    explore(|| scenario(true));
}
