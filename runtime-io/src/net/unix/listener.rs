//! `UnixListener`.

use super::{SocketAddr, UnixStream, addr};
use crate::net::kind::{Kind, Transfer};
use crate::reactor::{Direction, Interest, PollEvented, Ready};
use std::io;
use std::path::Path;
use std::task::{Context, Poll, ready};

/// Accepts connections on a Unix socket. The socket file is not removed on drop.
///
/// ```
/// use selvedge::net::UnixListener;
///
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # let folder = std::env::temp_dir().join(format!("selvedge-doc-ul-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # std::env::set_current_dir(&folder)?;
/// let listener = UnixListener::bind("socket")?;
/// # let client = selvedge::spawn(selvedge::net::UnixStream::connect("socket"));
/// let (stream, _peer) = listener.accept().await?;
/// # client.await??;
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
pub struct UnixListener {
    pub(super) io: PollEvented<mio::net::UnixListener>,
    /// Of the streams it gives.
    kind: Kind,
}

impl UnixListener {
    /// Binds to a path and listens.
    ///
    /// # Panics
    /// Outside of a runtime with I/O enabled.
    #[track_caller]
    pub fn bind<P>(path: P) -> io::Result<UnixListener>
    where
        P: AsRef<Path>,
    {
        let addr = addr::parse(path.as_ref())?;
        UnixListener::from_mio(mio::net::UnixListener::bind_addr(&addr)?, Kind::Unix)
    }

    /// Binds to an address and listens.
    ///
    /// # Panics
    /// Outside of a runtime with I/O enabled.
    #[track_caller]
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<UnixListener> {
        UnixListener::from_mio(mio::net::UnixListener::bind_addr(&addr.0)?, Kind::Unix)
    }

    #[track_caller]
    pub(super) fn from_mio(
        listener: mio::net::UnixListener,
        kind: Kind,
    ) -> io::Result<UnixListener> {
        let io = PollEvented::new(listener)?;
        Ok(UnixListener { io, kind })
    }

    /// Takes over a listener of a kind that is not known.
    fn adopt(io: PollEvented<mio::net::UnixListener>) -> UnixListener {
        let kind = Kind::of(&io.get_ref());
        UnixListener { io, kind }
    }

    fn accepted(
        &self,
        (stream, peer): (mio::net::UnixStream, std::os::unix::net::SocketAddr),
    ) -> (UnixStream, SocketAddr) {
        let io = self.io.beside(stream, Ready::READABLE | Ready::WRITABLE);
        (
            UnixStream {
                io,
                transfer: Transfer::of(self.kind),
            },
            SocketAddr(peer),
        )
    }

    /// Waits for a connection.
    ///
    /// # Cancel safety
    /// Safe: no connection is lost.
    pub async fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let accepted = self
            .io
            .registration()
            .async_io(Interest::READABLE, || self.io.accept())
            .await?;
        Ok(self.accepted(accepted))
    }

    /// Polls for a connection. Only the latest caller is woken.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        let accepted = ready!(
            self.io
                .registration()
                .poll_io(cx, Direction::Read, || self.io.accept())
        )?;
        Poll::Ready(Ok(self.accepted(accepted)))
    }

    /// The address it is bound to.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr().map(SocketAddr)
    }

    /// The pending error of the socket, which is thereby cleared.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.take_error()
    }
}

std_conversions!(
    UnixListener,
    mio::net::UnixListener,
    std::os::unix::net::UnixListener
);
