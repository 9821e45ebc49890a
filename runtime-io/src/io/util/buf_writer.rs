//! [`BufWriter`]: fewer, larger writes.
//!
//! `buf[written..]` waits to be written; `written` is kept over polls, so a cancelled flush writes nothing
//! twice. A write as large as the buffer goes to the inner writer directly. Dropping it drops buffered data.

use super::BUFFER_SIZE;
use super::delegate::{accessors, delegate};
use crate::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};
use std::fmt;
use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// How far a seek is.
#[derive(Clone, Copy, Debug)]
pub(super) enum SeekState {
    None,
    Start(SeekFrom),
    Pending,
}

pin_project_lite::pin_project! {
    /// A writer with a buffer. Flush it before dropping it, or what is buffered is lost.
    ///
    /// ```
    /// use runtime_io::io::{AsyncWriteExt, BufWriter};
    /// # runtime_core::task::block_on_current_thread(async {
    /// let mut writer = BufWriter::new(Vec::new());
    /// writer.write_all(b"abc").await?;
    /// assert!(writer.get_ref().is_empty());
    /// writer.flush().await?;
    /// assert_eq!(writer.get_ref(), b"abc");
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub struct BufWriter<W> {
        #[pin]
        pub(super) inner: W,
        pub(super) buf: Vec<u8>,
        pub(super) written: usize,
        pub(super) seek: SeekState,
    }
}

impl<W: AsyncWrite> BufWriter<W> {
    /// With a buffer of 8 KiB.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{AsyncWriteExt, BufWriter};
    /// let mut writer = BufWriter::new(Vec::new());
    /// writer.write_all(b"data").await.unwrap();
    /// assert!(writer.get_ref().is_empty()); // still in the buffer
    /// writer.flush().await.unwrap();
    /// assert_eq!(writer.into_inner(), b"data");
    /// # }
    /// ```
    pub fn new(inner: W) -> Self {
        Self::with_capacity(BUFFER_SIZE, inner)
    }

    /// With a buffer of `capacity` bytes.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{AsyncWriteExt, BufWriter};
    /// let mut writer = BufWriter::with_capacity(4, Vec::new());
    /// writer.write_all(b"longer than the buffer").await.unwrap();
    /// assert!(!writer.get_ref().is_empty());
    /// # }
    /// ```
    pub fn with_capacity(capacity: usize, inner: W) -> Self {
        BufWriter {
            inner,
            buf: Vec::with_capacity(capacity),
            written: 0,
            seek: SeekState::None,
        }
    }

    accessors!(W);

    /// What is buffered.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{AsyncWriteExt, BufWriter};
    /// let mut writer = BufWriter::new(Vec::new());
    /// writer.write_all(b"data").await.unwrap();
    /// assert_eq!(writer.buffer(), b"data");
    /// # }
    /// ```
    pub fn buffer(&self) -> &[u8] {
        &self.buf
    }

    /// Writes what is buffered to the inner writer; does not flush that.
    fn poll_empty(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut this = self.project();
        let result = loop {
            let rest = &this.buf[*this.written..];
            if rest.is_empty() {
                break Ok(());
            }
            match ready!(this.inner.as_mut().poll_write(cx, rest)) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    assert!(n <= rest.len(), "the writer claims more than it was given");
                    *this.written += n;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        this.buf.drain(..*this.written);
        *this.written = 0;
        Poll::Ready(result)
    }
}

impl<W: AsyncWrite> AsyncWrite for BufWriter<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.buf.len() + buf.len() > self.buf.capacity() {
            ready!(self.as_mut().poll_empty(cx))?;
        }
        let this = self.project();
        if buf.len() >= this.buf.capacity() {
            return this.inner.poll_write(cx, buf);
        }
        this.buf.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_empty(cx))?;
        self.get_pin_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_empty(cx))?;
        self.get_pin_mut().poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !self.inner.is_write_vectored() {
            // One large slice goes through by itself; small ones are gathered while they fit whole.
            let Some(first) = bufs.iter().position(|buf| !buf.is_empty()) else {
                return Poll::Ready(Ok(0));
            };
            let mut n = ready!(self.as_mut().poll_write(cx, &bufs[first]))?;
            let this = self.project();
            if bufs[first].len() >= this.buf.capacity() {
                return Poll::Ready(Ok(n));
            }
            for buf in &bufs[first + 1..] {
                if this.buf.len() + buf.len() > this.buf.capacity() {
                    break;
                }
                this.buf.extend_from_slice(buf);
                n += buf.len();
            }
            return Poll::Ready(Ok(n));
        }
        let total = bufs
            .iter()
            .fold(0, |sum: usize, buf| sum.saturating_add(buf.len()));
        if self.buf.len().saturating_add(total) > self.buf.capacity() {
            ready!(self.as_mut().poll_empty(cx))?;
        }
        let this = self.project();
        if total >= this.buf.capacity() {
            return this.inner.poll_write_vectored(cx, bufs);
        }
        bufs.iter().for_each(|buf| this.buf.extend_from_slice(buf));
        Poll::Ready(Ok(total))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

impl<W: AsyncWrite + AsyncSeek> AsyncSeek for BufWriter<W> {
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        *self.project().seek = SeekState::Start(position);
        Ok(())
    }

    /// Buffered data is written first: it belongs to the old position.
    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        if let SeekState::Start(position) = self.seek {
            ready!(self.as_mut().poll_empty(cx))?;
            let mut this = self.as_mut().project();
            ready!(this.inner.as_mut().poll_complete(cx))?;
            *this.seek = SeekState::None;
            this.inner.start_seek(position)?;
            *this.seek = SeekState::Pending;
        }
        let this = self.project();
        let result = ready!(this.inner.poll_complete(cx));
        *this.seek = SeekState::None;
        Poll::Ready(result)
    }
}

impl<W: AsyncWrite + AsyncRead> AsyncRead for BufWriter<W> {
    delegate!(read => inner);
}

impl<W: AsyncWrite + AsyncBufRead> AsyncBufRead for BufWriter<W> {
    delegate!(buf_read => inner);
}

impl<W: fmt::Debug> fmt::Debug for BufWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufWriter")
            .field("inner", &self.inner)
            .field(
                "buffer",
                &format_args!("{}/{}", self.buf.len(), self.buf.capacity()),
            )
            .finish_non_exhaustive()
    }
}
