//! [`AsyncRead`] and its implementations for pointers, slices and cursors.

use crate::io::ReadBuf;
use std::io;
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A source of bytes.
///
/// Use it through [`AsyncReadExt`](crate::io); implement it to make a source.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::pin::Pin;
/// use std::task::{Context, Poll};
/// use selvedge::io::{self, AsyncRead, AsyncReadExt, ReadBuf};
///
/// /// Gives the letters from A on, for ever.
/// struct Letters(u8);
///
/// impl AsyncRead for Letters {
///     fn poll_read(
///         mut self: Pin<&mut Self>,
///         _: &mut Context<'_>,
///         buf: &mut ReadBuf<'_>,
///     ) -> Poll<io::Result<()>> {
///         buf.put_slice(&[b'A' + self.0 % 26]);
///         self.0 = self.0.wrapping_add(1);
///         Poll::Ready(Ok(()))
///     }
/// }
///
/// let mut text = [0; 3];
/// Letters(0).read_exact(&mut text).await.unwrap();
/// assert_eq!(&text, b"ABC");
/// # }
/// ```
pub trait AsyncRead {
    /// Puts some bytes at the end of `buf`'s filled part.
    ///
    /// Ready without having put any, into a buffer that had room, means the end of the stream.
    ///
    /// # Errors
    /// Whatever the source fails with; nothing was put then.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use std::pin::Pin;
    /// use selvedge::io::{AsyncRead, ReadBuf};
    /// let (mut reader, mut space) = (&b"data"[..], [0; 2]);
    /// let mut buf = ReadBuf::new(&mut space);
    /// poll_fn(|cx| Pin::new(&mut reader).poll_read(cx, &mut buf)).await.unwrap();
    /// assert_eq!(buf.filled(), b"da");
    /// # }
    /// ```
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>>;
}

macro_rules! read_by {
    (|$this:ident, $cx:ident, $buf:ident| $read:expr) => {
        #[inline]
        fn poll_read(
            self: Pin<&mut Self>,
            $cx: &mut Context<'_>,
            $buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let $this = self;
            $read
        }
    };
}

impl<T: AsyncRead + Unpin + ?Sized> AsyncRead for Box<T> {
    read_by!(|this, cx, buf| Pin::new(&mut **this.get_mut()).poll_read(cx, buf));
}

impl<T: AsyncRead + Unpin + ?Sized> AsyncRead for &mut T {
    read_by!(|this, cx, buf| Pin::new(&mut **this.get_mut()).poll_read(cx, buf));
}

impl<P: DerefMut<Target: AsyncRead>> AsyncRead for Pin<P> {
    read_by!(|this, cx, buf| this.as_deref_mut().poll_read(cx, buf));
}

impl AsyncRead for &[u8] {
    read_by!(|this, _cx, buf| {
        let data = this.get_mut();
        let n = data.len().min(buf.remaining());
        buf.put_slice(&data[..n]);
        *data = &data[n..];
        Poll::Ready(Ok(()))
    });
}

impl<T: AsRef<[u8]> + Unpin> AsyncRead for io::Cursor<T> {
    read_by!(|this, _cx, buf| {
        let cursor = this.get_mut();
        let data = cursor.get_ref().as_ref();
        // A cursor may stand behind the end of its data.
        let start = usize::try_from(cursor.position()).map_or(data.len(), |at| at.min(data.len()));
        let n = buf.remaining().min(data.len() - start);
        buf.put_slice(&data[start..start + n]);
        cursor.set_position(cursor.position() + n as u64);
        Poll::Ready(Ok(()))
    });
}
