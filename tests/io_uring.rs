//! File operations through io_uring: storms of cancellations, comparison with the standard library, shutdown in
//! mid-flight, kernels that refuse. One test at a time, as descriptors are counted per process.
#![cfg(all(feature = "io-uring", target_os = "linux"))]

mod support;

use futures_util::future::join_all;
use futures_util::{FutureExt, poll};
use std::ffi::CString;
use std::fs::{File as StdFile, OpenOptions as StdOptions};
use std::future::Future;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use support::{both, current, multi, within};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::runtime::Handle;

/// A folder of a test's own; and the test's turn.
struct Folder {
    path: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

impl Folder {
    fn new(name: &str) -> Folder {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(|poison| poison.into_inner());
        let path = std::env::temp_dir().join(format!("io-uring-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Folder { path, _turn: turn }
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn fifo(&self, name: &str) -> PathBuf {
        let path = self.path.join(name);
        let c_path = CString::new(path.as_os_str().as_bytes()).unwrap();
        // SAFETY: the path is a string that ends with a zero.
        assert_eq!(unsafe { libc::mkfifo(c_path.as_ptr(), 0o600) }, 0);
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Does this machine give rings at all? Where not, what needs one is not tested.
fn has_rings() -> bool {
    // SAFETY: a call that is refused for its arguments, or as a whole.
    let answer = unsafe { libc::syscall(libc::SYS_io_uring_setup, 0, std::ptr::null::<u8>()) };
    let code = io::Error::last_os_error().raw_os_error();
    answer == -1 && ![Some(libc::ENOSYS), Some(libc::EPERM)].contains(&code)
}

fn bytes(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i * 31 + i / 251) as u8).collect()
}

/// Waits until the process has as few descriptors as before.
fn assert_fds_come_down_to(before: usize) {
    let start = Instant::now();
    while support::open_fds() > before {
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{} descriptors, {before} before",
            support::open_fds()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A thread that may block forever is not the runtime's to give: nothing of these goes to the pool.
fn assert_pool_unused() {
    assert_eq!(Handle::current().metrics().num_blocking_threads(), 0);
}

#[test]
fn no_operation_takes_a_thread() {
    let folder = Folder::new("threads");
    if !has_rings() {
        return;
    }
    for runtime in both() {
        let path = folder.file("a", &bytes(100_000));
        let other = folder.path.join("b");
        runtime.block_on(async {
            assert!(fs::read(&path).await.unwrap() == bytes(100_000));
            fs::write(&path, bytes(70_000)).await.unwrap();
            assert!(fs::try_exists(&path).await.unwrap());
            fs::rename(&path, &other).await.unwrap();
            assert!(!fs::try_exists(&path).await.unwrap());
            let mut file = File::open(&other).await.unwrap();
            let mut all = Vec::new();
            file.read_to_end(&mut all).await.unwrap();
            assert!(all == bytes(70_000));
            OpenOptions::new().append(true).open(&other).await.unwrap();
            assert_pool_unused();
        });
    }
}

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
        // Nothing is taken in before the last one is submitted.
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
fn concurrent_reads_are_what_std_reads() {
    let folder = Folder::new("compare");
    let sizes = [0, 1, 31, 32, 33, 4095, 4096, 4097, 100_000, 3_000_001];
    let paths: Vec<_> = (0..200)
        .map(|i| {
            let size = sizes[i % sizes.len()];
            folder.file(&format!("{i}"), &bytes(size + i)[i..])
        })
        .collect();
    for runtime in [current(), multi(2), multi(8)] {
        runtime.block_on(async {
            let tasks = paths.iter().cloned().map(|path| {
                tokio::spawn(async move {
                    let whole = fs::read(&path).await.unwrap();
                    let mut file = File::open(&path).await.unwrap();
                    file.set_max_buf_size(10_000);
                    let (mut pieces, mut piece) = (Vec::new(), vec![0; 7001]);
                    loop {
                        match file.read(&mut piece).await.unwrap() {
                            0 => break,
                            n => pieces.extend_from_slice(&piece[..n]),
                        }
                    }
                    let expected = std::fs::read(&path).unwrap();
                    assert!(whole == expected && pieces == expected, "{path:?}");
                })
            });
            for task in join_all(tasks).await {
                task.unwrap();
            }
        });
    }
}

#[test]
fn files_without_a_length_are_read_to_their_end() {
    let _folder = Folder::new("proc");
    for runtime in both() {
        runtime.block_on(async {
            let maps = fs::read("/proc/self/status").await.unwrap();
            assert!(maps.starts_with(b"Name:") && maps.len() > 100);
            assert_eq!(fs::read("/dev/null").await.unwrap(), b"");
            let error = fs::read("/proc").await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EISDIR));
        });
    }
}

/// Each way to open gives what the standard library gives, errors included.
#[test]
fn options_mean_what_they_mean_to_std() {
    let folder = Folder::new("options");
    let runtime = current();
    for bits in 0..128u32 {
        let on = |bit: u32| bits & 1 << bit != 0;
        let outcome = |name: &str| {
            let path = folder.path.join(name);
            if on(6) {
                std::fs::write(&path, b"before").unwrap();
            }
            path
        };
        let (ours, theirs) = (outcome("ours"), outcome("theirs"));
        let opened = runtime.block_on(
            OpenOptions::new()
                .read(on(0))
                .write(on(1))
                .append(on(2))
                .truncate(on(3))
                .create(on(4))
                .create_new(on(5))
                .mode(0o640)
                .open(&ours),
        );
        let expected = StdOptions::new()
            .read(on(0))
            .write(on(1))
            .append(on(2))
            .truncate(on(3))
            .create(on(4))
            .create_new(on(5))
            .mode(0o640)
            .open(&theirs);
        match (opened, expected) {
            (Ok(a), Ok(b)) => {
                let a = runtime.block_on(a.into_std());
                assert_eq!(traits_of(&a), traits_of(&b), "{bits:b}");
            }
            (Err(a), Err(b)) => assert_eq!(
                (a.kind(), a.raw_os_error()),
                (b.kind(), b.raw_os_error()),
                "{bits:b}"
            ),
            (a, b) => panic!("{bits:b}: {a:?} instead of {b:?}"),
        }
        assert_eq!(std::fs::read(&ours).ok(), std::fs::read(&theirs).ok());
        let _ = (std::fs::remove_file(ours), std::fs::remove_file(theirs));
    }
}

/// Flags of the description and of the descriptor, and the mode of the file.
fn traits_of(file: &StdFile) -> (i32, i32, u32) {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::PermissionsExt;
    let fd = file.as_raw_fd();
    // SAFETY: both ask about an open descriptor.
    let (status, own) = unsafe {
        (
            libc::fcntl(fd, libc::F_GETFL),
            libc::fcntl(fd, libc::F_GETFD),
        )
    };
    (status, own, file.metadata().unwrap().permissions().mode())
}

/// A read that was given up leaves its bytes for the next one, in order.
#[test]
fn reads_given_up_lose_no_bytes() {
    let folder = Folder::new("given-up");
    let path = folder.fifo("pipe");
    for runtime in both() {
        runtime.block_on(async {
            let mut writer = StdOptions::new()
                .read(true)
                .write(true)
                .open(&path)
                .unwrap();
            let mut options = OpenOptions::new();
            let mut reader = options.read(true).write(true).open(&path).await.unwrap();
            let mut buf = [0; 4];
            for i in 0..100u32 {
                assert!(reader.read(&mut buf).now_or_never().is_none());
                writer.write_all(&i.to_ne_bytes()).unwrap();
                reader.read_exact(&mut buf).await.unwrap();
                assert_eq!(u32::from_ne_bytes(buf), i);
            }
        });
    }
}

#[test]
fn position_is_kept_between_reads_seeks_and_writes() {
    let folder = Folder::new("position");
    let path = folder.file("a", &bytes(1_000_000));
    let runtime = current();
    runtime.block_on(async {
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).open(&path).await.unwrap();
        let mut buf = vec![0; 200_000];
        file.read_exact(&mut buf).await.unwrap();
        assert!(buf == bytes(1_000_000)[..200_000]);
        file.write_all(b"here").await.unwrap();
        file.flush().await.unwrap();
        let mut small = [0; 3];
        file.read_exact(&mut small).await.unwrap();
        assert_eq!(small, bytes(1_000_000)[200_004..200_007]);
        file.seek(io::SeekFrom::Start(200_000)).await.unwrap();
        file.read_exact(&mut buf[..5]).await.unwrap();
        assert_eq!(&buf[..4], b"here");
    });
}

/// As with `open(2)`: a pipe without the other side is not open yet.
#[test]
fn opening_a_pipe_waits_for_the_other_side() {
    let folder = Folder::new("waits");
    for (i, runtime) in both().into_iter().enumerate() {
        let path = folder.fifo(&format!("pipe{i}"));
        runtime.block_on(async {
            let opens = async {
                let reader = async { File::open(&path).await.unwrap() };
                let writer = async {
                    tokio::time::sleep(Duration::from_millis(30)).await;
                    let mut options = OpenOptions::new();
                    options.write(true).open(&path).await.unwrap()
                };
                tokio::join!(reader, writer)
            };
            let (mut reader, mut writer) = opens.await;
            writer.write_all(b"through the pipe").await.unwrap();
            writer.flush().await.unwrap();
            drop(writer);
            let mut all = String::new();
            reader.read_to_string(&mut all).await.unwrap();
            assert_eq!(all, "through the pipe");
        });
    }
}

#[test]
fn runtimes_dropped_in_mid_flight_leave_nothing() {
    let folder = Folder::new("mid-flight");
    let content = folder.file("a", &bytes(300_000));
    let pipe = folder.fifo("pipe");
    let round = |i: usize| {
        let runtime = if i.is_multiple_of(2) {
            current()
        } else {
            multi(2)
        };
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
        // Futures that outlive their runtime end, one way or the other.
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

/// Once polled, a `write` happens, though nobody awaits it.
#[test]
fn a_write_that_is_dropped_goes_on() {
    let folder = Folder::new("dropped-write");
    for (i, runtime) in both().into_iter().enumerate() {
        let path = folder.path.join(format!("{i}"));
        runtime.block_on(async {
            assert!(fs::write(&path, bytes(3_000_000)).now_or_never().is_none());
            let start = Instant::now();
            while std::fs::read(&path).unwrap_or_default() != bytes(3_000_000) {
                assert!(start.elapsed() < Duration::from_secs(5), "half a file");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    }
}

/// The kernel tells of the part that was written and leaves the error to the next write, without having moved the
/// file's position.
#[test]
fn a_write_that_fails_half_way_says_so() {
    let folder = Folder::new("limit");
    let path = folder.path.join("file");
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: ignoring the signal leaves the error to the writer.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    // SAFETY: `limit` is valid.
    let got = unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &mut limit) };
    assert_eq!(got, 0);
    let set = |to| {
        let limit = libc::rlimit {
            rlim_cur: to,
            ..limit
        };
        // SAFETY: `limit` is valid.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) }, 0);
    };
    set(100_000);
    let results = both().map(|runtime| {
        let result = runtime.block_on(fs::write(&path, bytes(400_000)));
        (result, std::fs::read(&path).unwrap())
    });
    set(limit.rlim_cur);
    for (result, written) in results {
        assert_eq!(result.unwrap_err().raw_os_error(), Some(libc::EFBIG));
        assert!(written == bytes(400_000)[..100_000]);
    }
}

/// Files take real time, which a paused clock must not turn into hours.
#[test]
#[cfg(feature = "test-util")]
fn a_paused_clock_waits_for_files() {
    let folder = Folder::new("paused");
    let path = folder.file("a", &bytes(1_000_000));
    let runtime = selvedge::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let start = selvedge::time::Instant::now();
        for _ in 0..100 {
            let read = selvedge::time::timeout(Duration::from_secs(1), fs::read(&path));
            assert_eq!(
                read.await.expect("the clock ran ahead").unwrap().len(),
                1_000_000
            );
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        selvedge::time::sleep(Duration::from_secs(3600)).await;
    });
}

/// For good, but within the sight of a leak detector.
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

/// Makes a system call fail, for this thread and those it starts.
#[cfg(target_arch = "x86_64")]
fn refuse(call: i64, code: i32) {
    let step = |code: u32, jump_true: u8, jump_false: u8, k: u32| libc::sock_filter {
        code: code as u16,
        jt: jump_true,
        jf: jump_false,
        k,
    };
    let refuse = libc::SECCOMP_RET_ERRNO | code as u32;
    let mut program = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(
            libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
            0,
            1,
            call as u32,
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
    }
}

#[cfg(target_arch = "x86_64")]
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
#[cfg(target_arch = "x86_64")]
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

/// A kernel that takes nothing for now: the driver, on a thread that is not refused, tries again.
#[test]
#[cfg(target_arch = "x86_64")]
fn a_stalled_ring_is_set_going_by_the_driver() {
    let folder = Folder::new("stalled");
    for code in [libc::EAGAIN, libc::EBUSY] {
        let path = folder.path.clone();
        within(20, move || {
            let runtime = multi(2);
            runtime.block_on(everything_works_in(&path));
            refuse(libc::SYS_io_uring_enter, code);
            runtime.block_on(async {
                // More than the submission queue takes.
                let questions = (0..1000).map(|_| fs::try_exists(&path));
                for answer in join_all(questions).await {
                    assert!(answer.unwrap());
                }
                everything_works_in(&path).await;
            });
        });
    }
}

/// A kernel that takes nothing for long is asked again after pauses, not all the time: by the driver when it parks, and
/// by nobody else.
#[test]
#[cfg(target_arch = "x86_64")]
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
                // One each five milliseconds, and a few.
                assert!(u128::from(parks) < time.as_millis(), "{parks} in {time:?}");
                for question in questions {
                    assert!(!question.is_finished());
                    question.abort();
                }
            });
            // What is in flight is nothing: the kernel has taken none of it.
            drop(runtime);
        });
    }
}

