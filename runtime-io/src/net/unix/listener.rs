//! `UnixListener`.

use super::{SocketAddr, UnixStream, addr};
use crate::net::kind::Kind;
use crate::reactor::PollEvented;
use std::io;
use std::path::Path;

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
    /// The kind of the streams it gives.
    kind: Kind,
}

impl UnixListener {
    /// Binds to a path and listens.
    ///
    /// # Panics
    /// Outside of a runtime with I/O enabled.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-bind109-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use selvedge::net::{UnixListener, UnixStream};
    /// let listener = UnixListener::bind("socket")?;
    /// let client = UnixStream::connect("socket").await?;
    /// listener.accept().await?;
    /// # drop(client);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixListener> {
        let addr = addr::parse(path.as_ref())?;
        UnixListener::from_mio(mio::net::UnixListener::bind_addr(&addr)?, Kind::Unix)
    }

    /// Binds to an address and listens.
    ///
    /// # Panics
    /// Outside of a runtime with I/O enabled.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-bind-addr110-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use std::os::unix::net::SocketAddr;
    /// use selvedge::net::{UnixListener, UnixStream};
    /// let address = SocketAddr::from_pathname("socket")?.into();
    /// let listener = UnixListener::bind_addr(&address)?;
    /// UnixStream::connect_addr(&address).await?;
    /// # drop(listener);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<UnixListener> {
        UnixListener::from_mio(mio::net::UnixListener::bind_addr(&addr.0)?, Kind::Unix)
    }

    /// The address it is bound to.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-local-addr111-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// let listener = selvedge::net::UnixListener::bind("socket")?;
    /// assert!(listener.local_addr()?.as_pathname().is_some());
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr().map(SocketAddr)
    }

    /// The pending error of the socket, which is thereby cleared.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-take-error112-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// let listener = selvedge::net::UnixListener::bind("socket")?;
    /// assert!(listener.take_error()?.is_none());
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.take_error()
    }
}

listener_methods!(
    UnixListener,
    mio::net::UnixListener,
    UnixStream,
    SocketAddr,
    SocketAddr
);
std_conversions!(
    UnixListener,
    mio::net::UnixListener,
    std::os::unix::net::UnixListener
);
