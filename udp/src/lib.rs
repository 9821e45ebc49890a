//! Datagrams in batches: many of them in one system call.
//!
//! **Sending.** [`UdpBatches::send_to`] takes one buffer and the size of the datagrams in it. The system cuts the buffer (Linux: `UDP_SEGMENT`), up
//! to 64 datagrams or 64 KiB a call. Once the system has refused to cut, each datagram is sent by itself.
//!
//! **Receiving.** [`UdpBatches::recv_from`] fills the buffers of a [`Received`], as many as there are datagrams (Linux: `recvmmsg`). The system may
//! put several datagrams of one sender and one size into one buffer (`UDP_GRO`); [`Received::iter`] takes them apart.
//!
//! The library `quinn-udp` knows which of these the system can do. This crate waits for the socket, splits contents that are too long for one call,
//! and keeps the buffers.

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use selvedge::io::Interest;
use selvedge::net::UdpSocket;
use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;

/// The most bytes that a datagram over IPv4 can have, and that one call may send.
const LARGEST: usize = 65_507;
/// The number of buffers of [`Received::new`], each for a whole batch of one sender.
const BUFFERS: usize = 8;
const BUFFER: usize = 64 * 1024;

/// Batches for a [`UdpSocket`].
pub trait UdpSocketExt: Sized {
    /// The same socket, to send and receive in batches with.
    ///
    /// # Errors
    /// If the system refuses the socket's options.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// use selvedge_udp::UdpSocketExt;
    ///
    /// let socket = selvedge::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// let batches = socket.into_batches()?;
    /// println!("{} datagrams in a call", batches.max_segments());
    /// # Ok(())
    /// # }
    /// ```
    fn into_batches(self) -> io::Result<UdpBatches>;
}

impl UdpSocketExt for UdpSocket {
    fn into_batches(self) -> io::Result<UdpBatches> {
        let state = UdpSocketState::new(UdpSockRef::from(&self))?;
        Ok(UdpBatches {
            socket: self,
            state,
        })
    }
}

/// A UDP socket that sends and receives in batches. All methods take `&self`: one task may send while another receives.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// use selvedge_udp::{Received, UdpSocketExt};
///
/// let socket = selvedge::net::UdpSocket::bind("127.0.0.1:0").await?.into_batches()?;
/// let itself = socket.get_ref().local_addr()?;
/// socket.send_to(b"onetwo", 3, itself).await?;
///
/// let (mut received, mut texts) = (Received::new(), Vec::new());
/// while texts.len() < 2 {
///     socket.recv_from(&mut received).await?;
///     texts.extend(received.iter().map(|datagram| datagram.contents.to_vec()));
/// }
/// assert_eq!(texts, [b"one", b"two"]);
/// # Ok(())
/// # }
/// ```
pub struct UdpBatches {
    socket: UdpSocket,
    state: UdpSocketState,
}

impl UdpBatches {
    /// The socket, for its addresses and options.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// use selvedge_udp::UdpSocketExt;
    ///
    /// let batches = selvedge::net::UdpSocket::bind("127.0.0.1:0").await?.into_batches()?;
    /// assert!(batches.get_ref().local_addr()?.ip().is_loopback());
    /// # Ok(())
    /// # }
    /// ```
    pub fn get_ref(&self) -> &UdpSocket {
        &self.socket
    }

