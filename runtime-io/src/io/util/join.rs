//! [`Join`]: a reader and a writer as one stream.

use super::delegate::delegate;
use crate::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Makes one stream of a reader and a writer.
///
/// ```
/// let stream = runtime_io::io::join(runtime_io::io::empty(), Vec::new());
/// assert!(stream.writer().is_empty());
/// ```
pub fn join<R: AsyncRead, W: AsyncWrite>(reader: R, writer: W) -> Join<R, W> {
    Join { reader, writer }
}

pin_project_lite::pin_project! {
    /// A reader and a writer; see [`join`].
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{AsyncReadExt, AsyncWriteExt, join};
    /// let mut stream = join(&b"in"[..], Vec::new());
    /// stream.write_all(b"out").await.unwrap();
    /// let mut read = String::new();
    /// stream.read_to_string(&mut read).await.unwrap();
    /// assert_eq!((read.as_str(), &stream.writer()[..]), ("in", &b"out"[..]));
    /// # }
    /// ```
    #[derive(Debug)]
    pub struct Join<R, W> {
        #[pin]
        reader: R,
        #[pin]
        writer: W,
    }
}

impl<R: AsyncRead, W: AsyncWrite> Join<R, W> {
    /// Both back.
    ///
    /// ```
    /// use selvedge::io::join;
    /// assert_eq!(join(&b"in"[..], Vec::new()).into_inner(), (&b"in"[..], vec![]));
    /// ```
    pub fn into_inner(self) -> (R, W) {
        (self.reader, self.writer)
    }

    /// The reader.
    ///
    /// ```
    /// use selvedge::io::join;
    /// assert_eq!(*join(&b"in"[..], Vec::new()).reader(), b"in");
    /// ```
    pub fn reader(&self) -> &R {
        &self.reader
    }

    /// The writer.
    ///
    /// ```
    /// use selvedge::io::join;
    /// assert!(join(&b"in"[..], Vec::new()).writer().is_empty());
    /// ```
    pub fn writer(&self) -> &W {
        &self.writer
    }

    /// The reader, mutably.
    ///
    /// ```
    /// use selvedge::io::join;
    /// let mut stream = join(&b"in"[..], Vec::new());
    /// *stream.reader_mut() = b"other";
    /// assert_eq!(*stream.reader(), b"other");
    /// ```
    pub fn reader_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// The writer, mutably.
    ///
    /// ```
    /// use selvedge::io::join;
    /// let mut stream = join(&b"in"[..], Vec::new());
    /// stream.writer_mut().push(1);
    /// assert_eq!(*stream.writer(), [1]);
    /// ```
    pub fn writer_mut(&mut self) -> &mut W {
        &mut self.writer
    }

    /// The reader, pinned.
    ///
    /// ```
    /// use std::pin::Pin;
    /// use selvedge::io::join;
    /// let mut stream = join(&b"in"[..], Vec::new());
    /// assert_eq!(*Pin::new(&mut stream).reader_pin_mut(), b"in");
    /// ```
    pub fn reader_pin_mut(self: Pin<&mut Self>) -> Pin<&mut R> {
        self.project().reader
    }

    /// The writer, pinned.
    ///
    /// ```
    /// use std::pin::Pin;
    /// use selvedge::io::join;
    /// let mut stream = join(&b"in"[..], Vec::new());
    /// assert!(Pin::new(&mut stream).writer_pin_mut().is_empty());
    /// ```
    pub fn writer_pin_mut(self: Pin<&mut Self>) -> Pin<&mut W> {
        self.project().writer
    }
}

impl<R: AsyncRead, W> AsyncRead for Join<R, W> {
    delegate!(read => reader);
}

impl<R: AsyncBufRead, W> AsyncBufRead for Join<R, W> {
    delegate!(buf_read => reader);
}

impl<R, W: AsyncWrite> AsyncWrite for Join<R, W> {
    delegate!(write => writer);
}
