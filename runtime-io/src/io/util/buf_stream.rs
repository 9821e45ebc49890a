//! [`BufStream`]: a [`BufReader`] around a [`BufWriter`], for streams that are both.

use super::buf_reader::{self, BufReader};
use super::buf_writer::{self, BufWriter};
use super::{BUFFER_SIZE, delegate::delegate};
use crate::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

pin_project_lite::pin_project! {
    /// A stream with a buffer in each direction. Flush it before dropping it.
    ///
    /// ```
    /// use runtime_io::io::{AsyncBufReadExt, AsyncWriteExt, BufStream, duplex};
    /// # runtime_core::task::block_on_current_thread(async {
    /// let (a, b) = duplex(64);
    /// let (mut a, mut b) = (BufStream::new(a), BufStream::new(b));
    /// a.write_all(b"hi\n").await?;
    /// a.flush().await?;
    /// let mut line = String::new();
    /// b.read_line(&mut line).await?;
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    #[derive(Debug)]
    pub struct BufStream<RW> {
        #[pin]
        inner: BufReader<BufWriter<RW>>,
    }
}

impl<RW: AsyncRead + AsyncWrite> BufStream<RW> {
    /// With two buffers of 8 KiB.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{AsyncBufReadExt, AsyncWriteExt, BufStream, duplex};
    /// let (near, far) = duplex(64);
    /// let (mut near, mut far) = (BufStream::new(near), BufStream::new(far));
    /// near.write_all(b"hello\n").await.unwrap();
    /// near.flush().await.unwrap();
    /// let mut line = String::new();
    /// far.read_line(&mut line).await.unwrap();
    /// assert_eq!(line, "hello\n");
    /// # }
    /// ```
    pub fn new(stream: RW) -> Self {
        Self::with_capacity(BUFFER_SIZE, BUFFER_SIZE, stream)
    }

    /// With buffers of these many bytes.
    ///
    /// # Panics
    /// If `reader_capacity` is zero.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{BufStream, duplex};
    /// let stream = BufStream::with_capacity(1024, 512, duplex(64).0);
    /// # let _ = stream;
    /// # }
    /// ```
    #[track_caller]
    pub fn with_capacity(reader_capacity: usize, writer_capacity: usize, stream: RW) -> Self {
        let writer = BufWriter::with_capacity(writer_capacity, stream);
        BufStream {
            inner: BufReader::with_capacity(reader_capacity, writer),
        }
    }

    /// What this wraps.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{BufStream, duplex};
    /// let stream = BufStream::new(duplex(64).0);
    /// println!("{:?}", stream.get_ref());
    /// # }
    /// ```
    pub fn get_ref(&self) -> &RW {
        self.inner.get_ref().get_ref()
    }

    /// What this wraps, mutably.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{AsyncWriteExt, BufStream, duplex};
    /// let mut stream = BufStream::new(duplex(64).0);
    /// stream.get_mut().shutdown().await.unwrap();
    /// # }
    /// ```
    pub fn get_mut(&mut self) -> &mut RW {
        self.inner.get_mut().get_mut()
    }

    /// What this wraps, pinned.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::pin::Pin;
    /// use selvedge::io::{BufStream, duplex};
    /// let mut stream = BufStream::new(duplex(64).0);
    /// let inner = Pin::new(&mut stream).get_pin_mut();
    /// # let _ = inner;
    /// # }
    /// ```
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut RW> {
        self.project().inner.get_pin_mut().get_pin_mut()
    }

    /// What this wraps, back; buffered data is lost.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{BufStream, duplex};
    /// let inner = BufStream::new(duplex(64).0).into_inner();
    /// # let _ = inner;
    /// # }
    /// ```
    pub fn into_inner(self) -> RW {
        self.inner.into_inner().into_inner()
    }
}

impl<RW> From<BufReader<BufWriter<RW>>> for BufStream<RW> {
    fn from(inner: BufReader<BufWriter<RW>>) -> Self {
        BufStream { inner }
    }
}

impl<RW> From<BufWriter<BufReader<RW>>> for BufStream<RW> {
    fn from(outer: BufWriter<BufReader<RW>>) -> Self {
        let BufWriter {
            inner: reader,
            buf,
            written,
            seek: asked,
        } = outer;
        let BufReader {
            inner,
            buf: read_buf,
            pos,
            end,
            seek,
        } = reader;
        // A seek of the outer buffer, if any, stays there.
        let seek = match asked {
            buf_writer::SeekState::None => seek,
            buf_writer::SeekState::Start(position) => buf_reader::SeekState::Start(position),
            buf_writer::SeekState::Pending => buf_reader::SeekState::Pending,
        };
        let inner = BufWriter {
            inner,
            buf,
            written,
            seek: buf_writer::SeekState::None,
        };
        BufStream {
            inner: BufReader {
                inner,
                buf: read_buf,
                pos,
                end,
                seek,
            },
        }
    }
}

impl<RW: AsyncRead + AsyncWrite> AsyncRead for BufStream<RW> {
    delegate!(read => inner);
}

impl<RW: AsyncRead + AsyncWrite> AsyncBufRead for BufStream<RW> {
    delegate!(buf_read => inner);
}

impl<RW: AsyncRead + AsyncWrite> AsyncWrite for BufStream<RW> {
    delegate!(write => inner);
}

impl<RW: AsyncRead + AsyncWrite + AsyncSeek> AsyncSeek for BufStream<RW> {
    delegate!(seek => inner);
}
