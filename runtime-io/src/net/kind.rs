//! What kind of socket a stream is: which call reads it, and what a short transfer says.
//!
//! `from_std` and `from_raw_fd` take any descriptor, so a `UnixStream` may hold a socket of packets, and a `TcpStream`
//! a socket of another protocol. There the OS is asked once. The kind of a socket of our own making is known, and an
//! accepted socket is of its listener's kind.
//!
//! A short read of a TCP or Unix stream has emptied the OS's buffer, and a short write has filled it. So the attempt that
//! would only say "would block" is saved, and the next bytes make a new edge. Two reads end early though more is there,
//! and no edge would follow: before urgent data (therefore `PRIORITY` is among the interests, and keeps the readiness),
//! and behind a Unix message with descriptors or credentials (`recvmsg` says so). Of other kinds nothing is known, as a
//! packet's end is a short read too: such a socket is tried until it would block.

use crate::reactor::Progress;
#[cfg(any(target_os = "linux", target_os = "android"))]
use socket2::{Domain, Protocol, SockRef, Type};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// The kind of a stream, or of the streams a listener gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Tcp,
    Unix,
    /// A short transfer says nothing.
    Other,
}

impl Kind {
    /// Asks the OS.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn of(socket: &impl AsFd) -> Kind {
        let socket = SockRef::from(socket);
        if socket.r#type().ok() != Some(Type::STREAM) {
            return Kind::Other;
        }
        match (socket.domain().ok(), socket.protocol().ok().flatten()) {
            (Some(Domain::UNIX), _) => Kind::Unix,
            (Some(Domain::IPV4 | Domain::IPV6), Some(Protocol::TCP)) if !has_layer(&socket) => {
                Kind::Tcp
            }
            _ => Kind::Other,
        }
    }

    /// These systems do not tell the protocol.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(super) fn of(_socket: &impl AsFd) -> Kind {
        Kind::Other
    }
}

/// How a stream is read and written.
#[derive(Debug)]
pub(super) struct Transfer {
    kind: Kind,
    /// The last read filled its memory. The next probably will too, so a plain `recv` is enough.
    was_full: AtomicBool,
}

impl Transfer {
    pub(super) fn of(kind: Kind) -> Transfer {
        Transfer {
            kind,
            was_full: AtomicBool::new(false),
        }
    }

    /// Reads once into memory that need not be initialised.
    #[inline]
    pub(super) fn read(
        &self,
        fd: RawFd,
        spare: &mut [MaybeUninit<u8>],
    ) -> io::Result<Progress<usize>> {
        let (n, is_drained) = match self.kind {
            Kind::Tcp => {
                let n = receive(fd, spare)?;
                (n, n < spare.len())
            }
            Kind::Unix => self.read_unix(fd, spare)?,
            Kind::Other => (crate::reactor::read_uninit(fd, spare)?, false),
        };
        Ok(match is_drained && n > 0 {
            true => Progress::Drained(n),
            false => Progress::More(n),
        })
    }

    /// `recvmsg` takes longer than `recv`, but less than the attempt that it saves after a short read.
    fn read_unix(&self, fd: RawFd, spare: &mut [MaybeUninit<u8>]) -> io::Result<(usize, bool)> {
        if spare.is_empty() {
            return Ok((0, false));
        }
        // Ordering: Relaxed; a guess, right or wrong.
        let was_full = self.was_full.load(Ordering::Relaxed);
        let (n, may_be_more) = match was_full {
            true => (receive(fd, spare)?, true),
            false => receive_message(fd, spare)?,
        };
        let is_full = n == spare.len();
        if is_full != was_full {
            // Ordering: Relaxed; as above.
            self.was_full.store(is_full, Ordering::Relaxed);
        }
        Ok((n, !is_full && !may_be_more))
    }

    /// What a write of `n` bytes out of `len` says about the readiness.
    pub(super) fn written(&self, n: usize, len: usize) -> Progress<usize> {
        match self.kind != Kind::Other && n > 0 && n < len {
            true => Progress::Drained(n),
            false => Progress::More(n),
        }
    }
}

/// Do the bytes come from a protocol on top of TCP (TLS in the kernel, say)? Its records may end a read.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn has_layer(socket: &SockRef<'_>) -> bool {
    use std::os::fd::AsRawFd;
    let mut name = [0_u8; 16];
    let mut length = name.len() as libc::socklen_t;
    // SAFETY: the room and its length are ours; the call writes no more than that.
    let answer = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_ULP,
            name.as_mut_ptr().cast(),
            &mut length,
        )
    };
    answer == 0 && length > 0 && name[0] != 0
}

/// `recv(2)` into memory that need not be initialised.
fn receive(fd: RawFd, spare: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    // SAFETY: pointer and length are those of an exclusively borrowed buffer, which the OS only
    // writes to.
    match unsafe { libc::recv(fd, spare.as_mut_ptr().cast(), spare.len(), 0) } {
        -1 => Err(io::Error::last_os_error()),
        n => Ok(n as usize),
    }
}

/// `recvmsg(2)` with room for data alone; also says whether there was ancillary data, which is lost
/// as with `read`.
fn receive_message(fd: RawFd, buf: &mut [MaybeUninit<u8>]) -> io::Result<(usize, bool)> {
    let mut part = libc::iovec {
        iov_base: buf.as_mut_ptr().cast(),
        iov_len: buf.len(),
    };
    // SAFETY: all of its fields may be zero: no address, no parts, no control messages.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &mut part;
    message.msg_iovlen = 1;
    // SAFETY: the message has one part, an exclusively borrowed buffer, which the OS only writes to.
    match unsafe { libc::recvmsg(fd, &mut message, 0) } {
        -1 => Err(io::Error::last_os_error()),
        n => Ok((n as usize, message.msg_flags & libc::MSG_CTRUNC != 0)),
    }
}
