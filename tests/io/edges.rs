//! Edges of I/O at which data, an error or a wake-up could be lost.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::support::{both, current, within};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixDatagram, UnixStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

const SOON: Duration = Duration::from_secs(5);

/// Gives its pieces, then an error.
struct Failing(Vec<&'static [u8]>);

impl AsyncRead for Failing {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.0.is_empty() {
            return Poll::Ready(Err(io::Error::other("the reader fails")));
        }
        buf.put_slice(self.0.remove(0));
        Poll::Ready(Ok(()))
    }
}

/// Takes one byte at a time.
struct Slow(Vec<u8>);

impl AsyncWrite for Slow {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.extend_from_slice(&buf[..1]);
        Poll::Ready(Ok(1))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn copy_writes_what_was_read_before_an_error() {
    within(20, || {
        current().block_on(async {
            let (mut reader, mut writer) = (Failing(vec![b"abc", b"def"]), Slow(Vec::new()));
            let error = tokio::io::copy(&mut reader, &mut writer).await;
            assert_eq!(error.unwrap_err().to_string(), "the reader fails");
            assert_eq!(writer.0, b"abcdef");
        });
    });
}

/// A read ends before urgent data and goes on behind it, without a new event.
#[test]
fn tcp_reads_past_urgent_data() {
    within(30, || {
        for runtime in both() {
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let far = TcpStream::connect(listener.local_addr().unwrap());
                let (near, far) = tokio::join!(listener.accept(), far);
                let (mut near, far) = (near.unwrap().0, far.unwrap());
                let mut buf = [0; 64];
                // Registered and found empty: from here on only events tell.
                assert!(
                    timeout(Duration::from_millis(50), near.read(&mut buf))
                        .await
                        .is_err()
                );
                let send = |bytes: &[u8], flags| {
                    let fd = far.as_raw_fd();
                    // SAFETY: pointer and length are those of a borrowed slice.
                    let n = unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), flags) };
                    assert_eq!(n, bytes.len() as isize);
                };
                send(b"before", 0);
                send(b"!", libc::MSG_OOB);
                send(b"behind", 0);
                std::thread::sleep(Duration::from_millis(50));
                let mut got = Vec::new();
                while got.len() < 12 {
                    let n = timeout(SOON, near.read(&mut buf)).await.expect("a hang");
                    got.extend_from_slice(&buf[..n.unwrap()]);
                }
                assert_eq!(got, b"beforebehind");
            });
        }
    });
}

/// Sends bytes together with a descriptor.
fn send_with_descriptor(socket: RawFd, bytes: &[u8], descriptor: RawFd) {
    let mut part = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    let mut control = [0u64; 4];
    // SAFETY: the message is zero but for one part and room for one control message, which is written
    // within that room.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(4) as _;
        let header = libc::CMSG_FIRSTHDR(&message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(4) as _;
        libc::CMSG_DATA(header)
            .cast::<RawFd>()
            .write_unaligned(descriptor);
        assert_eq!(libc::sendmsg(socket, &message, 0), bytes.len() as isize);
    }
}

/// A read ends behind a message with descriptors, though there is more.
#[test]
fn unix_stream_reads_past_a_message_with_descriptors() {
    within(30, || {
        for runtime in both() {
            runtime.block_on(async {
                let (mut near, far) = UnixStream::pair().unwrap();
                let mut buf = [0; 64];
                assert!(
                    timeout(Duration::from_millis(50), near.read(&mut buf))
                        .await
                        .is_err()
                );
                send_with_descriptor(far.as_raw_fd(), b"first", 0);
                assert_eq!(far.try_write(b"second").unwrap(), 6);
                std::thread::sleep(Duration::from_millis(50));
                let mut got = Vec::new();
                while got.len() < 11 {
                    let n = timeout(SOON, near.read(&mut buf)).await.expect("a hang");
                    got.extend_from_slice(&buf[..n.unwrap()]);
                }
                assert_eq!(got, b"firstsecond");
            });
        }
    });
}

/// A read of a pipe ends with a packet, though there are more.
#[test]
fn pipes_of_packets_are_read_to_the_last() {
    within(30, || {
        for runtime in both() {
            runtime.block_on(async {
                let mut ends = [0; 2];
                let flags = libc::O_CLOEXEC | libc::O_DIRECT | libc::O_NONBLOCK;
                // SAFETY: room for two descriptors.
                assert_eq!(unsafe { libc::pipe2(ends.as_mut_ptr(), flags) }, 0);
                // SAFETY: both were just made, and belong to nobody else.
                let [reader, writer] = ends.map(|end| unsafe {
                    <std::os::fd::OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(end)
                });
                let mut reader = tokio::net::unix::pipe::Receiver::from_owned_fd(reader).unwrap();
                let mut writer = std::fs::File::from(writer);
                let mut buf = [0; 64];
                assert!(
                    timeout(Duration::from_millis(50), reader.read(&mut buf))
                        .await
                        .is_err()
                );
                writer.write_all(b"one").unwrap();
                writer.write_all(b"two").unwrap();
                std::thread::sleep(Duration::from_millis(50));
                for expected in [b"one", b"two"] {
                    let n = timeout(SOON, reader.read(&mut buf)).await.expect("a hang");
                    assert_eq!(&buf[..n.unwrap()], expected);
                }
            });
        }
    });
}

