//! Macros for what sockets have in common: waits, conversions, the stream methods, halves.
//!
//! The macros expand to plain inherent methods on a type with a field `io: PollEvented<_>`.

use std::os::fd::AsFd;

/// A descriptor in blocking mode would stall a worker at its first read: refuse it while the
/// program is being developed.
#[track_caller]
pub(crate) fn debug_check_nonblocking(fd: &impl AsFd) {
    if cfg!(debug_assertions) {
        use std::os::fd::AsRawFd;
        // SAFETY: F_GETFL takes no argument and only reads the flags of a borrowed descriptor.
        let flags = unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_GETFL) };
        assert!(
            flags == -1 || flags & libc::O_NONBLOCK != 0,
            "Registering a blocking socket with the tokio runtime is unsupported: call `set_nonblocking(true)` on it first"
        );
    }
}

/// `ready`, `readable`, `writable`, `try_io`, `async_io`.
macro_rules! wait_methods {
    ($type:ty) => {
        impl $type {
            /// Waits for any of `interest`; says which flags were ready.
            ///
            /// # Cancel safety
            /// Safe: nothing is lost when the future is dropped.
            ///
            /// # Examples
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use selvedge::{io::Interest, net::UnixStream};
            /// let (near, _far) = UnixStream::pair().unwrap();
            /// let ready = near.ready(Interest::READABLE | Interest::WRITABLE).await.unwrap();
            /// assert!(ready.is_writable());
            /// # }
            /// ```
            pub async fn ready(
                &self,
                interest: crate::reactor::Interest,
            ) -> std::io::Result<crate::reactor::Ready> {
                let event = self.io.registration().readiness(interest).await?;
                Ok(event.ready())
            }

            /// Waits until reading is worth a try.
            ///
            /// # Cancel safety
            /// Safe.
            ///
            /// # Examples
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use selvedge::{io::AsyncWriteExt, net::UnixStream};
            /// let (near, mut far) = UnixStream::pair().unwrap();
            /// far.write_all(b"data").await.unwrap();
            /// near.readable().await.unwrap();
            /// assert_eq!(near.try_read(&mut [0; 8]).unwrap(), 4);
            /// # }
            /// ```
            pub async fn readable(&self) -> std::io::Result<()> {
                self.ready(crate::reactor::Interest::READABLE).await?;
                Ok(())
            }

            /// Waits until writing is worth a try.
            ///
            /// # Cancel safety
            /// Safe.
            ///
            /// # Examples
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use selvedge::net::UnixStream;
            /// let (near, _far) = UnixStream::pair().unwrap();
            /// near.writable().await.unwrap();
            /// assert_eq!(near.try_write(b"data").unwrap(), 4);
            /// # }
            /// ```
            pub async fn writable(&self) -> std::io::Result<()> {
                self.ready(crate::reactor::Interest::WRITABLE).await?;
                Ok(())
            }

            /// Runs `f`, a non-blocking operation on this socket, if `interest` is ready as far
            /// as is known. If `f` would block, that readiness is forgotten.
            ///
            /// # Errors
            /// "Would block" where it is not ready; whatever `f` returns.
            ///
            /// # Examples
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use std::io::{ErrorKind, Read};
            /// use std::os::fd::AsFd;
            /// use selvedge::{io::Interest, net::UnixStream};
            /// let (near, _far) = UnixStream::pair().unwrap();
            /// let read = near.try_io(Interest::READABLE, || {
            ///     let file = std::fs::File::from(near.as_fd().try_clone_to_owned()?);
            ///     (&file).read(&mut [0; 8])
            /// });
            /// assert_eq!(read.unwrap_err().kind(), ErrorKind::WouldBlock);
            /// # }
            /// ```
            pub fn try_io<R>(
                &self,
                interest: crate::reactor::Interest,
                f: impl FnOnce() -> std::io::Result<R>,
            ) -> std::io::Result<R> {
                self.io.registration().try_io(interest, f)
            }

            /// Waits for `interest` and runs `f`, until it does not block.
            ///
            /// # Cancel safety
            /// As safe as `f`.
            ///
            /// # Examples
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use std::io::Read;
            /// use std::os::fd::AsFd;
            /// use selvedge::{io::{AsyncWriteExt, Interest}, net::UnixStream};
            /// let (near, mut far) = UnixStream::pair().unwrap();
            /// far.write_all(b"data").await.unwrap();
            /// let read = near.async_io(Interest::READABLE, || {
            ///     let file = std::fs::File::from(near.as_fd().try_clone_to_owned()?);
            ///     (&file).read(&mut [0; 8])
            /// });
            /// assert_eq!(read.await.unwrap(), 4);
            /// # }
            /// ```
            pub async fn async_io<R>(
                &self,
                interest: crate::reactor::Interest,
                f: impl FnMut() -> std::io::Result<R>,
            ) -> std::io::Result<R> {
                self.io.registration().async_io(interest, f).await
            }
        }
    };
}

