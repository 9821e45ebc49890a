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
    }
}

#[test]
fn runtime_dropped_inside_async() {
    let message = panic_message(|| current().block_on(async { drop(multi(1)) }));
    assert!(message.contains("Cannot drop a runtime"), "{message}");
}

#[test]
fn zeroes() {
    panic_message(|| drop(Builder::new_multi_thread().worker_threads(0).build()));
    panic_message(|| Builder::new_multi_thread().max_blocking_threads(0).build());
    panic_message(|| drop(Builder::new_multi_thread().event_interval(0).build()));
    panic_message(|| tokio::time::interval(Duration::ZERO));
    panic_message(|| tokio::sync::mpsc::channel::<()>(0));
    panic_message(|| tokio::sync::broadcast::channel::<()>(0));
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
