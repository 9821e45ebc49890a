//! The results of operations: the same as in the standard library, without a thread of the pool.

use std::fs::{File as StdFile, OpenOptions as StdOptions};
use std::future::Future;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{Folder, assert_pool_unused, bytes, has_rings};
use crate::support::{both, current, multi};
use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

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

/// Each combination of options opens a file as in the standard library, errors included.
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

/// Status flags, descriptor flags, and the file's mode.
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

/// A cancelled read leaves its bytes for the next read, in order.
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

/// As with `open(2)`: opening a pipe waits until the other side is opened.
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

/// File operations take real time; the paused clock must not jump meanwhile.
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

/// The panic comes at the first poll.
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

/// A disk that fails half-way: a part of the file is read into memory, then the disk's image is cut to nothing.
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

/// The kernel returns the part that it could read, but does not move the file's position.
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
