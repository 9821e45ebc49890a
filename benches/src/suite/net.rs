//! TCP over loopback, and bytes between tasks.

use std::time::{Duration, Instant};

use super::rt;
use rt::io::{AsyncReadExt, AsyncWriteExt};
use rt::net::{TcpListener, TcpStream};
use rt::runtime::Runtime;

pub fn echo_1(runtime: &Runtime, n: u64) -> Duration {
    echo(runtime, n, 1)
}

pub fn echo_256(runtime: &Runtime, n: u64) -> Duration {
    echo(runtime, n, 256)
}

/// `connections` clients share `n` round trips of 64 bytes.
fn echo(runtime: &Runtime, n: u64, connections: u64) -> Duration {
    runtime.block_on(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = rt::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                rt::spawn(echo_until_closed(stream));
            }
        });
        let mut clients = Vec::new();
        for _ in 0..connections {
            clients.push(connect(address).await);
        }
        let start = Instant::now();
        let tasks: Vec<_> = clients
            .into_iter()
            .map(|mut client| {
                rt::spawn(async move {
                    let mut buffer = [7; 64];
                    for _ in 0..n.div_ceil(connections) {
                        client.write_all(&buffer).await.unwrap();
                        client.read_exact(&mut buffer).await.unwrap();
                    }
                    client
                })
            })
            .collect();
        let mut done = Vec::new();
        for task in tasks {
            done.push(task.await.unwrap());
        }
        let elapsed = start.elapsed();
        server.abort();
        elapsed
    })
}

async fn echo_until_closed(mut stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let mut buffer = [0; 1024];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// Closes with a reset, so that thousands of connections do not use up the ephemeral ports.
async fn connect(address: std::net::SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    socket2::SockRef::from(&stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    stream
}

/// A short connection: connect, one byte to the server, one byte back, close.
pub fn accept(runtime: &Runtime, n: u64) -> Duration {
    runtime.block_on(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = rt::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                rt::spawn(echo_until_closed(stream));
            }
        });
        let start = Instant::now();
        for _ in 0..n {
            let mut client = connect(address).await;
            client.write_all(&[1]).await.unwrap();
            client.read_exact(&mut [0]).await.unwrap();
        }
        let elapsed = start.elapsed();
        server.abort();
        elapsed
    })
}

/// An iteration copies 64 KiB through an in-memory pipe.
pub fn duplex_copy(runtime: &Runtime, n: u64) -> Duration {
    const SIZE: usize = 64 * 1024;
    runtime.block_on(async move {
        let (mut near, mut far) = rt::io::duplex(SIZE);
        let start = Instant::now();
        let writer = rt::spawn(async move {
            let chunk = vec![3; SIZE];
            for _ in 0..n {
                near.write_all(&chunk).await.unwrap();
            }
        });
        let reader =
            rt::spawn(async move { rt::io::copy(&mut far, &mut rt::io::sink()).await.unwrap() });
        writer.await.unwrap();
        assert_eq!(reader.await.unwrap(), n * SIZE as u64);
        start.elapsed()
    })
}
