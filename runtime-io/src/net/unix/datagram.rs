//! `UnixDatagram`.

use super::{SocketAddr, addr};
use crate::reactor::{Direction, Interest, PollEvented, Ready};
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
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-bind99-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// let socket = selvedge::net::UnixDatagram::bind("socket")?;
    /// assert!(socket.local_addr()?.as_pathname().is_some());
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixDatagram> {
        let addr = addr::parse(path.as_ref())?;
        UnixDatagram::from_mio(mio::net::UnixDatagram::bind_addr(&addr)?)
    }

    /// Two connected sockets. Both start out writable.
    ///
    /// # Panics
    /// Outside of a runtime with I/O enabled.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let (near, far) = selvedge::net::UnixDatagram::pair().unwrap();
    /// near.send(b"data").await.unwrap();
    /// assert_eq!(far.recv(&mut [0; 8]).await.unwrap(), 4);
    /// # }
    /// ```
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
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-unbound101-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use selvedge::net::UnixDatagram;
    /// let server = UnixDatagram::bind("socket")?;
    /// let client = UnixDatagram::unbound()?;
    /// client.send_to(b"data", "socket").await?;
    /// assert_eq!(server.recv(&mut [0; 8]).await?, 4);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn unbound() -> io::Result<UnixDatagram> {
        UnixDatagram::from_mio(mio::net::UnixDatagram::unbound()?)
    }

    /// Makes the socket at a path the default peer.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-connect102-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use selvedge::net::UnixDatagram;
    /// let server = UnixDatagram::bind("socket")?;
    /// let client = UnixDatagram::unbound()?;
    /// client.connect("socket")?;
    /// client.send(b"data").await?;
    /// assert_eq!(server.recv(&mut [0; 8]).await?, 4);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        self.io.connect(path)
    }

    /// The address it is bound to.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-local-addr103-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// let socket = selvedge::net::UnixDatagram::bind("socket")?;
    /// println!("{:?}", socket.local_addr()?);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr().map(SocketAddr)
    }

    /// The default peer.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let (near, _far) = selvedge::net::UnixDatagram::pair().unwrap();
    /// assert!(near.peer_addr().unwrap().is_unnamed());
    /// # }
    /// ```
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.peer_addr().map(SocketAddr)
    }

    /// Shuts a side down, or both.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::net::Shutdown;
    /// let (near, _far) = selvedge::net::UnixDatagram::pair().unwrap();
    /// near.shutdown(Shutdown::Write).unwrap();
    /// assert!(near.send(b"data").await.is_err());
    /// # }
    /// ```
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.io.shutdown(how)
    }

    /// Sends a datagram to a path.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-send-to106-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use selvedge::net::UnixDatagram;
    /// let server = UnixDatagram::bind("socket")?;
    /// UnixDatagram::unbound()?.send_to(b"data", "socket").await?;
    /// assert_eq!(server.recv(&mut [0; 8]).await?, 4);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn send_to<P: AsRef<Path>>(&self, buf: &[u8], target: P) -> io::Result<usize> {
        self.async_io(Interest::WRITABLE, || self.io.send_to(buf, target.as_ref()))
            .await
    }

    /// Polls to send a datagram to a path.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-poll-send-to107-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use std::future::poll_fn;
    /// use selvedge::net::UnixDatagram;
    /// let _server = UnixDatagram::bind("socket")?;
    /// let client = UnixDatagram::unbound()?;
    /// assert_eq!(poll_fn(|cx| client.poll_send_to(cx, b"data", "socket")).await?, 4);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn poll_send_to<P: AsRef<Path>>(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        target: P,
    ) -> Poll<io::Result<usize>> {
        self.io.registration().poll_io(cx, Direction::Write, || {
            self.io.send_to(buf, target.as_ref())
        })
    }

    /// Sends a datagram to a path, without waiting.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-try-send-to108-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use selvedge::net::UnixDatagram;
    /// let _server = UnixDatagram::bind("socket")?;
    /// let client = UnixDatagram::unbound()?;
    /// client.writable().await?;
    /// assert_eq!(client.try_send_to(b"data", "socket")?, 4);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_send_to<P: AsRef<Path>>(&self, buf: &[u8], target: P) -> io::Result<usize> {
        self.try_io(Interest::WRITABLE, || self.io.send_to(buf, target))
    }
}

datagram_methods!(UnixDatagram, SocketAddr, SocketAddr, addr::from_os);
std_conversions!(
    UnixDatagram,
    mio::net::UnixDatagram,
    std::os::unix::net::UnixDatagram
);
wait_methods!(UnixDatagram);
poll_ready_methods!(UnixDatagram, poll_recv_ready, poll_send_ready);
