//! Kernels that give no ring, or that accept no submissions, for a while or for ever.

use std::path::Path;
use std::time::{Duration, Instant};

use super::{Folder, bytes, has_rings};
use crate::support::{both, current, in_own_process, multi, within};
use crate::system::refuse;
use futures_util::future::join_all;
use tokio::fs::{self, File};
use tokio::io::AsyncReadExt;
use tokio::runtime::Handle;

async fn everything_works_in(folder: &Path) {
    let (a, b) = (folder.join("a"), folder.join("b"));
    fs::write(&a, bytes(10_000)).await.unwrap();
    assert!(fs::try_exists(&a).await.unwrap());
    fs::rename(&a, &b).await.unwrap();
    assert!(fs::read(&b).await.unwrap() == bytes(10_000));
    let mut all = Vec::new();
    let mut file = File::open(&b).await.unwrap();
    file.read_to_end(&mut all).await.unwrap();
    assert!(all == bytes(10_000));
}

#[test]
fn the_pool_takes_over_where_rings_are_refused() {
    let folder = Folder::new("refused");
    for code in [libc::EPERM, libc::ENOSYS, libc::EMFILE] {
        let path = folder.path.clone();
        within(20, move || {
            refuse(libc::SYS_io_uring_setup, code);
            for runtime in both() {
                runtime.block_on(async {
                    everything_works_in(&path).await;
                    assert!(Handle::current().metrics().num_blocking_threads() > 0);
                });
            }
        });
    }
}

/// How many rings this process has.
fn rings() -> usize {
    let links = std::fs::read_dir("/proc/self/fd").unwrap();
    let links = links.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
    links
        .filter(|link| link.to_string_lossy().contains("io_uring"))
        .count()
}

/// If the kernel is short of something, it is asked again later. If it has no rings, or epoll does not accept them, it is not asked
/// again. In a process of its own, where no other test has rings.
#[test]
fn a_kernel_that_is_short_of_something_is_asked_again() {
    if !has_rings() || !in_own_process!() {
        return;
    }
    let folder = Folder::new("short");
    let (setup, watch) = (libc::SYS_io_uring_setup, libc::SYS_epoll_ctl);
    let cases = [
        (setup, libc::EMFILE, true),
        (setup, libc::ENFILE, true),
        (setup, libc::ENOMEM, true),
        (setup, libc::EAGAIN, true),
        (setup, libc::EINTR, true),
        (setup, libc::ENOSYS, false),
        (setup, libc::EPERM, false),
        (watch, libc::ENOMEM, true),
        (watch, libc::ENOSPC, true),
        (watch, libc::EPERM, false),
    ];
    for (call, code, is_temporary) in cases {
        let runtime = current();
        let handle = runtime.handle().clone();
        // The filter refuses the call on this thread only, and ends with the thread.
        let path = folder.path.clone();
        within(20, move || {
            refuse(call, code);
            assert!(handle.block_on(fs::try_exists(path)).unwrap());
            assert_eq!(rings(), 0, "{call} {code}");
        });
        assert!(runtime.block_on(fs::try_exists(&folder.path)).unwrap());
        assert_eq!(rings(), usize::from(is_temporary), "{call} {code}");
        drop(runtime);
        assert_eq!(rings(), 0);
    }
}

/// The kernel accepts no submissions for now: the driver, on a thread that is not refused, tries again.
#[test]
fn a_stalled_ring_is_set_going_by_the_driver() {
    let folder = Folder::new("stalled");
    for code in [libc::EAGAIN, libc::EBUSY] {
        let path = folder.path.clone();
        within(20, move || {
            let runtime = multi(2);
            runtime.block_on(everything_works_in(&path));
            refuse(libc::SYS_io_uring_enter, code);
            runtime.block_on(async {
                // More operations than the submission queue holds.
                let questions = (0..1000).map(|_| fs::try_exists(&path));
                for answer in join_all(questions).await {
                    assert!(answer.unwrap());
                }
                everything_works_in(&path).await;
            });
        });
    }
}

/// A kernel that accepts no submissions for long is asked again after pauses, not all the time, and only by the driver
/// when it parks.
#[test]
fn a_stalled_ring_is_asked_again_after_pauses() {
    let folder = Folder::new("pauses");
    for code in [libc::EAGAIN, libc::ENOMEM, libc::EBUSY] {
        let path = folder.path.clone();
        within(20, move || {
            let runtime = current();
            runtime.block_on(everything_works_in(&path));
            if runtime.metrics().num_blocking_threads() > 0 {
                return;
            }
            refuse(libc::SYS_io_uring_enter, code);
            runtime.block_on(async {
                let questions: Vec<_> = (0..10)
                    .map(|_| tokio::spawn(fs::try_exists(path.clone())))
                    .collect();
                let (start, before) = (Instant::now(), parks());
                tokio::time::sleep(Duration::from_millis(500)).await;
                let (parks, time) = (parks() - before, start.elapsed());
                // About one park each five milliseconds; the bound is one each millisecond.
                assert!(u128::from(parks) < time.as_millis(), "{parks} in {time:?}");
                for question in questions {
                    assert!(!question.is_finished());
                    question.abort();
                }
            });
            // Nothing is in flight: the kernel has accepted no operation.
            drop(runtime);
        });
    }
}

fn parks() -> u64 {
    Handle::current().metrics().worker_park_count(0)
}

/// The kernel refuses all submissions for good: operations return errors and do not hang.
#[test]
fn a_broken_ring_fails_its_operations() {
    let folder = Folder::new("broken");
    let path = folder.path.clone();
    within(20, move || {
        let runtime = current();
        runtime.block_on(everything_works_in(&path));
        refuse(libc::SYS_io_uring_enter, libc::EPERM);
        runtime.block_on(async {
            for _ in 0..3 {
                let error = fs::read(path.join("b")).await.unwrap_err();
                assert_eq!(error.raw_os_error(), Some(libc::EPERM));
            }
        });
    });
}
