//! Misuse of the runtime: the panic says what is wrong, and often what to do instead; the runtime works on afterwards.

use std::time::Duration;

use crate::support::{both, current, panic_message};
use tokio::runtime::Builder;

#[test]
fn no_runtime_entered() {
    let message = panic_message(|| tokio::spawn(async {}));
    assert!(message.contains("there is no reactor running"), "{message}");
    let message = panic_message(|| tokio::time::sleep(Duration::from_millis(1)));
    assert!(message.contains("there is no reactor running"), "{message}");
    assert!(tokio::runtime::Handle::try_current().is_err());
}

#[test]
fn nested_block_on() {
    for runtime in both() {
        let handle = runtime.handle().clone();
        let message = panic_message(|| runtime.block_on(async { handle.block_on(async {}) }));
        assert!(
            message.contains("Cannot start a runtime from within a runtime"),
            "{message}"
        );
        assert!(message.contains("use `.await`"), "{message}");
        runtime.block_on(async { tokio::spawn(async {}).await.unwrap() });
    }
}

#[test]
fn blocking_inside_async() {
    for runtime in both() {
        let message = panic_message(|| {
            runtime.block_on(async {
                let (_tx, mut rx) = tokio::sync::mpsc::channel::<()>(1);
                rx.blocking_recv()
            })
        });
        assert!(
            message.contains("Cannot block the current thread"),
            "{message}"
        );
        assert!(message.contains("`spawn_blocking`"), "{message}");
    }
}

#[test]
fn zeroes() {
    use tokio::io::{BufReader, duplex, empty};
    // `f` must panic, with a message that contains `says`.
    fn refused(says: &str, f: impl FnOnce()) {
        let message = panic_message(f);
        assert!(message.contains(says), "{message:?} does not name {says:?}");
    }
    let multi = Builder::new_multi_thread;
    refused("Worker threads", || _ = multi().worker_threads(0));
    refused("Max blocking threads", || {
        _ = multi().max_blocking_threads(0)
    });
    refused("event_interval", || _ = multi().event_interval(0));
    refused("global_queue_interval", || {
        _ = multi().global_queue_interval(0)
    });
    refused("max_io_events_per_tick", || {
        _ = multi().max_io_events_per_tick(0)
    });
    refused("period", || drop(tokio::time::interval(Duration::ZERO)));
    refused("buffer > 0", || drop(tokio::sync::mpsc::channel::<()>(0)));
    refused("capacity", || {
        drop(tokio::sync::broadcast::channel::<()>(0))
    });
    refused("max_buf_size", || drop(duplex(0)));
    refused("capacity", || drop(BufReader::with_capacity(0, empty())));
    // Here zero is allowed.
    assert_eq!(tokio::sync::Semaphore::new(0).available_permits(), 0);
    current().block_on(async {
        tokio::time::sleep(Duration::ZERO).await;
        tokio::sync::Barrier::new(0).wait().await;
    });
}

#[test]
fn no_time_driver_no_io_driver() {
    let runtime = Builder::new_current_thread().build().unwrap();
    panic_message(|| {
        runtime.block_on(async { tokio::time::sleep(Duration::from_millis(1)).await })
    });
    panic_message(|| {
        runtime.block_on(async { tokio::net::TcpListener::bind("127.0.0.1:0").await })
    });
    assert_eq!(runtime.block_on(async { 1 }), 1);
}

#[test]
fn current_thread_block_in_place() {
    let runtime = current();
    panic_message(|| runtime.block_on(async { tokio::task::block_in_place(|| ()) }));
    assert_eq!(runtime.block_on(async { 1 }), 1);
}

#[test]
fn blocking_in_place_outside_of_a_runtime_just_calls() {
    assert_eq!(tokio::task::block_in_place(|| 5), 5);
}

#[test]
fn a_join_error_as_an_io_error_says_what_happened() {
    current().block_on(async {
        let task = tokio::spawn(std::future::pending::<()>());
        assert!(!task.is_finished());
        task.abort();
        let error = std::io::Error::from(task.await.unwrap_err());
        assert!(error.to_string().contains("cancelled"), "{error}");
        let task = tokio::spawn(async { panic!("of a task") });
        tokio::task::yield_now().await;
        assert!(task.is_finished());
        let error = std::io::Error::from(task.await.unwrap_err());
        assert!(error.to_string().contains("panicked"), "{error}");
    });
}
