//! The methods that streams share, and those that listeners share, as macros.

/// Accepting, and how a listener comes about. Accepted streams start out assumed readable and writable, on the
/// listener's own reactor. `$peer` makes the system's address ours.
macro_rules! listener_methods {
    ($type:ident, $mio:ty, $stream:ident, $addr:ty, $peer:path) => {
        impl $type {
            #[track_caller]
            pub(super) fn from_mio(
                listener: $mio,
                kind: crate::net::kind::Kind,
            ) -> std::io::Result<$type> {
                let io = crate::reactor::PollEvented::new(listener)?;
                Ok($type { io, kind })
            }

            /// Takes over a listener of unknown kind.
            fn adopt(io: crate::reactor::PollEvented<$mio>) -> $type {
                let kind = crate::net::kind::Kind::of(&io.get_ref());
                $type { io, kind }
            }

            fn accept_now(&self) -> std::io::Result<($stream, $addr)> {
                use crate::reactor::Ready;
                let (stream, peer) = self.io.accept()?;
                let io = self.io.beside(stream, Ready::READABLE | Ready::WRITABLE);
                let transfer = crate::net::kind::Transfer::of(self.kind);
                Ok(($stream { io, transfer }, $peer(peer)))
            }

            /// Waits for a connection.
            ///
            /// # Errors
            /// The OS's, such as being out of descriptors; the listener lives on.
            ///
            /// # Cancel safety
            /// Safe: no connection is lost.
            ///
            /// # Examples
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use selvedge::net::{TcpListener, TcpStream};
            /// let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            /// let address = listener.local_addr().unwrap();
            /// let (accepted, connected) = selvedge::join!(listener.accept(), TcpStream::connect(address));
            /// let (stream, peer) = accepted.unwrap();
            /// assert_eq!(peer, connected.unwrap().local_addr().unwrap());
            /// # let _ = stream;
            /// # }
            /// ```
            pub async fn accept(&self) -> std::io::Result<($stream, $addr)> {
                let registration = self.io.registration();
                registration
                    .async_io(crate::reactor::Interest::READABLE, || self.accept_now())
                    .await
            }

            /// Polls for a connection. Only the latest caller is woken.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use std::future::poll_fn;
            /// use selvedge::net::{TcpListener, TcpStream};
            /// let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            /// let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            /// let (_stream, peer) = poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
            /// assert_eq!(peer, client.local_addr().unwrap());
            /// # }
            /// ```
            pub fn poll_accept(
                &self,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<($stream, $addr)>> {
                self.io
                    .registration()
                    .poll_io(cx, crate::reactor::Direction::Read, || self.accept_now())
            }
        }
    };
}

/// How a stream comes about, is asked for its error, and is split.
macro_rules! connection_methods {
    ($type:ident, $mio:ty) => {
        impl $type {
            /// Takes over a stream of unknown kind.
            fn adopt(io: crate::reactor::PollEvented<$mio>) -> $type {
                let kind = crate::net::kind::Kind::of(&io.get_ref());
                let transfer = crate::net::kind::Transfer::of(kind);
                $type { io, transfer }
            }

            /// Waits for a connection attempt to end, and asks how.
            pub(super) async fn connecting(
                stream: $mio,
                kind: crate::net::kind::Kind,
            ) -> std::io::Result<$type> {
                let io = crate::reactor::PollEvented::new(stream)?;
                let direction = crate::reactor::Direction::Write;
                std::future::poll_fn(|cx| io.registration().poll_ready(cx, direction)).await?;
                match io.take_error()? {
                    Some(error) => Err(error),
                    None => Ok($type {
                        io,
                        transfer: crate::net::kind::Transfer::of(kind),
                    }),
                }
            }

            /// The pending error of the socket, which is thereby cleared.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// let (near, _far) = selvedge::net::UnixStream::pair().unwrap();
            /// assert!(near.take_error().unwrap().is_none());
            /// # }
            /// ```
            pub fn take_error(&self) -> std::io::Result<Option<std::io::Error>> {
                self.io.take_error()
            }

            /// Two borrowed halves, for reading and writing at once in one task.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use selvedge::{io::AsyncWriteExt, net::UnixStream};
            /// let (mut near, _far) = UnixStream::pair().unwrap();
            /// let (_reader, mut writer) = near.split();
            /// writer.write_all(b"data").await.unwrap();
            /// # }
            /// ```
            pub fn split<'a>(&'a mut self) -> (ReadHalf<'a>, WriteHalf<'a>) {
                split::split(self)
            }

            /// Two owned halves, for two tasks.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use selvedge::{io::AsyncWriteExt, net::UnixStream};
            /// let (near, _far) = UnixStream::pair().unwrap();
            /// let (_reader, mut writer) = near.into_split();
            /// selvedge::spawn(async move { writer.write_all(b"data").await }).await.unwrap().unwrap();
            /// # }
            /// ```
            pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
                split::into_split(self)
            }
        }
    };
}
