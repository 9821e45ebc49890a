//! The clients of the servers in `suite/servers.rs`. They run in a process of their own, so that their work is not
//! counted, and always on tokio, whichever runtime the server is on.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use crate::on_tokio::suite::http::{BODY, REQUEST};
use crate::{CONNECTIONS, PACED_CONNECTIONS};

/// Time between two paced requests: 200 in a second.
const PACE: Duration = Duration::from_millis(5);

/// What the clients of a server send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// HTTP requests: each connection sends the next request as soon as it has the answer.
    Http,
    /// 64 bytes that are sent back, again as soon as they have come.
    Echo,
    /// HTTP requests, one every five milliseconds, on the connections in turn.
    Paced,
}

/// Makes `operations` round trips with the servers at `addresses`, then closes the connections.
///
/// # Panics
/// If a server cannot be reached, or answers other than expected.
pub fn run(client: Client, addresses: &[String], operations: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the clients' runtime");
    runtime.block_on(async {
        let connections = match client {
            Client::Paced => PACED_CONNECTIONS,
            Client::Http | Client::Echo => CONNECTIONS,
        };
        let mut streams = Vec::new();
        for i in 0..connections {
            streams.push(connect(&addresses[i as usize % addresses.len()]).await);
        }
        match client {
            Client::Paced => paced(streams, operations).await,
            Client::Http | Client::Echo => at_once(client, streams, operations).await,
        }
    });
}

/// Sends HTTP requests to `address` for a while. Each of the `connections` sends the next request as soon as it has the answer. Returns how
/// long each request took, sorted.
///
/// # Panics
/// If the server cannot be reached, or answers other than expected.
pub fn latencies(address: &str, connections: u64, lasts: Duration) -> Vec<Duration> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the clients' runtime");
    runtime.block_on(async {
        let mut streams = Vec::new();
        for _ in 0..connections {
            streams.push(connect(address).await);
        }
        // Requests in the first tenth of the time are not counted.
        let begin = Instant::now() + lasts / 10;
        let end = begin + lasts;
        let each = |mut stream: Box<dyn Stream>| async move {
            let mut taken = Vec::new();
            loop {
                let sent = Instant::now();
                if sent >= end {
                    return (taken, stream);
                }
                request(&mut *stream).await;
                if sent >= begin {
                    taken.push(sent.elapsed());
                }
            }
        };
        let tasks: Vec<_> = streams.into_iter().map(each).map(tokio::spawn).collect();
        let (mut all, mut open) = (Vec::new(), Vec::new());
        for task in tasks {
            let (taken, stream) = task.await.expect("a client");
            all.extend(taken);
            open.push(stream);
        }
        all.sort_unstable();
        all
    })
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

async fn connect(address: &str) -> Box<dyn Stream> {
    if Path::new(address).is_absolute() {
        return Box::new(UnixStream::connect(address).await.expect("connect"));
    }
    let stream = TcpStream::connect(address).await.expect("connect");
    stream.set_nodelay(true).expect("no delay");
    Box::new(stream)
}

async fn at_once(client: Client, streams: Vec<Box<dyn Stream>>, operations: u64) {
    let each = operations.div_ceil(streams.len() as u64);
    let tasks: Vec<_> = streams
        .into_iter()
        .map(|mut stream| {
            tokio::spawn(async move {
                for _ in 0..each {
                    match client {
                        Client::Echo => echo(&mut *stream).await,
                        Client::Http | Client::Paced => request(&mut *stream).await,
                    }
                }
                stream
            })
        })
        .collect();
    // All connections stay open until the last client has ended.
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.expect("a client"));
    }
}

async fn paced(mut streams: Vec<Box<dyn Stream>>, operations: u64) {
    let mut interval = tokio::time::interval(PACE);
    for i in 0..operations {
        interval.tick().await;
        let at = i as usize % streams.len();
        request(&mut *streams[at]).await;
    }
}

async fn request(stream: &mut dyn Stream) {
    stream.write_all(REQUEST).await.expect("send");
    let mut answer = Vec::with_capacity(512);
    while !answer.ends_with(BODY.as_bytes()) {
        let read = stream.read_buf(&mut answer).await.expect("receive");
        assert_ne!(read, 0, "the server hung up");
    }
}

async fn echo(stream: &mut dyn Stream) {
    let mut buffer = [7; 64];
    stream.write_all(&buffer).await.expect("send");
    stream.read_exact(&mut buffer).await.expect("receive");
    assert_eq!(buffer, [7; 64]);
}
