//! Which threads look out before a sleep: each thread that waits for others, unless the builder says otherwise.

use super::core;
use crate::base::spin::tests::{may_look, taken};
use crate::runtime::Core;
use crate::spawn::spawn_blocking;
use crate::sync::oneshot;
use std::time::{Duration, Instant};

/// More sleeps than a thread makes before its first look.
const SLEEPS: usize = 64;

/// Has a thread looked out within [`SLEEPS`] rounds? Other tests may hold all places meanwhile: then more rounds follow.
fn looks(core: &Core, expects: bool, round: impl Fn(&Core) -> u32) -> bool {
    let patience = Instant::now() + Duration::from_secs(20);
    let mut rounds = 0;
    while rounds < SLEEPS || expects && Instant::now() < patience {
        rounds += 1;
        if round(core) > 0 {
            return true;
        }
    }
    false
}

/// The looks of this thread, which waits in `block_on` for another one.
fn of_block_on(core: &Core) -> u32 {
    let (send, receive) = oneshot::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_micros(200));
            send.send(()).unwrap();
        });
        core.block_on(async { receive.await.unwrap() });
    });
    taken()
}

/// The looks of the worker that runs a task from outside.
fn of_a_worker(core: &Core) -> u32 {
    let task = core.handle().spawn(async { taken() });
    core.block_on(async { task.await.unwrap() })
}

/// The looks of the pool's thread that runs a closure.
fn of_the_pool(core: &Core) -> u32 {
    core.block_on(async { spawn_blocking(taken).await.unwrap() })
}

#[test]
fn each_thread_that_waits_for_others_does_unless_told_not_to() {
    if !may_look() {
        return;
    }
    type Round = fn(&Core) -> u32;
    let cases: [(&str, Option<usize>, Round); 5] = [
        ("block_on beside workers", Some(1), of_block_on),
        ("current-thread", None, of_block_on),
        ("worker", Some(2), of_a_worker),
        ("pool", Some(1), of_the_pool),
        ("pool of a current-thread runtime", None, of_the_pool),
    ];
    for (name, workers, round) in cases {
        for may in [true, false] {
            // A new thread, which has taken no look yet.
            let looked = std::thread::spawn(move || {
                let core = core(workers, |config| config.looks_out = may);
                looks(&core, may, round)
            });
            assert_eq!(looked.join().unwrap(), may, "{name}");
        }
    }
}
