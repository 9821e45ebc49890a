//! Streams in memory: [`simplex`], one way, and [`duplex`], two of them crosswise.
//!
//! [`Pipe`] is the state: a ring of at most `max` bytes, a closed flag and one waker per side. Its operations
//! do not run wakers but hand them out, so that [`DuplexStream`] can wake, and drop the wakers it replaces,
//! after unlocking. After closing, what is in the ring can still be read; writing is `BrokenPipe`.

use super::split::{ReadHalf, WriteHalf, split};
use crate::io::{AsyncRead, AsyncWrite, ReadBuf};
use runtime_core::shim::sync::{Arc, Mutex};
use runtime_core::{audit, coop};
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

struct Pipe {
    ring: VecDeque<u8>,
    max: usize,
    is_closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// Which side's waker.
#[derive(Clone, Copy)]
enum Side {
    Reader,
    Writer,
}

impl Pipe {
    #[track_caller]
    fn new(max: usize) -> Pipe {
        assert!(max > 0, "max_buf_size must be greater than zero");
        Pipe {
            ring: VecDeque::new(),
            max,
            is_closed: false,
            reader: None,
            writer: None,
        }
    }

    fn waker(&mut self, side: Side) -> &mut Option<Waker> {
        match side {
            Side::Reader => &mut self.reader,
            Side::Writer => &mut self.writer,
        }
    }

    /// Moves bytes to `buf`; `None` if there are none yet.
    fn read(&mut self, buf: &mut ReadBuf<'_>) -> Option<io::Result<()>> {
        if self.ring.is_empty() && !self.is_closed && buf.remaining() > 0 {
            return None;
        }
        let n = self.ring.len().min(buf.remaining());
        let (front, back) = self.ring.as_slices();
        let split = n.min(front.len());
        buf.put_slice(&front[..split]);
        buf.put_slice(&back[..n - split]);
        self.ring.drain(..n);
        Some(Ok(()))
    }

    /// Takes bytes from the buffers; `None` if there is no room yet.
    fn write(&mut self, bufs: &[IoSlice<'_>]) -> Option<io::Result<usize>> {
        if self.is_closed {
            return Some(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = self.max - self.ring.len();
        if room == 0 && bufs.iter().any(|buf| !buf.is_empty()) {
            return None;
        }
        let mut left = room;
        for buf in bufs {
            let part = &buf[..buf.len().min(left)];
            self.ring.extend(part);
            left -= part.len();
        }
        Some(Ok(room - left))
    }
}

/// Runs `attempt` on the pipe. If it gives nothing, leaves the task's waker on `side`; else wakes the other
/// side, unless `attempt` moved nothing. `access` gives the pipe for the length of a call, locked if need be;
/// wakers are cloned, woken and dropped outside of it.
fn poll_pipe<T>(
    cx: &mut Context<'_>,
    side: Side,
    mut access: impl FnMut(&mut dyn FnMut(&mut Pipe)),
    mut attempt: impl FnMut(&mut Pipe) -> Option<io::Result<T>>,
) -> Poll<io::Result<T>> {
    let coop = ready!(coop::poll_proceed(cx));
    let mut fresh: Option<Waker> = None;
    loop {
        let (mut result, mut wake, mut replaced, mut is_waiting) = (None, None, None, false);
        access(&mut |pipe| {
            let before = pipe.ring.len();
            result = attempt(pipe);
            if result.is_some() {
                let other = match side {
                    Side::Reader => Side::Writer,
                    Side::Writer => Side::Reader,
                };
                if pipe.ring.len() != before {
                    wake = pipe.waker(other).take();
                }
                return;
            }
            let waker = pipe.waker(side);
            is_waiting = waker
                .as_ref()
                .is_some_and(|waker| waker.will_wake(cx.waker()));
            if !is_waiting && fresh.is_some() {
                replaced = std::mem::replace(waker, fresh.take());
                is_waiting = true;
            }
        });
        audit::user_code();
        drop(replaced);
        if let Some(result) = result {
            coop.made_progress();
            wake.into_iter().for_each(Waker::wake);
            return Poll::Ready(result);
        }
        if is_waiting {
            return Poll::Pending;
        }
        fresh = Some(cx.waker().clone());
    }
}

/// One direction: what is written can be read from the same object. Split it by [`simplex`].
pub struct SimplexStream {
    pipe: Pipe,
}

/// A one-way stream in memory that holds up to `max_buf_size` bytes.
///
/// The reader sees the end once the writer was shut down.
///
/// # Panics
/// If `max_buf_size` is zero.
#[track_caller]
pub fn simplex(max_buf_size: usize) -> (ReadHalf<SimplexStream>, WriteHalf<SimplexStream>) {
    split(SimplexStream::new_unsplit(max_buf_size))
}

impl SimplexStream {
    /// The stream of [`simplex`] in one piece.
    ///
    /// # Panics
    /// If `max_buf_size` is zero.
    #[track_caller]
    pub fn new_unsplit(max_buf_size: usize) -> SimplexStream {
        SimplexStream {
            pipe: Pipe::new(max_buf_size),
        }
    }
}

impl AsyncRead for SimplexStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        poll_pipe(
            cx,
            Side::Reader,
            |f| f(&mut self.pipe),
            |pipe| pipe.read(buf),
        )
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

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pipe.is_closed = true;
        self.pipe.reader.take().into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        poll_pipe(
            cx,
            Side::Writer,
            |f| f(&mut self.pipe),
            |pipe| pipe.write(bufs),
        )
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

impl fmt::Debug for SimplexStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimplexStream")
            .field("buffered", &self.pipe.ring.len())
            .field("max", &self.pipe.max)
            .field("is_closed", &self.pipe.is_closed)
            .finish()
    }
}

/// One end of a two-way stream in memory; see [`duplex`]. Dropping it ends the stream.
pub struct DuplexStream {
    incoming: Arc<Mutex<Pipe>>,
    outgoing: Arc<Mutex<Pipe>>,
}

/// A pair of connected streams in memory, each direction holding up to `max_buf_size` bytes.
///
/// ```
/// use runtime_io::io::{AsyncReadExt, AsyncWriteExt};
/// # runtime_core::park::block_on_current_thread(async {
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

/// Closes the pipe and wakes both sides.
fn close(pipe: &Mutex<Pipe>) {
    let mut pipe = pipe.lock();
    pipe.is_closed = true;
    let wakers = [pipe.reader.take(), pipe.writer.take()];
    drop(pipe);
    audit::user_code();
    wakers.into_iter().flatten().for_each(Waker::wake);
}

impl AsyncRead for DuplexStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        poll_pipe(
            cx,
            Side::Reader,
            |f| f(&mut self.incoming.lock()),
            |pipe| pipe.read(buf),
        )
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
        poll_pipe(
            cx,
            Side::Writer,
            |f| f(&mut self.outgoing.lock()),
            |pipe| pipe.write(bufs),
        )
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
