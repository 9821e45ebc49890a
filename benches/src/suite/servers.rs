//! Servers whose clients are another process, so that only the server's system calls are counted; and other workloads
//! that only `bin/count.rs` has.
//!
//! A server prints its address, serves a given number of connections, and ends when the clients
//! have closed all of them. The clients are in `crate::clients`.

use std::future::Future;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;

use super::http::{Adapter, hello};
use super::rt;
use crate::{CONNECTIONS, PACED_CONNECTIONS};
use rt::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use rt::net::{TcpListener, TcpStream, UnixListener};
use rt::runtime::Runtime;
use rt::task::{JoinHandle, LocalSet};

/// hyper over [`CONNECTIONS`] that are kept alive.
pub fn http(runtime: &Runtime, _: u64) -> Duration {
    runtime.block_on(serve_tcp(CONNECTIONS, |stream| rt::spawn(answer(stream))))
}

/// hyper over a given number of connections.
pub fn http_of(runtime: &Runtime, connections: u64) -> Duration {
    runtime.block_on(serve_tcp(connections, |stream| rt::spawn(answer(stream))))
}

/// hyper over [`PACED_CONNECTIONS`]; the server is idle most of the time.
pub fn quiet(runtime: &Runtime, _: u64) -> Duration {
    runtime.block_on(serve_tcp(PACED_CONNECTIONS, |stream| {
        rt::spawn(answer(stream))
    }))
}

/// A TCP echo over [`CONNECTIONS`].
pub fn echo(runtime: &Runtime, _: u64) -> Duration {
    runtime.block_on(serve_tcp(CONNECTIONS, |stream| {
        rt::spawn(send_back(stream))
    }))
}

/// As `echo`, over Unix sockets.
pub fn unix_echo(runtime: &Runtime, _: u64) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    runtime.block_on(async {
        let listener = UnixListener::bind(&path).unwrap();
        println!("listening {}", path.display());
        let mut served = Vec::new();
        for _ in 0..CONNECTIONS {
            let (stream, _) = listener.accept().await.unwrap();
            served.push(rt::spawn(send_back(stream)));
        }
        all_of(served).await
    })
}

/// Two threads with a current-thread runtime each. The main future of each runtime is a `LocalSet`, which is woken by
/// the events of its tasks.
pub fn local_sets(_: &Runtime, _: u64) -> Duration {
    let threads: Vec<_> = (0..2)
        .map(|_| {
            std::thread::spawn(|| {
                let runtime = super::runtime(crate::Flavor::Current);
                let local = LocalSet::new();
                runtime.block_on(local.run_until(serve_tcp(CONNECTIONS / 2, |stream| {
                    rt::task::spawn_local(answer(stream))
                })))
            })
        })
        .collect();
    threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .max()
        .unwrap_or_default()
}

/// One task with an interval of two milliseconds; an iteration is a tick.
pub fn ticks(runtime: &Runtime, n: u64) -> Duration {
    runtime.block_on(async move {
        rt::spawn(async move {
            let start = Instant::now();
            let mut interval = rt::time::interval(Duration::from_millis(2));
            for _ in 0..n {
                interval.tick().await;
            }
            start.elapsed()
        })
        .await
        .unwrap()
    })
}

async fn serve_tcp(connections: u64, serve: impl Fn(TcpStream) -> JoinHandle<()>) -> Duration {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("listening {}", listener.local_addr().unwrap());
    let mut served = Vec::new();
    for _ in 0..connections {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        served.push(serve(stream));
    }
    all_of(served).await
}

async fn all_of(tasks: Vec<impl Future>) -> Duration {
    let start = Instant::now();
    for task in tasks {
        task.await;
    }
    start.elapsed()
}

async fn answer(stream: TcpStream) {
    let service = service_fn(hello);
    // A connection that the client closes has ended well: the error is dropped.
    let _ = http1::Builder::new()
        .serve_connection(Adapter(stream), service)
        .await;
}

async fn send_back(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut buffer = [0; 1024];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
