//! Children that are started when no descriptor is left: the runtime learns of their ends all the same.

use std::future::Future;
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::time::{Duration, Instant};

use crate::support::{both, in_own_process, soon};
use crate::system::NoDescriptor;
use selvedge::process::{Child, Command};
use selvedge::signal::unix::{SignalKind, signal};
use selvedge::time::{sleep, timeout};

const SOON: Duration = Duration::from_secs(20);

/// A command that needs no descriptor: its streams are inherited.
fn sh(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script);
    command
}

fn is_there(pid: u32) -> bool {
    // SAFETY: signal 0 only asks whether a signal could be sent.
    unsafe { libc::kill(pid as libc::pid_t, 0) == 0 }
}

async fn goes(pid: u32) {
    soon("an orphan's end", async {
        while is_there(pid) {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[test]
fn a_child_started_without_a_descriptor_is_awaited() {
    if !in_own_process!() {
        return;
    }
    for runtime in both() {
        runtime.block_on(async {
            let none = NoDescriptor::left();
            // The child ends at once, and after a while.
            for script in ["exit 7", "sleep 0.2; exit 7"] {
                let mut child = sh(script).spawn().unwrap();
                for _ in 0..2 {
                    let status = soon("a child's end", child.wait()).await.unwrap();
                    assert_eq!(status.code(), Some(7));
                }
            }
            let status = soon("a status", sh("sleep 0.1; exit 3").status()).await;
            assert_eq!(status.unwrap().code(), Some(3));
            let mut killed = sh("exec sleep 600").spawn().unwrap();
            soon("a kill", killed.kill()).await.unwrap();
            let status = killed.wait().await.unwrap();
            assert_eq!(status.signal(), Some(libc::SIGKILL));
            // Pipes are refused; pipes that were made before are closed, and nothing is started.
            let error = soon("an output", sh("exit 0").output()).await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
            drop(none);
            let output = soon("an output", sh("echo again").output()).await.unwrap();
            assert_eq!(output.stdout, b"again\n");
        });
    }
}

/// A wait that was cancelled, and a wait that began without descriptors and ends with some.
#[test]
fn a_wait_goes_on_when_descriptors_come_free() {
    if !in_own_process!() {
        return;
    }
    for runtime in both() {
        runtime.block_on(async {
            let mut none = NoDescriptor::left();
            let mut child = sh("sleep 0.5; exit 9").spawn().unwrap();
            let early = timeout(Duration::from_millis(50), child.wait()).await;
            assert!(early.is_err());
            let mut wait = pin!(child.wait());
            assert!(
                timeout(Duration::from_millis(50), wait.as_mut())
                    .await
                    .is_err()
            );
            // One descriptor is enough for a pidfd, but not for the pair that SIGCHLD needs.
            none.free(1);
            let status = soon("a child's end", wait).await.unwrap();
            assert_eq!(status.code(), Some(9));
        });
    }
}

#[test]
fn many_children_started_without_a_descriptor_are_all_awaited() {
    if !in_own_process!() {
        return;
    }
    for runtime in both() {
        runtime.block_on(async {
            let none = NoDescriptor::left();
            let waits: Vec<_> = (0..60)
                .map(|i| {
                    let script = format!("sleep 0.{}; exit {i}", i % 4);
                    selvedge::spawn(sh(&script).status())
                })
                .collect();
            for (i, wait) in waits.into_iter().enumerate() {
                let status = soon("a child's end", wait).await.unwrap().unwrap();
                assert_eq!(status.code(), Some(i as i32));
            }
            drop(none);
        });
    }
}

#[test]
fn orphans_without_a_descriptor_are_reaped() {
    if !in_own_process!() {
        return;
    }
    for runtime in both() {
        let pid = runtime.block_on(async {
            let none = NoDescriptor::left();
            let killed = sh("exec sleep 600").kill_on_drop(true).spawn().unwrap();
            let brief = sh("sleep 0.2").spawn().unwrap();
            let pids = [killed.id().unwrap(), brief.id().unwrap()];
            drop((killed, brief));
            for pid in pids {
                goes(pid).await;
            }
            let mut endless = sh("exec sleep 600");
            let status = endless.kill_on_drop(true).status();
            assert!(timeout(Duration::from_millis(50), status).await.is_err());
            // An orphan that outlives its runtime, which has nothing registered for it.
            let outliving = sh("sleep 0.5").spawn().unwrap();
            let pid = outliving.id().unwrap();
            drop(outliving);
            drop(none);
            pid
        });
        drop(runtime);
        assert!(is_there(pid));
        let next = crate::support::current();
        next.block_on(goes(pid));
    }
}

/// The runtime's worker sleeps in the system when a thread outside of the runtime begins to wait.
#[test]
fn a_child_awaited_outside_of_its_runtime_needs_no_descriptor() {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    if !in_own_process!() {
        return;
    }
    let runtime = crate::support::multi(1);
    let none = NoDescriptor::left();
    let mut child: Child = runtime.block_on(async { sh("sleep 0.3; exit 4").spawn().unwrap() });
    // Time for the worker to fall asleep.
    std::thread::sleep(Duration::from_millis(100));
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = Context::from_waker(&waker);
    let mut wait = pin!(child.wait());
    let start = Instant::now();
    let status = loop {
        match wait.as_mut().poll(&mut context) {
            Poll::Ready(status) => break status.unwrap(),
            Poll::Pending => std::thread::park_timeout(SOON),
        }
        assert!(start.elapsed() < SOON, "nobody tells of the end");
    };
    assert_eq!(status.code(), Some(4));
    drop(none);
}

/// The runtime that serves the wait ends; the child is awaited on another runtime.
#[test]
fn a_child_without_a_descriptor_outlives_its_runtime() {
    if !in_own_process!() {
        return;
    }
    let (first, second) = (crate::support::current(), crate::support::multi(1));
    let none = NoDescriptor::left();
    let mut child = first.block_on(async {
        let mut child = sh("sleep 0.3; exit 4").spawn().unwrap();
        assert!(
            timeout(Duration::from_millis(30), child.wait())
                .await
                .is_err()
        );
        child
    });
    drop(first);
    let status = second
        .block_on(soon("a child's end", child.wait()))
        .unwrap();
    assert_eq!(status.code(), Some(4));
    drop(none);
}

/// If SIGCHLD is ignored, the system reaps children itself: the wait returns an error, and does not hang.
#[test]
fn a_child_that_the_system_reaps_is_an_error() {
    if !in_own_process!() {
        return;
    }
    // SAFETY: the action is one of the system's.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    for descriptors in [true, false] {
        for runtime in both() {
            runtime.block_on(async {
                let none = (!descriptors).then(NoDescriptor::left);
                for script in ["exit 1", "sleep 0.1"] {
                    let mut child = sh(script).spawn().unwrap();
                    for _ in 0..2 {
                        let error = soon("a child's end", child.wait()).await.unwrap_err();
                        assert_eq!(error.raw_os_error(), Some(libc::ECHILD), "{error}");
                    }
                }
                let orphan = sh("sleep 0.1").spawn().unwrap();
                let pid = orphan.id().unwrap();
                drop(orphan);
                goes(pid).await;
                drop(none);
            });
        }
    }
}

#[test]
fn a_signal_stream_refused_for_want_of_descriptors_can_be_made_later() {
    if !in_own_process!() {
        return;
    }
    // Only one runtime: a second would use the first one's pair, and need no descriptor.
    crate::support::current().block_on(async {
        let mut none = NoDescriptor::left();
        for room in 0..2 {
            for _ in 0..3 {
                let error = signal(SignalKind::user_defined1()).map(drop).unwrap_err();
                assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{room} left");
            }
            none.free(1);
        }
        let mut stream = signal(SignalKind::user_defined1()).unwrap();
        // SAFETY: no memory is involved; the signal is handled.
        assert_eq!(unsafe { libc::raise(libc::SIGUSR1) }, 0);
        assert_eq!(soon("the signal", stream.recv()).await, Some(()));
    });
}
