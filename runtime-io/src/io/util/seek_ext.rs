//! [`AsyncSeekExt`]: moving a stream's position.

use crate::io::AsyncSeek;
use std::future::Future;
use std::io::{self, SeekFrom};
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Methods for every [`AsyncSeek`].
///
/// ```
/// use runtime_io::io::{AsyncSeekExt, SeekFrom};
/// # runtime_core::task::block_on_current_thread(async {
/// let mut cursor = std::io::Cursor::new(b"abcdef");
/// assert_eq!(cursor.seek(SeekFrom::End(-2)).await?, 4);
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub trait AsyncSeekExt: AsyncSeek {
    /// Moves the position, and gives the new one in bytes from the start.
    ///
    /// # Errors
    /// The stream's; a position before its start is one.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::io::Cursor;
    /// use selvedge::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};
    /// let mut cursor = Cursor::new(b"data");
    /// assert_eq!(cursor.seek(SeekFrom::End(-1)).await.unwrap(), 3);
    /// assert_eq!(cursor.read_u8().await.unwrap(), b'a');
    /// # }
    /// ```
    fn seek(&mut self, position: SeekFrom) -> Seek<'_, Self>
    where
        Self: Unpin,
    {
        Seek {
            stream: self,
            position: Some(position),
            pinned: PhantomPinned,
        }
    }

    /// Moves to the start.
    ///
    /// # Errors
    /// The stream's.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::io::Cursor;
    /// use selvedge::io::{AsyncReadExt, AsyncSeekExt};
    /// let mut cursor = Cursor::new(b"data");
    /// cursor.read_u16().await.unwrap();
    /// cursor.rewind().await.unwrap();
    /// assert_eq!(cursor.read_u8().await.unwrap(), b'd');
    /// # }
    /// ```
    fn rewind(&mut self) -> Seek<'_, Self>
    where
        Self: Unpin,
    {
        self.seek(SeekFrom::Start(0))
    }

    /// The current position, in bytes from the start.
    ///
    /// # Errors
    /// The stream's.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::io::Cursor;
    /// use selvedge::io::{AsyncReadExt, AsyncSeekExt};
    /// let mut cursor = Cursor::new(b"data");
    /// cursor.read_u16().await.unwrap();
    /// assert_eq!(cursor.stream_position().await.unwrap(), 2);
    /// # }
    /// ```
    fn stream_position(&mut self) -> Seek<'_, Self>
    where
        Self: Unpin,
    {
        self.seek(SeekFrom::Current(0))
    }
}

impl<S: AsyncSeek + ?Sized> AsyncSeekExt for S {}

pin_project_lite::pin_project! {
    /// Future of [`AsyncSeekExt::seek`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Seek<'a, S: ?Sized> {
        stream: &'a mut S,
        // Taken once the move was started.
        position: Option<SeekFrom>,
        #[pin]
        pinned: PhantomPinned,
    }
}

impl<S: AsyncSeek + Unpin + ?Sized> Future for Seek<'_, S> {
    type Output = io::Result<u64>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let this = self.project();
        if let Some(position) = *this.position {
            // An operation still under way has to end first.
            ready!(Pin::new(&mut **this.stream).poll_complete(cx))?;
            Pin::new(&mut **this.stream).start_seek(position)?;
            *this.position = None;
        }
        Pin::new(&mut **this.stream).poll_complete(cx)
    }
}
