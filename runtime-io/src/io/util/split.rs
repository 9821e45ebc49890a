//! [`split`]: one stream as two halves with their own owners.
//!
//! The halves share the stream behind a mutex that is held during one poll of it. The lock-depth audit does not count
//! this mutex: the user's stream runs under it, and that may take locks of ours.
//!
//! I1: the stream is pinned in its allocation. Only `unsplit` moves it out, which requires `T: Unpin`.
//!
//! A poll that panics poisons nothing: the other half goes on with the stream as it was left.

use crate::io::{AsyncRead, AsyncWrite, ReadBuf};
use runtime_core::base::shim::lock::Mutex;
use std::fmt;
use std::io::{self, IoSlice};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// The reading half of a stream; see [`split`].
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::io::{AsyncReadExt, AsyncWriteExt, duplex, split};
/// let (near, mut far) = duplex(64);
/// let (mut reader, mut writer) = split(near);
/// // One task reads, another writes.
/// selvedge::spawn(async move { writer.write_all(b"ping").await });
/// let mut seen = [0; 4];
/// far.read_exact(&mut seen).await.unwrap();
/// far.write_all(b"pong").await.unwrap();
/// reader.read_exact(&mut seen).await.unwrap();
/// assert_eq!(&seen, b"pong");
/// # }
/// ```
pub struct ReadHalf<T> {
    shared: Arc<Shared<T>>,
}

/// The writing half of a stream; see [`split`].
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::io::{AsyncWriteExt, WriteHalf, duplex, split};
/// let (near, _far) = duplex(64);
/// let (_reader, mut writer) = split(near);
/// writer.write_all(b"data").await.unwrap();
/// # }
/// ```
pub struct WriteHalf<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    stream: Mutex<T>,
    is_write_vectored: bool,
}

// SAFETY: a shared half gives no access to the stream: all uses of it take `Pin<&mut Self>`.
unsafe impl<T: Sync> Sync for ReadHalf<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for WriteHalf<T> {}

/// Splits a stream in a reader and a writer.
///
/// ```
/// let (reader, writer) = runtime_io::io::split(runtime_io::io::empty());
/// assert!(reader.is_pair_of(&writer));
/// let empty = reader.unsplit(writer);
/// ```
pub fn split<T: AsyncRead + AsyncWrite>(stream: T) -> (ReadHalf<T>, WriteHalf<T>) {
    let is_write_vectored = stream.is_write_vectored();
    let shared = Arc::new(Shared {
        stream: Mutex::new(stream),
        is_write_vectored,
    });
    (
        ReadHalf {
            shared: Arc::clone(&shared),
        },
        WriteHalf { shared },
    )
}

impl<T> Shared<T> {
    fn with<R>(&self, f: impl FnOnce(Pin<&mut T>) -> R) -> R {
        let mut stream = self.stream.lock();
        // SAFETY: by I1 it stays where it is.
        f(unsafe { Pin::new_unchecked(&mut *stream) })
    }
}

impl<T> ReadHalf<T> {
    /// Do both come from the same `split`?
    ///
    /// ```
    /// use selvedge::io::{duplex, split};
    /// let (reader, writer) = split(duplex(64).0);
    /// assert!(reader.is_pair_of(&writer));
    /// ```
    pub fn is_pair_of(&self, other: &WriteHalf<T>) -> bool {
        other.is_pair_of(self)
    }

    /// The stream back from both its halves.
    ///
    /// # Panics
    /// If they come from different streams.
    ///
    /// # Examples
    /// ```
    /// use selvedge::io::{duplex, split};
    /// let (reader, writer) = split(duplex(64).0);
    /// let whole = reader.unsplit(writer);
    /// # let _ = whole;
    /// ```
    #[track_caller]
    pub fn unsplit(self, writer: WriteHalf<T>) -> T
    where
        T: Unpin,
    {
        assert!(
            self.is_pair_of(&writer),
            "Unrelated `split::Write` passed to `split::Read::unsplit`."
        );
        drop(writer);
        let shared = Arc::into_inner(self.shared).expect("only the two halves share the stream");
        shared.stream.into_inner()
    }
}

impl<T> WriteHalf<T> {
    /// Do both come from the same `split`?
    ///
    /// ```
    /// use selvedge::io::{duplex, split};
    /// let (reader, writer) = split(duplex(64).0);
    /// let (other, _) = split(duplex(64).0);
    /// assert!(writer.is_pair_of(&reader) && !writer.is_pair_of(&other));
    /// ```
    pub fn is_pair_of(&self, other: &ReadHalf<T>) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T: AsyncRead> AsyncRead for ReadHalf<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.shared.with(|stream| stream.poll_read(cx, buf))
    }
}

impl<T: AsyncWrite> AsyncWrite for WriteHalf<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.shared.with(|stream| stream.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.with(|stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.with(|stream| stream.poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.shared
            .with(|stream| stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.shared.is_write_vectored
    }
}

// The mutex restores exclusivity, and is not poisoned.
impl<T> UnwindSafe for ReadHalf<T> {}
impl<T> RefUnwindSafe for ReadHalf<T> {}
impl<T> UnwindSafe for WriteHalf<T> {}
impl<T> RefUnwindSafe for WriteHalf<T> {}

impl<T: fmt::Debug> fmt::Debug for ReadHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadHalf").finish_non_exhaustive()
    }
}

impl<T: fmt::Debug> fmt::Debug for WriteHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteHalf").finish_non_exhaustive()
    }
}
