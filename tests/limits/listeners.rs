//! A listener when no descriptor is left: `accept` returns the error, and the connection is not lost.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{both, in_own_process};
use crate::system::{all_descriptors, limit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::time::{sleep, timeout};

type Accept<'a, S> = Pin<Box<dyn Future<Output = io::Result<S>> + 'a>>;

/// Accepts in a loop that sleeps after an error, as servers do, while there are no descriptors, and later some.
async fn accepts_in_the_end<S>(accept: impl Fn() -> Accept<'static, S>) -> S {
    let mut fill = all_descriptors();
    for _ in 0..3 {
        // The error comes at once, not after another connection.
        let accepted = timeout(Duration::from_secs(10), accept())
            .await
            .expect("a hang");
        let error = accepted.err().expect("no descriptor is left");
        assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
        sleep(Duration::from_millis(5)).await;
    }
    fill.truncate(fill.len() - 2);
    let accepted = timeout(Duration::from_secs(10), accept()).await;
    accepted.expect("the connection is lost").unwrap()
}

#[test]
fn a_listener_accepts_again_when_descriptors_come_free() {
    if !in_own_process!() {
        return;
    }
    for runtime in both() {
        runtime.block_on(async {
            limit(libc::RLIMIT_NOFILE, Some(200));
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap())
                .await
                .unwrap();
            let listener = Arc::new(listener);
            let mut served = accepts_in_the_end(|| {
                let listener = listener.clone();
                Box::pin(async move { Ok(listener.accept().await?.0) })
            })
            .await;
            client.write_all(b"ping").await.unwrap();
            served.read_exact(&mut [0; 4]).await.unwrap();

            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("socket");
            let listener = Arc::new(UnixListener::bind(&path).unwrap());
            let mut client = UnixStream::connect(&path).await.unwrap();
            let mut served = accepts_in_the_end(|| {
                let listener = listener.clone();
                Box::pin(std::future::poll_fn(move |cx| {
                    listener.poll_accept(cx).map_ok(|(stream, _)| stream)
                }))
            })
            .await;
            client.write_all(b"ping").await.unwrap();
            served.read_exact(&mut [0; 4]).await.unwrap();
        });
    }
}
