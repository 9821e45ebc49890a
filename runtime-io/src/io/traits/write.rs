//! [`AsyncWrite`] and its implementations for pointers, vectors and cursors.

use std::io::{self, IoSlice};
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A sink for bytes.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::pin::Pin;
/// use std::task::{Context, Poll};
/// use selvedge::io::{self, AsyncWrite, AsyncWriteExt};
///
/// /// Counts what is written.
/// struct Counter(usize);
///
/// impl AsyncWrite for Counter {
///     fn poll_write(
///         mut self: Pin<&mut Self>,
///         _: &mut Context<'_>,
///         buf: &[u8],
///     ) -> Poll<io::Result<usize>> {
///         self.0 += buf.len();
///         Poll::Ready(Ok(buf.len()))
///     }
///     fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
///         Poll::Ready(Ok(()))
///     }
///     fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
///         Poll::Ready(Ok(()))
///     }
/// }
///
/// let mut counter = Counter(0);
/// counter.write_all(b"data").await.unwrap();
/// assert_eq!(counter.0, 4);
/// # }
/// ```
pub trait AsyncWrite {
    /// Writes a prefix of `buf` and says how long it was.
    ///
    /// Zero, for a `buf` that is not empty, means that nothing more can be written.
    ///
    /// # Errors
    /// Whatever the sink fails with; nothing was written then.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use std::pin::Pin;
    /// use selvedge::io::AsyncWrite;
    /// let mut written = Vec::new();
    /// let count = poll_fn(|cx| Pin::new(&mut written).poll_write(cx, b"data")).await.unwrap();
    /// assert_eq!((count, &written[..]), (4, &b"data"[..]));
    /// # }
    /// ```
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>>;

    /// Waits until everything written has reached its destination.
    ///
    /// # Errors
    /// Whatever the sink fails with, also for what was accepted before.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use std::pin::Pin;
    /// use selvedge::io::AsyncWrite;
    /// let mut written = Vec::new();
    /// poll_fn(|cx| Pin::new(&mut written).poll_flush(cx)).await.unwrap();
    /// # }
    /// ```
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Flushes and closes: nothing can be written afterwards.
    ///
    /// # Errors
    /// Whatever the sink fails with.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use std::pin::Pin;
    /// use selvedge::io::AsyncWrite;
    /// let (mut near, _far) = selvedge::io::duplex(16);
    /// poll_fn(|cx| Pin::new(&mut near).poll_shutdown(cx)).await.unwrap();
    /// # }
    /// ```
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Like [`poll_write`](AsyncWrite::poll_write) from several buffers, one after the other.
    ///
    /// Unless overridden it writes from the first that is not empty.
    ///
    /// # Errors
    /// As `poll_write`.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use std::io::IoSlice;
    /// use std::pin::Pin;
    /// use selvedge::io::AsyncWrite;
    /// let mut written = Vec::new();
    /// let parts = [IoSlice::new(b"da"), IoSlice::new(b"ta")];
    /// let count = poll_fn(|cx| Pin::new(&mut written).poll_write_vectored(cx, &parts)).await;
    /// assert_eq!(count.unwrap(), 4);
    /// # }
    /// ```
    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = bufs.iter().find(|buf| !buf.is_empty());
        self.poll_write(cx, first.map_or(&[], |buf| &**buf))
    }

    /// Whether vectored writes do better than one buffer at a time.
    ///
    /// ```
    /// use selvedge::io::AsyncWrite;
    /// assert!(Vec::new().is_write_vectored());
    /// ```
    #[inline]
    fn is_write_vectored(&self) -> bool {
        false
    }
}

macro_rules! forward {
    ($this:ident => $pinned:expr) => {
        #[inline]
        fn poll_write(
            $this: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            $pinned.poll_write(cx, buf)
        }

        #[inline]
        fn poll_flush($this: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            $pinned.poll_flush(cx)
        }

        #[inline]
        fn poll_shutdown($this: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            $pinned.poll_shutdown(cx)
        }

        #[inline]
        fn poll_write_vectored(
            $this: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bufs: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            $pinned.poll_write_vectored(cx, bufs)
        }

        #[inline]
        fn is_write_vectored(&self) -> bool {
            (**self).is_write_vectored()
        }
    };
}

impl<T: AsyncWrite + Unpin + ?Sized> AsyncWrite for Box<T> {
    forward!(self => Pin::new(&mut **self.get_mut()));
}

impl<T: AsyncWrite + Unpin + ?Sized> AsyncWrite for &mut T {
    forward!(self => Pin::new(&mut **self.get_mut()));
}

impl<P: DerefMut<Target: AsyncWrite>> AsyncWrite for Pin<P> {
    forward!(self => self.as_deref_mut());
}

/// Memory: writes through `std::io::Write`, which neither blocks nor fails for want of room in a vector.
macro_rules! memory {
    ($($memory:ty),*) => {$(
        impl AsyncWrite for $memory {
            #[inline]
            fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                Poll::Ready(io::Write::write(self.get_mut(), buf))
            }

            #[inline]
            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            #[inline]
            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            #[inline]
            fn poll_write_vectored(
                self: Pin<&mut Self>,
                _: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Poll::Ready(io::Write::write_vectored(self.get_mut(), bufs))
            }

            #[inline]
            fn is_write_vectored(&self) -> bool {
                true
            }
        }
    )*};
}

memory!(
    Vec<u8>,
    io::Cursor<&mut [u8]>,
    io::Cursor<&mut Vec<u8>>,
    io::Cursor<Vec<u8>>,
    io::Cursor<Box<[u8]>>
);
