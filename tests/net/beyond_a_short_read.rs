//! Bytes that are left after a read that ended early: after urgent data, after a descriptor, in the next packet.

use std::io::Write;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use crate::support::{both, within};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(5);

/// A read ends before urgent data; the next one goes on after it, without a new event.
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
                // Now the socket is registered and empty: from here on only events make it readable.
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

/// A read ends after a message with descriptors, although there are more bytes.
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

/// A read of a pipe ends with a packet, although there are more packets.
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
