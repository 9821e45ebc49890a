//! A side that was closed once and is open again, or that the system calls closed though an attempt would block: a wait
//! for it sleeps until there is something, and a real end is still reported.

use std::fs::OpenOptions;
use std::future::Future;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::support::{each_blocks_on, soon};
use crate::system::make_fifo;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest, Ready};
use tokio::net::unix::pipe;
use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram};
use tokio::time::{sleep, timeout};

/// In this time, a spinning loop is polled thousands of times.
const WHILE: Duration = Duration::from_millis(150);
/// Polls of a sleeping future at most: the first, one for each event, and one at the end of the time-out.
const FEW: usize = 12;

/// Counts how often a future is polled.
struct Polls<'a, F>(Pin<&'a mut F>, usize);

impl<F: Future> Future for Polls<'_, F> {
    type Output = F::Output;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.1 += 1;
        self.0.as_mut().poll(cx)
    }
}

/// Asserts that the future waits, and is not polled again and again meanwhile.
async fn assert_sleeps<F: Future>(what: &str, future: Pin<&mut F>) {
    let mut polls = Polls(future, 0);
    let ended = timeout(WHILE, &mut polls).await;
    assert!(ended.is_err(), "{what} did not wait");
    assert!(polls.1 <= FEW, "{what} was polled {} times", polls.1);
}

fn would_block<T>(result: io::Result<T>) -> bool {
    matches!(result, Err(error) if error.kind() == ErrorKind::WouldBlock)
}

struct Fifo {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Fifo {
    fn new() -> Fifo {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fifo");
        make_fifo(&path);
        Fifo {
            path,
            _folder: folder,
        }
    }

    fn open(&self, write: bool) -> std::fs::File {
        OpenOptions::new()
            .read(!write)
            .write(write)
            .custom_flags(libc::O_NONBLOCK)
            .open(&self.path)
            .unwrap()
    }

