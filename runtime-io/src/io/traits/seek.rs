//! [`AsyncSeek`] and its implementations for pointers and cursors.

use std::io::{self, Seek, SeekFrom};
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A stream with a position that can be moved, in two steps: start, then wait.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::io::Cursor;
/// use selvedge::io::{AsyncReadExt, AsyncSeek, AsyncSeekExt, SeekFrom};
/// async fn length(file: &mut (impl AsyncSeek + Unpin)) -> std::io::Result<u64> {
///     file.seek(SeekFrom::End(0)).await
/// }
/// assert_eq!(length(&mut Cursor::new(b"data")).await.unwrap(), 4);
/// # }
/// ```
pub trait AsyncSeek {
    /// Starts to move the position.
    ///
    /// # Errors
    /// If an earlier operation is not over yet, or the position makes no sense. Call
    /// [`poll_complete`](AsyncSeek::poll_complete) first to wait for what was started.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::io::Cursor;
    /// use std::pin::Pin;
    /// use selvedge::io::{AsyncSeek, SeekFrom};
    /// let mut cursor = Cursor::new(b"data");
    /// Pin::new(&mut cursor).start_seek(SeekFrom::Start(2)).unwrap();
    /// # }
    /// ```
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()>;

    /// Waits for a started move and gives the new position, in bytes from the start.
    ///
    /// With no move under way it may give any position, the current one at best.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use std::io::Cursor;
    /// use std::pin::Pin;
    /// use selvedge::io::{AsyncSeek, SeekFrom};
    /// let mut cursor = Cursor::new(b"data");
    /// Pin::new(&mut cursor).start_seek(SeekFrom::Start(2)).unwrap();
    /// let position = poll_fn(|cx| Pin::new(&mut cursor).poll_complete(cx)).await;
    /// assert_eq!(position.unwrap(), 2);
    /// # }
    /// ```
    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>>;
}

impl<T: AsyncSeek + Unpin + ?Sized> AsyncSeek for Box<T> {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        Pin::new(&mut **self).start_seek(position)
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Pin::new(&mut **self).poll_complete(cx)
    }
}

impl<T: AsyncSeek + Unpin + ?Sized> AsyncSeek for &mut T {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        Pin::new(&mut **self).start_seek(position)
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Pin::new(&mut **self).poll_complete(cx)
    }
}

impl<P: DerefMut<Target: AsyncSeek>> AsyncSeek for Pin<P> {
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        self.as_deref_mut().start_seek(position)
    }

    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        self.as_deref_mut().poll_complete(cx)
    }
}

impl<T: AsRef<[u8]> + Unpin> AsyncSeek for io::Cursor<T> {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        Seek::seek(&mut *self, position).map(drop)
    }

    fn poll_complete(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Poll::Ready(Ok(self.position()))
    }
}
