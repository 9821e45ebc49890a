//! A process that forks without exec: a new runtime works in the child, the child leaves the parent's runtime alone, and
//! the parent goes on unharmed.
#![cfg(target_os = "linux")]

#[path = "../support/mod.rs"]
mod support;

mod fresh_runtime;
mod inherited_runtime;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// How often each scenario is repeated: failures depend on what the other threads do at the fork.
const REPETITIONS: usize = 60;

/// Forks; the child runs `f`, and its exit status says whether `f` panicked. Waits for the child, for 30 seconds at most.
#[track_caller]
fn in_fork(f: impl FnOnce()) {
    wait_for(fork(f));
}

fn fork(f: impl FnOnce()) -> libc::pid_t {
    // SAFETY: the child has this thread only, and leaves by `_exit`. That it may allocate is glibc's promise.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        let status = i32::from(catch_unwind(AssertUnwindSafe(f)).is_err());
        // SAFETY: ends the child without running what the parent registered.
        unsafe { libc::_exit(status) };
    }
    child
}

#[track_caller]
fn wait_for(child: libc::pid_t) {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let mut status = 0;
        // SAFETY: `status` is valid; the child is ours.
        let pid = unsafe { libc::waitpid(child, &mut status, libc::WNOHANG) };
        if pid == child {
            assert_eq!(status, 0, "the child failed");
            return;
        }
        assert_eq!(pid, 0);
        if Instant::now() > end {
            // SAFETY: no memory is involved; the child is ours and not yet reaped.
            unsafe { libc::kill(child, libc::SIGKILL) };
            panic!("the child hangs");
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Asserts that `f` panics with a message about the fork.
#[track_caller]
fn assert_refused<R>(f: impl FnOnce() -> R) {
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else {
        panic!("it was not refused");
    };
    let text = payload.downcast_ref::<String>().cloned();
    let text = text.or_else(|| payload.downcast_ref::<&str>().map(|t| t.to_string()));
    let text = text.expect("a panic with a text");
    assert!(
        text.contains("fork") && text.contains("new runtime"),
        "{text}"
    );
}

/// Uses tasks, timers, the pool and sockets of a new runtime.
fn use_new_runtime(runtime: tokio::runtime::Runtime) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    runtime.block_on(async {
        let tasks: Vec<_> = (0..20).map(|n| tokio::spawn(async move { n })).collect();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), n);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
        let calls: Vec<_> = (0..4)
            .map(|n| tokio::task::spawn_blocking(move || n))
            .collect();
        for (n, call) in calls.into_iter().enumerate() {
            assert_eq!(call.await.unwrap(), n);
        }
        let (mut near, mut far) = tokio::net::UnixStream::pair().unwrap();
        let echo = tokio::spawn(async move {
            let mut byte = [0];
            far.read_exact(&mut byte).await.unwrap();
            far.write_all(&byte).await.unwrap();
        });
        near.write_all(b"x").await.unwrap();
        let mut byte = [0];
        near.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"x");
        echo.await.unwrap();
    });
}
