//! Misuse and refusals of the system end in one clear panic or error, and the runtime lives on.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use support::{both, current, multi, within};
use tokio::runtime::Builder;

/// The message of the panic that `f` must end in.
#[track_caller]
fn panic_message<T>(f: impl FnOnce() -> T) -> String {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("expected a panic"),
        Err(payload) => payload
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| payload.downcast_ref::<&str>().map(|s| s.to_string()))
            .unwrap_or_default(),
    }
}

#[test]
fn no_runtime_entered() {
    let message = panic_message(|| tokio::spawn(async {}));
    assert!(message.contains("there is no reactor running"), "{message}");
    let message = panic_message(|| tokio::time::sleep(Duration::from_millis(1)));
    assert!(message.contains("there is no reactor running"), "{message}");
    assert!(tokio::runtime::Handle::try_current().is_err());
}

#[test]
fn nested_block_on() {
    for runtime in both() {
        let handle = runtime.handle().clone();
        let message = panic_message(|| runtime.block_on(async { handle.block_on(async {}) }));
        assert!(
            message.contains("Cannot start a runtime from within a runtime"),
            "{message}"
        );
        assert!(message.contains("use `.await`"), "{message}");
        runtime.block_on(async { tokio::spawn(async {}).await.unwrap() });
    }
}

#[test]
fn blocking_inside_async() {
    for runtime in both() {
        let message = panic_message(|| {
            runtime.block_on(async {
                let (_tx, mut rx) = tokio::sync::mpsc::channel::<()>(1);
                rx.blocking_recv()
            })
        });
        assert!(
            message.contains("Cannot block the current thread"),
            "{message}"
        );
        assert!(message.contains("`spawn_blocking`"), "{message}");
    }
}

#[test]
fn runtime_dropped_inside_async() {
    let message = panic_message(|| current().block_on(async { drop(multi(1)) }));
    assert!(message.contains("Cannot drop a runtime"), "{message}");
    assert!(message.contains("`shutdown_background`"), "{message}");
}

#[test]
fn zeroes() {
    use tokio::io::{BufReader, duplex, empty};
    // What is to be checked, and the word of the message that names it.
    fn refused(says: &str, f: impl FnOnce()) {
        let message = panic_message(f);
        assert!(message.contains(says), "{message:?} does not name {says:?}");
    }
    let multi = Builder::new_multi_thread;
    refused("Worker threads", || _ = multi().worker_threads(0));
    refused("Max blocking threads", || {
        _ = multi().max_blocking_threads(0)
    });
    refused("event_interval", || _ = multi().event_interval(0));
    refused("global_queue_interval", || {
        _ = multi().global_queue_interval(0)
    });
    refused("max_io_events_per_tick", || {
        _ = multi().max_io_events_per_tick(0)
    });
    refused("period", || drop(tokio::time::interval(Duration::ZERO)));
    refused("buffer > 0", || drop(tokio::sync::mpsc::channel::<()>(0)));
    refused("capacity", || {
        drop(tokio::sync::broadcast::channel::<()>(0))
    });
    refused("max_buf_size", || drop(duplex(0)));
    refused("capacity", || drop(BufReader::with_capacity(0, empty())));
    // Here nothing is an amount like any other.
    assert_eq!(tokio::sync::Semaphore::new(0).available_permits(), 0);
    current().block_on(async {
        tokio::time::sleep(Duration::ZERO).await;
        tokio::sync::Barrier::new(0).wait().await;
    });
}

#[test]
fn no_time_driver_no_io_driver() {
    let runtime = Builder::new_current_thread().build().unwrap();
    panic_message(|| {
        runtime.block_on(async { tokio::time::sleep(Duration::from_millis(1)).await })
    });
    panic_message(|| {
        runtime.block_on(async { tokio::net::TcpListener::bind("127.0.0.1:0").await })
    });
    assert_eq!(runtime.block_on(async { 1 }), 1);
}

#[test]
fn current_thread_block_in_place() {
    let runtime = current();
    panic_message(|| runtime.block_on(async { tokio::task::block_in_place(|| ()) }));
    assert_eq!(runtime.block_on(async { 1 }), 1);
}

/// The system refuses every thread: whoever asked learns of it, and the runtime works on.
#[test]
fn thread_limit_of_the_blocking_pool() {
    within(20, || {
        // No address space has room for such a stack.
        let runtime = Builder::new_current_thread()
            .thread_stack_size(1 << 46)
            .enable_all()
            .build()
            .unwrap();
        let refused = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async { tokio::task::spawn_blocking(|| 1).await })
        }));
        assert!(!matches!(refused, Ok(Ok(_))), "the thread was started?");
        runtime.block_on(async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            tokio::spawn(async {}).await.unwrap();
        });
    });
}

