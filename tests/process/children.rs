//! Child processes: waits, kills, pipes, orphans, and children that outlive their runtime.

use selvedge::io::{AsyncReadExt, AsyncWriteExt};
use selvedge::process::{Child, Command};
use selvedge::runtime::{Builder, Runtime};
use selvedge::time::{sleep, timeout};
use std::future::Future;
use std::io::ErrorKind;
use std::pin::pin;
use std::process::Stdio;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::thread::Thread;
use std::time::{Duration, Instant};

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).stdin(Stdio::null());
    command
}

/// Is there a process with that id that was not reaped?
fn exists(pid: u32) -> bool {
    std::fs::metadata(format!("/proc/{pid}")).is_ok()
}

async fn goes_within(pid: u32, limit: Duration) -> bool {
    let start = Instant::now();
    while start.elapsed() < limit {
        if !exists(pid) {
            return true;
        }
        sleep(Duration::from_millis(5)).await;
    }
    false
}

#[test]
fn output_has_both_streams_and_the_status() {
    runtime().block_on(async {
        let script = "head -c 300000 /dev/zero; head -c 200000 /dev/zero >&2; exit 3";
        let output = sh(script).output().await.unwrap();
        assert_eq!(output.stdout.len(), 300_000);
        assert_eq!(output.stderr.len(), 200_000);
        assert_eq!(output.status.code(), Some(3));
    });
}

#[test]
fn a_pipe_carries_more_than_it_holds() {
    runtime().block_on(async {
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let sent: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 251) as u8).collect();
        let expected = sent.clone();
        let writer = selvedge::spawn(async move {
            stdin.write_all(&sent).await.unwrap();
        });
        let mut received = Vec::new();
        stdout.read_to_end(&mut received).await.unwrap();
        writer.await.unwrap();
        assert!(received == expected);
        assert!(child.wait().await.unwrap().success());
    });
}

#[test]
fn waiting_closes_the_standard_input() {
    runtime().block_on(async {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        assert!(child.try_wait().unwrap().is_none());
        assert!(child.wait().await.unwrap().success());
        assert_eq!(child.id(), None);
    });
}

#[test]
fn a_wait_that_is_given_up_can_be_made_again() {
    runtime().block_on(async {
        let mut child = sh("sleep 0.2; exit 5").spawn().unwrap();
        let early = timeout(Duration::from_millis(20), child.wait()).await;
        assert!(early.is_err());
        assert_eq!(child.wait().await.unwrap().code(), Some(5));
    });
}

#[test]
fn kill_ends_a_child_that_ignores_sigterm() {
    runtime().block_on(async {
        let mut child = sh("trap '' TERM; echo ready; while :; do sleep 1; done")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0; 6];
        let stdout = child.stdout.as_mut().unwrap();
        stdout.read_exact(&mut ready).await.unwrap();
        let pid = child.id().unwrap() as libc::pid_t;
        // SAFETY: a signal to a child that has not been reaped.
        assert_eq!(unsafe { libc::kill(pid, libc::SIGTERM) }, 0);
        let ignored = timeout(Duration::from_millis(50), child.wait()).await;
        assert!(ignored.is_err());
        child.kill().await.unwrap();
        assert!(!child.wait().await.unwrap().success());
    });
}

