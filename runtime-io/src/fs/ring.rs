//! File operations through the runtime's io_uring, where the kernel has such an operation.
//!
//! Each function returns `None` if the blocking pool must do it: outside of a runtime, without an I/O driver, on
//! a kernel that refuses rings or lacks the operation, for a path that cannot be passed to the kernel. `metadata`
//! is not here: a `std::fs::Metadata` cannot be made from a ring's answer.

use super::handle::Handle;
use super::lost_task;
use super::sys;
use crate::uring::{self, Done, Op, Paths, Request, Ring, StatBuf, c_path};
use runtime_core::with_current;
use std::ffi::CStr;
use std::future::Future;
use std::io::{self, Seek, SeekFrom};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// The first capacity for a file without a known length, and the least room for the read that finds the end.
const PROBE: usize = 32;
/// The most that is added to a buffer that was too small.
const MOST_MORE: usize = 2 * 1024 * 1024;

/// Opens a file or folder with the flags of `open(2)`.
pub(super) async fn open(path: &Path, flags: i32, mode: u32) -> Option<io::Result<Handle>> {
    let ring = uring::current(Request::OPEN)?;
    let path = c_path(path)?;
    let is_at_once = flags & libc::O_NONBLOCK != 0 || sys::kind::opens_at_once_cached(&path);
    if !is_at_once && !may_open(&ring, &path).await {
        return None;
    }
    let request = Request::Open { path, flags, mode };
    unless_interrupted(match Op::new(ring, request).await {
        Ok(Done::Opened(file)) => Ok(file),
        other => Err(failed(other)),
    })
}

/// Is there something at the path that opens at once, or nothing?
///
/// A pipe without its other side would keep one of the kernel's threads, of which a ring has fewer than the runtime
/// has in its pool. So pipes and devices are left to the pool.
async fn may_open(ring: &Arc<Ring>, path: &CStr) -> bool {
    let request = Request::Stat {
        path: path.to_owned(),
        file: None,
        answer: StatBuf::new(),
    };
    match Op::new(ring.clone(), request).await {
        Ok(Done::Stat(seen)) => sys::kind::opens_at_once(seen.mode(), seen.device_major()),
        // Opening reports the error.
        _ => true,
    }
}

pub(super) async fn rename(from: &Path, to: &Path) -> Option<io::Result<()>> {
    let ring = uring::current(Request::RENAME)?;
    let (from, to) = (c_path(from)?, c_path(to)?);
    let request = Request::Rename(Paths { from, to });
    unless_interrupted(match Op::new(ring, request).await {
        Ok(Done::Renamed) => Ok(()),
        other => Err(failed(other)),
    })
}

pub(super) async fn exists(path: &Path) -> Option<io::Result<bool>> {
    let ring = uring::current(Request::STAT)?;
    let request = Request::Stat {
        path: c_path(path)?,
        file: None,
        answer: StatBuf::new(),
    };
    unless_interrupted(match Op::new(ring, request).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    })
}

/// All of a file's bytes.
pub(super) async fn read(path: &Path) -> Option<io::Result<Vec<u8>>> {
    let ring = uring::current(Request::READ)?;
    unless_interrupted(
        match open(path, libc::O_RDONLY | libc::O_CLOEXEC, 0).await? {
            Ok(file) => read_to_end(&ring, Arc::new(file)).await,
            Err(error) => Err(error),
        },
    )
}

async fn read_to_end(ring: &Arc<Ring>, file: Arc<Handle>) -> io::Result<Vec<u8>> {
    let length = length(ring, &file).await;
    let mut buf = Vec::new();
    // One byte more than the file has: after the read of all bytes there is room for the read that sees the end.
    buf.try_reserve_exact(length.saturating_add(1).max(PROBE))?;
    loop {
        if buf.len() == buf.capacity() {
            buf.try_reserve(buf.len().clamp(PROBE, MOST_MORE))?;
        }
        let at = Some(buf.len() as u64);
        let request = Request::Read {
            file: file.clone(),
            buf,
            most: usize::MAX,
            at,
        };
        match Op::new(ring.clone(), request).await {
            Ok(Done::Read(full, 0)) => return Ok(full),
            Ok(Done::Read(more, _)) => buf = more,
            other => return Err(failed(other)),
        }
    }
}