#[cfg(target_arch = "x86_64")]
fn parks() -> u64 {
    Handle::current().metrics().worker_park_count(0)
}

/// One that takes nothing any more: errors, no hang.
#[test]
#[cfg(target_arch = "x86_64")]
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

/// The first poll of each is all that `Poll` is needed for.
#[test]
fn outside_of_a_runtime_operations_panic_as_ever() {
    let _folder = Folder::new("outside");
    let outcome = std::panic::catch_unwind(|| {
        let mut cx = Context::from_waker(Waker::noop());
        matches!(
            std::pin::pin!(File::open("/dev/null")).poll(&mut cx),
            Poll::Ready(_)
        )
    });
    assert!(outcome.is_err());
}

/// A disk of which a part can be read: the file is there while its first half is in memory, then the image is cut.
const BROKEN_DISK: &str = r#"
set -e
cd "$1"
truncate -s 32M image
mkfs.ext4 -q -F image
loop=$(losetup -f --show --direct-io=on image)
trap 'umount mounted || true; losetup -d $loop' EXIT
mkdir mounted
mount "$loop" mounted
head -c 1000000 /dev/zero | tr '\0' x > mounted/file
sync mounted/file
echo 1 > /proc/sys/vm/drop_caches
BROKEN_FILE="$1/mounted/file" "$2" --ignored --exact reads_of_a_broken_disk_end_with_its_error
"#;

