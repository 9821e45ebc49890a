//! Peers that do not exist or go away, and halves that do not belong together.

use std::time::Duration;

use crate::support::{both, current, panic_message, within};
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream};

#[test]
fn port_in_use() {
    for runtime in both() {
        runtime.block_on(async {
            // Another process may take the free port, so it is tried several times.
            let mut is_bound_again = false;
            for _ in 0..10 {
                let first = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = first.local_addr().unwrap();
                let error = tokio::net::TcpListener::bind(address).await.unwrap_err();
                assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
                drop(first);
                is_bound_again |= tokio::net::TcpListener::bind(address).await.is_ok();
            }
            assert!(is_bound_again);

            let first = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let address = first.local_addr().unwrap();
            let error = tokio::net::UdpSocket::bind(address).await.unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
        });
    }
}

#[test]
fn nobody_listens_or_no_such_host() {
    current().block_on(async {
        let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = gone.local_addr().unwrap();
        drop(gone);
        let error = tokio::net::TcpStream::connect(address).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
        for text in ["127.0.0.1", "127.0.0.1:99999", ":::::", ""] {
            assert!(
                tokio::net::TcpStream::connect(text).await.is_err(),
                "{text}"
            );
        }
        let none: &[std::net::SocketAddr] = &[];
        let error = tokio::net::TcpStream::connect(none).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    });
}

/// Halves of two streams: no stream can be made of them, and neither stream is harmed by the attempt.
#[test]
fn halves_of_different_streams_do_not_unite() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, split};
    use tokio::net::{TcpListener, TcpStream, UnixStream};
    current().block_on(async {
        let (one, mut far) = duplex(64);
        let (read, write) = split(one);
        let (other_read, other_write) = split(duplex(64).0);
        assert!(!read.is_pair_of(&other_write) && read.is_pair_of(&write));
        let message = panic_message(|| other_read.unsplit(write));
        assert!(message.contains("Unrelated"), "{message}");
        let message = panic_message(|| read.unsplit(other_write));
        assert!(message.contains("Unrelated"), "{message}");
        // The panics dropped both halves, so the far end sees the end.
        assert_eq!(far.read(&mut [0]).await.unwrap(), 0);

        let ((one, _a), (other, _b)) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
        let ((read, write), (other_read, other_write)) = (one.into_split(), other.into_split());
        let error = read.reunite(other_write).unwrap_err();
        assert!(error.to_string().contains("not from the same socket"));
        // The error returns both halves, and they still work.
        error.0.reunite(write).unwrap();
        other_read.reunite(error.1).unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let one = TcpStream::connect(address).await.unwrap();
        let (mut far, _) = listener.accept().await.unwrap();
        let other = TcpStream::connect(address).await.unwrap();
        let ((read, write), (_read, other_write)) = (one.into_split(), other.into_split());
        let error = read.reunite(other_write).unwrap_err();
        let mut one = error.0.reunite(write).unwrap();
        one.write_all(b"x").await.unwrap();
        assert_eq!(far.read_u8().await.unwrap(), b'x');
    });
}

/// A writer learns that its reader has gone, even if it already waits for room.
#[test]
fn peers_that_go_away() {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
    use std::process::Stdio;
    use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex};
    use tokio::net::{TcpListener, TcpStream, UnixStream, unix::pipe};

    async fn fails_though_waiting<W: AsyncWrite + Unpin + Send + 'static, R>(mut to: W, peer: R) {
        let (full, waits) = tokio::sync::oneshot::channel();
        let writer = tokio::spawn(async move {
            let mut full = Some(full);
            loop {
                let mut write = std::pin::pin!(to.write(&[7; 4096]));
                let result = std::future::poll_fn(|cx| {
                    let polled = write.as_mut().poll(cx);
                    if polled.is_pending() {
                        if let Some(full) = full.take() {
                            full.send(()).unwrap();
                        }
                    }
                    polled
                });
                if let Err(error) = result.await {
                    return error.kind();
                }
            }
        });
        waits.await.unwrap();
        drop(peer);
        assert_eq!(writer.await.unwrap(), BrokenPipe);
    }

    within(30, || {
        for runtime in both() {
            runtime.block_on(async {
                let (to, from) = pipe::pipe().unwrap();
                fails_though_waiting(to, from).await;
                let (near, far) = duplex(64);
                fails_though_waiting(near, far).await;
                let (near, far) = UnixStream::pair().unwrap();
                let (_keep, write) = near.into_split();
                fails_though_waiting(write, far).await;

                let (to, mut from) = pipe::pipe().unwrap();
                drop(to);
                assert_eq!(from.read(&mut [0]).await.unwrap(), 0);

                // A child that does not read its input, and a child whose output is closed.
                let mut child = tokio::process::Command::new("true")
                    .stdin(Stdio::piped())
                    .spawn()
                    .unwrap();
                let mut stdin = child.stdin.take().unwrap();
                assert!(child.wait().await.unwrap().success());
                let error = stdin.write_all(b"anyone?").await.unwrap_err();
                assert_eq!(error.kind(), BrokenPipe);
                let mut child = tokio::process::Command::new("yes")
                    .stdout(Stdio::piped())
                    .stderr(Stdio::null())
                    .spawn()
                    .unwrap();
                drop(child.stdout.take());
                assert!(!child.wait().await.unwrap().success());

                // A connection that is reset rather than closed.
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap();
                let mut near = TcpStream::connect(address).await.unwrap();
                let (far, _) = listener.accept().await.unwrap();
                far.set_zero_linger().unwrap();
                drop(far);
                let error = near.read(&mut [0]).await.unwrap_err();
                assert_eq!(error.kind(), ConnectionReset);
            });
        }
    });
}

async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connect = TcpStream::connect(listener.local_addr().unwrap());
    let (client, server) = tokio::join!(connect, listener.accept());
    (client.unwrap(), server.unwrap().0)
}

/// A server that only waits for its client's end sees it, without a read.
#[test]
fn an_accepted_stream_tells_that_its_peer_has_gone() {
    for runtime in both() {
        within(10, move || {
            runtime.block_on(async {
                let (client, server) = tcp_pair().await;
                drop(client);
                for _ in 0..200 {
                    let ready = server.ready(Interest::READABLE).await.unwrap();
                    if ready.is_read_closed() {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                panic!("the end is never told");
            });
        });
    }
}
