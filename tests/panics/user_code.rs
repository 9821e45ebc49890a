//! Hostile user code at every place the runtime runs user code: {panic, re-enter, block, drop a runtime}
//! x {poll, future drop, output drop, blocking closure, task-local destructor} x {running, shutting down,
//! after shutdown}. There must be no hang and no abort, and the next runtime must work.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::support::{OnDrop, current, multi, within};
use tokio::runtime::{Handle, Runtime};

#[derive(Clone, Copy, Debug)]
enum Deed {
    Panic,
    Reenter,
    Block,
    DropRuntime,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Poll,
    FutureDrop,
    OutputDrop,
    BlockingClosure,
    ThreadLocalDestructor,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Running,
    ShuttingDown,
    AfterShutdown,
}

fn commit(deed: Deed, handle: &Handle) {
    match deed {
        // A second panic during an unwind would abort the process, by the rules of the language.
        Deed::Panic if !std::thread::panicking() => panic!("deed"),
        Deed::Panic => {}
        Deed::Reenter => {
            let task = handle.spawn(async { tokio::task::yield_now().await });
            task.abort_handle().abort();
            handle.spawn_blocking(|| ());
            drop(task);
        }
        Deed::Block => std::thread::sleep(Duration::from_millis(20)),
        // In async context this panics; elsewhere it must work.
        Deed::DropRuntime => {
            let runtime = current();
            if !std::thread::panicking() {
                let _ = catch_unwind(AssertUnwindSafe(|| drop(runtime)));
            } else {
                runtime.shutdown_background();
            }
        }
    }
}

thread_local! {
    static AT_EXIT: std::cell::RefCell<Vec<Box<dyn std::any::Any>>> = const { std::cell::RefCell::new(Vec::new()) };
}

fn plant(deed: Deed, place: Place, handle: &Handle) {
    let mine = handle.clone();
    match place {
        Place::Poll => {
            handle.spawn(async move {
                tokio::task::yield_now().await;
                commit(deed, &mine)
            });
        }
        Place::FutureDrop => {
            handle.spawn(async move {
                let _guard = OnDrop::new(move || commit(deed, &mine));
                std::future::pending::<()>().await
            });
        }
        Place::OutputDrop => {
            drop(handle.spawn(async move { OnDrop::new(move || commit(deed, &mine)) }));
        }
        Place::BlockingClosure => {
            let guard = OnDrop::new({
                let mine = mine.clone();
                move || commit(deed, &mine)
            });
            handle.spawn_blocking(move || drop(guard));
        }
        Place::ThreadLocalDestructor => {
            // A panic in a TLS destructor aborts the process by std's rule: the runtime cannot contain it.
            if matches!(deed, Deed::Panic) {
                return;
            }
            handle.spawn_blocking(move || {
                let guard = OnDrop::new(move || commit(deed, &mine));
                AT_EXIT.with(|list| list.borrow_mut().push(Box::new(guard)));
            });
        }
    }
}

fn scenario(runtime: Runtime, deed: Deed, place: Place, phase: Phase) {
    let handle = runtime.handle().clone();
    match phase {
        Phase::Running => {
            plant(deed, place, &handle);
            runtime.block_on(async { tokio::time::sleep(Duration::from_millis(5)).await });
            drop(runtime);
        }
        Phase::ShuttingDown => {
            // The shutdown drops the guard, which plants the deed.
            let mine = handle.clone();
            runtime.spawn(async move {
                let _guard = OnDrop::new(move || plant(deed, place, &mine));
                std::future::pending::<()>().await
            });
            runtime.block_on(tokio::task::yield_now());
            drop(runtime);
        }
        Phase::AfterShutdown => {
            drop(runtime);
            let _ = catch_unwind(AssertUnwindSafe(|| plant(deed, place, &handle)));
        }
    }
    let next = multi(2);
    assert_eq!(
        next.block_on(async { tokio::spawn(async { 7 }).await.unwrap() }),
        7
    );
}

fn matrix(deed: Deed) {
    for place in [
        Place::Poll,
        Place::FutureDrop,
        Place::OutputDrop,
        Place::BlockingClosure,
        Place::ThreadLocalDestructor,
    ] {
        for phase in [Phase::Running, Phase::ShuttingDown, Phase::AfterShutdown] {
            for runtime in [current(), multi(2)] {
                eprintln!("{deed:?} in {place:?} while {phase:?}");
                within(20, move || scenario(runtime, deed, place, phase));
            }
        }
    }
}

#[test]
fn code_that_panics() {
    matrix(Deed::Panic);
}

#[test]
fn code_that_reenters() {
    matrix(Deed::Reenter);
}

#[test]
fn code_that_blocks() {
    matrix(Deed::Block);
}

#[test]
fn code_that_drops_a_runtime() {
    matrix(Deed::DropRuntime);
}
