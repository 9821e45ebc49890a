//! `TcpStream`.

use super::split;
use super::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::io::ReadBuf;
use crate::net::ToSocketAddrs;
use crate::net::addr::{first_ok, resolve};
use crate::net::common::fill_read_buf;
use crate::net::kind::{Kind, Transfer};
use crate::reactor::{Direction, Interest, PollEvented, on_reactor};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

/// A TCP connection.
///
/// Reads and writes through `AsyncRead` and `AsyncWrite`. Dropping it closes the connection.
///
/// ```
/// # use selvedge::io::AsyncReadExt;
/// use selvedge::io::AsyncWriteExt;
/// use selvedge::net::TcpStream;
///
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # let listener = selvedge::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let address = listener.local_addr()?;
/// let mut stream = TcpStream::connect(address).await?;
/// stream.write_all(b"hello").await?;
/// # let mut seen = [0; 5];
/// # listener.accept().await?.0.read_exact(&mut seen).await?;
/// # assert_eq!(&seen, b"hello");
/// # Ok(())
/// # }
/// ```
pub struct TcpStream {
    pub(super) io: PollEvented<mio::net::TcpStream>,
    pub(super) transfer: Transfer,
}

impl TcpStream {
    /// Connects to the first of the addresses that accepts.
    ///
    /// # Panics
    /// When it is awaited outside of a runtime, or on one without I/O (`enable_io`).
    ///
    /// # Cancel safety
    /// Dropping the future ends the attempt.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::net::{TcpListener, TcpStream};
    /// let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    /// let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    /// stream.set_nodelay(true).unwrap();
    /// # }
    /// ```
    pub fn connect<A: ToSocketAddrs>(addr: A) -> impl Future<Output = io::Result<TcpStream>> {
        on_reactor(async move {
            let addrs = resolve(&addr).await?;
            first_ok(addrs, async |addr| {
                TcpStream::connecting(mio::net::TcpStream::connect(addr)?, Kind::Tcp).await
            })
            .await
        })
    }

    /// The address of this end.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::net::{TcpListener, TcpStream};
    /// let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    /// let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    /// assert!(stream.local_addr().unwrap().ip().is_loopback());
    /// # }
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    /// The address of the other end.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::net::{TcpListener, TcpStream};
    /// let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    /// let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    /// assert_eq!(stream.peer_addr().unwrap(), listener.local_addr().unwrap());
    /// # }
    /// ```
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.peer_addr()
    }

    /// Polls for data to look at without taking it; returns how much was put into `buf`.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use selvedge::{io::{AsyncWriteExt, ReadBuf}, net::{TcpListener, TcpStream}};
    /// let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    /// let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    /// listener.accept().await.unwrap().0.write_all(b"data").await.unwrap();
    /// let mut space = [0; 8];
    /// let mut buf = ReadBuf::new(&mut space);
    /// assert_eq!(poll_fn(|cx| near.poll_peek(cx, &mut buf)).await.unwrap(), 4);
    /// # }
    /// ```
    pub fn poll_peek(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        let socket = socket2::SockRef::from(self);
        self.io.registration().poll_io(cx, Direction::Read, || {
            fill_read_buf(buf, |spare| socket.peek(spare).map(|n| (n, n)))
        })
    }

    /// Looks at data without taking it.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::{io::AsyncWriteExt, net::{TcpListener, TcpStream}};
    /// let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    /// let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    /// listener.accept().await.unwrap().0.write_all(b"data").await.unwrap();
    /// assert_eq!(near.peek(&mut [0; 8]).await.unwrap(), 4);
    /// assert_eq!(near.try_read(&mut [0; 8]).unwrap(), 4); // it was left there
    /// # }
    /// ```
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io
            .registration()
            .async_io(Interest::READABLE, || self.io.peek(buf))
            .await
    }
}

options! { TcpStream;
    "`TCP_NODELAY`: whether small writes are sent at once" nodelay, set_nodelay: bool = tcp_nodelay, set_tcp_nodelay;
    "the IP time-to-live of what it sends" ttl, set_ttl: u32 = ttl_v4, set_ttl_v4;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    "`TCP_QUICKACK`: whether acknowledgements are sent at once; the OS may fall back later" quickack, set_quickack: bool = tcp_quickack, set_tcp_quickack;
}
linger_options!(TcpStream);
connection_methods!(TcpStream, mio::net::TcpStream);
std_conversions!(TcpStream, mio::net::TcpStream, std::net::TcpStream);
wait_methods!(TcpStream);
poll_ready_methods!(TcpStream, poll_read_ready, poll_write_ready);
try_read_methods!(TcpStream);
try_write_methods!(TcpStream);
stream_traits!(TcpStream);
