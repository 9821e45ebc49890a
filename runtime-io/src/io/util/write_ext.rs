//! [`AsyncWriteExt`]: the methods one writes with, and their futures.

use super::is_interrupted;
use super::number::WriteNumber;
use crate::io::AsyncWrite;
use bytes::Buf;
use std::future::Future;
use std::io::{self, IoSlice};
use std::marker::PhantomPinned;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// How many buffers are offered to one vectored write at most.
const MAX_SLICES: usize = 64;

macro_rules! write_numbers {
    ($($name:ident $number:ident $size:literal $convert:ident $order:literal;)*) => {$(
        #[doc = concat!("Writes one `", stringify!($number), "`, ", $order, ".")]
        ///
        /// # Errors
        /// `WriteZero` if the writer takes no more; else the writer's.
        ///
        /// # Cancel safety
        /// Not cancel safe: some of its bytes may have been written.
        ///
        /// # Examples
        /// ```
        /// use selvedge::io::AsyncWriteExt;
        /// # #[selvedge::main(flavor = "current_thread")]
        /// # async fn main() {
        /// let mut written = Vec::new();
        #[doc = concat!(" written.", stringify!($name), "(5 as ", stringify!($number), ").await.unwrap();")]
        #[doc = concat!(" assert_eq!(written.len(), size_of::<", stringify!($number), ">());")]
        /// # }
        /// ```
        fn $name(&mut self, n: $number) -> WriteNumber<'_, Self, $size>
        where
            Self: Unpin,
        {
            WriteNumber::new(self, n.$convert())
        }
    )*};
}

