//! New runtimes in a forked child.

use super::{REPETITIONS, in_fork, support, use_new_runtime};
use crate::support::in_own_process;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// A runtime with sleeping threads of every kind: workers, threads of the pool.
fn busy_parent() -> tokio::runtime::Runtime {
    let runtime = support::multi(4);
    runtime.block_on(async {
        let calls: Vec<_> = (0..8)
            .map(|_| tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(5))))
            .collect();
        for call in calls {
            call.await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    });
    runtime
}

#[test]
fn a_child_makes_a_runtime_while_the_parents_threads_sleep() {
    if !in_own_process!() {
        return;
    }
    let parent = busy_parent();
    for round in 0..REPETITIONS {
        in_fork(|| {
            use_new_runtime(support::multi(2 + round % 3));
            use_new_runtime(support::current());
        });
    }
    use_new_runtime(parent);
}

#[test]
fn a_child_makes_a_runtime_while_the_parents_threads_work() {
    if !in_own_process!() {
        return;
    }
    let parent = support::multi(3);
    for n in 0..6 {
        parent.spawn(async move {
            loop {
                match n % 3 {
                    0 => tokio::task::yield_now().await,
                    1 => tokio::time::sleep(Duration::from_micros(50)).await,
                    _ => tokio::task::spawn_blocking(|| ()).await.unwrap(),
                }
            }
        });
    }
    for _ in 0..REPETITIONS {
        in_fork(|| use_new_runtime(support::multi(2)));
    }
    parent.block_on(async { tokio::spawn(async {}).await.unwrap() });
}

#[test]
fn a_child_forked_inside_of_a_task_makes_a_runtime() {
    if !in_own_process!() {
        return;
    }
    for parent in support::both() {
        parent.block_on(async {
            for _ in 0..REPETITIONS / 2 {
                in_fork(|| {
                    assert!(tokio::runtime::Handle::try_current().is_err());
                    use_new_runtime(support::multi(2));
                });
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let task = tokio::spawn(async {
                for _ in 0..REPETITIONS / 2 {
                    in_fork(|| use_new_runtime(support::current()));
                    tokio::task::yield_now().await;
                }
            });
            task.await.unwrap();
        });
        use_new_runtime(parent);
    }
}

#[test]
fn a_child_and_its_parent_listen_to_signals_of_their_own() {
    if !in_own_process!() {
        return;
    }
    let parent = support::current();
    let mut arrivals = {
        let _guard = parent.enter();
        signal(SignalKind::user_defined1()).unwrap()
    };
    for _ in 0..10 {
        in_fork(|| {
            let child = support::current();
            child.block_on(async {
                let mut arrivals = signal(SignalKind::user_defined1()).unwrap();
                // SAFETY: no memory is involved; the signal is handled.
                unsafe { libc::raise(libc::SIGUSR1) };
                arrivals.recv().await.unwrap();
            });
        });
        // SAFETY: as above.
        unsafe { libc::raise(libc::SIGUSR1) };
        let arrived = parent.block_on(async {
            tokio::time::timeout(Duration::from_secs(20), arrivals.recv()).await
        });
        arrived.expect("the child took our bell").unwrap();
    }
}

/// In the child nothing drives the set, so a task that is spawned on it would never run.
#[test]
fn a_child_forked_inside_of_a_local_set_is_in_no_set() {
    if !in_own_process!() {
        return;
    }
    let set = tokio::task::LocalSet::new();
    set.block_on(&support::current(), async {
        in_fork(|| {
            let message = support::panic_message(|| tokio::task::spawn_local(async {}));
            assert!(message.contains("from outside of"), "{message}");
        });
        assert_eq!(tokio::task::spawn_local(async { 1 }).await.unwrap(), 1);
    });
}

/// Takes the locks that exist once in a process: start and end of a runtime, sets, contended locks, signals, children.
fn use_what_the_process_has_once() {
    let runtime = support::current();
    let set = tokio::task::LocalSet::new();
    set.block_on(&runtime, async {
        let lock = std::rc::Rc::new(tokio::sync::Mutex::new(()));
        let held = lock.lock().await;
        let other = lock.clone();
        let waiter = tokio::task::spawn_local(async move { drop(other.lock().await) });
        tokio::task::yield_now().await;
        drop(held);
        waiter.await.unwrap();
        let mut arrivals = signal(SignalKind::user_defined2()).unwrap();
        // SAFETY: no memory is involved; the signal is handled.
        unsafe { libc::raise(libc::SIGUSR2) };
        arrivals.recv().await.unwrap();
        let mut command = tokio::process::Command::new("true");
        assert!(command.status().await.unwrap().success());
        drop(command.spawn().unwrap());
    });
}

#[test]
fn a_child_makes_a_runtime_while_the_parent_uses_what_the_process_has_once() {
    if !in_own_process!() {
        return;
    }
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                    use_what_the_process_has_once();
                }
            });
        }
        let result = std::panic::catch_unwind(|| {
            for _ in 0..REPETITIONS * 2 {
                in_fork(|| {
                    use_what_the_process_has_once();
                    use_new_runtime(support::multi(2));
                });
            }
        });
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        result.unwrap();
    });
}
