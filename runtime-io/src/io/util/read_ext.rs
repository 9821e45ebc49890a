//! [`AsyncReadExt`]: the methods one reads with, and the futures of the simple ones.

use super::chain::Chain;
use super::number::ReadNumber;
use super::read_to_end::{ReadToEnd, ReadToString};
use super::take::Take;
use super::{is_interrupted, poll_read_checked};
use crate::io::{AsyncRead, ReadBuf};
use bytes::BufMut;
use std::future::Future;
use std::io;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

macro_rules! read_numbers {
    ($($name:ident $number:ident $size:literal $convert:ident $order:literal;)*) => {$(
        #[doc = concat!("Reads one `", stringify!($number), "`, ", $order, ".")]
        ///
        /// # Errors
        /// `UnexpectedEof` if the stream ends before the number does; else the reader's.
        ///
        /// # Cancel safety
        /// Not cancel safe: bytes already read are lost.
        ///
        /// # Examples
        /// ```
        /// use selvedge::io::AsyncReadExt;
        /// # #[selvedge::main(flavor = "current_thread")]
        /// # async fn main() {
        /// let mut reader: &[u8] = &[0; 16];
        #[doc = concat!(" let n: ", stringify!($number), " = reader.", stringify!($name), "().await.unwrap();")]
        #[doc = concat!(" assert_eq!(n, 0 as ", stringify!($number), ");")]
        /// # }
        /// ```
        fn $name(&mut self) -> ReadNumber<'_, Self, $number, $size>
        where
            Self: Unpin,
        {
            ReadNumber::new(self, $number::$convert)
        }
    )*};
}

/// Methods for every [`AsyncRead`].
///
/// ```
/// use runtime_io::io::AsyncReadExt;
/// # runtime_core::task::block_on_current_thread(async {
/// let mut reader: &[u8] = &[1, 2, b'h', b'i'];
/// assert_eq!(reader.read_u16().await?, 0x0102);
/// let mut rest = String::new();
/// reader.read_to_string(&mut rest).await?;
/// assert_eq!(rest, "hi");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub trait AsyncReadExt: AsyncRead {
    /// Reads from `self` to its end, then from `next`.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::AsyncReadExt;
    /// let mut text = String::new();
    /// (&b"da"[..]).chain(&b"ta"[..]).read_to_string(&mut text).await.unwrap();
    /// assert_eq!(text, "data");
    /// # }
    /// ```
    fn chain<R: AsyncRead>(self, next: R) -> Chain<Self, R>
    where
        Self: Sized,
    {
        Chain::new(self, next)
    }

    /// Reads some bytes to the start of `buf`, and says how many. Zero: the end, or an empty `buf`.
    ///
    /// # Errors
    /// The reader's.
    ///
    /// # Cancel safety
    /// Cancel safe: if it did not complete, nothing was read.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::AsyncReadExt;
    /// let (mut reader, mut buf) = (&b"data"[..], [0; 3]);
    /// assert_eq!(reader.read(&mut buf).await.unwrap(), 3);
    /// assert_eq!(reader.read(&mut buf).await.unwrap(), 1);
    /// assert_eq!(reader.read(&mut buf).await.unwrap(), 0); // the end
    /// # }
    /// ```
    fn read<'a>(&'a mut self, buf: &'a mut [u8]) -> Read<'a, Self>
    where
        Self: Unpin,
    {
        Read {
            reader: self,
            buf,
            pinned: PhantomPinned,
        }
    }

    /// Reads some bytes into `buf`, and says how many. Zero: the end, or a full `buf`.
    ///
    /// # Errors
    /// The reader's.
    ///
    /// # Cancel safety
    /// Cancel safe: if it did not complete, nothing was read.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::AsyncReadExt;
    /// let (mut reader, mut buf) = (&b"data"[..], Vec::with_capacity(16));
    /// assert_eq!(reader.read_buf(&mut buf).await.unwrap(), 4); // appends
    /// assert_eq!(buf, b"data");
    /// # }
    /// ```
    fn read_buf<'a, B: BufMut + ?Sized>(&'a mut self, buf: &'a mut B) -> ReadIntoBuf<'a, Self, B>
    where
        Self: Unpin,
    {
        ReadIntoBuf {
            reader: self,
            buf,
            pinned: PhantomPinned,
        }
    }

    /// Fills `buf`, and gives its length.
    ///
    /// # Errors
    /// `UnexpectedEof` if the stream ends first; else the reader's.
    ///
    /// # Cancel safety
    /// Not cancel safe: bytes already read are in `buf`, but how many is unknown.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::io::ErrorKind;
    /// use selvedge::io::AsyncReadExt;
    /// let (mut reader, mut buf) = (&b"data"[..], [0; 3]);
    /// reader.read_exact(&mut buf).await.unwrap();
    /// assert_eq!(&buf, b"dat");
    /// let error = reader.read_exact(&mut buf).await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    /// # }
    /// ```
    fn read_exact<'a>(&'a mut self, buf: &'a mut [u8]) -> ReadExact<'a, Self>
    where
        Self: Unpin,
    {
        ReadExact {
            reader: self,
            buf: ReadBuf::new(buf),
            pinned: PhantomPinned,
        }
    }

    read_numbers! {
        read_u8 u8 1 from_be_bytes "a byte";
        read_i8 i8 1 from_be_bytes "a byte";
        read_u16 u16 2 from_be_bytes "big-endian";
        read_i16 i16 2 from_be_bytes "big-endian";
        read_u32 u32 4 from_be_bytes "big-endian";
        read_i32 i32 4 from_be_bytes "big-endian";
        read_u64 u64 8 from_be_bytes "big-endian";
        read_i64 i64 8 from_be_bytes "big-endian";
        read_u128 u128 16 from_be_bytes "big-endian";
        read_i128 i128 16 from_be_bytes "big-endian";
        read_f32 f32 4 from_be_bytes "big-endian";
        read_f64 f64 8 from_be_bytes "big-endian";
        read_u16_le u16 2 from_le_bytes "little-endian";
        read_i16_le i16 2 from_le_bytes "little-endian";
        read_u32_le u32 4 from_le_bytes "little-endian";
        read_i32_le i32 4 from_le_bytes "little-endian";
        read_u64_le u64 8 from_le_bytes "little-endian";
        read_i64_le i64 8 from_le_bytes "little-endian";
        read_u128_le u128 16 from_le_bytes "little-endian";
        read_i128_le i128 16 from_le_bytes "little-endian";
        read_f32_le f32 4 from_le_bytes "little-endian";
        read_f64_le f64 8 from_le_bytes "little-endian";
    }

    /// Appends everything up to the end of the stream to `buf`, and says how many bytes that was.
    ///
    /// # Errors
    /// The reader's; what came before the error is in `buf`.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::AsyncReadExt;
    /// let (mut reader, mut all) = (&b"data"[..], Vec::new());
    /// assert_eq!(reader.read_to_end(&mut all).await.unwrap(), 4);
    /// assert_eq!(all, b"data");
    /// # }
    /// ```
    fn read_to_end<'a>(&'a mut self, buf: &'a mut Vec<u8>) -> ReadToEnd<'a, Self>
    where
        Self: Unpin,
    {
        ReadToEnd::new(self, buf)
    }

    /// Appends everything up to the end of the stream to `buf`, and says how many bytes that was.
    ///
    /// # Errors
    /// `InvalidData` if it was not UTF-8; else the reader's. `buf` is as it was before then.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::AsyncReadExt;
    /// let (mut reader, mut text) = (&b"data"[..], String::new());
    /// reader.read_to_string(&mut text).await.unwrap();
    /// assert_eq!(text, "data");
    /// # }
    /// ```
    fn read_to_string<'a>(&'a mut self, buf: &'a mut String) -> ReadToString<'a, Self>
    where
        Self: Unpin,
    {
        ReadToString::new(self, buf)
    }

    /// A reader of at most `limit` bytes of this one.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::AsyncReadExt;
    /// let mut text = String::new();
    /// (&b"data"[..]).take(2).read_to_string(&mut text).await.unwrap();
    /// assert_eq!(text, "da");
    /// # }
    /// ```
    fn take(self, limit: u64) -> Take<Self>
    where
        Self: Sized,
    {
        Take::new(self, limit)
    }
}

