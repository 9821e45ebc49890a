//! HTTP/1 by hyper, over an adapter written here: the adapter of hyper-util works only with the crate named tokio.
//!
//! The clients write requests and parse answers by hand, so that most of the time is the server's.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};

use super::rt;
use rt::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use rt::net::{TcpListener, TcpStream};
use rt::runtime::Runtime;

pub(crate) const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
pub(crate) const BODY: &str = "Hello from the other side of the loopback";

/// Sixteen keep-alive connections share `n` requests.
pub fn keep_alive_16(runtime: &Runtime, n: u64) -> Duration {
    keep_alive(runtime, n, 16)
}

/// Sixty-four keep-alive connections share `n` requests.
pub fn keep_alive_64(runtime: &Runtime, n: u64) -> Duration {
    keep_alive(runtime, n, 64)
}

fn keep_alive(runtime: &Runtime, n: u64, connections: u64) -> Duration {
    runtime.block_on(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = rt::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                rt::spawn(
                    http1::Builder::new().serve_connection(Adapter(stream), service_fn(hello)),
                );
            }
        });
        let mut clients = Vec::new();
        for _ in 0..connections {
            let client = TcpStream::connect(address).await.unwrap();
            client.set_nodelay(true).unwrap();
            clients.push(client);
        }
        let start = Instant::now();
        let tasks: Vec<_> = clients
            .into_iter()
            .map(|client| rt::spawn(requests(client, n.div_ceil(connections))))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let elapsed = start.elapsed();
        server.abort();
        elapsed
    })
}

pub(super) async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from_static(
        BODY.as_bytes(),
    ))))
}

async fn requests(mut client: TcpStream, n: u64) {
    let mut buffer = Vec::with_capacity(1024);
    for _ in 0..n {
        client.write_all(REQUEST).await.unwrap();
        buffer.clear();
        while !buffer.ends_with(BODY.as_bytes()) {
            assert_ne!(
                client.read_buf(&mut buffer).await.unwrap(),
                0,
                "server hung up"
            );
        }
    }
}

/// A stream of the runtime with hyper's traits.
pub(super) struct Adapter<T>(pub(super) T);

impl<T: AsyncRead + Unpin> hyper::rt::Read for Adapter<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // SAFETY: ReadBuf only ever writes initialised bytes into what it was given.
        let mut buffer = ReadBuf::uninit(unsafe { cursor.as_mut() });
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut buffer))?;
        let filled = buffer.filled().len();
        // SAFETY: `filled` bytes from the start of the cursor are initialised.
        unsafe { cursor.advance(filled) };
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> hyper::rt::Write for Adapter<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }
}
