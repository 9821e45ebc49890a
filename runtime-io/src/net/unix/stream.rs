//! `UnixStream`.

use super::{
    OwnedReadHalf, OwnedWriteHalf, ReadHalf, SocketAddr, UCred, WriteHalf, addr, split, ucred,
};
use crate::net::kind::{Kind, Transfer};
use crate::reactor::{PollEvented, Ready, on_reactor};
use std::future::Future;
use std::io;
use std::path::Path;

/// A connection over a Unix socket.
///
/// ```
/// # use selvedge::io::AsyncReadExt;
/// use selvedge::io::AsyncWriteExt;
/// use selvedge::net::UnixStream;
///
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # let folder = std::env::temp_dir().join(format!("selvedge-doc-ust-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # std::env::set_current_dir(&folder)?;
/// # let listener = selvedge::net::UnixListener::bind("socket")?;
/// let mut stream = UnixStream::connect("socket").await?;
/// stream.write_all(b"hello").await?;
/// # let mut seen = [0; 5];
/// # listener.accept().await?.0.read_exact(&mut seen).await?;
/// # assert_eq!(&seen, b"hello");
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
pub struct UnixStream {
    pub(super) io: PollEvented<mio::net::UnixStream>,
    pub(super) transfer: Transfer,
}

impl UnixStream {
    /// Connects to a path.
    ///
    /// # Panics
    /// When it is awaited outside of a runtime, or on one without I/O (`enable_io`).
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-connect149-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use selvedge::net::{UnixListener, UnixStream};
    /// let listener = UnixListener::bind("socket")?;
    /// let stream = UnixStream::connect("socket").await?;
    /// # drop((listener, stream));
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect<P: AsRef<Path>>(path: P) -> impl Future<Output = io::Result<UnixStream>> {
        on_reactor(async move {
            let addr = addr::parse(path.as_ref())?;
            UnixStream::connecting(mio::net::UnixStream::connect_addr(&addr)?, Kind::Unix).await
        })
    }

    /// Connects to an address.
    ///
    /// # Panics
    /// When it is awaited outside of a runtime, or on one without I/O (`enable_io`).
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-connect-addr150-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// use selvedge::net::{UnixListener, UnixStream};
    /// let listener = UnixListener::bind("socket")?;
    /// let stream = UnixStream::connect_addr(&listener.local_addr()?).await?;
    /// # drop(stream);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect_addr(socket_addr: &SocketAddr) -> impl Future<Output = io::Result<UnixStream>> {
        on_reactor(async move {
            UnixStream::connecting(
                mio::net::UnixStream::connect_addr(&socket_addr.0)?,
                Kind::Unix,
            )
            .await
        })
    }

    /// Two connected streams. Both start out writable.
    ///
    /// # Panics
    /// Outside of a runtime with I/O enabled.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::{io::{AsyncReadExt, AsyncWriteExt}, net::UnixStream};
    /// let (mut near, mut far) = UnixStream::pair().unwrap();
    /// near.write_all(b"data").await.unwrap();
    /// let mut seen = [0; 4];
    /// far.read_exact(&mut seen).await.unwrap();
    /// assert_eq!(&seen, b"data");
    /// # }
    /// ```
    #[track_caller]
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (a, b) = mio::net::UnixStream::pair()?;
        let a = PollEvented::assuming(a, Ready::WRITABLE);
        let b = a.beside(b, Ready::WRITABLE);
        let stream = |io| UnixStream {
            io,
            transfer: Transfer::of(Kind::Unix),
        };
        Ok((stream(a), stream(b)))
    }

    /// The address of this end.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let (near, _far) = selvedge::net::UnixStream::pair().unwrap();
    /// assert!(near.local_addr().unwrap().is_unnamed());
    /// # }
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr().map(SocketAddr)
    }

    /// The address of the other end.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let (near, _far) = selvedge::net::UnixStream::pair().unwrap();
    /// assert!(near.peer_addr().unwrap().is_unnamed());
    /// # }
    /// ```
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.peer_addr().map(SocketAddr)
    }

    /// The credentials of the process that made the other end.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let (near, _far) = selvedge::net::UnixStream::pair().unwrap();
    /// assert_eq!(near.peer_cred().unwrap().pid(), Some(std::process::id() as i32));
    /// # }
    /// ```
    pub fn peer_cred(&self) -> io::Result<UCred> {
        ucred::peer_cred(self)
    }
}

connection_methods!(UnixStream, mio::net::UnixStream);
std_conversions!(
    UnixStream,
    mio::net::UnixStream,
    std::os::unix::net::UnixStream
);
wait_methods!(UnixStream);
poll_ready_methods!(UnixStream, poll_read_ready, poll_write_ready);
try_read_methods!(UnixStream);
try_write_methods!(UnixStream);
stream_traits!(UnixStream);