#[test]
fn blocking_pool_of_one_thread_runs_everything() {
    within(20, || {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(1)
            .build()
            .unwrap();
        runtime.block_on(async {
            let calls: Vec<_> = (0..1000)
                .map(|i| tokio::task::spawn_blocking(move || i))
                .collect();
            for (i, call) in calls.into_iter().enumerate() {
                assert_eq!(call.await.unwrap(), i);
            }
        });
    });
}

#[test]
fn port_in_use() {
    for runtime in both() {
        runtime.block_on(async {
            let first = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = first.local_addr().unwrap();
            let error = tokio::net::TcpListener::bind(address).await.unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
            drop(first);
            tokio::net::TcpListener::bind(address).await.unwrap();

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

/// The line is refused, the next one is read.
#[test]
fn lines_that_are_not_utf8() {
    use tokio::io::{AsyncBufReadExt, AsyncReadExt};
    current().block_on(async {
        let mut lines = (&b"good\nbad \xff\xfe\nagain\n"[..]).lines();
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "good");
        let error = lines.next_line().await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "again");
        assert_eq!(lines.next_line().await.unwrap(), None);

        let mut text = String::from("kept ");
        let error = (&b"\xc3"[..]).read_to_string(&mut text).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
        assert_eq!(text, "kept ");
    });
}

/// A reader cannot claim more bytes than there is room for, nor a buffered one to be ahead of itself.
#[test]
fn readers_that_claim_too_much() {
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

    struct Boasts;
    impl AsyncRead for Boasts {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<std::io::Result<()>> {
            buf.advance(buf.remaining() + 1);
            Poll::Ready(Ok(()))
        }
    }

    let runtime = current();
    panic_message(|| runtime.block_on(async { Boasts.read(&mut [0; 8]).await }));
    panic_message(|| runtime.block_on(async { Boasts.read_to_end(&mut Vec::new()).await }));
    panic_message(|| {
        runtime.block_on(async {
            let mut inner = tokio::io::BufReader::new(Boasts);
            inner.read_u8().await
        })
    });
    panic_message(|| runtime.block_on(async { Boasts.take(3).read(&mut [0; 8]).await }));
    assert_eq!(runtime.block_on(async { 1 }), 1);
}

/// Deadlines no clock reaches are waited for; they do not overflow.
#[test]
fn durations_without_end() {
    within(20, || {
        current().block_on(async {
            let short = tokio::time::timeout(Duration::from_millis(5), async {
                tokio::time::sleep(Duration::MAX).await
            });
            assert!(short.await.is_err());
            let done = tokio::time::timeout(Duration::MAX, async { 1 }).await;
            assert_eq!(done.unwrap(), 1);
        });
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
        // Both halves went with the panics, so the far end sees the end.
        assert_eq!(far.read(&mut [0]).await.unwrap(), 0);

        let ((one, _a), (other, _b)) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
        let ((read, write), (other_read, other_write)) = (one.into_split(), other.into_split());
        let error = read.reunite(other_write).unwrap_err();
        assert!(error.to_string().contains("not from the same socket"));
        // They come back with the error and are still good.
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

/// Whoever writes learns that nobody reads, also when it was already waiting for room.
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
                    if polled.is_pending()
                        && let Some(full) = full.take()
                    {
                        full.send(()).unwrap();
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

                // A child that reads nothing, and one that cannot say what it wants to.
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

/// Signals coalesce, but one that comes after the storm is not lost in it, nor is another kind during it.
#[test]
fn signal_storm() {
    use tokio::signal::unix::{SignalKind, signal};
    // SAFETY: no memory is involved; the signals sent are handled.
    let send = |kind: SignalKind| unsafe { libc::kill(libc::getpid(), kind.as_raw_value()) };
    let (often, once) = (SignalKind::user_defined1(), SignalKind::user_defined2());
    within(60, move || {
        for runtime in both() {
            runtime.block_on(async {
                let mut storm: Vec<_> = (0..20).map(|_| signal(often).unwrap()).collect();
                let mut rare = signal(once).unwrap();
                let threads: Vec<_> = (0..4)
                    .map(|thread| {
                        std::thread::spawn(move || {
                            for i in 0..10_000 {
                                assert_eq!(send(often), 0);
                                if (thread, i) == (2, 5_000) {
                                    assert_eq!(send(once), 0);
                                }
                            }
                        })
                    })
                    .collect();
                rare.recv().await.unwrap();
                for thread in threads {
                    tokio::task::spawn_blocking(|| thread.join().unwrap())
                        .await
                        .unwrap();
                }
                for listener in &mut storm {
                    listener.recv().await.unwrap();
                }
                // What of the storm is still under way may come first; the last one must come.
                assert_eq!(send(often), 0);
                for listener in &mut storm {
                    listener.recv().await.unwrap();
                }
            });
        }
    });
}