/// One pair of poll methods for readiness.
macro_rules! poll_ready_methods {
    ($type:ty, $read:ident, $write:ident) => {
        impl $type {
            /// Polls for something to read. Only the latest caller of the read side is woken.
            ///
            /// ```
            /// use std::future::poll_fn;
            #[doc = concat!(" async fn wait(socket: &selvedge::net::", stringify!($type), ") -> std::io::Result<()> {")]
            #[doc = concat!("     poll_fn(|cx| socket.", stringify!($read), "(cx)).await")]
            /// }
            /// ```
            pub fn $read(
                &self,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                self.io
                    .registration()
                    .poll_ready(cx, crate::reactor::Direction::Read)
                    .map_ok(drop)
            }

            /// Polls for room to write. Only the latest caller of the write side is woken.
            ///
            /// ```
            /// use std::future::poll_fn;
            #[doc = concat!(" async fn wait(socket: &selvedge::net::", stringify!($type), ") -> std::io::Result<()> {")]
            #[doc = concat!("     poll_fn(|cx| socket.", stringify!($write), "(cx)).await")]
            /// }
            /// ```
            pub fn $write(
                &self,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                self.io
                    .registration()
                    .poll_ready(cx, crate::reactor::Direction::Write)
                    .map_ok(drop)
            }
        }
    };
}

/// `from_std`, `into_std`, `TryFrom`, `AsRawFd`, `AsFd`, `Debug`.
macro_rules! std_conversions {
    ($type:ident, $mio:ty, $std:ty) => {
        impl $type {
            /// Takes over a standard-library socket, which must be in non-blocking mode.
            ///
            /// # Panics
            /// Outside of a runtime with I/O enabled; in debug builds, for a blocking socket.
            ///
            /// # Examples
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// let (near, _far) = std::os::unix::net::UnixStream::pair().unwrap();
            /// near.set_nonblocking(true).unwrap();
            /// let stream = selvedge::net::UnixStream::from_std(near).unwrap();
            /// # let _ = stream;
            /// # }
            /// ```
            #[track_caller]
            pub fn from_std(socket: $std) -> std::io::Result<$type> {
                crate::net::common::debug_check_nonblocking(&socket);
                let io = crate::reactor::PollEvented::new(<$mio>::from_std(socket))?;
                Ok($type::adopt(io))
            }

            /// Gives the socket to the standard library. It stays in non-blocking mode.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// let (near, _far) = selvedge::net::UnixStream::pair().unwrap();
            /// let std: std::os::unix::net::UnixStream = near.into_std().unwrap();
            /// std.set_nonblocking(false).unwrap();
            /// # }
            /// ```
            pub fn into_std(self) -> std::io::Result<$std> {
                let fd: std::os::fd::OwnedFd = self.io.into_inner()?.into();
                Ok(fd.into())
            }
        }

        impl TryFrom<$std> for $type {
            type Error = std::io::Error;
            #[track_caller]
            fn try_from(socket: $std) -> std::io::Result<$type> {
                $type::from_std(socket)
            }
        }

        fd_traits!($type);
    };
}

/// `AsRawFd`, `AsFd`, `Debug`.
macro_rules! fd_traits {
    ($type:ident) => {
        impl std::os::fd::AsRawFd for $type {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                self.io.as_raw_fd()
            }
        }

        impl std::os::fd::AsFd for $type {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.io.as_fd()
            }
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.io.get_ref().fmt(f)
            }
        }
    };
}

