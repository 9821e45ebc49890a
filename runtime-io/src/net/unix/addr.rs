//! `SocketAddr` of a Unix socket: the standard library's, behind a type of ours.

use std::fmt;
use std::io;
#[cfg(target_os = "linux")]
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net;
use std::path::Path;

/// The address of a Unix socket: a path, an abstract name, or none.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # let folder = std::env::temp_dir().join(format!("selvedge-doc-SocketAddr113-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # std::env::set_current_dir(&folder)?;
/// use selvedge::net::{UnixListener, unix::SocketAddr};
/// let address: SocketAddr = UnixListener::bind("socket")?.local_addr()?;
/// assert_eq!(address.as_pathname(), Some(std::path::Path::new("socket")));
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SocketAddr(pub(super) net::SocketAddr);

impl SocketAddr {
    /// Has the socket no name?
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let (near, _far) = selvedge::net::UnixStream::pair().unwrap();
    /// assert!(near.local_addr().unwrap().is_unnamed());
    /// # }
    /// ```
    pub fn is_unnamed(&self) -> bool {
        self.0.is_unnamed()
    }

    /// The path, if it has one.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("selvedge-doc-as-pathname115-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::env::set_current_dir(&folder)?;
    /// let listener = selvedge::net::UnixListener::bind("socket")?;
    /// assert_eq!(listener.local_addr()?.as_pathname(), Some(std::path::Path::new("socket")));
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn as_pathname(&self) -> Option<&Path> {
        self.0.as_pathname()
    }

    /// The abstract name without its leading zero, if it has one (Linux).
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let (near, _far) = selvedge::net::UnixStream::pair().unwrap();
    /// assert_eq!(near.local_addr().unwrap().as_abstract_name(), None);
    /// # }
    /// ```
    pub fn as_abstract_name(&self) -> Option<&[u8]> {
        #[cfg(target_os = "linux")]
        {
            std::os::linux::net::SocketAddrExt::as_abstract_name(&self.0)
        }
        #[cfg(target_os = "android")]
        {
            std::os::android::net::SocketAddrExt::as_abstract_name(&self.0)
        }
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        {
            None
        }
    }
}

/// What a path means as an address.
pub(super) fn parse(path: &Path) -> io::Result<net::SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = path.as_os_str().as_bytes().strip_prefix(b"\0") {
        return <net::SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name);
    }
    net::SocketAddr::from_pathname(path)
}

/// From what the OS filled in.
pub(super) fn from_os(addr: &socket2::SockAddr) -> io::Result<net::SocketAddr> {
    if let Some(path) = addr.as_pathname() {
        return net::SocketAddr::from_pathname(path);
    }
    #[cfg(target_os = "linux")]
    if let Some(name) = addr.as_abstract_namespace() {
        return <net::SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name);
    }
    net::SocketAddr::from_pathname("")
}

impl From<net::SocketAddr> for SocketAddr {
    fn from(addr: net::SocketAddr) -> SocketAddr {
        SocketAddr(addr)
    }
}

impl From<SocketAddr> for net::SocketAddr {
    fn from(addr: SocketAddr) -> net::SocketAddr {
        addr.0
    }
}

impl fmt::Debug for SocketAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