    /// Writes with a first writer and closes it; `seen` reads the data and the end; then opens a second writer.
    async fn second_writer(&self, seen: impl AsyncFnOnce()) -> std::fs::File {
        let mut first = self.open(true);
        first.write_all(b"first").unwrap();
        drop(first);
        seen().await;
        self.open(true)
    }
}

#[test]
fn a_fifo_whose_second_writer_is_silent_is_waited_for() {
    each_blocks_on(async || {
        let fifo = Fifo::new();
        let mut receiver = pipe::OpenOptions::new().open_receiver(&fifo.path).unwrap();
        let mut buf = [0; 64];
        let mut second = fifo
            .second_writer(async || {
                assert_eq!(soon("the data", receiver.read(&mut buf)).await.unwrap(), 5);
                assert_eq!(soon("the end", receiver.read(&mut buf)).await.unwrap(), 0);
            })
            .await;
        assert_sleeps("a read", pin!(receiver.read(&mut buf))).await;
        second.write_all(b"second").unwrap();
        assert_eq!(soon("a read", receiver.read(&mut buf)).await.unwrap(), 6);
        // A loop in the user's code waits too.
        assert_sleeps(
            "a loop of try_read",
            pin!(async {
                loop {
                    receiver.readable().await.unwrap();
                    assert!(would_block(receiver.try_read(&mut [0; 8])));
                }
            }),
        )
        .await;
        drop(second);
        assert_eq!(soon("the end", receiver.read(&mut buf)).await.unwrap(), 0);
        assert!(
            receiver
                .ready(Interest::READABLE)
                .await
                .unwrap()
                .is_read_closed()
        );
    });
}

/// All ways to wait with an `AsyncFd`, each with a closed flag that is no longer true.
#[test]
fn an_async_fd_on_a_fifo_with_a_second_writer_is_waited_for() {
    async fn wait(way: usize, fd: &AsyncFd<std::fs::File>) -> usize {
        let mut buf = [0; 64];
        let both = Interest::READABLE | Interest::WRITABLE;
        loop {
            let mut read = |fd: &AsyncFd<std::fs::File>| (&mut fd.get_ref()).read(&mut buf);
            let result = match way {
                0 => fd.readable().await.unwrap().try_io(read).ok(),
                1 => Some(
                    fd.async_io(Interest::READABLE, |mut file| file.read(&mut [0; 64]))
                        .await,
                ),
                2 => {
                    fd.readable().await.unwrap().retain_ready();
                    Some(fd.try_io(Interest::READABLE, |_| read(fd)))
                }
                3 => {
                    let mut guard = fd.readable().await.unwrap();
                    let result = read(fd);
                    if result.is_err() {
                        guard.clear_ready();
                    }
                    Some(result)
                }
                4 => {
                    let mut guard = fd.readable().await.unwrap();
                    let result = read(fd);
                    if result.is_err() {
                        guard.clear_ready_matching(Ready::READABLE);
                    }
                    Some(result)
                }
                5 => fd.ready(both).await.unwrap().try_io(read).ok(),
                6 => Some(fd.async_io(both, |mut file| file.read(&mut [0; 64])).await),
                _ => unreachable!(),
            };
            match result {
                Some(result)
                    if !would_block(result.as_ref().copied().map_err(|e| e.kind().into())) =>
                {
                    return result.unwrap();
                }
                _ => {}
            }
        }
    }
    each_blocks_on(async || {
        for way in 0..7 {
            let fifo = Fifo::new();
            // SAFETY: the file keeps its descriptor.
            let fd = unsafe { AsyncFd::register(fifo.open(false)) }.unwrap();
            let name = format!("way {way}");
            let mut second = fifo
                .second_writer(async || {
                    assert_eq!(soon(&name, wait(way, &fd)).await, 5);
                    assert_eq!(soon(&name, wait(way, &fd)).await, 0);
                })
                .await;
            let mut waiting = pin!(wait(way, &fd));
            assert_sleeps(&name, waiting.as_mut()).await;
            second.write_all(b"second").unwrap();
            assert_eq!(soon(&name, waiting).await, 6);
            drop(second);
            assert_eq!(soon(&name, wait(way, &fd)).await, 0);
        }
    });
}

#[test]
fn a_terminal_that_was_opened_again_is_waited_for() {
    fn slave_of(master: RawFd) -> std::fs::File {
        let mut name = [0; 64];
        // SAFETY: the room for the name is ours, and as long as is said.
        let path = unsafe {
            assert_eq!(libc::ptsname_r(master, name.as_mut_ptr(), name.len()), 0);
            std::ffi::CStr::from_ptr(name.as_ptr())
        };
        OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NOCTTY)
            .open(path.to_str().unwrap())
            .unwrap()
    }
    each_blocks_on(async || {
        // SAFETY: a new descriptor that nobody else has, or -1, which the first assertion refuses.
        let master = unsafe {
            let fd = libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_NONBLOCK);
            assert!(fd >= 0);
            assert_eq!(libc::grantpt(fd) | libc::unlockpt(fd), 0);
            std::fs::File::from_raw_fd(fd)
        };
        let first = slave_of(master.as_raw_fd());
        // SAFETY: the file keeps its descriptor.
        let fd = unsafe { AsyncFd::register(master) }.unwrap();
        let read = async || {
            fd.async_io(Interest::READABLE, |mut file| file.read(&mut [0; 64]))
                .await
        };
        assert_sleeps("a read", pin!(read())).await;
        drop(first);
        let hung_up = soon("the hang-up", read()).await.unwrap_err();
        assert_eq!(hung_up.raw_os_error(), Some(libc::EIO));
        let mut second = slave_of(fd.as_raw_fd());
        assert_sleeps("a read", pin!(read())).await;
        second.write_all(b"again").unwrap();
        assert_eq!(soon("a read", read()).await.unwrap(), 5);
        drop(second);
        assert!(soon("the hang-up", read()).await.is_err());
    });
}

