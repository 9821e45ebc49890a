//! Streams that hold nothing: [`Empty`], [`Repeat`] and [`Sink`].
//!
//! Always ready, so each operation spends a unit of coop budget: a loop over one has to yield some time.

use crate::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};
use runtime_core::coop;
use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A stream at its end, which swallows what is written.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::io::{AsyncReadExt, Empty, empty};
/// let mut reader: Empty = empty();
/// assert_eq!(reader.read(&mut [0; 4]).await.unwrap(), 0);
/// # }
/// ```
#[derive(Debug)]
pub struct Empty {
    _private: (),
}

/// A stream that ends at once and swallows what is written.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::io::{AsyncReadExt, empty};
/// let mut all = Vec::new();
/// assert_eq!(empty().read_to_end(&mut all).await.unwrap(), 0);
/// # }
/// ```
pub fn empty() -> Empty {
    Empty { _private: () }
}

/// An endless stream of one byte.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::io::{AsyncReadExt, Repeat, repeat};
/// let mut reader: Repeat = repeat(7);
/// assert_eq!(reader.read_u8().await.unwrap(), 7);
/// # }
/// ```
#[derive(Debug)]
pub struct Repeat {
    byte: u8,
}

/// An endless stream of `byte`.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::io::{AsyncReadExt, repeat};
/// let mut four = [0; 4];
/// repeat(7).read_exact(&mut four).await.unwrap();
/// assert_eq!(four, [7; 4]);
/// # }
/// ```
pub fn repeat(byte: u8) -> Repeat {
    Repeat { byte }
}

/// A writer that swallows everything.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::io::{AsyncWriteExt, Sink, sink};
/// let mut writer: Sink = sink();
/// writer.write_all(b"gone").await.unwrap();
/// # }
/// ```
#[derive(Debug)]
pub struct Sink {
    _private: (),
}

/// A writer that swallows everything.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::io::{copy, sink};
/// let length = copy(&mut &b"data"[..], &mut sink()).await.unwrap();
/// assert_eq!(length, 4);
/// # }
/// ```
pub fn sink() -> Sink {
    Sink { _private: () }
}

/// Spends one unit of budget to give `value`.
fn ready_with<T>(cx: &mut Context<'_>, value: T) -> Poll<io::Result<T>> {
    ready!(coop::poll_proceed(cx)).made_progress();
    Poll::Ready(Ok(value))
}

impl AsyncRead for Empty {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready_with(cx, ())
    }
}

impl AsyncBufRead for Empty {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        ready_with(cx, &[])
    }

    fn consume(self: Pin<&mut Self>, _: usize) {}
}

impl AsyncSeek for Empty {
    fn start_seek(self: Pin<&mut Self>, _: SeekFrom) -> io::Result<()> {
        Ok(())
    }

    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        ready_with(cx, 0)
    }
}

impl AsyncRead for Repeat {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(coop::poll_proceed(cx)).made_progress();
        buf.initialize_unfilled().fill(self.byte);
        buf.advance(buf.remaining());
        Poll::Ready(Ok(()))
    }
}

macro_rules! swallow {
    ($($type:ty),*) => {$(
        impl AsyncWrite for $type {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                ready_with(cx, buf.len())
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                ready_with(cx, ())
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                ready_with(cx, ())
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                ready_with(cx, bufs.iter().map(|buf| buf.len()).sum())
            }

            fn is_write_vectored(&self) -> bool {
                true
            }
        }
    )*};
}

swallow!(Empty, Sink);
