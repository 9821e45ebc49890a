//! [`AsyncBufReadExt`]: reading up to a delimiter, by lines, or straight from the buffer.
//!
//! `read_line` moves the string's bytes into the future, so that the string never holds half a character;
//! they come back when the future ends, also by being dropped.

use super::into_string;
use super::lines::{Lines, Split};
use crate::io::AsyncBufRead;
use std::future::Future;
use std::io;
use std::marker::PhantomPinned;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Methods for every [`AsyncBufRead`].
///
/// ```
/// use runtime_io::io::AsyncBufReadExt;
/// # runtime_core::task::block_on_current_thread(async {
/// let mut lines = (&b"one\r\ntwo"[..]).lines();
/// assert_eq!(lines.next_line().await?.as_deref(), Some("one"));
/// assert_eq!(lines.next_line().await?.as_deref(), Some("two"));
/// assert_eq!(lines.next_line().await?, None);
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub trait AsyncBufReadExt: AsyncBufRead {
    /// Appends to `buf` everything up to and including the next `byte`, or to the end of the stream, and
    /// says how many bytes that was.
    ///
    /// # Errors
    /// The reader's; what came before is in `buf`.
    ///
    /// # Cancel safety
    /// What was read is in `buf`: call again with the same `buf` to go on.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::AsyncBufReadExt;
    /// let (mut reader, mut part) = (&b"key=value"[..], Vec::new());
    /// reader.read_until(b'=', &mut part).await.unwrap();
    /// assert_eq!(part, b"key="); // with the byte
    /// # }
    /// ```
    fn read_until<'a>(&'a mut self, byte: u8, buf: &'a mut Vec<u8>) -> ReadUntil<'a, Self>
    where
        Self: Unpin,
    {
        ReadUntil {
            reader: self,
            byte,
            buf,
            read: 0,
            pinned: PhantomPinned,
        }
    }

    /// Appends to `buf` the next line, with its `\n`, and says how many bytes that was.
    ///
    /// # Errors
    /// `InvalidData` if it is not UTF-8; else the reader's.
    ///
    /// # Cancel safety
    /// Not cancel safe: use [`lines`](AsyncBufReadExt::lines) to be able to go on.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::AsyncBufReadExt;
    /// let (mut reader, mut line) = (&b"one\ntwo"[..], String::new());
    /// assert_eq!(reader.read_line(&mut line).await.unwrap(), 4);
    /// assert_eq!(line, "one\n");
    /// # }
    /// ```
    fn read_line<'a>(&'a mut self, buf: &'a mut String) -> ReadLine<'a, Self>
    where
        Self: Unpin,
    {
        let bytes = mem::take(buf).into_bytes();
        let start = bytes.len();
        ReadLine {
            reader: self,
            output: buf,
            bytes,
            start,
            read: 0,
            pinned: PhantomPinned,
        }
    }

    /// The pieces between one `byte` and the next.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{AsyncBufReadExt, BufReader};
    /// let mut parts = BufReader::new(&b"a,b"[..]).split(b',');
    /// assert_eq!(parts.next_segment().await.unwrap(), Some(b"a".to_vec()));
    /// assert_eq!(parts.next_segment().await.unwrap(), Some(b"b".to_vec()));
    /// assert_eq!(parts.next_segment().await.unwrap(), None);
    /// # }
    /// ```
    fn split(self, byte: u8) -> Split<Self>
    where
        Self: Sized + Unpin,
    {
        Split::new(self, byte)
    }

    /// Shows the buffer, filling it first if it is empty. An empty slice is the end.
    ///
    /// # Errors
    /// The reader's.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is consumed.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{AsyncBufReadExt, BufReader};
    /// let mut reader = BufReader::new(&b"data"[..]);
    /// assert_eq!(reader.fill_buf().await.unwrap(), b"data");
    /// # }
    /// ```
    fn fill_buf(&mut self) -> FillBuf<'_, Self>
    where
        Self: Unpin,
    {
        FillBuf {
            reader: Some(self),
            pinned: PhantomPinned,
        }
    }

    /// Drops `amount` bytes that [`fill_buf`](AsyncBufReadExt::fill_buf) showed.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{AsyncBufReadExt, BufReader};
    /// let mut reader = BufReader::new(&b"data"[..]);
    /// reader.fill_buf().await.unwrap();
    /// AsyncBufReadExt::consume(&mut reader, 2);
    /// assert_eq!(reader.buffer(), b"ta");
    /// # }
    /// ```
    fn consume(&mut self, amount: usize)
    where
        Self: Unpin,
    {
        Pin::new(self).consume(amount);
    }

    /// The lines, as strings without their `\n` or `\r\n`.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::AsyncBufReadExt;
    /// let mut lines = (&b"one\ntwo\r\n"[..]).lines();
    /// assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("one"));
    /// assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("two"));
    /// assert_eq!(lines.next_line().await.unwrap(), None);
    /// # }
    /// ```
    fn lines(self) -> Lines<Self>
    where
        Self: Sized,
    {
        Lines::new(self)
    }
}

