//! `UCred`: the credentials of the process at the other end of a Unix stream.

use super::{UnixStream, gid_t, pid_t, uid_t};
use std::io;
use std::os::fd::AsRawFd;

/// Credentials of the process that made the other end.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::net::{UnixStream, unix::UCred};
/// let (near, _far) = UnixStream::pair().unwrap();
/// let peer: UCred = near.peer_cred().unwrap();
/// assert_eq!(peer.pid(), Some(std::process::id() as i32));
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UCred {
    pid: Option<pid_t>,
    uid: uid_t,
    gid: gid_t,
}

impl UCred {
    /// Its user.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let (near, _far) = selvedge::net::UnixStream::pair().unwrap();
    /// println!("user {}", near.peer_cred().unwrap().uid());
    /// # }
    /// ```
    pub fn uid(&self) -> uid_t {
        self.uid
    }

    /// Its group.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let (near, _far) = selvedge::net::UnixStream::pair().unwrap();
    /// println!("group {}", near.peer_cred().unwrap().gid());
    /// # }
    /// ```
    pub fn gid(&self) -> gid_t {
        self.gid
    }

    /// Its process, where the OS tells.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let (near, _far) = selvedge::net::UnixStream::pair().unwrap();
    /// println!("process {:?}", near.peer_cred().unwrap().pid());
    /// # }
    /// ```
    pub fn pid(&self) -> Option<pid_t> {
        self.pid
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn peer_cred(stream: &UnixStream) -> io::Result<UCred> {
    let mut raw = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut len = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: both pointers are to live locals, and `len` is the size of the first one.
    let answer = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut raw).cast(),
            &raw mut len,
        )
    };
    match answer {
        0 => Ok(UCred {
            pid: Some(raw.pid),
            uid: raw.uid,
            gid: raw.gid,
        }),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn peer_cred(stream: &UnixStream) -> io::Result<UCred> {
    let (mut uid, mut gid) = (0, 0);
    // SAFETY: both pointers are to live locals of the types asked for.
    match unsafe { libc::getpeereid(stream.as_raw_fd(), &raw mut uid, &raw mut gid) } {
        0 => Ok(UCred {
            pid: None,
            uid,
            gid,
        }),
        _ => Err(io::Error::last_os_error()),
    }
}