/// The kernel gives the part that it could read, and does not move the file's position.
#[test]
#[ignore = "needs root and a loop device"]
fn reads_of_a_broken_disk_end_with_its_error() {
    let Some(path) = std::env::var_os("BROKEN_FILE").map(PathBuf::from) else {
        let folder = Folder::new("broken");
        let status = std::process::Command::new("unshare")
            .args(["-m", "bash", "-c", BROKEN_DISK, "-"])
            .arg(&folder.path)
            .arg(std::env::current_exe().unwrap())
            .status();
        assert!(status.unwrap().success());
        return;
    };
    use std::os::fd::AsRawFd;
    let known = StdFile::open(&path).unwrap();
    // SAFETY: a call without memory arguments on an open descriptor.
    let advice = unsafe { libc::posix_fadvise(known.as_raw_fd(), 0, 0, libc::POSIX_FADV_RANDOM) };
    assert_eq!(advice, 0);
    io::Read::read_exact(&mut &known, &mut vec![0; 400 * 1024]).unwrap();
    let image = path.parent().unwrap().with_file_name("image");
    std::fs::write(image, []).unwrap();
    multi(1).block_on(async {
        let mut file = File::open(&path).await.unwrap();
        let mut buffer = vec![0; 1_000_000];
        assert_eq!(file.read(&mut buffer).await.unwrap(), 400 * 1024);
        for _ in 0..3 {
            let error = file.read(&mut buffer).await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EIO));
        }
        assert_eq!(file.stream_position().await.unwrap(), 400 * 1024);
        let error = fs::read(&path).await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EIO));
    });
}
