//! [`copy`] and [`copy_buf`]: everything from a reader to a writer.
//!
//! When the reader has nothing for now, the writer is flushed: a peer may answer only to data that has reached
//! it. Every round spends a unit of coop budget, as memory on both sides never pends.

use super::{BUFFER_SIZE, is_interrupted, poll_read_checked};
use crate::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use runtime_core::coop;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Data on its way: `buf[pos..end]` was read and not written.
#[derive(Debug)]
pub(super) struct Copier {
    buf: Box<[u8]>,
    pos: usize,
    end: usize,
    read_ended: bool,
    /// The reader's error, reported once the data read before it is written, or the writer is stuck.
    read_error: Option<io::Error>,
    needs_flush: bool,
    copied: u64,
}

impl Copier {
    pub(super) fn new(size: usize) -> Copier {
        let buf = vec![0; size].into_boxed_slice();
        Copier {
            buf,
            pos: 0,
            end: 0,
            read_ended: false,
            read_error: None,
            needs_flush: false,
            copied: 0,
        }
    }

    /// Copies until the reader's end, and flushes.
    pub(super) fn poll_copy<R: AsyncRead + ?Sized, W: AsyncWrite + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
        mut writer: Pin<&mut W>,
    ) -> Poll<io::Result<u64>> {
        loop {
            let coop = ready!(coop::poll_proceed(cx));
            if self.pos == self.end {
                (self.pos, self.end) = (0, 0);
            }
            // Room left is used before writing, so that small reads become larger writes.
            if !self.read_ended && self.end < self.buf.len() {
                match self.poll_fill(cx, reader.as_mut()) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => {
                        self.read_ended = true;
                        self.read_error = Some(error);
                    }
                    Poll::Pending if self.pos == self.end => {
                        if self.needs_flush {
                            ready!(writer.as_mut().poll_flush(cx))?;
                            self.needs_flush = false;
                            coop.made_progress();
                        }
                        return Poll::Pending;
                    }
                    Poll::Pending => {}
                }
            }
            // All of it before the next read, whose error would lose the rest.
            while self.pos < self.end {
                let data = &self.buf[self.pos..self.end];
                let Poll::Ready(result) = writer.as_mut().poll_write(cx, data) else {
                    if let Some(error) = self.read_error.take() {
                        return Poll::Ready(Err(error));
                    }
                    self.poll_top_up(cx, reader)?;
                    return Poll::Pending;
                };
                if is_interrupted(&result) {
                    continue;
                }
                let n = result?;
                if n == 0 {
                    return Poll::Ready(Err(io::Error::new(
                        io::ErrorKind::WriteZero,
                        "the writer takes no more",
                    )));
                }
                assert!(n <= data.len(), "the writer claims more than it was given");
                self.pos += n;
                self.copied += n as u64;
                self.needs_flush = true;
            }
            coop.made_progress();
            if self.read_ended && self.pos == self.end {
                if let Some(error) = self.read_error.take() {
                    return Poll::Ready(Err(error));
                }
                ready!(writer.as_mut().poll_flush(cx))?;
                return Poll::Ready(Ok(self.copied));
            }
        }
    }

    /// Reads on, as far as there is room, while the writer is stuck: otherwise a failure of the reader, which
    /// ends the copy, would go unnoticed.
    fn poll_top_up<R: AsyncRead + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
    ) -> io::Result<()> {
        while !self.read_ended && self.end < self.buf.len() {
            match self.poll_fill(cx, reader.as_mut()) {
                Poll::Ready(result) => result?,
                Poll::Pending => break,
            }
        }
        Ok(())
    }

    fn poll_fill<R: AsyncRead + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut buf = ReadBuf::new(&mut self.buf);
            buf.set_filled(self.end);
            let result = ready!(poll_read_checked(reader.as_mut(), cx, &mut buf));
            if is_interrupted(&result) {
                continue;
            }
            let end = buf.filled().len();
            self.read_ended = result.is_ok() && end == self.end;
            self.end = end;
            return Poll::Ready(result);
        }
    }
}

/// Copies everything from `reader` to `writer` through a buffer of 8 KiB, and says how many bytes that was.
///
/// ```
/// # runtime_core::task::block_on_current_thread(async {
/// let mut out = Vec::new();
/// assert_eq!(runtime_io::io::copy(&mut &b"abc"[..], &mut out).await?, 3);
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
///
/// # Errors
/// The reader's, once the data read before is written or the writer is not ready; the writer's; `WriteZero`
/// if the writer takes no more.
///
/// # Cancel safety
/// Not cancel safe: data read and not written is lost.
pub async fn copy<'a, R, W>(reader: &'a mut R, writer: &'a mut W) -> io::Result<u64>
where
    R: AsyncRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    let mut copier = Copier::new(BUFFER_SIZE);
    poll_fn(|cx| copier.poll_copy(cx, Pin::new(&mut *reader), Pin::new(&mut *writer))).await
}

/// Copies everything from `reader` to `writer` out of the reader's own buffer, and says how many bytes that
/// was.
///
/// # Errors
/// The reader's or the writer's; `WriteZero` if the writer takes no more.
///
/// # Cancel safety
/// No data is lost: what was not written is not consumed. How much was copied is unknown.
///
/// # Examples
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::io::copy_buf;
/// let (mut reader, mut written) = (&b"data"[..], Vec::new());
/// assert_eq!(copy_buf(&mut reader, &mut written).await.unwrap(), 4);
/// assert_eq!(written, b"data");
/// # }
/// ```
pub async fn copy_buf<'a, R, W>(reader: &'a mut R, writer: &'a mut W) -> io::Result<u64>
where
    R: AsyncBufRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    let (mut copied, mut needs_flush) = (0, false);
    poll_fn(|cx| {
        loop {
            let coop = ready!(coop::poll_proceed(cx));
            let data = match Pin::new(&mut *reader).poll_fill_buf(cx) {
                Poll::Ready(result) if is_interrupted(&result) => continue,
                Poll::Ready(result) => result?,
                Poll::Pending => {
                    if needs_flush {
                        ready!(Pin::new(&mut *writer).poll_flush(cx))?;
                        needs_flush = false;
                    }
                    return Poll::Pending;
                }
            };
            coop.made_progress();
            if data.is_empty() {
                ready!(Pin::new(&mut *writer).poll_flush(cx))?;
                return Poll::Ready(Ok(copied));
            }
            let result = ready!(Pin::new(&mut *writer).poll_write(cx, data));
            if is_interrupted(&result) {
                continue;
            }
            let n = result?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            assert!(n <= data.len(), "the writer claims more than it was given");
            Pin::new(&mut *reader).consume(n);
            copied += n as u64;
            needs_flush = true;
        }
    })
    .await
}