/// The length that the file system reports; 0 if it does not know.
async fn length(ring: &Arc<Ring>, file: &Arc<Handle>) -> usize {
    if !ring.can(Request::STAT) {
        return 0;
    }
    let request = Request::Stat {
        path: c"".to_owned(),
        file: Some(file.clone()),
        answer: StatBuf::new(),
    };
    match Op::new(ring.clone(), request).await {
        Ok(Done::Stat(answer)) => usize::try_from(answer.size()).unwrap_or(0),
        _ => 0,
    }
}

/// Replaces all of a file's content: in a task, so that it is not left half-way if the future is dropped.
/// If the task gives `None`, the pool must do it after all.
pub(super) fn write(
    path: &Path,
    data: &Arc<[u8]>,
) -> Option<impl Future<Output = Option<io::Result<()>>> + use<>> {
    let ring = uring::current(Request::WRITE)?;
    let (path, data) = (path.to_owned(), data.clone());
    let task = with_current(|handle| {
        handle.spawn(async move {
            let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC | libc::O_CLOEXEC;
            unless_interrupted(match open(&path, flags, 0o666).await? {
                Ok(file) => write_all(&ring, Arc::new(file), &data).await,
                Err(error) => Err(error),
            })
        })
    })?;
    Some(async { task.await.unwrap_or_else(|_| Some(Err(lost_task()))) })
}

async fn write_all(ring: &Arc<Ring>, file: Arc<Handle>, data: &Arc<[u8]>) -> io::Result<()> {
    let mut from = 0;
    while from < data.len() {
        let request = Request::Write {
            file: file.clone(),
            data: data.clone(),
            from,
        };
        match Op::new(ring.clone(), request).await {
            Ok(Done::Wrote(0)) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(Done::Wrote(n)) => from += n,
            other => return Err(failed(other)),
        }
    }
    Ok(())
}

/// The ring that reads for a [`File`](super::File), where there is one that can.
pub(super) fn reader() -> Option<Reader> {
    uring::current(Request::READ).map(Reader)
}

pub(super) struct Reader(Arc<Ring>);

impl Reader {
    /// Prepares to read at the file's position into the capacity of `buf`, at most `most` bytes.
    pub(super) fn read(self, file: &Arc<Handle>, buf: Vec<u8>, most: usize) -> RingRead {
        let moves = match file.is_ordinary() {
            true => (&***file).stream_position().ok(),
            false => None,
        };
        let request = Request::Read {
            file: file.clone(),
            buf,
            most,
            at: moves,
        };
        RingRead {
            op: Box::new(Op::new(self.0, request)),
            moves: moves.map(|at| (file.clone(), at)),
        }
    }
}

/// A read of a [`File`](super::File) under way; boxed, as every `File` has room for one.
pub(super) struct RingRead {
    op: Box<Op>,
    /// An ordinary file, and where in it this reads: we have to move its position (see `Request::Read`).
    moves: Option<(Arc<Handle>, u64)>,
}

impl RingRead {
    /// The buffer with what was added to it.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Vec<u8>>> {
        let (buf, n) = match ready!(Pin::new(&mut *self.op).poll(cx)) {
            Ok(Done::Read(buf, n)) => (buf, n),
            other => return Poll::Ready(Err(failed(other))),
        };
        if let Some((file, at)) = self.moves.take() {
            (&**file).seek(SeekFrom::Start(at + n as u64))?;
        }
        Poll::Ready(Ok(buf))
    }
}

/// `None` for an operation that a signal interrupted: the pool does it again, from the beginning.
fn unless_interrupted<T>(answer: io::Result<T>) -> Option<io::Result<T>> {
    match answer {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
        answer => Some(answer),
    }
}

/// The error of an operation that did not do what it was asked for.
fn failed(outcome: io::Result<Done>) -> io::Error {
    match outcome {
        Err(error) => error,
        Ok(done) => unreachable!("an operation ended as another: {done:?}"),
    }
}