/// Methods for every [`AsyncWrite`].
///
/// ```
/// use runtime_io::io::AsyncWriteExt;
/// # runtime_core::task::block_on_current_thread(async {
/// let mut out = Vec::new();
/// out.write_u16_le(0x0102).await?;
/// out.write_all(b"hi").await?;
/// assert_eq!(out, [2, 1, b'h', b'i']);
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub trait AsyncWriteExt: AsyncWrite {
    /// Writes a prefix of `buf`, and says how long it was.
    ///
    /// # Errors
    /// The writer's.
    ///
    /// # Cancel safety
    /// Cancel safe: if it did not complete, nothing was written.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::AsyncWriteExt;
    /// let mut room = [0; 3];
    /// let count = std::io::Cursor::new(&mut room[..]).write(b"data").await.unwrap();
    /// assert_eq!((count, &room), (3, b"dat")); // all that fits
    /// # }
    /// ```
    fn write<'a>(&'a mut self, buf: &'a [u8]) -> Write<'a, Self>
    where
        Self: Unpin,
    {
        Write {
            writer: self,
            buf,
            pinned: PhantomPinned,
        }
    }

    /// Writes from several buffers, in order, and says how many bytes that was.
    ///
    /// # Errors
    /// The writer's.
    ///
    /// # Cancel safety
    /// Cancel safe: if it did not complete, nothing was written.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::io::IoSlice;
    /// use selvedge::io::AsyncWriteExt;
    /// let mut written = Vec::new();
    /// let parts = [IoSlice::new(b"da"), IoSlice::new(b"ta")];
    /// assert_eq!(written.write_vectored(&parts).await.unwrap(), 4);
    /// assert_eq!(written, b"data");
    /// # }
    /// ```
    fn write_vectored<'a, 'b>(&'a mut self, bufs: &'a [IoSlice<'b>]) -> WriteVectored<'a, 'b, Self>
    where
        Self: Unpin,
    {
        WriteVectored {
            writer: self,
            bufs,
            pinned: PhantomPinned,
        }
    }

    /// Writes some of `source`, and moves it past that.
    ///
    /// # Errors
    /// The writer's; `source` has not moved then.
    ///
    /// # Cancel safety
    /// Cancel safe: if it did not complete, nothing was written.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::io::Cursor;
    /// use selvedge::io::AsyncWriteExt;
    /// let (mut source, mut written) = (Cursor::new(b"data"), Vec::new());
    /// assert_eq!(written.write_buf(&mut source).await.unwrap(), 4);
    /// assert_eq!(source.position(), 4); // moves on by what was written
    /// # }
    /// ```
    fn write_buf<'a, B: Buf>(&'a mut self, source: &'a mut B) -> WriteBuf<'a, Self, B>
    where
        Self: Sized + Unpin,
    {
        WriteBuf {
            writer: self,
            source,
            pinned: PhantomPinned,
        }
    }

    /// Writes all of `source`, moving it along.
    ///
    /// # Errors
    /// `WriteZero` if the writer takes no more; else the writer's. `source` holds what is unwritten.
    ///
    /// # Cancel safety
    /// Cancel safe: `source` holds exactly what is unwritten.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::io::Cursor;
    /// use selvedge::io::AsyncWriteExt;
    /// let (mut source, mut written) = (Cursor::new(b"data"), Vec::new());
    /// written.write_all_buf(&mut source).await.unwrap();
    /// assert_eq!(written, b"data");
    /// # }
    /// ```
    fn write_all_buf<'a, B: Buf>(&'a mut self, source: &'a mut B) -> WriteAllBuf<'a, Self, B>
    where
        Self: Sized + Unpin,
    {
        WriteAllBuf {
            writer: self,
            source,
            pinned: PhantomPinned,
        }
    }

    /// Writes all of `source`.
    ///
    /// # Errors
    /// `WriteZero` if the writer takes no more; else the writer's.
    ///
    /// # Cancel safety
    /// Not cancel safe: how much was written is unknown.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::AsyncWriteExt;
    /// let mut written = Vec::new();
    /// written.write_all(b"data").await.unwrap();
    /// assert_eq!(written, b"data");
    /// # }
    /// ```
    fn write_all<'a>(&'a mut self, source: &'a [u8]) -> WriteAll<'a, Self>
    where
        Self: Unpin,
    {
        WriteAll {
            writer: self,
            rest: source,
            pinned: PhantomPinned,
        }
    }

    write_numbers! {
        write_u8 u8 1 to_be_bytes "a byte";
        write_i8 i8 1 to_be_bytes "a byte";
        write_u16 u16 2 to_be_bytes "big-endian";
        write_i16 i16 2 to_be_bytes "big-endian";
        write_u32 u32 4 to_be_bytes "big-endian";
        write_i32 i32 4 to_be_bytes "big-endian";
        write_u64 u64 8 to_be_bytes "big-endian";
        write_i64 i64 8 to_be_bytes "big-endian";
        write_u128 u128 16 to_be_bytes "big-endian";
        write_i128 i128 16 to_be_bytes "big-endian";
        write_f32 f32 4 to_be_bytes "big-endian";
        write_f64 f64 8 to_be_bytes "big-endian";
        write_u16_le u16 2 to_le_bytes "little-endian";
        write_i16_le i16 2 to_le_bytes "little-endian";
        write_u32_le u32 4 to_le_bytes "little-endian";
        write_i32_le i32 4 to_le_bytes "little-endian";
        write_u64_le u64 8 to_le_bytes "little-endian";
        write_i64_le i64 8 to_le_bytes "little-endian";
        write_u128_le u128 16 to_le_bytes "little-endian";
        write_i128_le i128 16 to_le_bytes "little-endian";
        write_f32_le f32 4 to_le_bytes "little-endian";
        write_f64_le f64 8 to_le_bytes "little-endian";
    }

    /// Waits until everything written has reached its destination.
    ///
    /// # Errors
    /// The writer's.
    ///
    /// # Cancel safety
    /// Cancel safe: it can be called again.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{AsyncWriteExt, BufWriter};
    /// let mut writer = BufWriter::new(Vec::new());
    /// writer.write_all(b"data").await.unwrap();
    /// writer.flush().await.unwrap();
    /// assert_eq!(writer.get_ref(), b"data");
    /// # }
    /// ```
    fn flush(&mut self) -> Flush<'_, Self>
    where
        Self: Unpin,
    {
        Flush {
            writer: self,
            pinned: PhantomPinned,
        }
    }

    /// Flushes and closes the writer.
    ///
    /// # Errors
    /// The writer's.
    ///
    /// # Cancel safety
    /// Cancel safe: it can be called again.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{AsyncReadExt, AsyncWriteExt, duplex};
    /// let (mut near, mut far) = duplex(64);
    /// near.shutdown().await.unwrap(); // the other side reads the end
    /// assert_eq!(far.read(&mut [0; 4]).await.unwrap(), 0);
    /// # }
    /// ```
    fn shutdown(&mut self) -> Shutdown<'_, Self>
    where
        Self: Unpin,
    {
        Shutdown {
            writer: self,
            pinned: PhantomPinned,
        }
    }
}

impl<W: AsyncWrite + ?Sized> AsyncWriteExt for W {}

macro_rules! write_future {
    ($(#[$doc:meta])* $name:ident<$($life:lifetime,)+ $($buffer:ident)?> { $($field:ident: $type:ty,)* }
     $([$($bound:tt)*])? -> $output:ty { |$this:ident, $cx:ident| $body:expr }) => {
        pin_project_lite::pin_project! {
            $(#[$doc])*
            #[derive(Debug)]
            #[must_use = "futures do nothing unless awaited"]
            pub struct $name<$($life,)+ W: ?Sized $(, $buffer)?> {
                writer: &'a mut W,
                $($field: $type,)*
                #[pin]
                pinned: PhantomPinned,
            }
        }

        impl<$($life,)+ W: AsyncWrite + Unpin + ?Sized $(, $buffer: Buf)?> Future for $name<$($life,)+ W $(, $buffer)?> {
            type Output = io::Result<$output>;

            fn poll(self: Pin<&mut Self>, $cx: &mut Context<'_>) -> Poll<io::Result<$output>> {
                let $this = self.project();
                $body
            }
        }
    };
}

write_future! {
    /// Future of [`AsyncWriteExt::write`].
    Write<'a,> { buf: &'a [u8], } -> usize {
        |this, cx| Pin::new(&mut **this.writer).poll_write(cx, this.buf)
    }
}

write_future! {
    /// Future of [`AsyncWriteExt::write_vectored`].
    WriteVectored<'a, 'b,> { bufs: &'a [IoSlice<'b>], } -> usize {
        |this, cx| Pin::new(&mut **this.writer).poll_write_vectored(cx, this.bufs)
    }
}

write_future! {
    /// Future of [`AsyncWriteExt::flush`].
    Flush<'a,> {} -> () {
        |this, cx| Pin::new(&mut **this.writer).poll_flush(cx)
    }
}

write_future! {
    /// Future of [`AsyncWriteExt::shutdown`].
    Shutdown<'a,> {} -> () {
        |this, cx| Pin::new(&mut **this.writer).poll_shutdown(cx)
    }
}

