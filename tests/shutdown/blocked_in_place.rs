//! Tasks that are in `block_in_place` while the runtime ends: the shutdown ends their waits, or waits for them without
//! using the processor.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::support::{in_own_process, multi, within};
use tokio::runtime::Handle;
use tokio::time::sleep;

/// The task waits, without yielding, for a timer of the runtime that is shut down.
#[test]
fn blocked_in_place_on_a_timer_at_shutdown() {
    within(20, || {
        let runtime = multi(2);
        let (began, begins) = mpsc::channel();
        runtime.spawn(async move {
            tokio::task::block_in_place(|| {
                began.send(()).unwrap();
                Handle::current().block_on(async { sleep(Duration::from_secs(3600)).await });
            });
        });
        begins.recv().unwrap();
        thread::sleep(Duration::from_millis(50));
        drop(runtime);
    });
}

/// The shutdown has begun when the task leaves its worker: another thread has to go on as that worker all the same.
#[test]
fn blocking_in_place_after_the_shutdown_began() {
    within(20, || {
        let runtime = multi(1);
        let (began, begins) = mpsc::channel();
        let (go, goes) = mpsc::channel();
        runtime.spawn(async move {
            began.send(()).unwrap();
            goes.recv().unwrap();
            tokio::task::block_in_place(|| {
                Handle::current().block_on(async { sleep(Duration::from_secs(3600)).await });
            });
        });
        begins.recv().unwrap();
        let dropper = thread::spawn(move || drop(runtime));
        thread::sleep(Duration::from_millis(50));
        go.send(()).unwrap();
        dropper.join().unwrap();
    });
}

#[test]
fn blocked_in_place_on_a_socket_at_shutdown() {
    within(20, || {
        let runtime = multi(2);
        let (began, begins) = mpsc::channel();
        runtime.spawn(async move {
            tokio::task::block_in_place(|| {
                Handle::current().block_on(async {
                    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
                    began.send(()).unwrap();
                    assert!(socket.recv(&mut [0]).await.is_err());
                });
            });
        });
        begins.recv().unwrap();
        thread::sleep(Duration::from_millis(50));
        drop(runtime);
    });
}

fn cpu_time() -> Duration {
    // SAFETY: a plain struct that the call fills in.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_SELF, &mut usage), 0);
        usage
    };
    let of = |t: libc::timeval| {
        Duration::from_secs(t.tv_sec as u64) + Duration::from_micros(t.tv_usec as u64)
    };
    of(usage.ru_utime) + of(usage.ru_stime)
}

/// The shutdown does not use the processor while it waits for a task that blocks.
#[test]
fn waiting_for_a_task_blocked_in_place_is_idle() {
    // It measures the processor time of the process.
    if !in_own_process!() {
        return;
    }
    within(20, || {
        let runtime = multi(2);
        let (began, begins) = mpsc::channel();
        runtime.spawn(async move {
            tokio::task::block_in_place(|| {
                began.send(()).unwrap();
                thread::sleep(Duration::from_secs(2));
            });
        });
        begins.recv().unwrap();
        let before = cpu_time();
        drop(runtime);
        let used = cpu_time() - before;
        assert!(used < Duration::from_millis(500), "{used:?}");
    });
}
