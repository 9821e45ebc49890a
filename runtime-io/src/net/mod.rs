//! TCP, UDP and Unix sockets, pipes, and name lookup.
//!
//! Owns the public socket types: each is a mio socket in a `PollEvented`, and each operation is
//! one system call inside one of the registration's retry loops. It knows nothing of how
//! readiness is found out. An error of the OS goes to the caller as it is; in particular a failed
//! `accept` (out of descriptors, say) leaves the listener as it was.
//!
//! `common` has the methods that several sockets share, `datagram` those of datagrams, `connection` those of streams and listeners;
//! `options` has socket options; `kind` knows what a short read of a stream says.

#[macro_use]
mod common;
#[macro_use]
mod connection;
#[macro_use]
mod datagram;
#[macro_use]
mod options;
mod addr;
mod kind;
pub mod tcp;
mod udp;
pub mod unix;

pub use addr::{ToSocketAddrs, lookup_host};
pub use tcp::{TcpListener, TcpSocket, TcpStream};
pub use udp::UdpSocket;
pub use unix::{UnixDatagram, UnixListener, UnixSocket, UnixStream};
