//! [`Lines`] and [`Split`]: a reader cut in pieces.
//!
//! The piece being read lives in the adapter, so waiting for the next one is cancel safe. A line that is not
//! UTF-8 is an error and is dropped; the lines after it can be read.

use super::buf_read_ext::poll_read_until;
use crate::io::AsyncBufRead;
use std::future::poll_fn;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project_lite::pin_project! {
    /// The lines of a reader; see `AsyncBufReadExt::lines`.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{AsyncBufReadExt, Lines};
    /// let mut lines: Lines<&[u8]> = (&b"one\ntwo"[..]).lines();
    /// let mut count = 0;
    /// while let Some(line) = lines.next_line().await.unwrap() {
    ///     count += 1;
    ///     println!("{count}: {line}");
    /// }
    /// assert_eq!(count, 2);
    /// # }
    /// ```
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Lines<R> {
        #[pin]
        reader: R,
        partial: Vec<u8>,
        read: usize,
    }
}

impl<R> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Lines {
            reader,
            partial: Vec::new(),
            read: 0,
        }
    }
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    /// The next line without its end, `None` at the end of the stream.
    ///
    /// # Errors
    /// `InvalidData` for a line that is not UTF-8; else the reader's.
    ///
    /// # Cancel safety
    /// Cancel safe: the part read so far is kept.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::AsyncBufReadExt;
    /// let mut lines = (&b"one\n"[..]).lines();
    /// assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("one"));
    /// assert_eq!(lines.next_line().await.unwrap(), None);
    /// # }
    /// ```
    pub async fn next_line(&mut self) -> io::Result<Option<String>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next_line(cx)).await
    }

    /// The reader, mutably.
    ///
    /// ```
    /// use selvedge::io::AsyncBufReadExt;
    /// let mut lines = (&b"one\n"[..]).lines();
    /// *lines.get_mut() = b"other\n";
    /// ```
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// The reader.
    ///
    /// ```
    /// use selvedge::io::AsyncBufReadExt;
    /// let mut lines = (&b"one\n"[..]).lines();
    /// assert_eq!(*lines.get_ref(), b"one\n");
    /// ```
    pub fn get_ref(&mut self) -> &R {
        &self.reader
    }

    /// The reader back; a line read in part is lost.
    ///
    /// ```
    /// use selvedge::io::AsyncBufReadExt;
    /// assert_eq!((&b"one\n"[..]).lines().into_inner(), b"one\n");
    /// ```
    pub fn into_inner(self) -> R {
        self.reader
    }
}

impl<R: AsyncBufRead> Lines<R> {
    /// [`next_line`](Lines::next_line) as a poll function.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use std::pin::Pin;
    /// use selvedge::io::AsyncBufReadExt;
    /// let mut lines = (&b"one\n"[..]).lines();
    /// let line = poll_fn(|cx| Pin::new(&mut lines).poll_next_line(cx)).await.unwrap();
    /// assert_eq!(line.as_deref(), Some("one"));
    /// # }
    /// ```
    pub fn poll_next_line(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<String>>> {
        let this = self.project();
        ready!(poll_read_until(
            this.reader,
            cx,
            b'\n',
            this.partial,
            this.read
        ))?;
        if this.partial.is_empty() {
            return Poll::Ready(Ok(None));
        }
        let mut line = mem::take(this.partial);
        if line.last() == Some(&b'\n') {
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
        }
        // The error carries the line's bytes.
        let line = String::from_utf8(line)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error));
        Poll::Ready(line.map(Some))
    }
}

pin_project_lite::pin_project! {
    /// The pieces of a reader between delimiters; see `AsyncBufReadExt::split`.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{AsyncBufReadExt, BufReader, Split};
    /// let mut parts: Split<BufReader<&[u8]>> = BufReader::new(&b"a,b"[..]).split(b',');
    /// assert_eq!(parts.next_segment().await.unwrap().unwrap(), b"a");
    /// # }
    /// ```
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Split<R> {
        #[pin]
        reader: R,
        delimiter: u8,
        partial: Vec<u8>,
        read: usize,
    }
}

impl<R> Split<R> {
    pub(super) fn new(reader: R, delimiter: u8) -> Self {
        Split {
            reader,
            delimiter,
            partial: Vec::new(),
            read: 0,
        }
    }
}

impl<R: AsyncBufRead + Unpin> Split<R> {
    /// The next piece without its delimiter, `None` at the end of the stream.
    ///
    /// # Errors
    /// The reader's.
    ///
    /// # Cancel safety
    /// Cancel safe: the part read so far is kept.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{AsyncBufReadExt, BufReader};
    /// let mut parts = BufReader::new(&b"a"[..]).split(b',');
    /// assert_eq!(parts.next_segment().await.unwrap().unwrap(), b"a");
    /// assert!(parts.next_segment().await.unwrap().is_none());
    /// # }
    /// ```
    pub async fn next_segment(&mut self) -> io::Result<Option<Vec<u8>>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next_segment(cx)).await
    }
}

impl<R: AsyncBufRead> Split<R> {
    /// [`next_segment`](Split::next_segment) as a poll function.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use std::pin::Pin;
    /// use selvedge::io::{AsyncBufReadExt, BufReader};
    /// let mut parts = BufReader::new(&b"a,b"[..]).split(b',');
    /// let part = poll_fn(|cx| Pin::new(&mut parts).poll_next_segment(cx)).await.unwrap();
    /// assert_eq!(part.unwrap(), b"a");
    /// # }
    /// ```
    pub fn poll_next_segment(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<Vec<u8>>>> {
        let this = self.project();
        ready!(poll_read_until(
            this.reader,
            cx,
            *this.delimiter,
            this.partial,
            this.read
        ))?;
        if this.partial.is_empty() {
            return Poll::Ready(Ok(None));
        }
        let mut piece = mem::take(this.partial);
        if piece.last() == Some(this.delimiter) {
            piece.pop();
        }
        Poll::Ready(Ok(Some(piece)))
    }
}
