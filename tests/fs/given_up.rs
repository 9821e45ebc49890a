//! Cancelled reads on files without a position: the bytes stay for the next read, whatever comes in between.

use std::future::Future;
use std::io::{Read, SeekFrom, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::pin::pin;
use std::task::Poll;

use crate::support::{both, within};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

fn owned(fd: i32) -> OwnedFd {
    assert!(fd >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the kernel has just given us this descriptor.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// A raw terminal: its master side, and its slave side.
fn terminal() -> (std::fs::File, std::fs::File) {
    let (mut master, mut slave) = (-1, -1);
    let none = std::ptr::null_mut();
    // SAFETY: both places for a descriptor are valid, nothing else is given.
    let result = unsafe {
        libc::openpty(
            &mut master,
            &mut slave,
            none,
            none.cast_const().cast(),
            none.cast_const().cast(),
        )
    };
    assert_eq!(result, 0);
    let (master, slave) = (owned(master), owned(slave));
    // SAFETY: `termios` is numbers; zero is good for each.
    let mut modes: libc::termios = unsafe { std::mem::zeroed() };
    // SAFETY: `modes` is valid for all three calls.
    unsafe {
        assert_eq!(libc::tcgetattr(slave.as_raw_fd(), &mut modes), 0);
        libc::cfmakeraw(&mut modes);
        assert_eq!(libc::tcsetattr(slave.as_raw_fd(), libc::TCSANOW, &modes), 0);
    }
    (master.into(), slave.into())
}

fn sockets() -> (std::fs::File, std::fs::File) {
    let (a, b) = std::os::unix::net::UnixStream::pair().unwrap();
    (OwnedFd::from(a).into(), OwnedFd::from(b).into())
}

/// Starts a read of up to `n` bytes, and drops it.
async fn give_up(file: &mut File, n: usize) {
    let mut buf = vec![0; n];
    let mut read = pin!(file.read(&mut buf));
    let first = std::future::poll_fn(|cx| Poll::Ready(read.as_mut().poll(cx)));
    assert!(first.await.is_pending());
}

/// Makes two connected descriptors; the first is under test.
type Make = fn() -> (std::fs::File, std::fs::File);
const STREAMS: [Make; 2] = [terminal, sockets];

#[test]
fn a_write_after_a_read_given_up_loses_neither() {
    within(20, || {
        for make in STREAMS {
            for runtime in both() {
                let (ours, mut other) = make();
                runtime.block_on(async {
                    let mut file = File::from_std(ours);
                    for round in 0..3 {
                        give_up(&mut file, 10).await;
                        other.write_all(b"abc").unwrap();
                        file.write_all(b"to you").await.unwrap();
                        file.flush().await.unwrap();
                        let mut seen = [0; 6];
                        other.read_exact(&mut seen).unwrap();
                        assert_eq!(&seen, b"to you", "round {round}");
                        let mut seen = [0; 2];
                        file.read_exact(&mut seen).await.unwrap();
                        assert_eq!(&seen, b"ab", "round {round}");
                        // One byte is still read ahead.
                        file.write_all(b"!").await.unwrap();
                        file.flush().await.unwrap();
                        other.read_exact(&mut seen[..1]).unwrap();
                        assert_eq!(seen[0], b'!');
                        other.write_all(b"de").unwrap();
                        let mut rest = [0; 3];
                        file.read_exact(&mut rest).await.unwrap();
                        assert_eq!(&rest, b"cde");
                    }
                });
            }
        }
    });
}

#[test]
fn what_cannot_be_done_to_a_stream_costs_no_byte() {
    within(20, || {
        for make in STREAMS {
            for runtime in both() {
                let (ours, mut other) = make();
                runtime.block_on(async {
                    let mut file = File::from_std(ours);
                    give_up(&mut file, 10).await;
                    other.write_all(b"abc").unwrap();
                    assert!(file.set_len(1).await.is_err());
                    for to in [SeekFrom::Start(0), SeekFrom::Current(0), SeekFrom::End(0)] {
                        let error = file.seek(to).await.unwrap_err();
                        assert_eq!(error.raw_os_error(), Some(libc::ESPIPE));
                    }
                    let _ = file.sync_all().await;
                    // The bytes that were read belong to this handle; the clone sees later bytes.
                    let mut clone = file.try_clone().await.unwrap();
                    other.write_all(b"later").unwrap();
                    let mut seen = [0; 5];
                    clone.read_exact(&mut seen).await.unwrap();
                    assert_eq!(&seen, b"later");
                    // A file of the standard library cannot hold them, so the conversion fails.
                    let mut file = file.try_into_std().unwrap_err();
                    assert_eq!(file.read(&mut seen).await.unwrap(), 3);
                    assert_eq!(&seen[..3], b"abc");
                    drop(file.try_into_std().unwrap());
                });
            }
        }
    });
}

/// An eventfd accepts every seek but has no position. Its numbers here are the same in both byte orders, as qemu swaps the
/// bytes of numbers that are written, but not of numbers that are read.
#[test]
fn a_position_that_only_seems_to_move_costs_no_byte() {
    within(20, || {
        for runtime in both() {
            // SAFETY: a call without memory arguments.
            let ours = std::fs::File::from(owned(unsafe { libc::eventfd(0, 0) }));
            let mut other = ours.try_clone().unwrap();
            runtime.block_on(async {
                let mut file = File::from_std(ours);
                give_up(&mut file, 8).await;
                other.write_all(&[5; 8]).unwrap();
                // The seeks wait for the cancelled read.
                let _ = file.seek(SeekFrom::Current(0)).await;
                let _ = file.seek(SeekFrom::Start(0)).await;
                file.write_all(&[7; 8]).await.unwrap();
                file.flush().await.unwrap();
                assert_eq!(file.read_u64().await.unwrap(), u64::from_ne_bytes([5; 8]));
                assert_eq!(file.read_u64().await.unwrap(), u64::from_ne_bytes([7; 8]));
            });
        }
    });
}

/// The pipe is non-blocking and full, yet all accepted bytes arrive; and a read waits for bytes.
#[test]
fn a_non_blocking_pipe_is_waited_for() {
    within(20, || {
        for runtime in both() {
            let mut ends = [-1; 2];
            // SAFETY: there is room for two descriptors.
            let answer = unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_NONBLOCK) };
            assert_eq!(answer, 0);
            let [reader, writer] = ends.map(owned);
            runtime.block_on(async {
                let mut reader = File::from(reader);
                let mut writer = File::from(writer);
                let data: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 251) as u8).collect();
                let reading = tokio::spawn(async move {
                    let mut all = Vec::new();
                    reader.read_to_end(&mut all).await.unwrap();
                    all
                });
                tokio::task::yield_now().await;
                writer.write_all(&data).await.unwrap();
                writer.flush().await.unwrap();
                drop(writer);
                assert!(reading.await.unwrap() == data);
            });
        }
    });
}
