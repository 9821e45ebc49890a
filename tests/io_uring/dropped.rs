//! Operations, and runtimes, that are dropped in mid-flight: no descriptor, byte or buffer is lost.

use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use super::{Folder, assert_fds_come_down_to, bytes};
use crate::support::{self, both, current, in_own_process, multi};
use crate::system::limit;
use futures_util::future::join_all;
use futures_util::{FutureExt, poll};
use tokio::fs::{self, File};
use tokio::io::AsyncReadExt;

#[test]
fn ten_thousand_opens_dropped_after_their_first_poll() {
    let folder = Folder::new("storm");
    let path = folder.file("a", b"content");
    for runtime in both() {
        runtime.block_on(async { drop(File::open(&path).await.unwrap()) });
        let before = support::open_fds();
        runtime.block_on(async {
            for i in 0..10_000 {
                let mut open = Box::pin(File::open(&path));
                let _ = poll!(open.as_mut());
                drop(open);
                if i % 1000 == 0 {
                    tokio::task::yield_now().await;
                }
            }
            // The ring still works.
            assert_eq!(fs::read(&path).await.unwrap(), b"content");
            let start = Instant::now();
            while support::open_fds() > before && start.elapsed() < Duration::from_secs(5) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            assert_eq!(support::open_fds(), before);
        });
    }
}

#[test]
fn opens_that_completed_unseen_are_closed() {
    let folder = Folder::new("unseen");
    let path = folder.file("a", b"");
    for runtime in both() {
        runtime.block_on(async { drop(File::open(&path).await.unwrap()) });
        let before = support::open_fds();
        runtime.block_on(async {
            let mut opens: Vec<_> = (0..100).map(|_| Box::pin(File::open(&path))).collect();
            for open in &mut opens {
                let _ = poll!(open.as_mut());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            drop(opens);
        });
        assert_fds_come_down_to(before);
    }
}

#[test]
fn more_completions_than_the_queue_holds() {
    let folder = Folder::new("overflow");
    let path = folder.file("a", b"");
    let runtime = current();
    runtime.block_on(async {
        // No completion is read before the last operation is submitted.
        let mut questions: Vec<_> = (0..3000).map(|_| Box::pin(fs::try_exists(&path))).collect();
        for question in &mut questions {
            let _ = tokio::task::unconstrained(async { poll!(question.as_mut()) }).await;
        }
        for answer in join_all(questions).await {
            assert!(answer.unwrap());
        }
    });
}

#[test]
fn runtimes_dropped_in_mid_flight_leave_nothing() {
    let folder = Folder::new("mid-flight");
    let content = folder.file("a", &bytes(300_000));
    let pipe = folder.fifo("pipe");
    let round = |i: usize| {
        let runtime = if i % 2 == 0 { current() } else { multi(2) };
        let (content, pipe) = (content.clone(), pipe.clone());
        let other = content.with_extension("other");
        let outlives = runtime.block_on(async move {
            let mut outlives = Vec::<Pin<Box<dyn Future<Output = bool> + Send>>>::new();
            for n in 0..20 {
                let (content, pipe, other) = (content.clone(), pipe.clone(), other.clone());
                let work = async move {
                    match n % 5 {
                        0 => fs::try_exists(&pipe).await.is_ok(),
                        1 => fs::read(&content).await.is_ok(),
                        2 => fs::write(&other, b"x").await.is_ok(),
                        3 => File::open(&content).await.is_ok(),
                        _ => {
                            let mut file = File::open(&content).await.unwrap();
                            let mut all = Vec::with_capacity(1 << 20);
                            file.read_to_end(&mut all).await.is_ok()
                        }
                    }
                };
                if n % 2 == 0 {
                    tokio::spawn(work);
                } else {
                    let mut work = Box::pin(work);
                    let _ = poll!(work.as_mut());
                    outlives.push(work);
                }
            }
            for _ in 0..i % 7 {
                tokio::task::yield_now().await;
            }
            outlives
        });
        drop(runtime);
        // Futures that outlive their runtime end: ready, or with a panic.
        for mut future in outlives {
            let mut cx = Context::from_waker(Waker::noop());
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                assert!(future.as_mut().poll(&mut cx).is_ready());
            }));
        }
    };
    round(0);
    let before = support::open_fds();
    let start = Instant::now();
    for i in 0..60 {
        round(i);
    }
    assert_fds_come_down_to(before);
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "shutdowns drag on"
    );
}

/// Once polled, a `write` happens, even if it is dropped.
#[test]
fn a_write_that_is_dropped_goes_on() {
    let folder = Folder::new("dropped-write");
    for (i, runtime) in both().into_iter().enumerate() {
        let path = folder.path.join(format!("{i}"));
        runtime.block_on(async {
            // On a loaded machine the kernel may finish within the first poll.
            if let Some(written) = fs::write(&path, bytes(3_000_000)).now_or_never() {
                written.unwrap();
            }
            let start = Instant::now();
            while std::fs::read(&path).unwrap_or_default() != bytes(3_000_000) {
                assert!(start.elapsed() < Duration::from_secs(5), "half a file");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    }
}

/// The kernel reports the part that was written and leaves the error to the next write, but does not move the file's
/// position. In a process of its own, as the limit also holds for a log that the test harness writes.
#[test]
fn a_write_that_fails_half_way_says_so() {
    if !in_own_process!() {
        return;
    }
    let folder = Folder::new("limit");
    let path = folder.path.join("file");
    // SAFETY: ignoring the signal leaves the error to the writer.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    let old = limit(libc::RLIMIT_FSIZE, Some(100_000));
    let results = both().map(|runtime| {
        let result = runtime.block_on(fs::write(&path, bytes(400_000)));
        (result, std::fs::read(&path).unwrap())
    });
    limit(libc::RLIMIT_FSIZE, Some(old));
    for (result, written) in results {
        assert_eq!(result.unwrap_err().raw_os_error(), Some(libc::EFBIG));
        assert!(written == bytes(400_000)[..100_000]);
    }
}

/// Never drops the future, but keeps it reachable, so that a leak detector does not report it.
fn forget(future: impl Future + Send + 'static) {
    static FORGOTTEN: Mutex<Vec<Box<dyn std::any::Any + Send>>> = Mutex::new(Vec::new());
    FORGOTTEN.lock().unwrap().push(Box::new(future));
}

#[test]
fn a_forgotten_open_is_closed_with_its_runtime() {
    let folder = Folder::new("forgotten");
    let path = folder.file("a", b"");
    let before = support::open_fds();
    let runtime = current();
    runtime.block_on(async {
        for _ in 0..10 {
            let mut open = Box::pin(File::open(path.clone()));
            let _ = poll!(open.as_mut());
            forget(open);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    });
    drop(runtime);
    assert_fds_come_down_to(before);
}