impl<R: AsyncBufRead + ?Sized> AsyncBufReadExt for R {}

/// Where `byte` is first in `data`. The C library's search is the fastest available for the few bytes of a line.
fn find(byte: u8, data: &[u8]) -> Option<usize> {
    // SAFETY: the pointer is good for reads of `len` bytes; `memchr` looks at no more.
    let at = unsafe { libc::memchr(data.as_ptr().cast(), byte.into(), data.len()) };
    (!at.is_null()).then(|| at.addr() - data.as_ptr().addr())
}

/// Reads up to and including `byte`. `read` counts over several calls and starts anew once it is ready.
pub(super) fn poll_read_until<R: AsyncBufRead + ?Sized>(
    mut reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    byte: u8,
    buf: &mut Vec<u8>,
    read: &mut usize,
) -> Poll<io::Result<usize>> {
    loop {
        let data = match ready!(reader.as_mut().poll_fill_buf(cx)) {
            Ok(data) => data,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Poll::Ready(Err(error)),
        };
        let found = find(byte, data);
        let n = found.map_or(data.len(), |at| at + 1);
        buf.extend_from_slice(&data[..n]);
        reader.as_mut().consume(n);
        *read += n;
        if found.is_some() || n == 0 {
            return Poll::Ready(Ok(mem::take(read)));
        }
    }
}

pin_project_lite::pin_project! {
    /// Future of [`AsyncBufReadExt::read_until`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct ReadUntil<'a, R: ?Sized> {
        reader: &'a mut R,
        byte: u8,
        buf: &'a mut Vec<u8>,
        read: usize,
        #[pin]
        pinned: PhantomPinned,
    }
}

impl<R: AsyncBufRead + Unpin + ?Sized> Future for ReadUntil<'_, R> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let this = self.project();
        poll_read_until(
            Pin::new(&mut **this.reader),
            cx,
            *this.byte,
            this.buf,
            this.read,
        )
    }
}

pin_project_lite::pin_project! {
    /// Future of [`AsyncBufReadExt::read_line`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct ReadLine<'a, R: ?Sized> {
        reader: &'a mut R,
        output: &'a mut String,
        // The string's bytes, and what was read after the first `start` of them.
        bytes: Vec<u8>,
        start: usize,
        read: usize,
        #[pin]
        pinned: PhantomPinned,
    }

    impl<R: ?Sized> PinnedDrop for ReadLine<'_, R> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if !this.bytes.is_empty() {
                let _ = give_back(this.output, mem::take(this.bytes), *this.start);
            }
        }
    }
}

/// Makes `bytes` the string again; if they are not UTF-8, only the first `start`.
fn give_back(output: &mut String, bytes: Vec<u8>, start: usize) -> io::Result<()> {
    match into_string(bytes) {
        Ok(text) => {
            *output = text;
            Ok(())
        }
        Err((mut bytes, error)) => {
            bytes.truncate(start);
            if let Ok(text) = String::from_utf8(bytes) {
                *output = text;
            }
            Err(error)
        }
    }
}

impl<R: AsyncBufRead + Unpin + ?Sized> Future for ReadLine<'_, R> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let this = self.project();
        let result = ready!(poll_read_until(
            Pin::new(&mut **this.reader),
            cx,
            b'\n',
            this.bytes,
            this.read
        ));
        let given = give_back(this.output, mem::take(this.bytes), *this.start);
        Poll::Ready(result.and_then(|n| given.map(|()| n)))
    }
}

pin_project_lite::pin_project! {
    /// Future of [`AsyncBufReadExt::fill_buf`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct FillBuf<'a, R: ?Sized> {
        reader: Option<&'a mut R>,
        #[pin]
        pinned: PhantomPinned,
    }
}

impl<'a, R: AsyncBufRead + Unpin + ?Sized> Future for FillBuf<'a, R> {
    type Output = io::Result<&'a [u8]>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&'a [u8]>> {
        let this = self.project();
        let reader = this.reader.take().expect("polled after completion");
        match Pin::new(&mut *reader).poll_fill_buf(cx) {
            Poll::Ready(Ok(data)) => {
                // SAFETY: the data is borrowed from `reader`, which was borrowed for `'a` and taken out of
                // the future: nobody uses it until `'a` ends.
                let data = unsafe { std::slice::from_raw_parts(data.as_ptr(), data.len()) };
                Poll::Ready(Ok(data))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                *this.reader = Some(reader);
                Poll::Pending
            }
        }
    }
}
