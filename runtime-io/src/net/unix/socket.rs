//! `UnixSocket`: a socket to be bound before it listens or connects.

use super::{UnixDatagram, UnixListener, UnixStream, addr};
use crate::net::kind::Kind;
use crate::reactor::on_reactor;
use socket2::{Domain, SockAddr, Socket, Type};
use std::future::Future;
use std::io;
use std::path::Path;

/// A Unix socket that is neither listening nor connected.
///
/// ```
/// use selvedge::net::UnixSocket;
///
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # let folder = std::env::temp_dir().join(format!("selvedge-doc-us-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # std::env::set_current_dir(&folder)?;
/// let socket = UnixSocket::new_stream()?;
/// socket.bind("socket")?;
/// let listener = socket.listen(128)?;
/// # selvedge::net::UnixStream::connect("socket").await?;
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
pub struct UnixSocket {
    inner: Socket,
    kind: Kind,
}

impl UnixSocket {
    /// A new stream socket.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-new-stream136-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use selvedge::net::UnixSocket;
    /// let socket = UnixSocket::new_stream()?;
    /// socket.bind("socket")?;
    /// let listener = socket.listen(64)?;
    /// # drop(listener);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn new_stream() -> io::Result<UnixSocket> {
        UnixSocket::new(Domain::UNIX, Type::STREAM, None)
    }

    /// A new datagram socket.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let datagram = selvedge::net::UnixSocket::new_datagram().unwrap().datagram().unwrap();
    /// # drop(datagram);
    /// # }
    /// ```
    pub fn new_datagram() -> io::Result<UnixSocket> {
        UnixSocket::new(Domain::UNIX, Type::DGRAM, None)
    }

    fn is_datagram(&self) -> io::Result<bool> {
        Ok(self.inner.r#type()? == Type::DGRAM)
    }

    /// Binds to a path.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-bind138-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// let socket = selvedge::net::UnixSocket::new_stream()?;
    /// socket.bind("socket")?;
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn bind(&self, path: impl AsRef<Path>) -> io::Result<()> {
        // Refuses paths that `connect` and `listen` would not understand either.
        addr::parse(path.as_ref())?;
        self.inner.bind(&SockAddr::unix(path)?)
    }

    /// Listens, with room for `backlog` connections not yet accepted.
    ///
    /// # Panics
    /// Outside of a runtime with I/O enabled.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-listen139-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// let socket = selvedge::net::UnixSocket::new_stream()?;
    /// socket.bind("socket")?;
    /// let listener = socket.listen(64)?;
    /// # drop(listener);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn listen(self, backlog: u32) -> io::Result<UnixListener> {
        if self.is_datagram()? {
            return Err(io::Error::other(
                "listen cannot be called on a datagram socket",
            ));
        }
        self.inner.listen(backlog.try_into().unwrap_or(i32::MAX))?;
        UnixListener::from_mio(
            mio::net::UnixListener::from_std(self.inner.into()),
            self.kind,
        )
    }

    /// Connects to a path.
    ///
    /// # Panics
    /// Outside of a runtime with I/O enabled.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-connect140-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use selvedge::net::{UnixListener, UnixSocket};
    /// let listener = UnixListener::bind("socket")?;
    /// let stream = UnixSocket::new_stream()?.connect("socket").await?;
    /// # drop((listener, stream));
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect(self, path: impl AsRef<Path>) -> impl Future<Output = io::Result<UnixStream>> {
        on_reactor(async move {
            if self.is_datagram()? {
                return Err(io::Error::other(
                    "connect cannot be called on a datagram socket",
                ));
            }
            match self.inner.connect(&SockAddr::unix(path)?) {
                Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
                _ => {}
            }
            UnixStream::connecting(mio::net::UnixStream::from_std(self.inner.into()), self.kind)
                .await
        })
    }

    /// Makes a datagram socket of it.
    ///
    /// # Panics
    /// Outside of a runtime with I/O enabled.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-datagram141-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// let socket = selvedge::net::UnixSocket::new_datagram()?;
    /// socket.bind("socket")?;
    /// let datagram = socket.datagram()?;
    /// # drop(datagram);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn datagram(self) -> io::Result<UnixDatagram> {
        if !self.is_datagram()? {
            return Err(io::Error::other(
                "datagram cannot be called on a stream socket",
            ));
        }
        UnixDatagram::from_mio(mio::net::UnixDatagram::from_std(self.inner.into()))
    }
}

config_methods!(UnixSocket, Kind::Unix);
