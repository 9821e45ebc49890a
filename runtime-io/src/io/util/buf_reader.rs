//! [`BufReader`]: fewer, larger reads.
//!
//! `buf[pos..end]` is what was read and not consumed. A read as large as the buffer, with the buffer empty,
//! goes to the inner reader directly. A seek is relative to what was consumed, so a relative one takes back
//! what the buffer is ahead; if that overflows, it becomes two seeks. The buffer is dropped once the seek
//! has succeeded, and kept if it failed.

use super::delegate::{accessors, delegate};
use super::{BUFFER_SIZE, poll_read_checked};
use crate::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};
use std::fmt;
use std::io::{self, SeekFrom};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// How far a seek is.
#[derive(Clone, Copy, Debug)]
pub(super) enum SeekState {
    None,
    /// Asked for.
    Start(SeekFrom),
    /// First of two is under way; then comes this relative one.
    TakeBack(i64),
    /// Under way.
    Pending,
}

pin_project_lite::pin_project! {
    /// A reader with a buffer.
    ///
    /// ```
    /// use runtime_io::io::{AsyncBufReadExt, BufReader};
    /// # runtime_core::task::block_on_current_thread(async {
    /// let mut reader = BufReader::new(&b"a\nb"[..]);
    /// let mut line = String::new();
    /// assert_eq!(reader.read_line(&mut line).await?, 2);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub struct BufReader<R> {
        #[pin]
        pub(super) inner: R,
        pub(super) buf: Box<[u8]>,
        pub(super) pos: usize,
        pub(super) end: usize,
        pub(super) seek: SeekState,
    }
}

impl<R: AsyncRead> BufReader<R> {
    /// With a buffer of 8 KiB.
    ///
    /// ```
    /// use selvedge::io::BufReader;
    /// assert!(BufReader::new(&b"data"[..]).buffer().is_empty()); // nothing is read yet
    /// ```
    pub fn new(inner: R) -> Self {
        Self::with_capacity(BUFFER_SIZE, inner)
    }

    /// With a buffer of `capacity` bytes.
    ///
    /// # Panics
    /// If `capacity` is zero: such a reader could only report the end of its stream.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{AsyncBufReadExt, BufReader};
    /// let mut reader = BufReader::with_capacity(2, &b"data"[..]);
    /// assert_eq!(reader.fill_buf().await.unwrap(), b"da");
    /// # }
    /// ```
    #[track_caller]
    pub fn with_capacity(capacity: usize, inner: R) -> Self {
        assert!(capacity > 0, "capacity must be greater than zero");
        let buf = vec![0; capacity].into_boxed_slice();
        BufReader {
            inner,
            buf,
            pos: 0,
            end: 0,
            seek: SeekState::None,
        }
    }

    accessors!(R);

    /// What is buffered.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{AsyncReadExt, BufReader};
    /// let mut reader = BufReader::new(&b"data"[..]);
    /// reader.read_u8().await.unwrap();
    /// assert_eq!(reader.buffer(), b"ata");
    /// # }
    /// ```
    pub fn buffer(&self) -> &[u8] {
        &self.buf[self.pos..self.end]
    }
}

impl<R: AsyncRead> BufReader<R> {
    /// Reads into the empty buffer.
    fn poll_refill(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        let mut buf = ReadBuf::new(this.buf);
        ready!(poll_read_checked(this.inner, cx, &mut buf))?;
        *this.end = buf.filled().len();
        *this.pos = 0;
        Poll::Ready(Ok(()))
    }
}

impl<R: AsyncRead> AsyncRead for BufReader<R> {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.pos == self.end && buf.remaining() >= self.buf.len() {
            return self.project().inner.poll_read(cx, buf);
        }
        let data = ready!(self.as_mut().poll_fill_buf(cx))?;
        let n = data.len().min(buf.remaining());
        buf.put_slice(&data[..n]);
        self.consume(n);
        Poll::Ready(Ok(()))
    }
}

impl<R: AsyncRead> AsyncBufRead for BufReader<R> {
    #[inline]
    fn poll_fill_buf(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        if self.pos == self.end {
            ready!(self.as_mut().poll_refill(cx))?;
        }
        let this = self.project();
        Poll::Ready(Ok(&this.buf[*this.pos..*this.end]))
    }

    #[inline]
    fn consume(self: Pin<&mut Self>, amount: usize) {
        let this = self.project();
        *this.pos = this.pos.saturating_add(amount).min(*this.end);
    }
}

impl<R: AsyncRead + AsyncSeek> AsyncSeek for BufReader<R> {
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        *self.project().seek = SeekState::Start(position);
        Ok(())
    }

    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let mut this = self.project();
        let ahead = *this.end - *this.pos;
        // An error leaves no seek under way, and the buffer as it was.
        let mut state = mem::replace(this.seek, SeekState::None);
        loop {
            state = match state {
                SeekState::None => {
                    let position = ready!(this.inner.as_mut().poll_complete(cx))?;
                    return Poll::Ready(Ok(position.saturating_sub(ahead as u64)));
                }
                SeekState::Start(SeekFrom::Current(n)) => match n.checked_sub(ahead as i64) {
                    Some(offset) => {
                        this.inner.as_mut().start_seek(SeekFrom::Current(offset))?;
                        SeekState::Pending
                    }
                    None => {
                        this.inner
                            .as_mut()
                            .start_seek(SeekFrom::Current(-(ahead as i64)))?;
                        SeekState::TakeBack(n)
                    }
                },
                SeekState::Start(position) => {
                    this.inner.as_mut().start_seek(position)?;
                    SeekState::Pending
                }
                SeekState::TakeBack(n) => {
                    let Poll::Ready(result) = this.inner.as_mut().poll_complete(cx) else {
                        *this.seek = state;
                        return Poll::Pending;
                    };
                    result?;
                    (*this.pos, *this.end) = (0, 0);
                    this.inner.as_mut().start_seek(SeekFrom::Current(n))?;
                    SeekState::Pending
                }
                SeekState::Pending => {
                    let Poll::Ready(result) = this.inner.as_mut().poll_complete(cx) else {
                        *this.seek = state;
                        return Poll::Pending;
                    };
                    let position = result?;
                    (*this.pos, *this.end) = (0, 0);
                    return Poll::Ready(Ok(position));
                }
            };
        }
    }
}

impl<R: AsyncRead + AsyncWrite> AsyncWrite for BufReader<R> {
    delegate!(write => inner);
}

impl<R: fmt::Debug> fmt::Debug for BufReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufReader")
            .field("inner", &self.inner)
            .field(
                "buffer",
                &format_args!("{}/{}", self.end - self.pos, self.buf.len()),
            )
            .finish_non_exhaustive()
    }
}
