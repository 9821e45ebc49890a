//! The current-thread scheduler: several threads in `block_on` of one runtime.

use super::program::Plan;
use super::world::{Signal, World};
use super::{Rest, end, start};
use crate::base::shim::explore::{below, explore, one_in};
use crate::base::shim::thread;
use crate::runtime::Core;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

/// One thread's calls of `block_on`.
fn block_on_some(core: &Core, plan: &Plan) {
    for _ in 0..1 + below(3) {
        match below(4) {
            // Its future is ready: the next in line has to take over.
            0 => core.block_on(async {}),
            1 => {
                // Without the panic hook's message.
                let unwound = catch_unwind(AssertUnwindSafe(|| {
                    core.block_on(async {
                        crate::task::yield_now().await;
                        resume_unwind(Box::new(()))
                    })
                }));
                assert!(unwound.is_err());
            }
            2 => {
                let signal = Signal::default();
                let setter = signal.setter();
                drop(
                    core.handle()
                        .spawn(plan.world.track(async move { drop(setter) })),
                );
                core.block_on(signal.wait());
            }
            _ => plan.use_from_outside(core.handle(), |task| core.block_on(task)),
        }
    }
}

fn scenario(aborts: bool, ends_early: bool) {
    let core = Arc::new(start(None));
    let rest = Rest::of(&core);
    let plan = Plan {
        world: World::default(),
        has_workers: false,
        aborts,
        ends_early,
    };
    let caller = |_| {
        let (core, plan) = (core.clone(), plan.clone());
        thread::spawn(move || block_on_some(&core, &plan))
    };
    let mut threads: Vec<_> = (0..1 + below(3)).map(caller).collect();
    // A thread that never drives: its tasks need the threads that do.
    let (handle, driven) = (core.handle().clone(), plan.clone());
    threads.push(thread::spawn(move || {
        for _ in 0..below(4) {
            let task = handle.spawn(driven.task(1));
            driven.abort(&task);
            drop(task);
        }
    }));
    block_on_some(&core, &plan);
    if !ends_early {
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        core.block_on(plan.world.all_ended());
        end(Arc::into_inner(core).expect("the others have gone"));
        if !plan.may_be_cancelled() {
            plan.world.assert_none_cancelled();
        }
    } else {
        // The last thread to drop the runtime ends it; tasks come from outside meanwhile.
        drop(core);
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    }
    rest.assert_nothing_left(&plan.world);
}

#[test]
fn every_task_is_run_to_its_end() {
    explore(|| scenario(false, false));
}

#[test]
fn every_task_is_run_or_aborted() {
    explore(|| scenario(true, false));
}

#[test]
fn a_shutdown_at_a_random_moment_settles_every_task() {
    explore(|| scenario(true, true));
}

/// Several threads, each in `block_on`, pass a wake-up on from one to the next: only one of them has the core.
#[test]
fn threads_in_block_on_wake_each_other() {
    explore(|| {
        let core = Arc::new(start(None));
        let (rest, world) = (Rest::of(&core), World::default());
        let signals: Vec<_> = (0..2 + below(5)).map(|_| Signal::default()).collect();
        let mut setters: Vec<_> = signals.iter().map(|signal| Some(signal.setter())).collect();
        drop(setters[0].take());
        let threads: Vec<_> = signals
            .iter()
            .zip(setters.into_iter().skip(1).chain([None]))
            .map(|(signal, next)| {
                let (core, signal, world) = (core.clone(), signal.clone(), world.clone());
                thread::spawn(move || {
                    core.block_on(async {
                        signal.wait().await;
                        match one_in(2) {
                            true => drop(next),
                            false => {
                                let task = world.track(async move { drop(next) });
                                world.settle(crate::spawn::spawn(task).await, false);
                            }
                        }
                    });
                })
            })
            .collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        end(Arc::into_inner(core).expect("the others have gone"));
        world.assert_none_cancelled();
        rest.assert_nothing_left(&world);
    });
}
