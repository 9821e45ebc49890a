//! A read may end early: at the end of a packet or a line, or before urgent data. The bytes after that are read all the
//! same, whatever type the socket was converted to.

use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::time::Duration;

use crate::support::{each_blocks_on, soon};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::unix::pipe;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixSocket, UnixStream};
use tokio::time::timeout;

fn pair_of(kind: libc::c_int) -> [OwnedFd; 2] {
    let mut ends = [0; 2];
    let kind = kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: room for two descriptors, which are ours then.
    unsafe {
        let made = libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr());
        assert_eq!(made, 0);
        ends.map(|end| OwnedFd::from_raw_fd(end))
    }
}

fn send(socket: RawFd, bytes: &[u8], flags: libc::c_int) {
    // SAFETY: pointer and length are those of a borrowed slice.
    let n = unsafe { libc::send(socket, bytes.as_ptr().cast(), bytes.len(), flags) };
    assert_eq!(
        n,
        bytes.len() as isize,
        "{}",
        std::io::Error::last_os_error()
    );
}

/// Packets that are queued while no read waits are read one by one, several times over.
async fn reads_each_packet(name: &str, near: &mut (impl AsyncRead + Unpin), far: RawFd) {
    let mut buf = [0; 64];
    // Now the socket is registered and empty: from here on only events make it readable.
    let early = timeout(Duration::from_millis(20), near.read(&mut buf)).await;
    assert!(early.is_err(), "{name}");
    for round in 0..3 {
        for packet in ["one", "three", "fourteen"] {
            send(far, packet.as_bytes(), 0);
        }
        if round == 1 {
            // In this round the event comes before the first read.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for packet in ["one", "three", "fourteen"] {
            let n = soon(name, near.read(&mut buf)).await.unwrap();
            assert_eq!(&buf[..n], packet.as_bytes(), "{name}");
        }
    }
}

#[test]
fn streams_made_of_sockets_of_packets_read_each() {
    each_blocks_on(async || {
        let [near, far] = pair_of(libc::SOCK_SEQPACKET);
        let mut stream = UnixStream::from_std(near.into()).unwrap();
        reads_each_packet("from_std", &mut stream, far.as_raw_fd()).await;

        let [near, far] = pair_of(libc::SOCK_SEQPACKET);
        let std: std::os::unix::net::UnixStream = near.into();
        let (mut read, _write) = UnixStream::try_from(std).unwrap().into_split();
        reads_each_packet("a half", &mut read, far.as_raw_fd()).await;

        let [near, far] = pair_of(libc::SOCK_SEQPACKET);
        let mut stream = TcpStream::from_std(near.into()).unwrap();
        reads_each_packet("a TcpStream", &mut stream, far.as_raw_fd()).await;

        let [near, far] = pair_of(libc::SOCK_DGRAM);
        let mut stream = UnixStream::from_std(near.into()).unwrap();
        reads_each_packet("datagrams", &mut stream, far.as_raw_fd()).await;
    });
}

#[test]
fn listeners_and_connections_of_sockets_of_packets_read_each() {
    fn socket() -> OwnedFd {
        let kind = libc::SOCK_SEQPACKET | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // SAFETY: the call takes numbers, and gives a descriptor of ours or -1, which is refused.
        unsafe {
            let fd = libc::socket(libc::AF_UNIX, kind, 0);
            assert!(fd >= 0);
            OwnedFd::from_raw_fd(fd)
        }
    }
    each_blocks_on(async || {
        let folder = tempfile::tempdir().unwrap();
        for by_socket in [true, false] {
            let path = folder.path().join(format!("{by_socket}"));
            // SAFETY: the descriptor is ours to give.
            let server = unsafe { UnixSocket::from_raw_fd(socket().into_raw_fd()) };
            server.bind(&path).unwrap();
            let listener = server.listen(8).unwrap();
            let listener = match by_socket {
                true => listener,
                false => UnixListener::from_std(listener.into_std().unwrap()).unwrap(),
            };
            // SAFETY: as above.
            let client = unsafe { UnixSocket::from_raw_fd(socket().into_raw_fd()) };
            let (near, far) = tokio::join!(client.connect(&path), listener.accept());
            let (mut near, mut far) = (near.unwrap(), far.unwrap().0);
            let fds = (near.as_raw_fd(), far.as_raw_fd());
            reads_each_packet("connected", &mut near, fds.1).await;
            reads_each_packet("accepted", &mut far, fds.0).await;
        }
    });
}

fn send_with_descriptor(socket: RawFd, bytes: &[u8]) {
    use std::io::IoSlice;
    let parts = [IoSlice::new(bytes)];
    let mut control = [0_u64; 4];
    // SAFETY: the message is zero but for one part and room for one control message, which is written within
    // that room.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = parts.as_ptr().cast_mut().cast();
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(4) as usize;
        let header = libc::CMSG_FIRSTHDR(&message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(4) as usize;
        libc::CMSG_DATA(header).cast::<RawFd>().write_unaligned(0);
        assert_eq!(libc::sendmsg(socket, &message, 0), bytes.len() as isize);
    }
}

/// A `TcpStream` that holds a Unix stream reads past a message with a descriptor.
#[test]
fn a_unix_stream_in_another_type_reads_past_descriptors() {
    each_blocks_on(async || {
        let [near, far] = pair_of(libc::SOCK_STREAM);
        let mut near = TcpStream::from_std(near.into()).unwrap();
        let mut buf = [0; 64];
        let early = timeout(Duration::from_millis(20), near.read(&mut buf)).await;
        assert!(early.is_err());
        for _ in 0..3 {
            send_with_descriptor(far.as_raw_fd(), b"first");
            send(far.as_raw_fd(), b"second", 0);
            let mut got = Vec::new();
            while got.len() < 11 {
                let n = soon("a read", near.read(&mut buf)).await.unwrap();
                got.extend_from_slice(&buf[..n]);
            }
            assert_eq!(got, b"firstsecond");
        }
    });
}

