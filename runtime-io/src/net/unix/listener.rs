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
    /// Of the streams it gives.
    kind: Kind,
}

impl UnixListener {
    /// Binds to a path and listens.
    ///
    /// # Panics
    /// Outside of a runtime with I/O enabled.
    #[track_caller]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixListener> {
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

    /// The address it is bound to.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr().map(SocketAddr)
    }

    /// The pending error of the socket, which is thereby cleared.
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
