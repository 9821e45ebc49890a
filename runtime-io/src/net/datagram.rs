//! What sockets of datagrams have in common, as methods of each.

/// Sending to the default peer, and receiving. `$from_os` reads an address as the system gives it, `$peer` makes it ours.
macro_rules! datagram_methods {
    ($type:ty, $addr:ty, $peer:path, $from_os:path) => {
        impl $type {
            /// The pending error of the socket, which is thereby cleared.
            pub fn take_error(&self) -> std::io::Result<Option<std::io::Error>> {
                self.io.take_error()
            }

            /// Sends a datagram to the default peer.
            ///
            /// # Cancel safety
            /// Safe: a datagram is sent whole or not at all.
            pub async fn send(&self, buf: &[u8]) -> std::io::Result<usize> {
                self.async_io(crate::reactor::Interest::WRITABLE, || self.io.send(buf))
                    .await
            }

            /// Polls to send a datagram to the default peer.
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
            pub fn try_send(&self, buf: &[u8]) -> std::io::Result<usize> {
                self.try_io(crate::reactor::Interest::WRITABLE, || self.io.send(buf))
            }

            /// Receives a datagram (a connected socket, its peer's); what does not fit is lost.
            ///
            /// # Cancel safety
            /// Safe: no datagram is lost.
            pub async fn recv(&self, buf: &mut [u8]) -> std::io::Result<usize> {
                self.async_io(crate::reactor::Interest::READABLE, || self.io.recv(buf))
                    .await
            }

            /// Polls for a datagram.
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
            pub fn try_recv(&self, buf: &mut [u8]) -> std::io::Result<usize> {
                self.try_io(crate::reactor::Interest::READABLE, || self.io.recv(buf))
            }

            /// Receives a datagram into the spare capacity of `buf`.
            #[cfg(feature = "io-util")]
            pub async fn recv_buf<B: bytes::BufMut>(&self, buf: &mut B) -> std::io::Result<usize> {
                self.async_io(crate::reactor::Interest::READABLE, || self.recv_spare(buf))
                    .await
            }

            /// Receives a datagram into spare capacity, without waiting.
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
            pub async fn recv_from(&self, buf: &mut [u8]) -> std::io::Result<(usize, $addr)> {
                let received = self.async_io(crate::reactor::Interest::READABLE, || {
                    self.io.recv_from(buf)
                });
                received.await.map(|(n, from)| (n, $peer(from)))
            }

            /// Polls for a datagram; where it came from.
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
            pub fn try_recv_from(&self, buf: &mut [u8]) -> std::io::Result<(usize, $addr)> {
                let received = self.try_io(crate::reactor::Interest::READABLE, || {
                    self.io.recv_from(buf)
                });
                received.map(|(n, from)| (n, $peer(from)))
            }

            /// Receives a datagram into the spare capacity of `buf`.
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
