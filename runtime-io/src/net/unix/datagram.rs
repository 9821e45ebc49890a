//! `UnixDatagram`.

use super::{SocketAddr, addr};
use crate::io::ReadBuf;
#[cfg(feature = "io-util")]
use crate::net::common::fill;
use crate::net::common::fill_read_buf;
use crate::reactor::{Direction, Interest, PollEvented, Ready};
use socket2::SockRef;
use std::io;
use std::net::Shutdown;
use std::path::Path;
use std::task::{Context, Poll};

/// A Unix datagram socket.
///
/// All methods take `&self`: share it to send and receive at once.
///
/// ```
/// use selvedge::net::UnixDatagram;
///
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let (a, b) = UnixDatagram::pair()?;
/// a.send(b"hello").await?;
/// let mut buf = [0; 16];
/// let n = b.recv(&mut buf).await?;
/// assert_eq!(&buf[..n], b"hello");
/// # Ok(())
/// # }
/// ```
pub struct UnixDatagram {
    pub(super) io: PollEvented<mio::net::UnixDatagram>,
}

impl UnixDatagram {
    #[track_caller]
    pub(super) fn from_mio(socket: mio::net::UnixDatagram) -> io::Result<UnixDatagram> {
        Ok(UnixDatagram {
            io: PollEvented::new(socket)?,
        })
    }

    fn adopt(io: PollEvented<mio::net::UnixDatagram>) -> UnixDatagram {
        UnixDatagram { io }
    }

    /// A socket bound to a path.
    ///
    /// # Panics
    /// Outside of a runtime with I/O enabled.
    #[track_caller]
    pub fn bind<P>(path: P) -> io::Result<UnixDatagram>
    where
        P: AsRef<Path>,
    {
        let addr = addr::parse(path.as_ref())?;
        UnixDatagram::from_mio(mio::net::UnixDatagram::bind_addr(&addr)?)
    }