    /// The socket. It keeps the options that batches need: a plain `recv` may then get several datagrams as one.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// use selvedge_udp::UdpSocketExt;
    ///
    /// let batches = selvedge::net::UdpSocket::bind("127.0.0.1:0").await?.into_batches()?;
    /// let socket = batches.into_inner();
    /// socket.set_broadcast(true)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn into_inner(self) -> UdpSocket {
        self.socket
    }

    /// How many datagrams one call may send: 1 if the system cannot cut buffers, or has refused to.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// use selvedge_udp::UdpSocketExt;
    ///
    /// let batches = selvedge::net::UdpSocket::bind("127.0.0.1:0").await?.into_batches()?;
    /// assert!(batches.max_segments() >= 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn max_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// Sends `contents` to `target`, cut into datagrams of `size` bytes; the last may be shorter. Empty contents are one empty datagram.
    ///
    /// # Errors
    /// If `size` is 0, or the system refuses: a datagram that is too large, a target that cannot be reached. Earlier datagrams may have been sent.
    ///
    /// # Cancel safety
    /// Not safe: after a drop it is not known how many datagrams were sent. Each is sent whole or not at all.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// use selvedge_udp::UdpSocketExt;
    ///
    /// let batches = selvedge::net::UdpSocket::bind("127.0.0.1:0").await?.into_batches()?;
    /// let itself = batches.get_ref().local_addr()?;
    /// batches.send_to(&[0; 100_000], 1_200, itself).await?;
    /// assert!(batches.send_to(b"data", 0, itself).await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn send_to(
        &self,
        contents: &[u8],
        size: usize,
        target: SocketAddr,
    ) -> io::Result<()> {
        if size == 0 {
            let message = "datagrams of 0 bytes would be without end: give their size in bytes";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let mut rest = contents;
        loop {
            let segments = self.max_segments();
            let (now, later) = rest.split_at(call_length(rest.len(), size, segments));
            match self.send_one(now, size, target).await {
                Ok(()) => rest = later,
                // The system refuses to cut, and the state has noted that: go on datagram by datagram.
                Err(_) if now.len() > size && self.max_segments() < segments => continue,
                Err(error) => return Err(error),
            }
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    /// Sends the contents of one call.
    async fn send_one(&self, contents: &[u8], size: usize, target: SocketAddr) -> io::Result<()> {
        let transmit = Transmit {
            destination: target,
            ecn: None,
            contents,
            segment_size: (contents.len() > size).then_some(size),
            src_ip: None,
        };
        let send = || {
            self.state
                .try_send(UdpSockRef::from(&self.socket), &transmit)
        };
        self.socket.async_io(Interest::WRITABLE, send).await
    }

    /// Waits for datagrams, and replaces the content of `received` by those that are there. Returns how many there are.
    ///
    /// Bytes that do not fit into a buffer of `received` are lost, as with `recv_from` of a [`UdpSocket`].
    ///
    /// # Errors
    /// If the system reports one, as when a datagram was sent to a port at which nobody listens.
    ///
    /// # Cancel safety
    /// Safe: no datagram is lost.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// use selvedge_udp::{Received, UdpSocketExt};
    ///
    /// let batches = selvedge::net::UdpSocket::bind("127.0.0.1:0").await?.into_batches()?;
    /// batches.send_to(b"data", 4, batches.get_ref().local_addr()?).await?;
    /// let mut received = Received::new();
    /// assert_eq!(batches.recv_from(&mut received).await?, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn recv_from(&self, received: &mut Received) -> io::Result<usize> {
        received.filled = 0;
        let recv = || {
            let socket = UdpSockRef::from(&self.socket);
            let mut buffers = received.memory.chunks_mut(received.buffer);
            let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
                std::array::from_fn(|_| IoSliceMut::new(buffers.next().unwrap_or_default()));
            let count = received.metas.len();
            self.state
                .recv(socket, &mut slices[..count], &mut received.metas)
        };
        received.filled = self.socket.async_io(Interest::READABLE, recv).await?;
        Ok(received.iter().count())
    }
}

/// How much of `rest` one call sends: whole datagrams.
fn call_length(rest: usize, size: usize, segments: usize) -> usize {
    let most = (LARGEST / size).clamp(1, segments.max(1));
    rest.min(size.saturating_mul(most))
}

impl fmt::Debug for UdpBatches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpBatches")
            .field("socket", &self.socket)
            .field("max_segments", &self.max_segments())
            .finish()
    }
}

/// Buffers for datagrams, and the datagrams of the last call.
///
/// ```
/// let received = selvedge_udp::Received::new();
/// assert!(received.iter().next().is_none());
/// ```
pub struct Received {
    memory: Vec<u8>,
    /// The length of a buffer in it.
    buffer: usize,
    /// One for each buffer.
    metas: Vec<RecvMeta>,
    /// How many of them belong to the last call.
    filled: usize,
}

