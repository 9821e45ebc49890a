//! `LocalSet`: woken and aborted from several threads while it runs and while it is dropped.

use super::world::{Signal, World};
use super::{Rest, end, start};
use crate::base::shim::explore::{below, explore, one_in};
use crate::base::shim::thread;
use crate::spawn::LocalSet;
use crate::task::{self, JoinHandle};

/// A task of the set, and what another thread may do to it.
fn waiting_task(set: &LocalSet, world: &World) -> (JoinHandle<()>, impl FnOnce(bool) + use<>) {
    let signal = Signal::default();
    let setter = signal.setter();
    let task = set.spawn_local(world.track(async move {
        signal.wait().await;
        for _ in 0..below(2) {
            task::yield_now().await;
        }
    }));
    let abort = task.abort_handle();
    let touch = move |aborts: bool| {
        if aborts {
            abort.abort();
        }
        drop(setter);
    };
    (task, touch)
}

fn scenario(aborts: bool, is_dropped: bool) {
    let core = start(one_in(2).then_some(2));
    let (rest, world) = (Rest::of(&core), World::default());
    let set = LocalSet::new();
    let mut tasks = Vec::new();
    let mut threads = Vec::new();
    for _ in 0..1 + below(3) {
        let (some, touches): (Vec<_>, Vec<_>) = (0..1 + below(4))
            .map(|_| waiting_task(&set, &world))
            .unzip();
        tasks.extend(some);
        threads.push(thread::spawn(move || {
            for touch in touches {
                touch(aborts && one_in(2));
            }
        }));
    }
    if is_dropped {
        core.block_on(set.run_until(task::yield_now()));
        drop(set);
        tasks
            .into_iter()
            .for_each(|task| world.settle(core.block_on(task), true));
    } else {
        core.block_on(set.run_until(async {
            for task in tasks {
                world.settle(task.await, aborts);
            }
        }));
        drop(set);
    }
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    end(core);
    if !aborts && !is_dropped {
        world.assert_none_cancelled();
    }
    rest.assert_nothing_left(&world);
}

#[test]
fn wakes_from_other_threads_reach_the_set() {
    explore(|| scenario(false, false));
}

#[test]
fn aborts_from_other_threads_reach_the_set() {
    explore(|| scenario(true, false));
}

#[test]
fn a_set_that_is_dropped_settles_every_task() {
    explore(|| scenario(one_in(2), true));
}
