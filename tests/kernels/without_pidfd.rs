//! Child processes on a kernel without pidfds: the runtime uses SIGCHLD instead.

use crate::support::in_own_process;
use crate::system::refuse;
use selvedge::process::Command;
use selvedge::runtime::Runtime;
use std::time::{Duration, Instant};

#[test]
fn sigchld_takes_the_place_of_pidfds() {
    if !in_own_process!() {
        return;
    }
    refuse(libc::SYS_pidfd_open, libc::ENOSYS);
    // SAFETY: the call takes no pointer.
    let answer = unsafe { libc::syscall(libc::SYS_pidfd_open, libc::getpid(), 0) };
    assert_eq!(answer, -1);
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..30)
            .map(|i| {
                selvedge::spawn(async move {
                    let script = format!("sleep 0.0{}; exit {i}", i % 5);
                    let status = Command::new("sh").arg("-c").arg(script).status().await;
                    (i, status)
                })
            })
            .collect();
        for task in tasks {
            let (i, status) = task.await.unwrap();
            assert_eq!(status.unwrap().code(), Some(i));
        }
        // An orphan is reaped at SIGCHLD too.
        let pid = {
            let child = Command::new("sleep").arg("0.05").spawn().unwrap();
            child.id().unwrap()
        };
        let start = Instant::now();
        while std::fs::metadata(format!("/proc/{pid}")).is_ok() {
            assert!(start.elapsed() < Duration::from_secs(5), "a zombie is left");
            selvedge::time::sleep(Duration::from_millis(5)).await;
        }
    });
}
