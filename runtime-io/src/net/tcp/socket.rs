//! `TcpSocket`: a socket to be configured before it listens or connects.

use super::{TcpListener, TcpStream};
use crate::net::kind::Kind;
use crate::reactor::on_reactor;
use socket2::{Domain, Protocol, Socket, Type};
use std::future::Future;
use std::io;
use std::net::SocketAddr;

/// A TCP socket that is neither listening nor connected.
///
/// ```
/// use selvedge::net::TcpSocket;
///
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let socket = TcpSocket::new_v4()?;
/// socket.set_reuseaddr(true)?;
/// socket.bind("127.0.0.1:0".parse().unwrap())?;
/// let listener = socket.listen(128)?;
/// assert_ne!(listener.local_addr()?.port(), 0);
/// # Ok(())
/// # }
/// ```
pub struct TcpSocket {
    inner: Socket,
    kind: Kind,
}

options! { TcpSocket;
    "`SO_KEEPALIVE`: whether idle connections are probed" keepalive, set_keepalive: bool = keepalive, set_keepalive;
    "`SO_REUSEADDR`: whether an address in a time-wait state may be bound" reuseaddr, set_reuseaddr: bool = reuse_address, set_reuse_address;
    "`SO_REUSEPORT`: whether several sockets may share the address" reuseport, set_reuseport: bool = reuse_port, set_reuse_port;
    "`TCP_NODELAY`: whether small writes are sent at once" nodelay, set_nodelay: bool = tcp_nodelay, set_tcp_nodelay;
}
linger_options!(TcpSocket);
route_options!(TcpSocket);

impl TcpSocket {
    /// A new IPv4 socket.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::net::TcpSocket;
    /// let socket = TcpSocket::new_v4().unwrap();
    /// socket.set_reuseaddr(true).unwrap();
    /// socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    /// socket.listen(1024).unwrap();
    /// # }
    /// ```
    pub fn new_v4() -> io::Result<TcpSocket> {
        TcpSocket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))
    }

    /// A new IPv6 socket.
    ///
    /// ```
    /// let socket = selvedge::net::TcpSocket::new_v6();
    /// # let _ = socket;
    /// ```
    pub fn new_v6() -> io::Result<TcpSocket> {
        TcpSocket::new(Domain::IPV6, Type::STREAM, Some(Protocol::TCP))
    }

    /// Takes over a standard-library stream, which must be in non-blocking mode.
    ///
    /// # Panics
    /// In debug builds, for a blocking socket.
    ///
    /// # Examples
    /// ```
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    /// let std = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    /// std.set_nonblocking(true).unwrap();
    /// let socket = selvedge::net::TcpSocket::from_std_stream(std);
    /// # let _ = socket;
    /// ```
    #[track_caller]
    pub fn from_std_stream(std_stream: std::net::TcpStream) -> TcpSocket {
        crate::net::common::debug_check_nonblocking(&std_stream);
        TcpSocket::adopt(std_stream.into())
    }

    /// Sets the size of the OS's send buffer; Linux doubles it.
    ///
    /// ```
    /// let socket = selvedge::net::TcpSocket::new_v4().unwrap();
    /// socket.set_send_buffer_size(64 * 1024).unwrap();
    /// ```
    pub fn set_send_buffer_size(&self, size: u32) -> io::Result<()> {
        self.inner.set_send_buffer_size(size as usize)
    }

    /// The size of the OS's send buffer.
    ///
    /// ```
    /// let socket = selvedge::net::TcpSocket::new_v4().unwrap();
    /// assert!(socket.send_buffer_size().unwrap() > 0);
    /// ```
    pub fn send_buffer_size(&self) -> io::Result<u32> {
        self.inner.send_buffer_size().map(|n| n as u32)
    }

    /// Sets the size of the OS's receive buffer; Linux doubles it.
    ///
    /// ```
    /// let socket = selvedge::net::TcpSocket::new_v4().unwrap();
    /// socket.set_recv_buffer_size(64 * 1024).unwrap();
    /// ```
    pub fn set_recv_buffer_size(&self, size: u32) -> io::Result<()> {
        self.inner.set_recv_buffer_size(size as usize)
    }

    /// The size of the OS's receive buffer.
    ///
    /// ```
    /// let socket = selvedge::net::TcpSocket::new_v4().unwrap();
    /// assert!(socket.recv_buffer_size().unwrap() > 0);
    /// ```
    pub fn recv_buffer_size(&self) -> io::Result<u32> {
        self.inner.recv_buffer_size().map(|n| n as u32)
    }

    /// The address it is bound to.
    ///
    /// ```
    /// let socket = selvedge::net::TcpSocket::new_v4().unwrap();
    /// socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    /// assert_ne!(socket.local_addr().unwrap().port(), 0);
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let addr = self.inner.local_addr()?;
        addr.as_socket()
            .ok_or_else(|| io::Error::other("the socket has no IP address"))
    }

    /// The pending error of the socket, which is thereby cleared.
    ///
    /// ```
    /// let socket = selvedge::net::TcpSocket::new_v4().unwrap();
    /// assert!(socket.take_error().unwrap().is_none());
    /// ```
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.take_error()
    }

    /// Binds to an address.
    ///
    /// ```
    /// let socket = selvedge::net::TcpSocket::new_v4().unwrap();
    /// socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    /// ```
    pub fn bind(&self, addr: SocketAddr) -> io::Result<()> {
        self.inner.bind(&addr.into())
    }

    /// Connects.
    ///
    /// # Panics
    /// Outside of a runtime with I/O enabled.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::net::{TcpListener, TcpSocket};
    /// let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    /// let socket = TcpSocket::new_v4().unwrap();
    /// let stream = socket.connect(listener.local_addr().unwrap()).await.unwrap();
    /// # let _ = stream;
    /// # }
    /// ```
    pub fn connect(self, addr: SocketAddr) -> impl Future<Output = io::Result<TcpStream>> {
        on_reactor(async move {
            match self.inner.connect(&addr.into()) {
                Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
                _ => {}
            }
            let stream = mio::net::TcpStream::from_std(self.inner.into());
            TcpStream::connecting(stream, self.kind).await
        })
    }

    /// Listens, with room for `backlog` connections not yet accepted.
    ///
    /// # Panics
    /// Outside of a runtime with I/O enabled.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let socket = selvedge::net::TcpSocket::new_v4().unwrap();
    /// socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    /// let listener = socket.listen(1024).unwrap();
    /// # let _ = listener;
    /// # }
    /// ```
    #[track_caller]
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        self.inner.listen(backlog.try_into().unwrap_or(i32::MAX))?;
        TcpListener::from_mio(
            mio::net::TcpListener::from_std(self.inner.into()),
            self.kind,
        )
    }
}

config_methods!(TcpSocket, Kind::Tcp);