/// The system calls a datagram socket whose peer has gone "hung up" for good, which is no reason to try
/// without end: once reconnected, a send that finds the queue full waits, and others run meanwhile.
#[test]
fn a_send_after_the_first_peer_has_gone_lets_others_run() {
    within(30, || {
        for runtime in both() {
            runtime.block_on(async {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("second");
                let second = UnixDatagram::bind(&path).unwrap();
                let (near, far) = UnixDatagram::pair().unwrap();
                assert!(
                    timeout(Duration::from_millis(20), near.recv(&mut [0; 8]))
                        .await
                        .is_err()
                );
                drop(far);
                sleep(Duration::from_millis(20)).await;
                assert!(near.send(b"nobody there").await.is_err());
                near.connect(&path).unwrap();
                while near.try_send(b"filling").is_ok() {}
                let ended = timeout(Duration::from_millis(200), async {
                    loop {
                        near.send(b"more").await.unwrap();
                    }
                });
                assert!(ended.await.is_err());
                let mut buf = [0; 16];
                second.recv(&mut buf).await.unwrap();
                let sent = timeout(SOON, near.send(b"room again")).await;
                sent.expect("a hang").unwrap();
                let polled = timeout(
                    Duration::from_millis(200),
                    std::future::poll_fn(|cx| {
                        loop {
                            std::task::ready!(near.poll_send(cx, b"more")).unwrap();
                        }
                        #[allow(unreachable_code)]
                        Poll::Ready(())
                    }),
                );
                assert!(polled.await.is_err());
            });
        }
    });
}

#[test]
fn receiving_on_a_shut_down_datagram_socket_lets_others_run() {
    within(30, || {
        for runtime in both() {
            runtime.block_on(async {
                let (near, _far) = UnixDatagram::pair().unwrap();
                near.shutdown(std::net::Shutdown::Read).unwrap();
                let received = timeout(Duration::from_millis(200), async {
                    loop {
                        near.recv(&mut [0; 8]).await.unwrap();
                    }
                });
                assert!(received.await.is_err());
                let polled = timeout(
                    Duration::from_millis(200),
                    std::future::poll_fn(|cx| {
                        loop {
                            let mut memory = [0; 8];
                            let mut buf = ReadBuf::new(&mut memory);
                            std::task::ready!(near.poll_recv(cx, &mut buf)).unwrap();
                        }
                        #[allow(unreachable_code)]
                        Poll::Ready(())
                    }),
                );
                assert!(polled.await.is_err());
            });
        }
    });
}

fn one_pool_thread() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.max_blocking_threads(1).build().unwrap()
}

/// A file of ten digits, of which five were read ahead by a read that was given up.
async fn read_ahead(folder: &std::path::Path) -> File {
    let path = folder.join("digits");
    std::fs::write(&path, b"0123456789").unwrap();
    // A descriptor that others may have is read on the pool.
    let options = std::fs::File::options().read(true).write(true).open(&path);
    let mut file = File::from_std(options.unwrap());
    let mut buf = [0; 5];
    // The pool's one thread is busy until the read has been given up.
    let (go_on, blocked) = std::sync::mpsc::channel();
    let blocker = tokio::task::spawn_blocking(move || blocked.recv());
    {
        let mut read = std::pin::pin!(file.read(&mut buf));
        let waker = std::task::Waker::noop();
        let first = read.as_mut().poll(&mut Context::from_waker(waker));
        assert!(first.is_pending());
    }
    go_on.send(()).unwrap();
    blocker.await.unwrap().unwrap();
    let mut one = [0; 1];
    assert_eq!(file.read(&mut one).await.unwrap(), 1);
    assert_eq!(&one, b"0");
    file
}

#[test]
fn a_file_given_to_std_goes_on_where_the_reader_was() {
    within(20, || {
        one_pool_thread().block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let mut rest = String::new();
            let mut file = read_ahead(folder.path()).await.into_std().await;
            file.read_to_string(&mut rest).unwrap();
            assert_eq!(rest, "123456789");

            let file = read_ahead(folder.path()).await;
            let mut file = file.try_into_std().expect("nothing is under way");
            assert_eq!(file.stream_position().unwrap(), 1);
        });
    });
}

#[test]
fn a_cloned_file_goes_on_where_the_reader_was() {
    within(20, || {
        one_pool_thread().block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let mut file = read_ahead(folder.path()).await;
            let mut twin = file.try_clone().await.unwrap();
            let mut three = [0; 3];
            twin.read_exact(&mut three).await.unwrap();
            assert_eq!(&three, b"123");
            file.read_exact(&mut three).await.unwrap();
            assert_eq!(&three, b"456");
        });
    });
}

#[test]
fn a_failed_seek_moves_nothing() {
    within(20, || {
        one_pool_thread().block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let mut file = read_ahead(folder.path()).await;
            assert!(file.seek(SeekFrom::Current(-2)).await.is_err());
            assert_eq!(file.stream_position().await.unwrap(), 1);

            let mut file = read_ahead(folder.path()).await;
            assert!(file.seek(SeekFrom::End(-20)).await.is_err());
            let mut rest = String::new();
            file.read_to_string(&mut rest).await.unwrap();
            assert_eq!(rest, "123456789");
        });
    });
}