write_future! {
    /// Future of [`AsyncWriteExt::write_all`].
    WriteAll<'a,> { rest: &'a [u8], } -> () {
        |this, cx| {
            while !this.rest.is_empty() {
                let result = ready!(Pin::new(&mut **this.writer).poll_write(cx, this.rest));
                if is_interrupted(&result) {
                    continue;
                }
                let n = result?;
                assert!(n <= this.rest.len(), "the writer claims more than it was given");
                *this.rest = &mem::take(this.rest)[n..];
                if n == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
            }
            Poll::Ready(Ok(()))
        }
    }
}

write_future! {
    /// Future of [`AsyncWriteExt::write_buf`].
    WriteBuf<'a, B> { source: &'a mut B, } -> usize {
        |this, cx| poll_write_buf(&mut **this.writer, &mut **this.source, cx)
    }
}

write_future! {
    /// Future of [`AsyncWriteExt::write_all_buf`].
    WriteAllBuf<'a, B> { source: &'a mut B, } -> () {
        |this, cx| {
            while this.source.has_remaining() {
                let result = ready!(poll_write_buf(&mut **this.writer, &mut **this.source, cx));
                if is_interrupted(&result) {
                    continue;
                }
                if result? == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
            }
            Poll::Ready(Ok(()))
        }
    }
}

/// One write from `source`, of several of its chunks if `writer` can do that.
fn poll_write_buf<W: AsyncWrite + Unpin + ?Sized, B: Buf>(
    writer: &mut W,
    source: &mut B,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    if !source.has_remaining() {
        return Poll::Ready(Ok(0));
    }
    let n = if writer.is_write_vectored() {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let count = source.chunks_vectored(&mut slices);
        ready!(Pin::new(writer).poll_write_vectored(cx, &slices[..count]))?
    } else {
        ready!(Pin::new(writer).poll_write(cx, source.chunk()))?
    };
    assert!(
        n <= source.remaining(),
        "the writer claims more than it was given"
    );
    source.advance(n);
    Poll::Ready(Ok(n))
}
