//! What a [`File`](super::File) has under way: at most one task, and a buffer.
//!
//! ```text
//! idle ── start(read|write|seek|set_len) ──▶ busy ── poll_task ──▶ idle, with the task's outcome
//!  └──── read what the page cache holds, seek where that works ──┘ (no task)
//! ```
//! A task is a closure on the blocking pool or, to read, an operation of the runtime's ring. A ring does not lock
//! the position as `read` does, so it serves files whose position is their own; and not those that cannot be
//! read without waiting, for which the kernel would take a thread all the same.
//!
//! A write is accepted when its bytes are copied; the task is mandatory, and its error is kept in
//! `failed_write` for the next write, flush or sync. A read that is dropped leaves its bytes in the buffer
//! for the next one. Whoever writes, seeks, cuts or shares the file first forgets those bytes and moves the
//! system's position back by their number; a seek that fails leaves both as they were.
//!
//! I1: while `task` is `Some`, the buffer is with the task and `buf` is empty.
//! I2: bytes in an idle `buf` lie just before the system's position.
//! I3: without a task, the system is only called for what it does at once: never on a file that others may be
//!     reading with the same position (`try_clone`, `from_std`), as the kernel's lock of the position could be
//!     held during a disk access; and seeking only where a read has shown that the file is an ordinary one.
//!
//! I4: an operation of a ring holds the file, so its descriptor is closed after it.
//!
//! A lost task (the runtime shut down, a panic) costs the buffer, never the state: the file is idle again.

use super::buf::Buf;
use crate::fs::at_once::MOST_AT_ONCE;
use crate::fs::lost_task;
use crate::fs::ring::{self, RingRead};
use crate::fs::sys::{Cached, read_cached};
use crate::io::ReadBuf;
use runtime_core::blocking::{spawn_blocking, spawn_mandatory_blocking};
use runtime_core::coop;
use runtime_core::task::JoinHandle;
use std::fs::File as StdFile;
use std::future::Future;
use std::io::{self, IoSlice, Seek, SeekFrom, Write};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// May this file's cached bytes be read without a task (I3)?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direct {
    /// Not found out.
    Untried,
    /// A read has worked.
    Works,
    /// The system cannot.
    Never,
    /// The position is shared, or may be.
    Shared,
}

/// What a task has done.
pub(super) enum Outcome {
    Read(io::Result<()>),
    Write(io::Result<()>),
    Seek(io::Result<u64>),
    SetLen(io::Result<()>),
    Lost,
}

/// What is under way.
enum Task {
    Pool(JoinHandle<(Buf, Outcome)>),
    Ring(RingRead),
}

impl Task {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(Buf, Outcome)> {
        Poll::Ready(match self {
            Task::Pool(task) => {
                let joined = ready!(Pin::new(task).poll(cx));
                joined.unwrap_or_else(|_| (Buf::default(), Outcome::Lost))
            }
            Task::Ring(read) => {
                let mut buf = Buf::default();
                let result = ready!(read.poll(cx)).map(|storage| buf.put_read(storage));
                (buf, Outcome::Read(result))
            }
        })
    }
}

pub(super) struct Engine {
    task: Option<Task>,
    buf: Buf,
    failed_write: Option<io::Error>,
    /// Where the last seek went.
    position: u64,
    direct: Direct,
}

impl Engine {
    pub(super) fn new(direct: Direct) -> Engine {
        Engine {
            task: None,
            buf: Buf::default(),
            failed_write: None,
            position: 0,
            direct,
        }
    }

    /// The position is shared from now on (I3).
    pub(super) fn share(&mut self, file: &StdFile) {
        self.settle_position(file);
        self.direct = Direct::Shared;
    }

    /// Makes the system's position the user's, for those who do not see the buffer; the engine must be settled.
    ///
    /// A pipe cannot be moved back: bytes read ahead of it stay in the buffer.
    pub(super) fn settle_position(&mut self, file: &StdFile) {
        if move_back(file, self.buf.ahead() as i64).is_ok() {
            self.buf.discard();
        }
    }

    /// The error of a write that nobody has been told.
    pub(super) fn take_failed_write(&mut self) -> io::Result<()> {
        self.failed_write.take().map_or(Ok(()), Err)
    }