/// The OS reports an unconnected stream socket as hung up.
#[test]
fn a_socket_registered_before_it_connects_is_waited_for() {
    fn socket() -> OwnedFd {
        let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // SAFETY: the call takes numbers, and gives a descriptor of ours or -1, which is refused.
        unsafe {
            let fd = libc::socket(libc::AF_INET, kind, 0);
            assert!(fd >= 0);
            OwnedFd::from_raw_fd(fd)
        }
    }
    each_blocks_on(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut near = TcpStream::from_std(socket().into()).unwrap();
        assert!(near.ready(Interest::WRITABLE).await.unwrap().is_writable());
        // SAFETY: all of its fields may be zero.
        let mut name: libc::sockaddr_in = unsafe { std::mem::zeroed() };
        name.sin_family = libc::AF_INET as libc::sa_family_t;
        name.sin_port = address.port().to_be();
        name.sin_addr.s_addr = u32::from_ne_bytes([127, 0, 0, 1]);
        // SAFETY: the address is a valid one of the length given.
        unsafe {
            let length = std::mem::size_of_val(&name) as libc::socklen_t;
            libc::connect(near.as_raw_fd(), (&raw const name).cast(), length);
        }
        let (mut far, _) = soon("the accept", listener.accept()).await.unwrap();
        let mut buf = [0; 64];
        assert_sleeps("a read", pin!(near.read(&mut buf))).await;
        assert_sleeps(
            "a loop of try_read",
            pin!(async {
                loop {
                    near.readable().await.unwrap();
                    assert!(would_block(near.try_read(&mut [0; 8])));
                }
            }),
        )
        .await;
        far.write_all(b"data").await.unwrap();
        assert_eq!(soon("a read", near.read(&mut buf)).await.unwrap(), 4);
        near.write_all(b"answer").await.unwrap();
        drop(far);
        // The far end has not read the answer, so the connection ends with a reset.
        let _ = soon("the end", near.read(&mut buf)).await;
        assert_eq!(soon("the end", near.read(&mut buf)).await.unwrap(), 0);
    });
}

/// The OS reports it as hung up for good, although there is nothing to read.
#[test]
fn a_shut_down_datagram_socket_is_waited_for() {
    each_blocks_on(async || {
        let (near, far) = UnixDatagram::pair().unwrap();
        near.shutdown(Shutdown::Read).unwrap();
        let mut buf = [0; 8];
        assert_sleeps("a receive", pin!(near.recv(&mut buf))).await;
        near.shutdown(Shutdown::Both).unwrap();
        assert_sleeps("a receive", pin!(near.recv(&mut buf))).await;
        let mut read_buf = tokio::io::ReadBuf::new(&mut buf);
        let polled = std::future::poll_fn(|cx| near.poll_recv(cx, &mut read_buf));
        assert_sleeps("a polled receive", pin!(polled)).await;
        drop(far);
    });
}

#[test]
fn a_send_to_a_second_peer_waits_for_room() {
    each_blocks_on(async || {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("second");
        let second = UnixDatagram::bind(&path).unwrap();
        let (near, far) = UnixDatagram::pair().unwrap();
        assert_sleeps("a receive", pin!(near.recv(&mut [0; 8]))).await;
        drop(far);
        sleep(Duration::from_millis(20)).await;
        assert!(near.send(b"nobody there").await.is_err());
        near.connect(&path).unwrap();
        while near.try_send(b"filling").is_ok() {}
        let mut send = pin!(near.send(b"more"));
        assert_sleeps("a send", send.as_mut()).await;
        second.recv(&mut [0; 16]).await.unwrap();
        soon("a send", send).await.unwrap();
    });
}

