//! The multi-thread scheduler: two to four workers.

use super::program::Plan;
use super::world::{Gate, World};
use super::{Rest, end, let_the_watch_tick, start};
use crate::base::shim::explore::{below, explore, one_in};
use crate::base::shim::thread::{self, JoinHandle};
use crate::runtime::{Core, Handle};
use crate::{spawn, task};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

fn outsiders(core: &Core, plan: &Plan) -> Vec<JoinHandle<()>> {
    let outsider = |_| {
        let (handle, plan) = (core.handle().clone(), plan.clone());
        thread::spawn(move || plan.use_from_outside(&handle, |task| handle.block_on(task)))
    };
    (0..1 + below(3)).map(outsider).collect()
}

fn scenario(aborts: bool, ends_early: bool) {
    let core = start(Some(2 + below(3)));
    let rest = Rest::of(&core);
    let plan = Plan {
        world: World::default(),
        has_workers: true,
        aborts,
        ends_early,
    };
    let threads = outsiders(&core, &plan);
    if !ends_early {
        core.block_on(plan.world.all_ended());
    }
    for _ in 0..below(100) {
        thread::yield_now();
    }
    let threads = match ends_early {
        true => threads,
        false => {
            threads
                .into_iter()
                .for_each(|thread| thread.join().unwrap());
            core.block_on(plan.world.all_ended());
            Vec::new()
        }
    };
    end(core);
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    if !plan.may_be_cancelled() {
        plan.world.assert_none_cancelled();
    }
    rest.assert_nothing_left(&plan.world);
}

/// Nobody aborts and nobody shuts down: every task comes to its own end.
#[test]
fn every_task_is_run_to_its_end() {
    explore(|| scenario(false, false));
}

#[test]
fn every_task_is_run_or_aborted() {
    explore(|| scenario(true, false));
}

/// The runtime ends at a random moment, while tasks and other threads go on.
#[test]
fn a_shutdown_at_a_random_moment_settles_every_task() {
    explore(|| scenario(true, true));
}

/// Blocks its worker until another task has run, unless it would block the last worker that is free.
async fn blocker(world: World, free: Arc<AtomicUsize>, with_watch: bool) {
    for _ in 0..below(3) {
        task::yield_now().await;
    }
    if free
        .fetch_update(Relaxed, Relaxed, |free| free.checked_sub(1))
        .is_err()
    {
        return;
    }
    let gate = Gate::default();
    let waits = gate.clone();
    drop(spawn::spawn(world.track(async move { gate.open() })));
    if !with_watch || one_in(2) {
        // Pushes the first task out of the slot, from which only the watch would take it.
        drop(spawn::spawn(world.track(async {})));
    }
    waits.wait();
    free.fetch_add(1, Relaxed);
}

fn spawn_blockers(handle: &Handle, world: &World, free: &Arc<AtomicUsize>, with_watch: bool) {
    for _ in 0..1 + below(4) {
        let blocker = blocker(world.clone(), free.clone(), with_watch);
        drop(handle.spawn(world.track(blocker)));
    }
}

/// All workers but one may be stuck at once: the tasks in their queues and slots are run by the others.
#[test]
fn tasks_beside_stuck_workers_are_run() {
    explore(|| {
        let workers = 2 + below(3);
        let core = start(Some(workers));
        let (rest, world) = (Rest::of(&core), World::default());
        let with_watch = one_in(2);
        if with_watch {
            let_the_watch_tick(&core);
        }
        let free = Arc::new(AtomicUsize::new(workers - 1));
        let spawner = |_| {
            let (handle, world, free) = (core.handle().clone(), world.clone(), free.clone());
            thread::spawn(move || spawn_blockers(&handle, &world, &free, with_watch))
        };
        let threads: Vec<_> = (0..1 + below(2)).map(spawner).collect();
        spawn_blockers(core.handle(), &world, &free, with_watch);
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        core.block_on(world.all_ended());
        end(core);
        world.assert_none_cancelled();
        rest.assert_nothing_left(&world);
    });
}

/// Pairs of tasks from outside, of which the first blocks its worker until the second has run: the worker that finds the first must get
/// the second one run.
fn spawn_pairs(handle: &Handle, world: &World, free: &Arc<AtomicUsize>) {
    for _ in 0..1 + below(3) {
        if free
            .fetch_update(Relaxed, Relaxed, |free| free.checked_sub(1))
            .is_err()
        {
            drop(handle.spawn(world.track(async {})));
            continue;
        }
        let (gate, free) = (Gate::default(), free.clone());
        let waits = gate.clone();
        drop(handle.spawn(world.track(async move {
            waits.wait();
            free.fetch_add(1, Relaxed);
        })));
        drop(handle.spawn(world.track(async move { gate.open() })));
    }
}

#[test]
fn a_worker_that_gets_stuck_hands_on_what_it_leaves() {
    explore(|| {
        let workers = 2 + below(3);
        let core = start(Some(workers));
        let (rest, world) = (Rest::of(&core), World::default());
        let free = Arc::new(AtomicUsize::new(workers - 1));
        let spawner = |_| {
            let (handle, world, free) = (core.handle().clone(), world.clone(), free.clone());
            thread::spawn(move || spawn_pairs(&handle, &world, &free))
        };
        let threads: Vec<_> = (0..below(3)).map(spawner).collect();
        spawn_pairs(core.handle(), &world, &free);
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        core.block_on(world.all_ended());
        end(core);
        world.assert_none_cancelled();
        rest.assert_nothing_left(&world);
    });
}

/// More tasks at once than a queue holds.
#[test]
fn a_burst_of_tasks_is_run() {
    explore(|| {
        let core = start(Some(2 + below(2)));
        let (rest, world) = (Rest::of(&core), World::default());
        let burst = world.clone();
        let parent = core.handle().spawn(world.track(async move {
            for _ in 0..10 + below(30) {
                drop(spawn::spawn(burst.track(task::yield_now())));
            }
        }));
        world.settle(core.block_on(parent), false);
        core.block_on(world.all_ended());
        end(core);
        world.assert_none_cancelled();
        rest.assert_nothing_left(&world);
    });
}