#[test]
fn a_program_that_is_not_there_is_an_error() {
    runtime().block_on(async {
        let error = Command::new("/nowhere/to/be/found").spawn().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let error = Command::new("a\0b").status().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn orphans_are_reaped_when_they_end() {
    runtime().block_on(async {
        let pids: Vec<u32> = (0..10)
            .map(|_| sh("sleep 0.05").spawn().unwrap().id().unwrap())
            .collect();
        for pid in pids {
            assert!(goes_within(pid, Duration::from_secs(5)).await);
        }
    });
}

#[test]
fn kill_on_drop_kills_and_reaps() {
    runtime().block_on(async {
        let child = sh("sleep 60").kill_on_drop(true).spawn().unwrap();
        let pid = child.id().unwrap();
        drop(child);
        assert!(goes_within(pid, Duration::from_secs(5)).await);
        let mut endless = sh("sleep 60");
        let status = endless.kill_on_drop(true).status();
        assert!(timeout(Duration::from_millis(20), status).await.is_err());
    });
}

/// Children that outlive their runtime: one is awaited on another runtime, the other is reaped there.
#[test]
fn children_outlive_their_runtime() {
    let (mut kept, dropped, pid): (Child, Child, u32) = runtime().block_on(async {
        let mut kept = sh("sleep 0.2; exit 4").spawn().unwrap();
        // The wait is registered with the runtime that ends.
        assert!(
            timeout(Duration::from_millis(10), kept.wait())
                .await
                .is_err()
        );
        let dropped = sh("sleep 0.1").spawn().unwrap();
        let pid = dropped.id().unwrap();
        (kept, dropped, pid)
    });
    drop(dropped);
    runtime().block_on(async {
        assert_eq!(kept.wait().await.unwrap().code(), Some(4));
        assert!(goes_within(pid, Duration::from_secs(5)).await);
    });
}

#[test]
fn an_orphan_whose_runtime_shuts_down_is_not_forgotten() {
    let pid = runtime().block_on(async {
        let child = sh("sleep 0.1").spawn().unwrap();
        child.id().unwrap()
    });
    std::thread::sleep(Duration::from_millis(200));
    runtime().block_on(async {
        sh("true").status().await.unwrap();
        assert!(goes_within(pid, Duration::from_secs(5)).await);
    });
}

#[test]
fn a_hundred_children_at_once() {
    runtime().block_on(async {
        let tasks: Vec<_> = (0..100)
            .map(|i| selvedge::spawn(async move { (i, sh(&format!("exit {i}")).status().await) }))
            .collect();
        for task in tasks {
            let (i, status) = task.await.unwrap();
            assert_eq!(status.unwrap().code(), Some(i));
        }
    });
}

#[test]
#[should_panic(expected = "there is no reactor running")]
fn spawning_outside_of_a_runtime_names_the_cure() {
    let _ = Command::new("true").spawn();
}

#[test]
fn a_runtime_without_io_names_the_cure() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        runtime.block_on(async { drop(Command::new("true").spawn()) })
    }));
    let message = *panic.unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("enable_io"), "{message}");
}

/// A runtime that is never idle for long.
fn busy() -> Runtime {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.spawn(async {
        loop {
            sleep(Duration::from_millis(10)).await;
        }
    });
    runtime
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Asserts that the process is soon reaped, without a `block_on` that helps.
fn assert_goes(pid: u32) {
    let start = Instant::now();
    while exists(pid) {
        assert!(start.elapsed() < Duration::from_secs(5), "a zombie is left");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn orphans_dropped_outside_of_a_runtime_are_reaped_by_the_one_that_spawned_them() {
    let runtime = busy();
    let (brief, killed) = runtime.block_on(async {
        let killed = sh("exec sleep 600").kill_on_drop(true).spawn().unwrap();
        (sh("sleep 0.3").spawn().unwrap(), killed)
    });
    let pids = [brief.id().unwrap(), killed.id().unwrap()];
    drop((brief, killed));
    pids.into_iter().for_each(assert_goes);
}

#[test]
fn orphans_of_a_runtime_that_is_gone_are_reaped_by_another() {
    let first = runtime();
    let child = first.block_on(async { sh("sleep 0.3").spawn().unwrap() });
    let pid = child.id().unwrap();
    drop(first);
    drop(child);
    let _second = busy();
    assert_goes(pid);
}

#[test]
fn a_child_can_be_awaited_outside_of_a_runtime() {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let runtime = busy();
    let mut child = runtime.block_on(async { sh("sleep 0.2; exit 3").spawn().unwrap() });
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = Context::from_waker(&waker);
    let mut wait = pin!(child.wait());
    let status = loop {
        match wait.as_mut().poll(&mut context) {
            Poll::Ready(status) => break status.unwrap(),
            Poll::Pending => std::thread::park(),
        }
    };
    assert_eq!(status.code(), Some(3));
}

#[test]
fn a_child_whose_runtime_nobody_drives_can_be_awaited_on_another() {
    let (first, second) = (current_thread(), current_thread());
    let mut child = first.block_on(async {
        let mut child = sh("sleep 0.3; exit 4").spawn().unwrap();
        let moment = Duration::from_millis(50);
        assert!(timeout(moment, child.wait()).await.is_err());
        child
    });
    let status = second.block_on(async {
        timeout(Duration::from_secs(5), child.wait())
            .await
            .expect("nobody tells of the end")
    });
    assert_eq!(status.unwrap().code(), Some(4));
}