    /// Waits for the task, if there is one; keeps what its outcome has to say to later operations.
    pub(super) fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.task.is_some() {
            let outcome = ready!(self.poll_task(cx));
            self.note(outcome);
        }
        Poll::Ready(())
    }

    /// Waits for the task there must be, takes the buffer back.
    fn poll_task(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        let Some(task) = &mut self.task else {
            return Poll::Ready(Outcome::Lost);
        };
        let (buf, outcome) = ready!(task.poll(cx));
        self.task = None;
        self.buf = buf;
        if let Outcome::Seek(Ok(position)) = outcome {
            self.position = position;
        }
        Poll::Ready(outcome)
    }

    /// An outcome that is not the current operation's.
    fn note(&mut self, outcome: Outcome) {
        if let Outcome::Write(Err(error)) = outcome {
            self.failed_write = Some(error);
        }
    }

    pub(super) fn poll_read(
        &mut self,
        file: &Arc<StdFile>,
        cx: &mut Context<'_>,
        target: &mut ReadBuf<'_>,
        most: usize,
    ) -> Poll<io::Result<()>> {
        let size = target.remaining().min(most);
        if size == 0 {
            return Poll::Ready(Ok(()));
        }
        if self.task.is_none() {
            let coop = ready!(coop::poll_proceed(cx));
            if self.buf.ahead() > 0 {
                self.buf.give(target);
                coop.made_progress();
                return Poll::Ready(Ok(()));
            }
            if self.read_directly(file, target, size) {
                coop.made_progress();
                return Poll::Ready(Ok(()));
            }
            drop(coop);
            self.start_read(file, size);
        }
        loop {
            match ready!(self.poll_task(cx)) {
                Outcome::Read(result) => {
                    result?;
                    self.buf.give(target);
                    return Poll::Ready(Ok(()));
                }
                Outcome::Lost => return Poll::Ready(Err(lost_task())),
                other => self.note(other),
            }
            self.start_read(file, size);
        }
    }

    fn start_read(&mut self, file: &Arc<StdFile>, size: usize) {
        if matches!(self.direct, Direct::Untried | Direct::Works)
            && let Some(reader) = ring::reader()
        {
            let space = self.buf.take_space(size);
            self.task = Some(Task::Ring(reader.read(file, space, size)));
            return;
        }
        let (file, mut buf) = (file.clone(), mem::take(&mut self.buf));
        self.task = Some(Task::Pool(spawn_blocking(move || {
            let result = buf.read_from(&*file, size);
            (buf, Outcome::Read(result))
        })));
    }

    /// Reads from the page cache into the user's memory; false if that cannot be done now.
    fn read_directly(&mut self, file: &StdFile, target: &mut ReadBuf<'_>, size: usize) -> bool {
        if matches!(self.direct, Direct::Never | Direct::Shared) || size > MOST_AT_ONCE {
            return false;
        }
        // SAFETY: `read_cached` leaves initialised bytes initialised.
        let space = unsafe { target.unfilled_mut() };
        match read_cached(file, &mut space[..size]) {
            Cached::Read(n) => {
                self.direct = Direct::Works;
                // SAFETY: the kernel has written the first `n` bytes.
                unsafe { target.assume_init(n) };
                target.advance(n);
                true
            }
            Cached::Unknown => false,
            Cached::Unsupported => {
                self.direct = Direct::Never;
                false
            }
        }
    }

    pub(super) fn poll_write(
        &mut self,
        file: &Arc<StdFile>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
        most: usize,
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_flush(cx))?;
        let (file, mut buf) = (file.clone(), mem::take(&mut self.buf));
        let ahead = buf.discard();
        let n = buf.fill(parts, most);
        self.start(move || {
            let result = move_back(&file, ahead).and_then(|()| (&*file).write_all(buf.filled()));
            buf.discard();
            (buf, Outcome::Write(result))
        })?;
        Poll::Ready(Ok(n))
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.take_failed_write()?;
        if self.task.is_none() {
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(match ready!(self.poll_task(cx)) {
            Outcome::Write(result) => result,
            Outcome::Lost => Err(lost_task()),
            _ => Ok(()),
        })
    }

    pub(super) fn start_seek(&mut self, file: &Arc<StdFile>, to: SeekFrom) -> io::Result<()> {
        if self.task.is_some() {
            return Err(io::Error::other(
                "another operation of the file is under way: wait for it with poll_complete",
            ));
        }
        let ahead = self.buf.ahead() as i64;
        let to = match to {
            SeekFrom::Current(by) => SeekFrom::Current(by.saturating_sub(ahead)),
            absolute => absolute,
        };
        // The end is the file system's to know, and may have to be asked for.
        if self.direct == Direct::Works && !matches!(to, SeekFrom::End(_)) {
            self.position = (&**file).seek(to)?;
            self.buf.discard();
            return Ok(());
        }
        let (file, mut buf) = (file.clone(), mem::take(&mut self.buf));
        self.task = Some(Task::Pool(spawn_blocking(move || {
            let result = (&*file).seek(to);
            if result.is_ok() {
                buf.discard();
            }
            (buf, Outcome::Seek(result))
        })));
        Ok(())
    }

    pub(super) fn poll_complete(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        if self.task.is_none() {
            // A loop of seeks that need no task must yield too.
            let coop = ready!(coop::poll_proceed(cx));
            coop.made_progress();
            return Poll::Ready(Ok(self.position));
        }
        match ready!(self.poll_task(cx)) {
            Outcome::Seek(result) => return Poll::Ready(result),
            Outcome::Lost => return Poll::Ready(Err(lost_task())),
            other => self.note(other),
        }
        Poll::Ready(Ok(self.position))
    }

    /// Starts to cut or extend the file; the engine must be settled.
    pub(super) fn start_set_len(&mut self, file: &Arc<StdFile>, size: u64) -> io::Result<()> {
        let (file, mut buf) = (file.clone(), mem::take(&mut self.buf));
        let ahead = buf.discard();
        self.start(move || {
            let result = move_back(&file, ahead).and_then(|()| file.set_len(size));
            (buf, Outcome::SetLen(result))
        })
    }

    /// The end of what `start_set_len` started.
    pub(super) fn poll_set_len(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match ready!(self.poll_task(cx)) {
            Outcome::SetLen(result) => result,
            _ => Err(lost_task()),
        })
    }

    /// Starts a task that changes the file, and must run.
    fn start(&mut self, task: impl FnOnce() -> (Buf, Outcome) + Send + 'static) -> io::Result<()> {
        let task = spawn_mandatory_blocking(task);
        self.task = Some(Task::Pool(task.ok_or_else(lost_task)?));
        Ok(())
    }
}

/// Takes back bytes that were read ahead (I2).
fn move_back(mut file: &StdFile, ahead: i64) -> io::Result<()> {
    match ahead {
        0 => Ok(()),
        ahead => file.seek(SeekFrom::Current(-ahead)).map(drop),
    }
}
