//! `UdpSocket`.
//!
//! Each transfer comes in three forms (async, poll, try), each one system call in the matching
//! loop of the registration.

use super::ToSocketAddrs;
use super::addr::{first_ok, resolve};
use super::common::fill_read_buf;
use crate::io::ReadBuf;
use crate::reactor::{Direction, Interest, PollEvented, on_reactor};
use socket2::{SockAddr, SockRef};
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

/// A UDP socket.
///
/// All methods take `&self`: share it (say, in an `Arc`) to send and receive at once.
///
/// ```
/// use selvedge::net::UdpSocket;
///
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let socket = UdpSocket::bind("127.0.0.1:0").await?;
/// socket.send_to(b"hello", socket.local_addr()?).await?;
/// let mut buf = [0; 1500];
/// let (n, from) = socket.recv_from(&mut buf).await?;
/// assert_eq!((&buf[..n], from), (&b"hello"[..], socket.local_addr()?));
/// # Ok(())
/// # }
/// ```
pub struct UdpSocket {
    io: PollEvented<mio::net::UdpSocket>,
}

fn ip_addr(addr: &SockAddr) -> io::Result<SocketAddr> {
    addr.as_socket()
        .ok_or_else(|| io::Error::other("a datagram from no IP address"))
}

impl UdpSocket {
    fn adopt(io: PollEvented<mio::net::UdpSocket>) -> UdpSocket {
        UdpSocket { io }
    }

    /// Binds to the first of the addresses that works.
    ///
    /// # Panics
    /// When it is awaited outside of a runtime, or on one without I/O (`enable_io`).
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let socket = selvedge::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    /// println!("{}", socket.local_addr().unwrap());
    /// # }
    /// ```
    pub fn bind<A: ToSocketAddrs>(addr: A) -> impl Future<Output = io::Result<UdpSocket>> {
        on_reactor(async move {
            let addrs = resolve(&addr).await?;
            first_ok(addrs, async |addr| {
                Ok(UdpSocket {
                    io: PollEvented::new(mio::net::UdpSocket::bind(addr)?)?,
                })
            })
            .await
        })
    }

    /// Makes the first of the addresses that works the default peer.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::net::UdpSocket;
    /// let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    /// let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    /// client.connect(server.local_addr().unwrap()).await.unwrap();
    /// client.send(b"data").await.unwrap();
    /// assert_eq!(server.recv(&mut [0; 8]).await.unwrap(), 4);
    /// # }
    /// ```
    pub async fn connect<A: ToSocketAddrs>(&self, addr: A) -> io::Result<()> {
        let addrs = resolve(&addr).await?;
        first_ok(addrs, async |addr| self.io.connect(addr)).await
    }

