//! Child processes on a kernel that gives no pidfd: SIGCHLD is the hint then. The kernel is made to refuse, for
//! this test's process only, by a seccomp filter.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use selvedge::process::Command;
use selvedge::runtime::Runtime;
use std::time::{Duration, Instant};

/// Makes `pidfd_open` fail with `ENOSYS`.
fn refuse_pidfds() {
    let step = |code: u32, jump_true: u8, jump_false: u8, k: u32| libc::sock_filter {
        code: code as u16,
        jt: jump_true,
        jf: jump_false,
        k,
    };
    let refuse = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
    let mut program = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(
            libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
            0,
            1,
            libc::SYS_pidfd_open as u32,
        ),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, refuse),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: both calls read their arguments only; the filter is a valid program of four steps.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let mode = libc::SECCOMP_MODE_FILTER;
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, mode, &filter), 0);
        assert_eq!(libc::syscall(libc::SYS_pidfd_open, libc::getpid(), 0), -1);
    }
}

#[test]
fn sigchld_takes_the_place_of_pidfds() {
    super::alone::alone(
        "without_pidfd::sigchld_takes_the_place_of_pidfds",
        without_pidfds,
    );
}

fn without_pidfds() {
    refuse_pidfds();
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
        // An orphan is reaped by signal too.
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
