//! Hooks of the runtime's builder that panic, and invalid thread names.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::{assert_works, within};
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

fn hooked(hook: impl Fn(&mut Builder), workers: usize) -> Runtime {
    let mut builder = match workers {
        0 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.enable_all();
    if workers > 0 {
        builder.worker_threads(workers);
    }
    hook(&mut builder);
    builder.build().unwrap()
}

/// A hook that panics at its first calls, then does nothing.
fn panics_at_first(times: usize) -> impl Fn() + Send + Sync + 'static {
    let calls = AtomicUsize::new(0);
    move || {
        // Ordering: Relaxed; a count.
        if calls.fetch_add(1, Ordering::Relaxed) < times {
            panic!("a hook's");
        }
    }
}

#[test]
fn park_hooks_panic() {
    for workers in [0, 1, 2] {
        within(20, move || {
            let runtime = hooked(
                |builder| {
                    builder.on_thread_park(panics_at_first(2));
                    builder.on_thread_unpark(panics_at_first(2));
                },
                workers,
            );
            for _ in 0..5 {
                let result = catch_unwind(AssertUnwindSafe(|| {
                    runtime.block_on(async { sleep(Duration::from_millis(5)).await })
                }));
                assert!(workers == 0 || result.is_ok(), "a worker's panic came here");
            }
            assert_works(&runtime);
            drop(runtime);
        });
    }
}

#[test]
fn thread_hooks_panic() {
    within(20, || {
        let runtime = hooked(
            |builder| {
                builder.on_thread_start(panics_at_first(1));
                builder.on_thread_stop(panics_at_first(1));
            },
            2,
        );
        assert_works(&runtime);
        drop(runtime);
    });
}

#[test]
fn the_thread_name_function_panics() {
    within(20, || {
        let calls = AtomicUsize::new(0);
        let mut builder = Builder::new_current_thread();
        builder.enable_all().thread_name_fn(move || {
            // Ordering: Relaxed; a count.
            match calls.fetch_add(1, Ordering::Relaxed) {
                0 => panic!("the name's"),
                n => format!("named-{n}"),
            }
        });
        let runtime = builder.build().unwrap();
        let first = catch_unwind(AssertUnwindSafe(|| runtime.spawn_blocking(|| ())));
        assert!(first.is_err());
        assert_works(&runtime);
        drop(runtime);
    });
}

/// std accepts only names without zero bytes.
#[test]
fn a_thread_name_that_cannot_be() {
    within(20, || {
        let mut builder = Builder::new_current_thread();
        let runtime = builder.enable_all().thread_name("a\0b").build().unwrap();
        let result = catch_unwind(AssertUnwindSafe(|| runtime.spawn_blocking(|| ())));
        assert!(result.is_err());
        runtime.block_on(async { sleep(Duration::from_millis(2)).await });
        drop(runtime);
        let mut builder = Builder::new_multi_thread();
        assert!(builder.enable_all().thread_name("a\0b").build().is_err());
    });
}

#[test]
fn poll_hooks_panic() {
    for workers in [0, 2] {
        within(20, move || {
            let runtime = hooked(
                |builder| {
                    let (before, after) = (panics_at_first(3), panics_at_first(3));
                    builder.on_before_task_poll(move |_| before());
                    builder.on_after_task_poll(move |_| after());
                    let ended = panics_at_first(3);
                    builder.on_task_terminate(move |_| ended());
                },
                workers,
            );
            for _ in 0..3 {
                assert_works(&runtime);
            }
        });
    }
}
