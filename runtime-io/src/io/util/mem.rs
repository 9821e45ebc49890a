//! Streams in memory: [`simplex`], one way, and [`duplex`], two of them crosswise.
//!
//! [`Pipe`] is one direction: at most `max` bytes, a closed flag and a waker slot for each side, behind a lock. After
//! closing, its bytes can still be read; a write gives `BrokenPipe`.

use super::split::{ReadHalf, WriteHalf, split};
use crate::io::{AsyncRead, AsyncWrite, ReadBuf};
use bytes::{Buf, BytesMut};
use runtime_core::base::shim::sync::{Arc, Mutex};
use runtime_core::base::waits::{self, WaitKind};
use runtime_core::base::wake_batch::WakeBatch;
use runtime_core::base::waker_slot::{Look, Taken, WakerSlot, register};
use runtime_core::coop;
use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

struct Pipe {
    bytes: BytesMut,
    max: usize,
    is_closed: bool,
    reader: WakerSlot,
    writer: WakerSlot,
}

/// The outcome of an attempt: its result, and the waker to wake for it.
type Moved<T> = (io::Result<T>, Taken);

impl Pipe {
    #[track_caller]
    fn new(max: usize) -> Pipe {
        assert!(max > 0, "max_buf_size must be greater than zero");
        Pipe {
            bytes: BytesMut::new(),
            max,
            is_closed: false,
            reader: WakerSlot::new(),
            writer: WakerSlot::new(),
        }
    }

