//! Readiness for reading and writing, and waits that must let other tasks run.

use std::io::{Read, Write};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::support::waits::poll_once;
use crate::support::{both, within};
use tokio::io::unix::AsyncFd;
use tokio::io::{Interest, ReadBuf, Ready};
use tokio::net::{UnixDatagram, UnixStream};
use tokio::time::{sleep, timeout};

/// A task that only asks for readiness, and does not write, sees that data comes.
#[test]
fn a_pair_that_is_writable_becomes_readable_too() {
    for runtime in both() {
        within(10, move || {
            runtime.block_on(async {
                let (near, far) = UnixStream::pair().unwrap();
                far.writable().await.unwrap();
                far.try_write(b"x").unwrap();
                for _ in 0..200 {
                    let ready = near.ready(Interest::READABLE | Interest::WRITABLE).await;
                    if ready.unwrap().is_readable() {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                panic!("never readable");
            });
        });
    }
}

const SOON: Duration = Duration::from_secs(5);

/// The system reports a datagram socket whose peer has gone as hung up for good. Still the runtime does not spin:
/// once the socket is reconnected, a send that finds the queue full waits, and other tasks run meanwhile.
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

/// A guard whose readiness is cleared in part keeps the rest.
#[test]
fn a_guard_keeps_what_is_not_cleared() {
    for runtime in both() {
        runtime.block_on(async {
            let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
            near.set_nonblocking(true).unwrap();
            (&far).write_all(b"x").unwrap();
            // SAFETY: the stream keeps its descriptor open.
            let mut fd = unsafe { AsyncFd::register(near) }.unwrap();
            let both = Interest::READABLE | Interest::WRITABLE;
            let mut guard = fd.ready(both).await.unwrap();
            assert!(guard.ready().is_readable() && guard.ready().is_writable());
            guard.clear_ready_matching(Ready::READABLE);
            assert!(!guard.ready().is_readable() && guard.ready().is_writable());
            guard.clear_ready();
            assert!(guard.ready().is_empty());
            // The same with a mutable guard.
            let (fd, mut near) = (&mut fd, [0; 4]);
            (&far).write_all(b"y").unwrap();
            let mut guard = fd.ready_mut(both).await.unwrap();
            while !guard.ready().is_readable() {
                guard.clear_ready();
                guard = fd.ready_mut(both).await.unwrap();
            }
            guard.clear_ready_matching(Ready::WRITABLE);
            assert!(guard.ready().is_readable() && !guard.ready().is_writable());
            let read = guard.try_io(|fd| fd.get_mut().read(&mut near));
            assert_eq!(read.unwrap().unwrap(), 2);
            assert!(guard.ready().is_readable());
            let read = guard.try_io(|fd| fd.get_mut().read(&mut near));
            assert!(read.is_err() && guard.ready().is_empty());
            drop(guard);
            // The descriptor's readiness is cleared, too.
            assert!(poll_once(pin!(fd.readable())).is_pending());
            (&far).write_all(b"z").unwrap();
            let mut guard = fd.readable_mut().await.unwrap();
            guard.clear_ready();
            assert!(guard.ready().is_empty());
            drop(guard);
            assert!(poll_once(pin!(fd.readable())).is_pending());
            drop(far);
        });
    }
}

#[test]
fn the_runtime_counts_descriptors_and_their_events() {
    let runtime = crate::support::current();
    let metrics = runtime.metrics();
    let figures = || {
        [
            metrics.io_driver_fd_registered_count(),
            metrics.io_driver_fd_deregistered_count(),
            metrics.io_driver_ready_count(),
        ]
    };
    assert_eq!(figures(), [0; 3]);
    runtime.block_on(async {
        let (near, far) = UnixDatagram::pair().unwrap();
        far.send(b"x").await.unwrap();
        near.readable().await.unwrap();
        let [registered, deregistered, ready] = figures();
        assert!(registered >= 1 && ready >= 1);
        assert_eq!(deregistered, 0);
    });
    let [registered, deregistered, _] = figures();
    assert_eq!(registered, deregistered);
}
