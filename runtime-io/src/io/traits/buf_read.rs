//! [`AsyncBufRead`] and its implementations for pointers, slices and cursors.

use crate::io::AsyncRead;
use std::io::{self, BufRead};
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A source of bytes with a buffer that can be read in place.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::io::{AsyncBufRead, AsyncBufReadExt, BufReader};
/// async fn first_line(reader: impl AsyncBufRead + Unpin) -> std::io::Result<Option<String>> {
///     reader.lines().next_line().await
/// }
/// let reader = BufReader::new(&b"one\ntwo"[..]);
/// assert_eq!(first_line(reader).await.unwrap().as_deref(), Some("one"));
/// # }
/// ```
pub trait AsyncBufRead: AsyncRead {
    /// Shows the buffer, filling it first if it is empty. An empty slice is the end of the stream.
    ///
    /// # Errors
    /// Whatever the source fails with.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use std::pin::Pin;
    /// use selvedge::io::AsyncBufRead;
    /// let mut reader: &[u8] = b"data";
    /// let length = poll_fn(|cx| {
    ///     Pin::new(&mut reader).poll_fill_buf(cx).map_ok(|buffer| buffer.len())
    /// });
    /// assert_eq!(length.await.unwrap(), 4);
    /// # }
    /// ```
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>>;

    /// Drops `amount` bytes from the front of the buffer: at most as many as were shown.
    ///
    /// ```
    /// use std::pin::Pin;
    /// use selvedge::io::AsyncBufRead;
    /// let mut reader: &[u8] = b"data";
    /// Pin::new(&mut reader).consume(1);
    /// assert_eq!(reader, b"ata");
    /// ```
    fn consume(self: Pin<&mut Self>, amount: usize);
}

impl<T: AsyncBufRead + Unpin + ?Sized> AsyncBufRead for Box<T> {
    #[inline]
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Pin::new(&mut **self.get_mut()).poll_fill_buf(cx)
    }

    #[inline]
    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        Pin::new(&mut **self).consume(amount);
    }
}

impl<T: AsyncBufRead + Unpin + ?Sized> AsyncBufRead for &mut T {
    #[inline]
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Pin::new(&mut **self.get_mut()).poll_fill_buf(cx)
    }

    #[inline]
    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        Pin::new(&mut **self).consume(amount);
    }
}

impl<P: DerefMut<Target: AsyncBufRead>> AsyncBufRead for Pin<P> {
    #[inline]
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.as_deref_mut().poll_fill_buf(cx)
    }

    #[inline]
    fn consume(self: Pin<&mut Self>, amount: usize) {
        self.as_deref_mut().consume(amount);
    }
}

impl AsyncBufRead for &[u8] {
    #[inline]
    fn poll_fill_buf(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Poll::Ready(Ok(*self))
    }

    #[inline]
    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        *self = &self[amount..];
    }
}

impl<T: AsRef<[u8]> + Unpin> AsyncBufRead for io::Cursor<T> {
    #[inline]
    fn poll_fill_buf(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Poll::Ready(self.get_mut().fill_buf())
    }

    #[inline]
    fn consume(self: Pin<&mut Self>, amount: usize) {
        BufRead::consume(self.get_mut(), amount);
    }
}