    /// Moves bytes to `buf`; the reader waits if there are none yet.
    fn read(&mut self, buf: &mut ReadBuf<'_>) -> Look<'_, Moved<()>> {
        if self.bytes.is_empty() && !self.is_closed && buf.remaining() > 0 {
            return Look::Wait(&mut self.reader);
        }
        let n = self.bytes.len().min(buf.remaining());
        if n == 0 {
            return Look::Over((Ok(()), Taken::default()));
        }
        buf.put_slice(&self.bytes[..n]);
        self.bytes.advance(n);
        Look::Over((Ok(()), self.writer.take()))
    }

    /// Takes bytes from the buffers; the writer waits if there is no room yet.
    fn write(&mut self, bufs: &[IoSlice<'_>]) -> Look<'_, Moved<usize>> {
        if self.is_closed {
            let error = io::ErrorKind::BrokenPipe.into();
            return Look::Over((Err(error), Taken::default()));
        }
        let room = self.max - self.bytes.len();
        let mut left = room;
        for buf in bufs {
            let part = &buf[..buf.len().min(left)];
            self.bytes.extend_from_slice(part);
            left -= part.len();
        }
        match room - left {
            0 if bufs.iter().all(|buf| buf.is_empty()) => Look::Over((Ok(0), Taken::default())),
            0 => Look::Wait(&mut self.writer),
            n => Look::Over((Ok(n), self.reader.take())),
        }
    }
}

/// Makes an attempt on the pipe. If it has to wait, the task's waker stays behind; else the other side is woken.
fn poll_pipe<T>(
    cx: &mut Context<'_>,
    pipe: &Mutex<Pipe>,
    attempt: impl FnMut(&mut Pipe) -> Look<'_, Moved<T>>,
) -> Poll<io::Result<T>> {
    let coop = ready!(coop::poll_proceed(cx));
    let Some((result, other)) = register(pipe, cx.waker(), attempt) else {
        waits::note(WaitKind::Pipe, std::ptr::from_ref(pipe) as u64);
        return Poll::Pending;
    };
    coop.made_progress();
    other.wake_after(());
    Poll::Ready(result)
}

/// Closes the pipe and wakes both sides.
fn close(pipe: &Mutex<Pipe>) {
    let mut wakers = WakeBatch::new();
    let mut pipe = pipe.lock();
    pipe.is_closed = true;
    wakers.push(pipe.reader.take());
    wakers.push(pipe.writer.take());
    wakers.wake_after(pipe);
}

/// One direction: what is written can be read from the same object. Split it by [`simplex`].
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::io::{AsyncReadExt, AsyncWriteExt, SimplexStream};
/// let mut pipe = SimplexStream::new_unsplit(64);
/// pipe.write_all(b"data").await.unwrap();
/// let mut seen = [0; 4];
/// pipe.read_exact(&mut seen).await.unwrap();
/// assert_eq!(&seen, b"data");
/// # }
/// ```
pub struct SimplexStream {
    pipe: Mutex<Pipe>,
}

/// No user code runs while the pipe is changed, so a panic leaves it whole.
impl std::panic::RefUnwindSafe for SimplexStream {}

/// A one-way stream in memory that holds up to `max_buf_size` bytes.
///
/// The reader sees the end once the writer was shut down.
///
/// # Panics
/// If `max_buf_size` is zero.
///
/// # Examples
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::io::{AsyncReadExt, AsyncWriteExt, simplex};
/// let (mut reader, mut writer) = simplex(64);
/// writer.write_all(b"data").await.unwrap();
/// writer.shutdown().await.unwrap();
/// let mut all = Vec::new();
/// reader.read_to_end(&mut all).await.unwrap();
/// assert_eq!(all, b"data");
/// # }
/// ```
#[track_caller]
pub fn simplex(max_buf_size: usize) -> (ReadHalf<SimplexStream>, WriteHalf<SimplexStream>) {
    split(SimplexStream::new_unsplit(max_buf_size))
}

impl SimplexStream {
    /// The stream of [`simplex`] in one piece.
    ///
    /// # Panics
    /// If `max_buf_size` is zero.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{AsyncWriteExt, SimplexStream};
    /// let mut pipe = SimplexStream::new_unsplit(64);
    /// pipe.write_all(b"data").await.unwrap();
    /// # }
    /// ```
    #[track_caller]
    pub fn new_unsplit(max_buf_size: usize) -> SimplexStream {
        SimplexStream {
            pipe: Mutex::new(Pipe::new(max_buf_size)),
        }
    }
}

impl AsyncRead for SimplexStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        poll_pipe(cx, &self.pipe, |pipe| pipe.read(buf))
    }
}

impl AsyncWrite for SimplexStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        close(&self.pipe);
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        poll_pipe(cx, &self.pipe, |pipe| pipe.write(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

impl fmt::Debug for SimplexStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pipe = self.pipe.lock();
        f.debug_struct("SimplexStream")
            .field("buffered", &pipe.bytes.len())
            .field("max", &pipe.max)
            .field("is_closed", &pipe.is_closed)
            .finish()
    }
}

/// One end of a two-way stream in memory; see [`duplex`]. Dropping it ends the stream.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
/// let (mut near, mut far): (DuplexStream, DuplexStream) = duplex(64);
/// near.write_all(b"ping").await.unwrap();
/// let mut seen = [0; 4];
/// far.read_exact(&mut seen).await.unwrap();
/// assert_eq!(&seen, b"ping");
/// # }
/// ```
pub struct DuplexStream {
    incoming: Arc<Mutex<Pipe>>,
    outgoing: Arc<Mutex<Pipe>>,
}

/// A pair of connected streams in memory, each direction holding up to `max_buf_size` bytes.
///
/// ```
/// use runtime_io::io::{AsyncReadExt, AsyncWriteExt};
/// # runtime_core::task::block_on_current_thread(async {
/// let (mut a, mut b) = runtime_io::io::duplex(16);
/// a.write_all(b"ping").await?;
/// let mut got = [0; 4];
/// b.read_exact(&mut got).await?;
/// assert_eq!(&got, b"ping");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
///
/// # Panics
/// If `max_buf_size` is zero.
#[track_caller]
pub fn duplex(max_buf_size: usize) -> (DuplexStream, DuplexStream) {
    let one = Arc::new(Mutex::new(Pipe::new(max_buf_size)));
    let two = Arc::new(Mutex::new(Pipe::new(max_buf_size)));
    let other = DuplexStream {
        incoming: Arc::clone(&two),
        outgoing: Arc::clone(&one),
    };
    (
        DuplexStream {
            incoming: one,
            outgoing: two,
        },
        other,
    )
}

impl AsyncRead for DuplexStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        poll_pipe(cx, &self.incoming, |pipe| pipe.read(buf))
    }
}

impl AsyncWrite for DuplexStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        close(&self.outgoing);
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        poll_pipe(cx, &self.outgoing, |pipe| pipe.write(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

impl Drop for DuplexStream {
    fn drop(&mut self) {
        close(&self.outgoing);
        close(&self.incoming);
    }
}

impl fmt::Debug for DuplexStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DuplexStream").finish_non_exhaustive()
    }
}