    /// The address it is bound to.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let socket = selvedge::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    /// assert_ne!(socket.local_addr().unwrap().port(), 0);
    /// # }
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    /// The default peer.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::net::UdpSocket;
    /// let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    /// let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    /// client.connect(server.local_addr().unwrap()).await.unwrap();
    /// assert_eq!(client.peer_addr().unwrap(), server.local_addr().unwrap());
    /// # }
    /// ```
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.peer_addr()
    }

    fn socket(&self) -> SockRef<'_> {
        SockRef::from(self)
    }

    /// Sends a datagram to the first of the addresses.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::net::UdpSocket;
    /// let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    /// let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    /// client.send_to(b"data", server.local_addr().unwrap()).await.unwrap();
    /// let (length, from) = server.recv_from(&mut [0; 8]).await.unwrap();
    /// assert_eq!((length, from), (4, client.local_addr().unwrap()));
    /// # }
    /// ```
    pub async fn send_to<A: ToSocketAddrs>(&self, buf: &[u8], addr: A) -> io::Result<usize> {
        let Some(addr) = resolve(&addr).await?.next() else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "no address to send the datagram to",
            ));
        };
        self.async_io(Interest::WRITABLE, || self.io.send_to(buf, addr))
            .await
    }

    /// Polls to send a datagram to an address.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use selvedge::net::UdpSocket;
    /// let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    /// let to = socket.local_addr().unwrap();
    /// assert_eq!(poll_fn(|cx| socket.poll_send_to(cx, b"data", to)).await.unwrap(), 4);
    /// # }
    /// ```
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        target: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.io
            .registration()
            .poll_io(cx, Direction::Write, || self.io.send_to(buf, target))
    }

    /// Sends a datagram to an address, without waiting.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::net::UdpSocket;
    /// let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    /// socket.writable().await.unwrap();
    /// assert_eq!(socket.try_send_to(b"data", socket.local_addr().unwrap()).unwrap(), 4);
    /// # }
    /// ```
    pub fn try_send_to(&self, buf: &[u8], target: SocketAddr) -> io::Result<usize> {
        self.try_io(Interest::WRITABLE, || self.io.send_to(buf, target))
    }

    /// Looks at the next datagram from the default peer without taking it.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::net::UdpSocket;
    /// let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    /// socket.connect(socket.local_addr().unwrap()).await.unwrap();
    /// socket.send(b"data").await.unwrap();
    /// assert_eq!(socket.peek(&mut [0; 8]).await.unwrap(), 4);
    /// assert_eq!(socket.recv(&mut [0; 8]).await.unwrap(), 4); // it was left there
    /// # }
    /// ```
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.async_io(Interest::READABLE, || self.io.peek(buf))
            .await
    }

    /// Polls to look at the next datagram from the default peer.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use selvedge::{io::ReadBuf, net::UdpSocket};
    /// let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    /// socket.connect(socket.local_addr().unwrap()).await.unwrap();
    /// socket.send(b"data").await.unwrap();
    /// let mut space = [0; 8];
    /// let mut buf = ReadBuf::new(&mut space);
    /// poll_fn(|cx| socket.poll_peek(cx, &mut buf)).await.unwrap();
    /// assert_eq!(buf.filled(), b"data");
    /// # }
    /// ```
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let socket = self.socket();
        self.io.registration().poll_io(cx, Direction::Read, || {
            fill_read_buf(buf, |spare| socket.peek(spare).map(|n| (n, ())))
        })
    }

    /// Looks at the next datagram from the default peer, without waiting.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::net::UdpSocket;
    /// let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    /// socket.send_to(b"data", socket.local_addr().unwrap()).await.unwrap();
    /// socket.readable().await.unwrap();
    /// assert_eq!(socket.try_peek(&mut [0; 8]).unwrap(), 4);
    /// # }
    /// ```
    pub fn try_peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.try_io(Interest::READABLE, || self.io.peek(buf))
    }

    /// Looks at the next datagram and where it came from, without taking it.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::net::UdpSocket;
    /// let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    /// let me = socket.local_addr().unwrap();
    /// socket.send_to(b"data", me).await.unwrap();
    /// assert_eq!(socket.peek_from(&mut [0; 8]).await.unwrap(), (4, me));
    /// # }
    /// ```
    pub async fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.async_io(Interest::READABLE, || self.io.peek_from(buf))
            .await
    }

    /// Polls to look at the next datagram; returns where it came from.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use selvedge::{io::ReadBuf, net::UdpSocket};
    /// let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    /// let me = socket.local_addr().unwrap();
    /// socket.send_to(b"data", me).await.unwrap();
    /// let mut space = [0; 8];
    /// let mut buf = ReadBuf::new(&mut space);
    /// assert_eq!(poll_fn(|cx| socket.poll_peek_from(cx, &mut buf)).await.unwrap(), me);
    /// # }
    /// ```
    pub fn poll_peek_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        let socket = self.socket();
        self.io.registration().poll_io(cx, Direction::Read, || {
            fill_read_buf(buf, |spare| {
                let (n, from) = socket.peek_from(spare)?;
                Ok((n, ip_addr(&from)?))
            })
        })
    }

    /// Looks at the next datagram and where it came from, without waiting.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::net::UdpSocket;
    /// let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    /// let me = socket.local_addr().unwrap();
    /// socket.send_to(b"data", me).await.unwrap();
    /// socket.readable().await.unwrap();
    /// assert_eq!(socket.try_peek_from(&mut [0; 8]).unwrap(), (4, me));
    /// # }
    /// ```
    pub fn try_peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.try_io(Interest::READABLE, || self.io.peek_from(buf))
    }

    fn sender(&self) -> io::Result<SocketAddr> {
        ip_addr(&self.socket().peek_sender()?)
    }

    /// Waits for a datagram and says where it came from, without taking it.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::net::UdpSocket;
    /// let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    /// let me = socket.local_addr().unwrap();
    /// socket.send_to(b"data", me).await.unwrap();
    /// assert_eq!(socket.peek_sender().await.unwrap(), me);
    /// # }
    /// ```
    pub async fn peek_sender(&self) -> io::Result<SocketAddr> {
        self.async_io(Interest::READABLE, || self.sender()).await
    }

    /// Polls for a datagram; returns where it came from.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use selvedge::net::UdpSocket;
    /// let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    /// let me = socket.local_addr().unwrap();
    /// socket.send_to(b"data", me).await.unwrap();
    /// assert_eq!(poll_fn(|cx| socket.poll_peek_sender(cx)).await.unwrap(), me);
    /// # }
    /// ```
    pub fn poll_peek_sender(&self, cx: &mut Context<'_>) -> Poll<io::Result<SocketAddr>> {
        self.io
            .registration()
            .poll_io(cx, Direction::Read, || self.sender())
    }

    /// Says where the next datagram came from, without waiting.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::net::UdpSocket;
    /// let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    /// let me = socket.local_addr().unwrap();
    /// socket.send_to(b"data", me).await.unwrap();
    /// socket.readable().await.unwrap();
    /// assert_eq!(socket.try_peek_sender().unwrap(), me);
    /// # }
    /// ```
    pub fn try_peek_sender(&self) -> io::Result<SocketAddr> {
        self.try_io(Interest::READABLE, || self.sender())
    }

    /// Joins an IPv4 multicast group on an interface (unspecified: the OS chooses).
    ///
    /// ```
    /// use std::net::Ipv4Addr;
    /// use selvedge::net::UdpSocket;
    /// fn listen_to_mdns(socket: &UdpSocket) -> std::io::Result<()> {
    ///     socket.join_multicast_v4(Ipv4Addr::new(224, 0, 0, 251), Ipv4Addr::UNSPECIFIED)
    /// }
    /// ```
    pub fn join_multicast_v4(&self, multiaddr: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.io.join_multicast_v4(&multiaddr, &interface)
    }

    /// Joins an IPv6 multicast group on an interface (0: any).
    ///
    /// ```
    /// use selvedge::net::UdpSocket;
    /// fn listen_to_mdns(socket: &UdpSocket, interface: u32) -> std::io::Result<()> {
    ///     socket.join_multicast_v6(&"ff02::fb".parse().unwrap(), interface)
    /// }
    /// ```
    pub fn join_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.io.join_multicast_v6(multiaddr, interface)
    }

    /// Leaves an IPv4 multicast group.
    ///
    /// ```
    /// use std::net::Ipv4Addr;
    /// use selvedge::net::UdpSocket;
    /// fn leave_mdns(socket: &UdpSocket) -> std::io::Result<()> {
    ///     socket.leave_multicast_v4(Ipv4Addr::new(224, 0, 0, 251), Ipv4Addr::UNSPECIFIED)
    /// }
    /// ```
    pub fn leave_multicast_v4(&self, multiaddr: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.io.leave_multicast_v4(&multiaddr, &interface)
    }

    /// Leaves an IPv6 multicast group.
    ///
    /// ```
    /// use selvedge::net::UdpSocket;
    /// fn leave_mdns(socket: &UdpSocket, interface: u32) -> std::io::Result<()> {
    ///     socket.leave_multicast_v6(&"ff02::fb".parse().unwrap(), interface)
    /// }
    /// ```
    pub fn leave_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.io.leave_multicast_v6(multiaddr, interface)
    }
}

options! { UdpSocket;
    "`SO_BROADCAST`: whether it may send to broadcast addresses" broadcast, set_broadcast: bool = broadcast, set_broadcast;
    "whether its own IPv4 multicasts come back to this host" multicast_loop_v4, set_multicast_loop_v4: bool = multicast_loop_v4, set_multicast_loop_v4;
    "the time-to-live of its IPv4 multicasts" multicast_ttl_v4, set_multicast_ttl_v4: u32 = multicast_ttl_v4, set_multicast_ttl_v4;
    "whether its own IPv6 multicasts come back to this host" multicast_loop_v6, set_multicast_loop_v6: bool = multicast_loop_v6, set_multicast_loop_v6;
    "the IP time-to-live of what it sends" ttl, set_ttl: u32 = ttl_v4, set_ttl_v4;
}
route_options!(UdpSocket);
datagram_methods!(UdpSocket, SocketAddr, std::convert::identity, ip_addr);
std_conversions!(UdpSocket, mio::net::UdpSocket, std::net::UdpSocket);
wait_methods!(UdpSocket);
poll_ready_methods!(UdpSocket, poll_recv_ready, poll_send_ready);
