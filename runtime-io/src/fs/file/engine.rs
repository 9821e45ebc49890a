//! The work that a [`File`](super::File) has under way: at most one task, and a buffer.
//!
//! ```text
//! idle ── start(read|write|seek|set_len) ──▶ busy ── poll_task ──▶ idle, with the task's outcome
//!  └──── seek of an ordinary file ───────────┘ (no task)
//! ```
//! A task is a closure on the blocking pool or, to read, an operation of the runtime's ring. A ring does not lock
//! the position as `read` does, so it serves only files that share their position with nobody.
//!
//! A write is accepted when its bytes are copied; the task is mandatory, and its error is kept in
//! `failed_write` for the next write, flush or sync. A read that is dropped leaves its bytes in the buffer
//! for the next one. A write, a seek, `set_len` or `try_clone` first forgets those bytes and moves the system's
//! position back by their number (`ahead`); a seek that fails leaves both as they were. A pipe or a terminal has
//! no position to move: its bytes stay for the next read, whatever comes in between.
//!
//! I1: while `task` is `Some`, the buffer is with the task and `buf` is empty. A task that the pool refuses, for want
//!     of a thread, leaves `buf` and the position as they were.
//! I2: bytes in an idle `buf` lie just before the system's position, if the file has one.
//! I3: without a task, the system is only called for what it does at once: moving the position of an ordinary file of
//!     a local disk (`Handle::is_ordinary`). That needs a position that is not shared (by `try_clone` or `from_std`),
//!     as a reader elsewhere could hold the kernel's lock of the position during a disk access.
//! I4: an operation of a ring holds the file, so its descriptor is closed after it.
//!
//! A lost task (the runtime shut down, a panic) costs the buffer, never the state: the file is idle again.

use super::ahead::{from_users_place, move_back, seek};
use super::buf::Buf;
use crate::fs::handle::Handle;
use crate::fs::lost_task;
use crate::fs::ring::{self, RingRead};
use crate::io::ReadBuf;
use runtime_core::base::shim::sync::Mutex;
use runtime_core::coop;
use runtime_core::spawn::{spawn_mandatory_blocking, try_spawn_blocking, try_spawn_blocking_with};
use runtime_core::task::JoinHandle;
use std::future::Future;
use std::io::{self, IoSlice, Seek, SeekFrom};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// The result of a task.
pub(super) enum Outcome {
    Read(io::Result<()>),
    Write(io::Result<()>),
    Seek(io::Result<u64>),
    SetLen(io::Result<()>),
    Settled,
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
    /// May others move the position, too (I3)?
    is_shared: bool,
    /// A ring failed to read this file.
    avoids_ring: bool,
}

impl Engine {
    pub(super) fn new(is_shared: bool) -> Engine {
        Engine {
            task: None,
            buf: Buf::default(),
            failed_write: None,
            position: 0,
            is_shared,
            avoids_ring: false,
        }
    }

    /// The position is shared from now on (I3).
    pub(super) fn share(&mut self) {
        self.is_shared = true;
    }

    /// Has it bytes that the user has not seen?
    pub(super) fn is_ahead(&self) -> bool {
        self.buf.ahead() > 0
    }

    /// Starts to make the system's position the user's, for users of the descriptor that do not see the buffer; the
    /// engine must be settled. A file without a position keeps its bytes.
    ///
    /// # Errors
    /// If there is no thread for it; the bytes stay then.
    pub(super) fn start_settling(&mut self, file: &Arc<Handle>) -> io::Result<()> {
        if !self.is_ahead() {
            return Ok(());
        }
        let file = file.clone();
        let started = try_spawn_blocking_with(mem::take(&mut self.buf), move |mut buf| {
            // If it cannot be moved back, it stays where it is: nobody is there to get the error.
            let _ = move_back(&file, &mut buf);
            (buf, Outcome::Settled)
        });
        self.keep_started(started)
    }

    fn keep_started(
        &mut self,
        started: Result<JoinHandle<(Buf, Outcome)>, (io::Error, Buf)>,
    ) -> io::Result<()> {
        match started {
            Ok(task) => {
                self.task = Some(Task::Pool(task));
                Ok(())
            }
            Err((error, buf)) => {
                self.buf = buf;
                Err(error)
            }
        }
    }

    /// Does the same on the spot, for callers that do not wait for tasks.
    pub(super) fn settle_now(&mut self, file: &Handle) {
        let _ = move_back(file, &mut self.buf);
    }

    /// The error of a write that has not been reported yet.
    pub(super) fn take_failed_write(&mut self) -> io::Result<()> {
        self.failed_write.take().map_or(Ok(()), Err)
    }