impl<R: AsyncRead + ?Sized> AsyncReadExt for R {}

pin_project_lite::pin_project! {
    /// Future of [`AsyncReadExt::read`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Read<'a, R: ?Sized> {
        reader: &'a mut R,
        buf: &'a mut [u8],
        #[pin]
        pinned: PhantomPinned,
    }
}

impl<R: AsyncRead + Unpin + ?Sized> Future for Read<'_, R> {
    type Output = io::Result<usize>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let this = self.project();
        let mut buf = ReadBuf::new(this.buf);
        ready!(poll_read_checked(
            Pin::new(&mut **this.reader),
            cx,
            &mut buf
        ))?;
        Poll::Ready(Ok(buf.filled().len()))
    }
}

pin_project_lite::pin_project! {
    /// Future of [`AsyncReadExt::read_buf`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct ReadIntoBuf<'a, R: ?Sized, B: ?Sized> {
        reader: &'a mut R,
        buf: &'a mut B,
        #[pin]
        pinned: PhantomPinned,
    }
}

impl<R: AsyncRead + Unpin + ?Sized, B: BufMut + ?Sized> Future for ReadIntoBuf<'_, R, B> {
    type Output = io::Result<usize>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let this = self.project();
        if !this.buf.has_remaining_mut() {
            return Poll::Ready(Ok(0));
        }
        let chunk = this.buf.chunk_mut();
        // SAFETY: the slice goes into a `ReadBuf`, which does not uninitialise bytes.
        let mut buf = ReadBuf::uninit(unsafe { chunk.as_uninit_slice_mut() });
        ready!(poll_read_checked(
            Pin::new(&mut **this.reader),
            cx,
            &mut buf
        ))?;
        let n = buf.filled().len();
        // SAFETY: it is our chunk still (checked), of which `ReadBuf` guarantees `n` bytes initialised.
        unsafe { this.buf.advance_mut(n) };
        Poll::Ready(Ok(n))
    }
}

pin_project_lite::pin_project! {
    /// Future of [`AsyncReadExt::read_exact`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct ReadExact<'a, R: ?Sized> {
        reader: &'a mut R,
        buf: ReadBuf<'a>,
        #[pin]
        pinned: PhantomPinned,
    }
}

impl<R: AsyncRead + Unpin + ?Sized> Future for ReadExact<'_, R> {
    type Output = io::Result<usize>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let this = self.project();
        while this.buf.remaining() > 0 {
            let before = this.buf.filled().len();
            let result = ready!(poll_read_checked(
                Pin::new(&mut **this.reader),
                cx,
                this.buf
            ));
            if is_interrupted(&result) {
                continue;
            }
            result?;
            if this.buf.filled().len() == before {
                return Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "early eof",
                )));
            }
        }
        Poll::Ready(Ok(this.buf.capacity()))
    }
}