/// `try_read*`.
macro_rules! try_read_methods {
    ($type:ty) => {
        impl $type {
            /// Reads what is there; returns how much. Zero is the end of the data (or an empty `buf`).
            ///
            /// # Errors
            /// "Would block" where nothing is there.
            ///
            /// # Examples
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use std::io::ErrorKind;
            /// use selvedge::net::UnixStream;
            /// let (near, _far) = UnixStream::pair().unwrap();
            /// assert_eq!(near.try_read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
            /// # }
            /// ```
            pub fn try_read(&self, buf: &mut [u8]) -> std::io::Result<usize> {
                self.io
                    .registration()
                    .try_io(crate::reactor::Interest::READABLE, || {
                        std::io::Read::read(&mut self.io.get_ref(), buf)
                    })
            }

            /// Like `try_read`, into several buffers.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use std::io::IoSliceMut;
            /// use selvedge::{io::AsyncWriteExt, net::UnixStream};
            /// let (near, mut far) = UnixStream::pair().unwrap();
            /// far.write_all(b"data").await.unwrap();
            /// near.readable().await.unwrap();
            /// let (mut a, mut b) = ([0; 3], [0; 3]);
            /// let mut parts = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
            /// assert_eq!(near.try_read_vectored(&mut parts).unwrap(), 4);
            /// # }
            /// ```
            pub fn try_read_vectored(
                &self,
                bufs: &mut [std::io::IoSliceMut<'_>],
            ) -> std::io::Result<usize> {
                self.io
                    .registration()
                    .try_io(crate::reactor::Interest::READABLE, || {
                        std::io::Read::read_vectored(&mut self.io.get_ref(), bufs)
                    })
            }

            /// Like `try_read`, into the spare capacity of `buf`.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use selvedge::{io::AsyncWriteExt, net::UnixStream};
            /// let (near, mut far) = UnixStream::pair().unwrap();
            /// far.write_all(b"data").await.unwrap();
            /// near.readable().await.unwrap();
            /// let mut buf = Vec::with_capacity(16);
            /// assert_eq!(near.try_read_buf(&mut buf).unwrap(), 4);
            /// assert_eq!(buf, b"data");
            /// # }
            /// ```
            #[cfg(feature = "io-util")]
            pub fn try_read_buf<B: bytes::BufMut>(&self, buf: &mut B) -> std::io::Result<usize> {
                self.io
                    .registration()
                    .try_io(crate::reactor::Interest::READABLE, || {
                        crate::net::common::fill(buf, |spare| self.read_once(spare).map(|n| (n, n)))
                    })
            }
        }
    };
}

/// `try_write*`.
macro_rules! try_write_methods {
    ($type:ty) => {
        impl $type {
            /// Writes what there is room for; returns how much.
            ///
            /// # Errors
            /// "Would block" where there is no room.
            ///
            /// # Examples
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use selvedge::net::UnixStream;
            /// let (near, _far) = UnixStream::pair().unwrap();
            /// assert_eq!(near.try_write(b"data").unwrap(), 4);
            /// # }
            /// ```
            pub fn try_write(&self, buf: &[u8]) -> std::io::Result<usize> {
                self.io
                    .registration()
                    .try_io(crate::reactor::Interest::WRITABLE, || {
                        std::io::Write::write(&mut self.io.get_ref(), buf)
                    })
            }

            /// Like `try_write`, from several buffers.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use std::io::IoSlice;
            /// use selvedge::net::UnixStream;
            /// let (near, _far) = UnixStream::pair().unwrap();
            /// let parts = [IoSlice::new(b"da"), IoSlice::new(b"ta")];
            /// assert_eq!(near.try_write_vectored(&parts).unwrap(), 4);
            /// # }
            /// ```
            pub fn try_write_vectored(
                &self,
                bufs: &[std::io::IoSlice<'_>],
            ) -> std::io::Result<usize> {
                self.io
                    .registration()
                    .try_io(crate::reactor::Interest::WRITABLE, || {
                        std::io::Write::write_vectored(&mut self.io.get_ref(), bufs)
                    })
            }
        }
    };
}

/// Lets `f` write to the spare capacity of `buf`; it returns how many bytes it wrote, and its
/// result.
#[cfg(feature = "io-util")]
pub(crate) fn fill<B: bytes::BufMut, R>(
    buf: &mut B,
    f: impl FnOnce(&mut [std::mem::MaybeUninit<u8>]) -> std::io::Result<(usize, R)>,
) -> std::io::Result<R> {
    // SAFETY: `f` writes only initialised bytes: it passes the slice to the OS.
    let spare = unsafe { buf.chunk_mut().as_uninit_slice_mut() };
    let (n, result) = f(spare)?;
    // SAFETY: the OS has written the first `n` bytes of the chunk.
    unsafe { buf.advance_mut(n) };
    Ok(result)
}

/// Lets `f` write to the unfilled part of `buf`; it returns how many bytes it wrote, and its
/// result.
pub(crate) fn fill_read_buf<R>(
    buf: &mut crate::io::ReadBuf<'_>,
    f: impl FnOnce(&mut [std::mem::MaybeUninit<u8>]) -> std::io::Result<(usize, R)>,
) -> std::io::Result<R> {
    // SAFETY: `f` writes only initialised bytes: it passes the slice to the OS.
    let (n, result) = f(unsafe { buf.unfilled_mut() })?;
    // SAFETY: the OS has written the first `n` bytes of the unfilled part.
    unsafe { buf.assume_init(n) };
    buf.advance(n);
    Ok(result)
}

/// `AsyncRead`, `AsyncWrite` and `AsRef` of a stream, by its `poll_*_priv` methods.
macro_rules! stream_traits {
    ($type:ident) => {
        impl $type {
            pub(super) fn poll_read_priv(
                &self,
                cx: &mut std::task::Context<'_>,
                buf: &mut crate::io::ReadBuf<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                self.io
                    .poll_read_by(cx, buf, |fd, spare| self.transfer.read(fd, spare))
            }

            #[cfg(feature = "io-util")]
            fn read_once(&self, spare: &mut [std::mem::MaybeUninit<u8>]) -> std::io::Result<usize> {
                let fd = std::os::fd::AsRawFd::as_raw_fd(self.io.get_ref());
                self.transfer
                    .read(fd, spare)
                    .map(|progress| progress.into_inner())
            }

            pub(super) fn poll_write_priv(
                &self,
                cx: &mut std::task::Context<'_>,
                buf: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                self.io
                    .registration()
                    .poll_progress(cx, crate::reactor::Direction::Write, || {
                        let n = std::io::Write::write(&mut self.io.get_ref(), buf)?;
                        Ok(self.transfer.written(n, buf.len()))
                    })
            }

            pub(super) fn poll_write_vectored_priv(
                &self,
                cx: &mut std::task::Context<'_>,
                bufs: &[std::io::IoSlice<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                self.io.poll_write_vectored(cx, bufs)
            }

            pub(super) fn shutdown_std(&self, how: std::net::Shutdown) -> std::io::Result<()> {
                match self.io.get_ref().shutdown(how) {
                    // The peer's reset came first: the side is shut down already.
                    Err(error) if error.kind() == std::io::ErrorKind::NotConnected => Ok(()),
                    result => result,
                }
            }
        }

        impl AsRef<$type> for $type {
            fn as_ref(&self) -> &$type {
                self
            }
        }

        read_trait!($type);
        write_trait!($type, |this| this.shutdown_std(std::net::Shutdown::Write));
    };
}

/// `AsyncRead` by the stream behind `AsRef`.
macro_rules! read_trait {
    ($type:ty) => {
        impl crate::io::AsyncRead for $type {
            fn poll_read(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buf: &mut crate::io::ReadBuf<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                self.get_mut().as_ref().poll_read_priv(cx, buf)
            }
        }
    };
}

/// `AsyncWrite` by the stream behind `AsRef`; a flush does nothing, the shutdown is a parameter.
macro_rules! write_trait {
    ($type:ty, |$this:ident| $shutdown:expr) => {
        impl crate::io::AsyncWrite for $type {
            fn poll_write(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buf: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                self.get_mut().as_ref().poll_write_priv(cx, buf)
            }

            fn poll_write_vectored(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                bufs: &[std::io::IoSlice<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                self.get_mut().as_ref().poll_write_vectored_priv(cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(
                self: std::pin::Pin<&mut Self>,
                _cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                std::task::Poll::Ready(Ok(()))
            }

            fn poll_shutdown(
                self: std::pin::Pin<&mut Self>,
                _cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                let $this = self.get_mut();
                std::task::Poll::Ready($shutdown)
            }
        }
    };
}

/// The methods that halves pass on to their stream.
macro_rules! half_methods {
    (read $half:ty, $addr:ty) => {
        half_methods!(any $half, $addr);
        impl $half {
            /// Waits until reading is worth a try.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use selvedge::{io::AsyncWriteExt, net::UnixStream};
            /// let (near, mut far) = UnixStream::pair().unwrap();
            /// let (reader, _writer) = near.into_split();
            /// far.write_all(b"data").await.unwrap();
            /// reader.readable().await.unwrap();
            /// # }
            /// ```
            pub async fn readable(&self) -> std::io::Result<()> {
                self.stream().readable().await
            }

            /// Reads what is there, without waiting.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use selvedge::{io::AsyncWriteExt, net::UnixStream};
            /// let (near, mut far) = UnixStream::pair().unwrap();
            /// let (reader, _writer) = near.into_split();
            /// far.write_all(b"data").await.unwrap();
            /// reader.readable().await.unwrap();
            /// assert_eq!(reader.try_read(&mut [0; 8]).unwrap(), 4);
            /// # }
            /// ```
            pub fn try_read(&self, buf: &mut [u8]) -> std::io::Result<usize> {
                self.stream().try_read(buf)
            }

            /// Reads what is there into several buffers, without waiting.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use std::io::IoSliceMut;
            /// use selvedge::{io::AsyncWriteExt, net::UnixStream};
            /// let (near, mut far) = UnixStream::pair().unwrap();
            /// let (reader, _writer) = near.into_split();
            /// far.write_all(b"data").await.unwrap();
            /// reader.readable().await.unwrap();
            /// let (mut a, mut b) = ([0; 3], [0; 3]);
            /// let mut parts = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
            /// assert_eq!(reader.try_read_vectored(&mut parts).unwrap(), 4);
            /// # }
            /// ```
            pub fn try_read_vectored(
                &self,
                bufs: &mut [std::io::IoSliceMut<'_>],
            ) -> std::io::Result<usize> {
                self.stream().try_read_vectored(bufs)
            }

            /// Reads what is there into spare capacity, without waiting.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use selvedge::{io::AsyncWriteExt, net::UnixStream};
            /// let (near, mut far) = UnixStream::pair().unwrap();
            /// let (reader, _writer) = near.into_split();
            /// far.write_all(b"data").await.unwrap();
            /// reader.readable().await.unwrap();
            /// let mut buf = Vec::with_capacity(16);
            /// assert_eq!(reader.try_read_buf(&mut buf).unwrap(), 4);
            /// # }
            /// ```
            #[cfg(feature = "io-util")]
            pub fn try_read_buf<B: bytes::BufMut>(&self, buf: &mut B) -> std::io::Result<usize> {
                self.stream().try_read_buf(buf)
            }
        }
        read_trait!($half);
    };
    (write $half:ty, $addr:ty) => {
        half_methods!(any $half, $addr);
        impl $half {
            /// Waits until writing is worth a try.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// let (near, _far) = selvedge::net::UnixStream::pair().unwrap();
            /// let (_reader, writer) = near.into_split();
            /// writer.writable().await.unwrap();
            /// # }
            /// ```
            pub async fn writable(&self) -> std::io::Result<()> {
                self.stream().writable().await
            }

            /// Writes what there is room for, without waiting.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// let (near, _far) = selvedge::net::UnixStream::pair().unwrap();
            /// let (_reader, writer) = near.into_split();
            /// assert_eq!(writer.try_write(b"data").unwrap(), 4);
            /// # }
            /// ```
            pub fn try_write(&self, buf: &[u8]) -> std::io::Result<usize> {
                self.stream().try_write(buf)
            }

            /// Writes what there is room for from several buffers, without waiting.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use std::io::IoSlice;
            /// let (near, _far) = selvedge::net::UnixStream::pair().unwrap();
            /// let (_reader, writer) = near.into_split();
            /// let parts = [IoSlice::new(b"da"), IoSlice::new(b"ta")];
            /// assert_eq!(writer.try_write_vectored(&parts).unwrap(), 4);
            /// # }
            /// ```
            pub fn try_write_vectored(
                &self,
                bufs: &[std::io::IoSlice<'_>],
            ) -> std::io::Result<usize> {
                self.stream().try_write_vectored(bufs)
            }
        }
    };
    (any $half:ty, $addr:ty) => {
        impl $half {
            /// Waits for any of `interest`; says which flags were ready.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use selvedge::{io::Interest, net::UnixStream};
            /// let (near, _far) = UnixStream::pair().unwrap();
            /// let (_reader, writer) = near.into_split();
            /// assert!(writer.ready(Interest::WRITABLE).await.unwrap().is_writable());
            /// # }
            /// ```
            pub async fn ready(
                &self,
                interest: crate::reactor::Interest,
            ) -> std::io::Result<crate::reactor::Ready> {
                self.stream().ready(interest).await
            }

            /// The address of the other end.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// let (near, _far) = selvedge::net::UnixStream::pair().unwrap();
            /// let (reader, _writer) = near.into_split();
            /// assert!(reader.peer_addr().unwrap().is_unnamed());
            /// # }
            /// ```
            pub fn peer_addr(&self) -> std::io::Result<$addr> {
                self.stream().peer_addr()
            }

            /// The address of this end.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// let (near, _far) = selvedge::net::UnixStream::pair().unwrap();
            /// let (reader, _writer) = near.into_split();
            /// assert!(reader.local_addr().unwrap().is_unnamed());
            /// # }
            /// ```
            pub fn local_addr(&self) -> std::io::Result<$addr> {
                self.stream().local_addr()
            }
        }
    };
}

/// The four halves of a stream, `ReuniteError`, and how they are made.
macro_rules! halves {
    ($stream:ident, $addr:ty) => {
        /// The reading half of a borrowed stream.
        ///
        /// ```
        /// # #[selvedge::main(flavor = "current_thread")]
        /// # async fn main() {
        /// use selvedge::{io::{AsyncReadExt, AsyncWriteExt}, net::UnixStream};
        /// let (mut near, mut far) = UnixStream::pair().unwrap();
        /// let (mut reader, mut writer) = near.split(); // both borrow the stream
        /// far.write_all(b"ping").await.unwrap();
        /// let (read, written) = selvedge::join!(reader.read_u32(), writer.write_all(b"pong"));
        /// assert_eq!(read.unwrap(), u32::from_be_bytes(*b"ping"));
        /// written.unwrap();
        /// # }
        /// ```
        #[derive(Debug)]
        pub struct ReadHalf<'a>(&'a $stream);

        /// The writing half of a borrowed stream.
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
        #[derive(Debug)]
        pub struct WriteHalf<'a>(&'a $stream);

        /// The reading half of a stream, for a task of its own.
        ///
        /// ```
        /// # #[selvedge::main(flavor = "current_thread")]
        /// # async fn main() {
        /// use selvedge::{io::{AsyncReadExt, AsyncWriteExt}, net::UnixStream};
        /// let (near, mut far) = UnixStream::pair().unwrap();
        /// let (mut reader, _writer) = near.into_split();
        /// let task = selvedge::spawn(async move { reader.read_u8().await });
        /// far.write_all(b"a").await.unwrap();
        /// assert_eq!(task.await.unwrap().unwrap(), b'a');
        /// # }
        /// ```
        #[derive(Debug)]
        pub struct OwnedReadHalf {
            stream: std::sync::Arc<$stream>,
        }

        /// The writing half of a stream, for a task of its own. Dropping it shuts the write side
        /// down; [`forget`](OwnedWriteHalf::forget) does not.
        ///
        /// ```
        /// # #[selvedge::main(flavor = "current_thread")]
        /// # async fn main() {
        /// use selvedge::{io::{AsyncReadExt, AsyncWriteExt}, net::UnixStream};
        /// let (near, mut far) = UnixStream::pair().unwrap();
        /// let (_reader, mut writer) = near.into_split();
        /// writer.write_all(b"data").await.unwrap();
        /// drop(writer); // the other side reads the end
        /// let mut all = Vec::new();
        /// far.read_to_end(&mut all).await.unwrap();
        /// assert_eq!(all, b"data");
        /// # }
        /// ```
        #[derive(Debug)]
        pub struct OwnedWriteHalf {
            stream: std::sync::Arc<$stream>,
            shutdown_on_drop: bool,
        }

        /// The halves were of two different streams; has both of them.
        ///
        /// ```
        /// # #[selvedge::main(flavor = "current_thread")]
        /// # async fn main() {
        /// use selvedge::net::UnixStream;
        /// let (near, far) = UnixStream::pair().unwrap();
        /// let (reader, _) = near.into_split();
        /// let (_, writer) = far.into_split();
        /// let error = reader.reunite(writer).unwrap_err();
        /// println!("{error}");
        /// # }
        /// ```
        #[derive(Debug)]
        pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

        impl std::fmt::Display for ReuniteError {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("tried to reunite halves that are not from the same socket")
            }
        }

        impl std::error::Error for ReuniteError {}

        pub(crate) fn split(stream: &mut $stream) -> (ReadHalf<'_>, WriteHalf<'_>) {
            (ReadHalf(stream), WriteHalf(stream))
        }

        pub(crate) fn into_split(stream: $stream) -> (OwnedReadHalf, OwnedWriteHalf) {
            let stream = std::sync::Arc::new(stream);
            let read = OwnedReadHalf {
                stream: stream.clone(),
            };
            let write = OwnedWriteHalf {
                stream,
                shutdown_on_drop: true,
            };
            (read, write)
        }

        fn reunite(read: OwnedReadHalf, write: OwnedWriteHalf) -> Result<$stream, ReuniteError> {
            if !std::sync::Arc::ptr_eq(&read.stream, &write.stream) {
                return Err(ReuniteError(read, write));
            }
            write.forget();
            // The other half is gone, and halves cannot be cloned: this is the last reference.
            Ok(std::sync::Arc::into_inner(read.stream).expect("a third half of a stream"))
        }

        impl ReadHalf<'_> {
            fn stream(&self) -> &$stream {
                self.0
            }
        }

        impl WriteHalf<'_> {
            fn stream(&self) -> &$stream {
                self.0
            }
        }

        impl OwnedReadHalf {
            fn stream(&self) -> &$stream {
                &self.stream
            }

            /// Puts the stream together again.
            ///
            /// # Errors
            /// If `other` is of another stream.
            ///
            /// # Examples
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use selvedge::net::UnixStream;
            /// let (near, _far) = UnixStream::pair().unwrap();
            /// let (reader, writer) = near.into_split();
            /// let stream: UnixStream = reader.reunite(writer).unwrap();
            /// # let _ = stream;
            /// # }
            /// ```
            pub fn reunite(self, other: OwnedWriteHalf) -> Result<$stream, ReuniteError> {
                reunite(self, other)
            }
        }

        impl OwnedWriteHalf {
            fn stream(&self) -> &$stream {
                &self.stream
            }

            /// Puts the stream together again.
            ///
            /// # Errors
            /// If `other` is of another stream.
            ///
            /// # Examples
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use selvedge::net::UnixStream;
            /// let (near, _far) = UnixStream::pair().unwrap();
            /// let (reader, writer) = near.into_split();
            /// let stream: UnixStream = writer.reunite(reader).unwrap();
            /// # let _ = stream;
            /// # }
            /// ```
            pub fn reunite(self, other: OwnedReadHalf) -> Result<$stream, ReuniteError> {
                reunite(other, self)
            }

            /// Drops the half without shutting the write side down.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// let (near, _far) = selvedge::net::UnixStream::pair().unwrap();
            /// let (reader, writer) = near.into_split();
            /// writer.forget(); // the stream stays open for writing until its reader goes
            /// # drop(reader);
            /// # }
            /// ```
            pub fn forget(mut self) {
                self.shutdown_on_drop = false;
            }
        }

        impl Drop for OwnedWriteHalf {
            fn drop(&mut self) {
                if self.shutdown_on_drop {
                    let _ = self.stream.shutdown_std(std::net::Shutdown::Write);
                }
            }
        }

        impl AsRef<$stream> for ReadHalf<'_> {
            fn as_ref(&self) -> &$stream {
                self.0
            }
        }

        impl AsRef<$stream> for WriteHalf<'_> {
            fn as_ref(&self) -> &$stream {
                self.0
            }
        }

        impl AsRef<$stream> for OwnedReadHalf {
            fn as_ref(&self) -> &$stream {
                &self.stream
            }
        }

        impl AsRef<$stream> for OwnedWriteHalf {
            fn as_ref(&self) -> &$stream {
                &self.stream
            }
        }

        half_methods!(read ReadHalf<'_>, $addr);
        half_methods!(read OwnedReadHalf, $addr);
        half_methods!(write WriteHalf<'_>, $addr);
        half_methods!(write OwnedWriteHalf, $addr);
        write_trait!(WriteHalf<'_>, |this| this
            .0
            .shutdown_std(std::net::Shutdown::Write));
        write_trait!(OwnedWriteHalf, |this| {
            let result = this.stream.shutdown_std(std::net::Shutdown::Write);
            if result.is_ok() {
                this.shutdown_on_drop = false;
            }
            result
        });
    };
}