    /// Waits for the task, if there is one; keeps its error for later operations.
    pub(super) fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.task.is_some() {
            let outcome = ready!(self.poll_task(cx));
            self.note(outcome);
        }
        Poll::Ready(())
    }

    /// Waits for the task, which must exist, and takes the buffer back.
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
        file: &Arc<Handle>,
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
            drop(coop);
            self.start_read(file, size)?;
        }
        loop {
            let is_rings = matches!(self.task, Some(Task::Ring(_)));
            match ready!(self.poll_task(cx)) {
                // The file may want aligned memory (`O_DIRECT`), which the pool provides.
                Outcome::Read(Err(error))
                    if is_rings && error.raw_os_error() == Some(libc::EINVAL) =>
                {
                    self.avoids_ring = true;
                }
                Outcome::Read(result) => {
                    result?;
                    self.buf.give(target);
                    return Poll::Ready(Ok(()));
                }
                Outcome::Lost => return Poll::Ready(Err(lost_task())),
                other => self.note(other),
            }
            self.start_read(file, size)?;
        }
    }

    fn start_read(&mut self, file: &Arc<Handle>, size: usize) -> io::Result<()> {
        let reader = if self.is_shared || self.avoids_ring {
            None
        } else {
            ring::reader()
        };
        if let Some(reader) = reader {
            let space = self.buf.take_space(size);
            self.task = Some(Task::Ring(reader.read(file, space, size)));
            return Ok(());
        }
        let (file, mut buf) = (file.clone(), mem::take(&mut self.buf));
        self.task = Some(Task::Pool(try_spawn_blocking(move || {
            let result = buf.read_from(&file, size);
            (buf, Outcome::Read(result))
        })?));
        Ok(())
    }

    pub(super) fn poll_write(
        &mut self,
        file: &Arc<Handle>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
        most: usize,
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_flush(cx))?;
        let file = file.clone();
        if self.buf.ahead() > 0 {
            let mut data = Buf::default();
            let n = data.fill(parts, most);
            self.start_with_buf(move |buf| {
                let result = move_back(&file, buf).and_then(|()| data.write_to(&file));
                Outcome::Write(result)
            })?;
            return Poll::Ready(Ok(n));
        }
        let mut buf = mem::take(&mut self.buf);
        let n = buf.fill(parts, most);
        self.start(move || {
            let result = buf.write_to(&file);
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

    pub(super) fn start_seek(&mut self, file: &Arc<Handle>, to: SeekFrom) -> io::Result<()> {
        if self.task.is_some() {
            return Err(io::Error::other(
                "another operation of the file is under way: wait for it with poll_complete",
            ));
        }
        // Only the file system knows the end, and it may have to be asked.
        let is_at_once = !self.is_shared && file.is_ordinary();
        if is_at_once && !matches!(to, SeekFrom::End(_)) {
            self.position = (&***file).seek(from_users_place(to, self.buf.ahead()))?;
            self.buf.discard();
            return Ok(());
        }
        let file = file.clone();
        let started = try_spawn_blocking_with(mem::take(&mut self.buf), move |mut buf| {
            let result = seek(&file, to, &mut buf);
            (buf, Outcome::Seek(result))
        });
        self.keep_started(started)
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
    pub(super) fn start_set_len(&mut self, file: &Arc<Handle>, size: u64) -> io::Result<()> {
        let file = file.clone();
        self.start_with_buf(move |buf| {
            let result = move_back(&file, buf).and_then(|()| file.set_len(size));
            Outcome::SetLen(result)
        })
    }

    /// The end of what `start_set_len` started.
    pub(super) fn poll_set_len(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match ready!(self.poll_task(cx)) {
            Outcome::SetLen(result) => result,
            _ => Err(lost_task()),
        })
    }

    /// Starts a task that changes the file, and must run. It gets the bytes that were read ahead; on an error they stay here,
    /// and the file is as it was.
    fn start_with_buf(
        &mut self,
        task: impl FnOnce(&mut Buf) -> Outcome + Send + 'static,
    ) -> io::Result<()> {
        let mut buf = mem::take(&mut self.buf);
        if buf.ahead() == 0 {
            return self.start(move || {
                let outcome = task(&mut buf);
                (buf, outcome)
            });
        }
        let place = Arc::new(Mutex::new(buf));
        let in_task = place.clone();
        let started = self.start(move || {
            let mut buf = mem::take(&mut *in_task.lock());
            let outcome = task(&mut buf);
            (buf, outcome)
        });
        if started.is_err() {
            self.buf = mem::take(&mut *place.lock());
        }
        started
    }

    /// Starts a task that must run, and has the buffer. On an error the file is as it was.
    fn start(&mut self, task: impl FnOnce() -> (Buf, Outcome) + Send + 'static) -> io::Result<()> {
        let task = spawn_mandatory_blocking(task)?;
        self.task = Some(Task::Pool(task.ok_or_else(lost_task)?));
        Ok(())
    }
}
