//! Futures that read or write one number: as many bytes as it has, then a conversion.
//!
//! One type per direction serves all numbers and both byte orders: the width is a const parameter, the
//! order a function pointer. A reader that ends amid a number gives `UnexpectedEof`, a writer that accepts
//! nothing `WriteZero`.

use super::poll_read_checked;
use crate::io::{AsyncRead, AsyncWrite, ReadBuf};
use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Reads `N` bytes and converts them.
#[must_use = "futures do nothing unless awaited"]
pub struct ReadNumber<'a, R: ?Sized, T, const N: usize> {
    reader: &'a mut R,
    bytes: [u8; N],
    read: usize,
    convert: fn([u8; N]) -> T,
    _pinned: PhantomPinned,
}

impl<'a, R: ?Sized, T, const N: usize> ReadNumber<'a, R, T, N> {
    pub(super) fn new(reader: &'a mut R, convert: fn([u8; N]) -> T) -> Self {
        ReadNumber {
            reader,
            bytes: [0; N],
            read: 0,
            convert,
            _pinned: PhantomPinned,
        }
    }
}

impl<R: AsyncRead + Unpin + ?Sized, T, const N: usize> Future for ReadNumber<'_, R, T, N> {
    type Output = io::Result<T>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        // SAFETY: nothing is moved out, and nothing in here is ever pinned.
        let this = unsafe { self.get_unchecked_mut() };
        while this.read < N {
            let mut buf = ReadBuf::new(&mut this.bytes[this.read..]);
            match ready!(poll_read_checked(Pin::new(&mut *this.reader), cx, &mut buf)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Poll::Ready(Err(error)),
            }
            match buf.filled().len() {
                0 => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                n => this.read += n,
            }
        }
        Poll::Ready(Ok((this.convert)(this.bytes)))
    }
}

impl<R: ?Sized, T, const N: usize> fmt::Debug for ReadNumber<'_, R, T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadNumber")
            .field("read", &self.read)
            .finish_non_exhaustive()
    }
}

/// Writes `N` bytes.
#[must_use = "futures do nothing unless awaited"]
pub struct WriteNumber<'a, W: ?Sized, const N: usize> {
    writer: &'a mut W,
    bytes: [u8; N],
    written: usize,
    _pinned: PhantomPinned,
}

impl<'a, W: ?Sized, const N: usize> WriteNumber<'a, W, N> {
    pub(super) fn new(writer: &'a mut W, bytes: [u8; N]) -> Self {
        WriteNumber {
            writer,
            bytes,
            written: 0,
            _pinned: PhantomPinned,
        }
    }
}

impl<W: AsyncWrite + Unpin + ?Sized, const N: usize> Future for WriteNumber<'_, W, N> {
    type Output = io::Result<()>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // SAFETY: nothing is moved out, and nothing in here is ever pinned.
        let this = unsafe { self.get_unchecked_mut() };
        while this.written < N {
            let rest = &this.bytes[this.written..];
            match ready!(Pin::new(&mut *this.writer).poll_write(cx, rest)) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(n) => this.written += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Poll::Ready(Err(error)),
            }
            assert!(
                this.written <= N,
                "the writer claims more than it was given"
            );
        }
        Poll::Ready(Ok(()))
    }
}

impl<W: ?Sized, const N: usize> fmt::Debug for WriteNumber<'_, W, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteNumber")
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}
