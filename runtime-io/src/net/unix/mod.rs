//! Unix domain sockets and pipes.
//!
//! A path that starts with a zero byte names an abstract socket (Linux).

mod addr;
mod datagram;
mod listener;
pub mod pipe;
mod socket;
mod split;
mod stream;
mod ucred;

pub use addr::SocketAddr;
pub use datagram::UnixDatagram;
pub use listener::UnixListener;
pub use socket::UnixSocket;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use stream::UnixStream;
pub use ucred::UCred;

/// A user's number.
///
/// ```
/// let root: selvedge::net::unix::uid_t = 0;
/// # let _ = root;
/// ```
#[allow(non_camel_case_types)]
pub type uid_t = u32;
/// A group's number.
///
/// ```
/// let root: selvedge::net::unix::gid_t = 0;
/// # let _ = root;
/// ```
#[allow(non_camel_case_types)]
pub type gid_t = u32;
/// A process's number.
///
/// ```
/// let me: selvedge::net::unix::pid_t = std::process::id() as i32;
/// # let _ = me;
/// ```
#[allow(non_camel_case_types)]
pub type pid_t = i32;