    /// Two connected sockets. Both start out writable.
    ///
    /// # Panics
    /// Outside of a runtime with I/O enabled.
    #[track_caller]
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (a, b) = mio::net::UnixDatagram::pair()?;
        let a = PollEvented::assuming(a, Ready::WRITABLE);
        let b = a.beside(b, Ready::WRITABLE);
        Ok((UnixDatagram { io: a }, UnixDatagram { io: b }))
    }

    /// A socket without a name.
    ///
    /// # Panics
    /// Outside of a runtime with I/O enabled.
    #[track_caller]
    pub fn unbound() -> io::Result<UnixDatagram> {
        UnixDatagram::from_mio(mio::net::UnixDatagram::unbound()?)
    }

    /// Makes the socket at a path the default peer.
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        self.io.connect(path)
    }

    /// The address it is bound to.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr().map(SocketAddr)
    }

    /// The default peer.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.peer_addr().map(SocketAddr)
    }

    /// The pending error of the socket, which is thereby cleared.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.take_error()
    }

    /// Shuts a side down, or both.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.io.shutdown(how)
    }

    /// Sends a datagram to the default peer.
    ///
    /// # Cancel safety
    /// Safe: a datagram is sent whole or not at all.
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.async_io(Interest::WRITABLE, || self.io.send(buf))
            .await
    }

    /// Polls to send a datagram to the default peer.
    pub fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.io
            .registration()
            .poll_io(cx, Direction::Write, || self.io.send(buf))
    }

    /// Sends a datagram to the default peer, without waiting.
    pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
        self.try_io(Interest::WRITABLE, || self.io.send(buf))
    }

    /// Sends a datagram to a path.
    pub async fn send_to<P>(&self, buf: &[u8], target: P) -> io::Result<usize>
    where
        P: AsRef<Path>,
    {
        self.async_io(Interest::WRITABLE, || self.io.send_to(buf, target.as_ref()))
            .await
    }

    /// Polls to send a datagram to a path.
    pub fn poll_send_to<P>(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        target: P,
    ) -> Poll<io::Result<usize>>
    where
        P: AsRef<Path>,
    {
        self.io.registration().poll_io(cx, Direction::Write, || {
            self.io.send_to(buf, target.as_ref())
        })
    }

    /// Sends a datagram to a path, without waiting.
    pub fn try_send_to<P>(&self, buf: &[u8], target: P) -> io::Result<usize>
    where
        P: AsRef<Path>,
    {
        self.try_io(Interest::WRITABLE, || self.io.send_to(buf, target))
    }

    /// Receives a datagram; what does not fit is lost.
    ///
    /// # Cancel safety
    /// Safe: no datagram is lost.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.async_io(Interest::READABLE, || self.io.recv(buf))
            .await
    }

    /// Polls for a datagram.
    pub fn poll_recv(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let socket = SockRef::from(self);
        self.io.registration().poll_io(cx, Direction::Read, || {
            fill_read_buf(buf, |spare| socket.recv(spare).map(|n| (n, ())))
        })
    }

    /// Receives a datagram, without waiting.
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.try_io(Interest::READABLE, || self.io.recv(buf))
    }

    /// Receives a datagram into the spare capacity of `buf`.
    #[cfg(feature = "io-util")]
    pub async fn recv_buf<B: bytes::BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        self.async_io(Interest::READABLE, || self.recv_spare(buf))
            .await
    }

    /// Receives a datagram into spare capacity, without waiting.
    #[cfg(feature = "io-util")]
    pub fn try_recv_buf<B: bytes::BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        self.try_io(Interest::READABLE, || self.recv_spare(buf))
    }

    #[cfg(feature = "io-util")]
    fn recv_spare<B: bytes::BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        fill(buf, |spare| SockRef::from(self).recv(spare).map(|n| (n, n)))
    }

    /// Receives a datagram and where it came from; what does not fit is lost.
    ///
    /// # Cancel safety
    /// Safe: no datagram is lost.
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (n, from) = self
            .async_io(Interest::READABLE, || self.io.recv_from(buf))
            .await?;
        Ok((n, SocketAddr(from)))
    }

    /// Polls for a datagram; where it came from.
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        let socket = SockRef::from(self);
        self.io.registration().poll_io(cx, Direction::Read, || {
            fill_read_buf(buf, |spare| {
                let (n, from) = socket.recv_from(spare)?;
                Ok((n, SocketAddr(addr::from_os(&from)?)))
            })
        })
    }

    /// Receives a datagram and where it came from, without waiting.
    pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (n, from) = self.try_io(Interest::READABLE, || self.io.recv_from(buf))?;
        Ok((n, SocketAddr(from)))
    }

    /// Receives a datagram into the spare capacity of `buf`.
    #[cfg(feature = "io-util")]
    pub async fn recv_buf_from<B: bytes::BufMut>(
        &self,
        buf: &mut B,
    ) -> io::Result<(usize, SocketAddr)> {
        self.async_io(Interest::READABLE, || self.recv_spare_from(buf))
            .await
    }

    /// Receives a datagram into spare capacity, without waiting.
    #[cfg(feature = "io-util")]
    pub fn try_recv_buf_from<B: bytes::BufMut>(
        &self,
        buf: &mut B,
    ) -> io::Result<(usize, SocketAddr)> {
        self.try_io(Interest::READABLE, || self.recv_spare_from(buf))
    }

    #[cfg(feature = "io-util")]
    fn recv_spare_from<B: bytes::BufMut>(&self, buf: &mut B) -> io::Result<(usize, SocketAddr)> {
        fill(buf, |spare| {
            let (n, from) = SockRef::from(self).recv_from(spare)?;
            Ok((n, (n, SocketAddr(addr::from_os(&from)?))))
        })
    }
}

std_conversions!(
    UnixDatagram,
    mio::net::UnixDatagram,
    std::os::unix::net::UnixDatagram
);
wait_methods!(UnixDatagram);
poll_ready_methods!(UnixDatagram, poll_recv_ready, poll_send_ready);
