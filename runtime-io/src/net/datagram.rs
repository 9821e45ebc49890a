//! The methods that datagram sockets share, as macros.

/// Sending to the default peer, and receiving. `$from_os` reads an address as the system gives it, `$peer` makes it ours.
macro_rules! datagram_methods {
    ($type:ty, $addr:ty, $peer:path, $from_os:path) => {
        impl $type {
            /// The pending error of the socket, which is thereby cleared.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// let (near, _far) = selvedge::net::UnixDatagram::pair().unwrap();
            /// assert!(near.take_error().unwrap().is_none());
            /// # }
            /// ```
            pub fn take_error(&self) -> std::io::Result<Option<std::io::Error>> {
                self.io.take_error()
            }

            /// Sends a datagram to the default peer.
            ///
            /// # Cancel safety
            /// Safe: a datagram is sent whole or not at all.
            ///
            /// # Examples
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// let (near, far) = selvedge::net::UnixDatagram::pair().unwrap();
            /// near.send(b"data").await.unwrap();
            /// assert_eq!(far.recv(&mut [0; 8]).await.unwrap(), 4);
            /// # }
            /// ```
            pub async fn send(&self, buf: &[u8]) -> std::io::Result<usize> {
                self.async_io(crate::reactor::Interest::WRITABLE, || self.io.send(buf))
                    .await
            }

            /// Polls to send a datagram to the default peer.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use std::future::poll_fn;
            /// let (near, _far) = selvedge::net::UnixDatagram::pair().unwrap();
            /// assert_eq!(poll_fn(|cx| near.poll_send(cx, b"data")).await.unwrap(), 4);
            /// # }
            /// ```
            pub fn poll_send(
                &self,
                cx: &mut std::task::Context<'_>,
                buf: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                self.io
                    .registration()
                    .poll_io(cx, crate::reactor::Direction::Write, || self.io.send(buf))
            }

            /// Sends a datagram to the default peer, without waiting.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// let (near, _far) = selvedge::net::UnixDatagram::pair().unwrap();
            /// assert_eq!(near.try_send(b"data").unwrap(), 4);
            /// # }
            /// ```
            pub fn try_send(&self, buf: &[u8]) -> std::io::Result<usize> {
                self.try_io(crate::reactor::Interest::WRITABLE, || self.io.send(buf))
            }

            /// Receives a datagram (a connected socket, its peer's); what does not fit is lost.
            ///
            /// # Cancel safety
            /// Safe: no datagram is lost.
            ///
            /// # Examples
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// let (near, far) = selvedge::net::UnixDatagram::pair().unwrap();
            /// near.send(b"data").await.unwrap();
            /// let mut buf = [0; 8];
            /// let length = far.recv(&mut buf).await.unwrap();
            /// assert_eq!(&buf[..length], b"data");
            /// # }
            /// ```
            pub async fn recv(&self, buf: &mut [u8]) -> std::io::Result<usize> {
                self.async_io(crate::reactor::Interest::READABLE, || self.io.recv(buf))
                    .await
            }

            /// Polls for a datagram.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use std::future::poll_fn;
            /// use selvedge::{io::ReadBuf, net::UnixDatagram};
            /// let (near, far) = UnixDatagram::pair().unwrap();
            /// near.send(b"data").await.unwrap();
            /// let mut space = [0; 8];
            /// let mut buf = ReadBuf::new(&mut space);
            /// poll_fn(|cx| far.poll_recv(cx, &mut buf)).await.unwrap();
            /// assert_eq!(buf.filled(), b"data");
            /// # }
            /// ```
            pub fn poll_recv(
                &self,
                cx: &mut std::task::Context<'_>,
                buf: &mut crate::io::ReadBuf<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                let socket = socket2::SockRef::from(self);
                self.io
                    .registration()
                    .poll_io(cx, crate::reactor::Direction::Read, || {
                        crate::net::common::fill_read_buf(buf, |spare| {
                            socket.recv(spare).map(|n| (n, ()))
                        })
                    })
            }

            /// Receives a datagram, without waiting.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// let (near, far) = selvedge::net::UnixDatagram::pair().unwrap();
            /// near.send(b"data").await.unwrap();
            /// far.readable().await.unwrap();
            /// assert_eq!(far.try_recv(&mut [0; 8]).unwrap(), 4);
            /// # }
            /// ```
            pub fn try_recv(&self, buf: &mut [u8]) -> std::io::Result<usize> {
                self.try_io(crate::reactor::Interest::READABLE, || self.io.recv(buf))
            }

            /// Receives a datagram into the spare capacity of `buf`.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// let (near, far) = selvedge::net::UnixDatagram::pair().unwrap();
            /// near.send(b"data").await.unwrap();
            /// let mut buf = Vec::with_capacity(16);
            /// assert_eq!(far.recv_buf(&mut buf).await.unwrap(), 4);
            /// # }
            /// ```
            #[cfg(feature = "io-util")]
            pub async fn recv_buf<B: bytes::BufMut>(&self, buf: &mut B) -> std::io::Result<usize> {
                self.async_io(crate::reactor::Interest::READABLE, || self.recv_spare(buf))
                    .await
            }

            /// Receives a datagram into spare capacity, without waiting.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// let (near, far) = selvedge::net::UnixDatagram::pair().unwrap();
            /// near.send(b"data").await.unwrap();
            /// far.readable().await.unwrap();
            /// let mut buf = Vec::with_capacity(16);
            /// assert_eq!(far.try_recv_buf(&mut buf).unwrap(), 4);
            /// # }
            /// ```
            #[cfg(feature = "io-util")]
            pub fn try_recv_buf<B: bytes::BufMut>(&self, buf: &mut B) -> std::io::Result<usize> {
                self.try_io(crate::reactor::Interest::READABLE, || self.recv_spare(buf))
            }

            #[cfg(feature = "io-util")]
            fn recv_spare<B: bytes::BufMut>(&self, buf: &mut B) -> std::io::Result<usize> {
                crate::net::common::fill(buf, |spare| {
                    socket2::SockRef::from(self).recv(spare).map(|n| (n, n))
                })
            }

            /// Receives a datagram and where it came from; what does not fit is lost.
            ///
            /// # Cancel safety
            /// Safe: no datagram is lost.
            ///
            /// # Examples
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// let (near, far) = selvedge::net::UnixDatagram::pair().unwrap();
            /// near.send(b"data").await.unwrap();
            /// let (length, from) = far.recv_from(&mut [0; 8]).await.unwrap();
            /// assert!(length == 4 && from.is_unnamed());
            /// # }
            /// ```
            pub async fn recv_from(&self, buf: &mut [u8]) -> std::io::Result<(usize, $addr)> {
                let received = self.async_io(crate::reactor::Interest::READABLE, || {
                    self.io.recv_from(buf)
                });
                received.await.map(|(n, from)| (n, $peer(from)))
            }

            /// Polls for a datagram; returns where it came from.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use std::future::poll_fn;
            /// use selvedge::{io::ReadBuf, net::UnixDatagram};
            /// let (near, far) = UnixDatagram::pair().unwrap();
            /// near.send(b"data").await.unwrap();
            /// let mut space = [0; 8];
            /// let mut buf = ReadBuf::new(&mut space);
            /// let from = poll_fn(|cx| far.poll_recv_from(cx, &mut buf)).await.unwrap();
            /// assert!(from.is_unnamed() && buf.filled() == b"data");
            /// # }
            /// ```
            pub fn poll_recv_from(
                &self,
                cx: &mut std::task::Context<'_>,
                buf: &mut crate::io::ReadBuf<'_>,
            ) -> std::task::Poll<std::io::Result<$addr>> {
                let socket = socket2::SockRef::from(self);
                self.io
                    .registration()
                    .poll_io(cx, crate::reactor::Direction::Read, || {
                        crate::net::common::fill_read_buf(buf, |spare| {
                            let (n, from) = socket.recv_from(spare)?;
                            Ok((n, $from_os(&from).map($peer)?))
                        })
                    })
            }

            /// Receives a datagram and where it came from, without waiting.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// let (near, far) = selvedge::net::UnixDatagram::pair().unwrap();
            /// near.send(b"data").await.unwrap();
            /// far.readable().await.unwrap();
            /// assert_eq!(far.try_recv_from(&mut [0; 8]).unwrap().0, 4);
            /// # }
            /// ```
            pub fn try_recv_from(&self, buf: &mut [u8]) -> std::io::Result<(usize, $addr)> {
                let received = self.try_io(crate::reactor::Interest::READABLE, || {
                    self.io.recv_from(buf)
                });
                received.map(|(n, from)| (n, $peer(from)))
            }

            /// Receives a datagram into the spare capacity of `buf`.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// let (near, far) = selvedge::net::UnixDatagram::pair().unwrap();
            /// near.send(b"data").await.unwrap();
            /// let mut buf = Vec::with_capacity(16);
            /// assert_eq!(far.recv_buf_from(&mut buf).await.unwrap().0, 4);
            /// # }
            /// ```
            #[cfg(feature = "io-util")]
            pub async fn recv_buf_from<B: bytes::BufMut>(
                &self,
                buf: &mut B,
            ) -> std::io::Result<(usize, $addr)> {
                self.async_io(crate::reactor::Interest::READABLE, || {
                    self.recv_spare_from(buf)
                })
                .await
            }

            /// Receives a datagram into spare capacity, without waiting.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// let (near, far) = selvedge::net::UnixDatagram::pair().unwrap();
            /// near.send(b"data").await.unwrap();
            /// far.readable().await.unwrap();
            /// let mut buf = Vec::with_capacity(16);
            /// assert_eq!(far.try_recv_buf_from(&mut buf).unwrap().0, 4);
            /// # }
            /// ```
            #[cfg(feature = "io-util")]
            pub fn try_recv_buf_from<B: bytes::BufMut>(
                &self,
                buf: &mut B,
            ) -> std::io::Result<(usize, $addr)> {
                self.try_io(crate::reactor::Interest::READABLE, || {
                    self.recv_spare_from(buf)
                })
            }

            #[cfg(feature = "io-util")]
            fn recv_spare_from<B: bytes::BufMut>(
                &self,
                buf: &mut B,
            ) -> std::io::Result<(usize, $addr)> {
                crate::net::common::fill(buf, |spare| {
                    let (n, from) = socket2::SockRef::from(self).recv_from(spare)?;
                    Ok((n, (n, $from_os(&from).map($peer)?)))
                })
            }
        }
    };
}
