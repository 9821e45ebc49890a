//! `TcpListener`. Accepted streams start out assumed readable and writable, on the listener's own
//! reactor.

use super::TcpStream;
use crate::net::ToSocketAddrs;
use crate::net::addr::{first_ok, resolve};
use crate::net::kind::{Kind, Transfer};
use crate::reactor::{Direction, Interest, PollEvented, Ready};
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

/// Accepts TCP connections.
///
/// ```
/// use selvedge::net::{TcpListener, TcpStream};
///
/// async fn serve(stream: TcpStream, peer: std::net::SocketAddr) {
///     println!("{peer} came and is sent away");
/// }
///
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// # let address = listener.local_addr()?;
/// # let client = selvedge::spawn(TcpStream::connect(address));
/// loop {
///     let (stream, peer) = listener.accept().await?;
///     selvedge::spawn(serve(stream, peer));
///     # client.await??;
///     # break;
/// }
/// # Ok(())
/// # }
/// ```
pub struct TcpListener {
    pub(super) io: PollEvented<mio::net::TcpListener>,
    /// Of the streams it gives.
    kind: Kind,
}

impl TcpListener {
    /// Binds to the first of the addresses that works, with address reuse on and a backlog of
    /// 1024, and listens. Port 0 lets the OS choose.
    pub async fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<TcpListener> {
        let addrs = resolve(&addr).await?;
        first_ok(addrs, async |addr| {
            TcpListener::from_mio(mio::net::TcpListener::bind(addr)?, Kind::Tcp)
        })
        .await
    }

    #[track_caller]
    pub(super) fn from_mio(listener: mio::net::TcpListener, kind: Kind) -> io::Result<TcpListener> {
        let io = PollEvented::new(listener)?;
        Ok(TcpListener { io, kind })
    }

    /// Takes over a listener of a kind that is not known.
    fn adopt(io: PollEvented<mio::net::TcpListener>) -> TcpListener {
        let kind = Kind::of(&io.get_ref());
        TcpListener { io, kind }
    }

    fn accepted(
        &self,
        (stream, peer): (mio::net::TcpStream, SocketAddr),
    ) -> (TcpStream, SocketAddr) {
        let io = self.io.beside(stream, Ready::READABLE | Ready::WRITABLE);
        (
            TcpStream {
                io,
                transfer: Transfer::of(self.kind),
            },
            peer,
        )
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// The OS's, such as being out of descriptors; the listener lives on.
    ///
    /// # Cancel safety
    /// Safe: no connection is lost.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let accepted = self
            .io
            .registration()
            .async_io(Interest::READABLE, || self.io.accept())
            .await?;
        Ok(self.accepted(accepted))
    }

    /// Polls for a connection. Only the latest caller is woken.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let accepted = ready!(
            self.io
                .registration()
                .poll_io(cx, Direction::Read, || self.io.accept())
        )?;
        Poll::Ready(Ok(self.accepted(accepted)))
    }

    /// The address it is bound to.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    /// The IP time-to-live of what it sends.
    pub fn ttl(&self) -> io::Result<u32> {
        self.io.ttl()
    }

    /// Sets the IP time-to-live.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.io.set_ttl(ttl)
    }
}

std_conversions!(TcpListener, mio::net::TcpListener, std::net::TcpListener);