#[test]
fn an_async_fd_of_packets_reads_each() {
    each_blocks_on(async || {
        let [near, far] = pair_of(libc::SOCK_SEQPACKET);
        // SAFETY: the descriptor stays open as long as it lives.
        let near = unsafe { AsyncFd::register(near) }.unwrap();
        for _ in 0..3 {
            for packet in ["one", "two", "three"] {
                send(far.as_raw_fd(), packet.as_bytes(), 0);
            }
            for packet in ["one", "two", "three"] {
                let mut buf = [0; 64];
                let receive = near.async_io(Interest::READABLE, |fd| {
                    // SAFETY: pointer and length are those of our buffer.
                    let n = unsafe {
                        libc::recv(fd.as_raw_fd(), buf.as_mut_ptr().cast(), buf.len(), 0)
                    };
                    match n {
                        -1 => Err(std::io::Error::last_os_error()),
                        n => Ok(n as usize),
                    }
                });
                let n = soon("a receive", receive).await.unwrap();
                assert_eq!(&buf[..n], packet.as_bytes());
            }
        }
    });
}

/// A read of a terminal returns one line.
#[test]
fn lines_of_a_terminal_are_read_to_the_last() {
    each_blocks_on(async || {
        let (mut master, mut slave) = (0, 0);
        // SAFETY: room for two descriptors; nothing else is asked for. Both are ours then.
        let (mut master, slave) = unsafe {
            let none = std::ptr::null_mut();
            let made = libc::openpty(&mut master, &mut slave, none, none.cast(), none.cast());
            assert_eq!(made, 0);
            (
                std::fs::File::from_raw_fd(master),
                OwnedFd::from_raw_fd(slave),
            )
        };
        // SAFETY: the call takes numbers and an open descriptor.
        unsafe { libc::fcntl(slave.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
        let mut lines = pipe::Receiver::from_owned_fd_unchecked(slave).unwrap();
        let mut buf = [0; 64];
        for _ in 0..3 {
            master.write_all(b"one\ntwo\nthree\n").unwrap();
            for line in ["one\n", "two\n", "three\n"] {
                let n = soon("a line", lines.read(&mut buf)).await.unwrap();
                assert_eq!(&buf[..n], line.as_bytes());
            }
        }
    });
}

/// A byte out of band ends a read of a Unix stream too, if the kernel has that.
#[test]
fn a_unix_stream_reads_past_urgent_data() {
    each_blocks_on(async || {
        let (mut near, far) = UnixStream::pair().unwrap();
        let mut buf = [0; 64];
        let early = timeout(Duration::from_millis(20), near.read(&mut buf)).await;
        assert!(early.is_err());
        send(far.as_raw_fd(), b"before", 0);
        // SAFETY: one byte of ours is sent.
        let urgent = unsafe { libc::send(far.as_raw_fd(), c"!".as_ptr().cast(), 1, libc::MSG_OOB) };
        send(far.as_raw_fd(), b"behind", 0);
        let mut got = Vec::new();
        while got.len() < 12 {
            let n = soon("a read", near.read(&mut buf)).await.unwrap();
            got.extend_from_slice(&buf[..n]);
        }
        assert!(
            got.starts_with(b"before") && got.ends_with(b"behind"),
            "{urgent} {got:?}"
        );
    });
}

/// Streams that `TcpSocket` and `from_std` have taken over read and write like other streams.
#[test]
fn streams_of_known_kinds_that_were_taken_over_carry_data_both_ways() {
    each_blocks_on(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listener = TcpListener::from_std(listener.into_std().unwrap()).unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        // SAFETY: the descriptor is the socket's, which gives it away.
        let socket = unsafe { TcpSocket::from_raw_fd(socket.into_raw_fd()) };
        let near = socket.connect(listener.local_addr().unwrap());
        let (near, far) = tokio::join!(near, listener.accept());
        let mut near = TcpStream::from_std(near.unwrap().into_std().unwrap()).unwrap();
        let mut far = far.unwrap().0;
        let block = vec![7; 3_000_000];
        let sent = async {
            near.write_all(&block).await.unwrap();
            near.shutdown().await.unwrap();
        };
        let mut got = Vec::new();
        let (_, received) = tokio::join!(sent, soon("the data", far.read_to_end(&mut got)));
        received.unwrap();
        assert!(got == block);
    });
}

/// Reads that fill their buffer, then a read that ends before a descriptor and does not fill it.
#[test]
fn a_unix_stream_that_was_read_in_full_reads_on_to_the_last() {
    each_blocks_on(async || {
        let (mut near, far) = UnixStream::pair().unwrap();
        let mut buf = [0; 64];
        for length in [65, 64, 10, 2, 64, 3, 129, 66, 7] {
            send(far.as_raw_fd(), &vec![9; length - 1], 0);
            send_with_descriptor(far.as_raw_fd(), b"d");
            send(far.as_raw_fd(), b"end", 0);
            let mut got = 0;
            while got < length + 3 {
                got += soon("a read", near.read(&mut buf)).await.unwrap();
            }
            let early = timeout(Duration::from_millis(10), near.read(&mut buf)).await;
            assert!(early.is_err());
        }
    });
}