impl Received {
    /// Eight buffers of 64 KiB: room for eight senders, or for some 400 datagrams of 1,200 bytes of one.
    ///
    /// ```
    /// let received = selvedge_udp::Received::new();
    /// # drop(received);
    /// ```
    pub fn new() -> Received {
        Received::with_buffers(BUFFERS, BUFFER)
    }

    /// A number of `buffers` of `bytes` each. The system puts one datagram into a buffer, or several of one sender; a datagram that is longer
    /// than the buffer is cut off. At least one buffer is made, and at most 32, as one call fills no more.
    ///
    /// ```
    /// let received = selvedge_udp::Received::with_buffers(32, 1_500);
    /// # drop(received);
    /// ```
    pub fn with_buffers(buffers: usize, bytes: usize) -> Received {
        let (buffers, bytes) = (buffers.clamp(1, BATCH_SIZE), bytes.max(1));
        Received {
            memory: vec![0; buffers * bytes],
            buffer: bytes,
            metas: vec![RecvMeta::default(); buffers],
            filled: 0,
        }
    }

    /// The datagrams, in the order in which they came.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// use selvedge_udp::{Received, UdpSocketExt};
    ///
    /// let batches = selvedge::net::UdpSocket::bind("127.0.0.1:0").await?.into_batches()?;
    /// let itself = batches.get_ref().local_addr()?;
    /// batches.send_to(b"data", 4, itself).await?;
    /// let mut received = Received::new();
    /// batches.recv_from(&mut received).await?;
    /// let datagram = received.iter().next().unwrap();
    /// assert_eq!((datagram.contents, datagram.from), (&b"data"[..], itself));
    /// # Ok(())
    /// # }
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = Datagram<'_>> {
        let buffers = self.memory.chunks(self.buffer).zip(&self.metas);
        buffers.take(self.filled).flat_map(|(buffer, meta)| {
            let contents = &buffer[..meta.len.min(buffer.len())];
            // An empty datagram counts too, though it has no part.
            let empty = contents.is_empty().then_some(contents);
            let parts = contents.chunks(meta.stride.max(1));
            empty.into_iter().chain(parts).map(|contents| Datagram {
                contents,
                from: meta.addr,
            })
        })
    }
}

impl Default for Received {
    fn default() -> Received {
        Received::new()
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("buffers", &self.metas.len())
            .field("bytes", &self.buffer)
            .field("datagrams", &self.iter().count())
            .finish()
    }
}

/// One datagram of a [`Received`].
///
/// ```
/// use selvedge_udp::Datagram;
///
/// fn print(datagram: &Datagram<'_>) {
///     println!("{} bytes from {}", datagram.contents.len(), datagram.from);
/// }
/// # print(&Datagram { contents: b"data", from: "127.0.0.1:1".parse().unwrap() });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// What was sent.
    pub contents: &'a [u8],
    /// Who sent it.
    pub from: SocketAddr,
}

#[cfg(test)]
mod tests {
    use super::{LARGEST, call_length};

    #[test]
    fn a_call_sends_whole_datagrams_up_to_what_the_system_takes() {
        for (rest, size, segments, expected) in [
            (0, 1_000, 64, 0),
            (999, 1_000, 64, 999),
            (2_500, 1_000, 64, 2_500),
            (100_000, 1_000, 64, 64_000),
            (100_000, 1_000, 3, 3_000),
            (100_000, 1_200, 64, 54 * 1_200),
            (100_000, 1_000, 1, 1_000),
            (100_000, 1_000, 0, 1_000),
            // The system refuses a datagram that is too large.
            (100_000, 70_000, 64, 70_000),
            (usize::MAX, usize::MAX, 64, usize::MAX),
        ] {
            let length = call_length(rest, size, segments);
            assert_eq!(length, expected, "{rest} {size} {segments}");
            assert!(length <= LARGEST || size > LARGEST);
        }
    }
}