/// Errors in the queue that are not fetched leave the OS's error flag set.
#[test]
fn an_error_queue_that_nobody_reads_does_not_keep_others_busy() {
    each_blocks_on(async || {
        let near = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let on: libc::c_int = 1;
        // SAFETY: the option's value is an int of ours.
        let set = unsafe {
            let length = std::mem::size_of_val(&on) as libc::socklen_t;
            let value = (&raw const on).cast();
            libc::setsockopt(
                near.as_raw_fd(),
                libc::SOL_IP,
                libc::IP_RECVERR,
                value,
                length,
            )
        };
        assert_eq!(set, 0);
        let gone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        near.connect(gone.local_addr().unwrap()).await.unwrap();
        drop(gone);
        near.send(b"nobody there").await.unwrap();
        let mut buf = [0; 8];
        let refused = soon("the error", near.recv(&mut buf)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        assert_sleeps("a receive", pin!(near.recv(&mut buf))).await;
    });
}

#[test]
fn a_full_stream_with_an_error_queue_is_waited_for() {
    each_blocks_on(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let far = TcpStream::connect(listener.local_addr().unwrap());
        let (near, far) = tokio::join!(listener.accept(), far);
        let (mut near, mut far) = (near.unwrap().0, far.unwrap());
        // Time stamps of sent data (made by software) come through the error queue.
        let stamps: libc::c_uint = libc::SOF_TIMESTAMPING_TX_SOFTWARE
            | libc::SOF_TIMESTAMPING_TX_ACK
            | libc::SOF_TIMESTAMPING_SOFTWARE;
        // SAFETY: the option's value is an int of ours.
        let set = unsafe {
            let length = std::mem::size_of_val(&stamps) as libc::socklen_t;
            let value = (&raw const stamps).cast();
            let option = libc::SO_TIMESTAMPING;
            libc::setsockopt(near.as_raw_fd(), libc::SOL_SOCKET, option, value, length)
        };
        assert_eq!(set, 0);
        near.write_all(b"stamped").await.unwrap();
        far.read_exact(&mut [0; 7]).await.unwrap();
        let block = vec![0; 1 << 20];
        // Writes until nothing fits, even after the OS has moved bytes to the other end.
        while let Ok(written) = timeout(WHILE, near.write(&block)).await {
            written.unwrap();
        }
        let mut write = pin!(near.write(&block));
        assert_sleeps("a write", write.as_mut()).await;
        let mut sink = vec![0; 1 << 20];
        let drain = async {
            loop {
                let _ = far.read(&mut sink).await.unwrap();
            }
        };
        tokio::select! {
            written = soon("a write", write) => assert!(written.unwrap() > 0),
            () = drain => {}
        }
    });
}

/// The flag stays as long as it is true: the other end sends no more, but still receives.
#[test]
fn a_half_closed_stream_tells_so_every_time() {
    each_blocks_on(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let far = TcpStream::connect(listener.local_addr().unwrap());
        let (near, far) = tokio::join!(listener.accept(), far);
        let (near, mut far) = (near.unwrap().0, far.unwrap());
        assert!(would_block(near.try_read(&mut [0; 8])));
        far.write_all(b"bye").await.unwrap();
        far.shutdown().await.unwrap();
        let closed = async |when: &str| {
            let ready = soon(when, near.ready(Interest::READABLE)).await.unwrap();
            ready.is_read_closed()
        };
        while !closed("the end").await {
            sleep(Duration::from_millis(1)).await;
        }
        // A short read, and a write for which there is no room, do not clear the flag.
        let mut buf = [0; 64];
        assert_eq!(near.try_read(&mut buf).unwrap(), 3);
        let either = Interest::READABLE | Interest::WRITABLE;
        let block = vec![0; 1 << 20];
        let write = || {
            let fd = near.as_raw_fd();
            // SAFETY: pointer and length are those of a borrowed block.
            match unsafe { libc::send(fd, block.as_ptr().cast(), block.len(), 0) } {
                -1 => Err(io::Error::last_os_error()),
                n => Ok(n),
            }
        };
        for _ in 0..3 {
            loop {
                match near.try_io(either, write) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => panic!("{error}"),
                }
            }
            assert!(closed("after a write that would block").await);
        }
        for _ in 0..3 {
            assert!(closed("once more").await);
            assert_eq!(near.try_read(&mut buf).unwrap(), 0);
        }
        let mut near = near;
        assert_eq!(soon("a read", near.read(&mut buf)).await.unwrap(), 0);
    });
}

/// A program that clears the readiness after a short read, before an attempt would block, still learns of the end.
#[test]
fn an_end_that_came_with_the_data_outlives_a_guard_that_is_cleared_early() {
    each_blocks_on(async || {
        let (near, mut far) = std::os::unix::net::UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        // SAFETY: the socket keeps its descriptor.
        let fd = unsafe { AsyncFd::register(near) }.unwrap();
        far.write_all(b"bye").unwrap();
        drop(far);
        let mut buf = [0; 64];
        for clear_all in [true, false] {
            let mut guard = soon("the data", fd.readable()).await.unwrap();
            assert!(guard.ready().is_read_closed());
            let _ = (&mut fd.get_ref()).read(&mut buf).unwrap();
            match clear_all {
                true => guard.clear_ready(),
                false => guard.clear_ready_matching(Ready::READABLE),
            }
        }
        let read = fd.async_io(Interest::READABLE, |mut socket| socket.read(&mut [0; 64]));
        assert_eq!(soon("the end", read).await.unwrap(), 0);
    });
}
