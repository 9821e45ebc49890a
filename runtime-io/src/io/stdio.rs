//! Standard input, output and error, on the blocking pool.
//!
//! An operating system's standard streams can block, so each operation is a task on the blocking pool, one at
//! a time per handle. A write is done when its bytes have been copied to the task; its error shows up at the
//! next operation, so flush to be sure. Write tasks are mandatory: a runtime that shuts down still runs them.
//! A pending read cannot be cancelled, and its line goes to the next read of the same handle.
//!
//! If a standard stream was made non-blocking, the task waits for it (`patient`): a slow other side costs no byte and
//! causes no error. The standard library's lock is held for the whole of a write, as with a slow blocking stream, so
//! that nothing is printed into the middle of a line.
//!
//! I1: while `busy` is `Some`, the buffer is with the task.

use crate::io::patient::{self, Wants, insist};
use crate::io::{AsyncRead, AsyncWrite, ReadBuf};
use crate::shutdown::shutdown_error;
use runtime_core::spawn::{spawn_mandatory_blocking, try_spawn_blocking};
use runtime_core::task::JoinHandle;
use std::fmt;
use std::future::Future;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Most bytes handed to one task.
const MAX_TRANSFER: usize = 2 * 1024 * 1024;

/// A buffer and the task that has it, if any.
#[derive(Default)]
struct Worker {
    busy: Option<JoinHandle<(Vec<u8>, io::Result<usize>)>>,
    buf: Vec<u8>,
    pos: usize,
    needs_flush: bool,
}

impl Worker {
    /// Waits for the task, takes the buffer back.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(task) = &mut self.busy else {
            return Poll::Ready(Ok(0));
        };
        let joined = ready!(Pin::new(task).poll(cx));
        self.busy = None;
        self.pos = 0;
        let (buf, result) = joined.map_err(io::Error::other)?;
        self.buf = buf;
        Poll::Ready(result)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            if let Err(error) = ready!(self.poll_idle(cx)) {
                self.needs_flush = false;
                return Poll::Ready(Err(error));
            }
            let data = &self.buf[self.pos..];
            if !data.is_empty() || buf.remaining() == 0 || self.needs_flush {
                // For a reader, `needs_flush` marks that a task has run since: if it read nothing, that is the end.
                let n = data.len().min(buf.remaining());
                buf.put_slice(&data[..n]);
                self.pos += n;
                self.needs_flush = false;
                return Poll::Ready(Ok(()));
            }
            let (mut space, size) = (
                std::mem::take(&mut self.buf),
                buf.remaining().min(MAX_TRANSFER),
            );
            self.pos = 0;
            self.busy = Some(try_spawn_blocking(move || {
                space.resize(size, 0);
                let mut input = io::stdin();
                let fd = input.as_raw_fd();
                let result = insist(fd, Wants::Input, || input.read(&mut space));
                space.truncate(*result.as_ref().unwrap_or(&0));
                (space, result)
            })?);
            self.needs_flush = true;
        }
    }

    fn poll_write<W: Write + AsRawFd + 'static>(
        &mut self,
        cx: &mut Context<'_>,
        data: &[u8],
        output: fn() -> W,
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_idle(cx))?;
        let data = &data[..whole_characters(data)];
        let mut buf = std::mem::take(&mut self.buf);
        buf.clear();
        buf.extend_from_slice(data);
        self.start(move || {
            let output = output();
            let result = patient::write_all(output.as_raw_fd(), output, &buf).map(|()| 0);
            (buf, result)
        })?;
        self.needs_flush = true;
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush<W: Write + AsRawFd + 'static>(
        &mut self,
        cx: &mut Context<'_>,
        output: fn() -> W,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_idle(cx))?;
            if !self.needs_flush {
                return Poll::Ready(Ok(()));
            }
            let buf = std::mem::take(&mut self.buf);
            self.start(move || {
                let mut output = output();
                let result = insist(output.as_raw_fd(), Wants::Output, || output.flush());
                (buf, result.map(|()| 0))
            })?;
            // Not before: a flush that was refused must still be made.
            self.needs_flush = false;
        }
    }

    fn start(
        &mut self,
        task: impl FnOnce() -> (Vec<u8>, io::Result<usize>) + Send + 'static,
    ) -> io::Result<()> {
        let task = spawn_mandatory_blocking(task)?;
        self.busy = Some(task.ok_or_else(shutdown_error)?);
        Ok(())
    }
}

/// How much of `data` goes into one task: all, or what fits up to the end of a character, for text.
fn whole_characters(data: &[u8]) -> usize {
    if data.len() <= MAX_TRANSFER {
        return data.len();
    }
    let is_inside = |at: usize| data[at] & 0b1100_0000 == 0b1000_0000;
    (MAX_TRANSFER - 3..=MAX_TRANSFER)
        .rev()
        .find(|&at| !is_inside(at))
        .unwrap_or(MAX_TRANSFER)
}

macro_rules! standard_stream {
    ($(#[$doc:meta])* $name:ident $function:ident) => {
        $(#[$doc])*
        pub struct $name {
            worker: Worker,
        }

        $(#[$doc])*
        pub fn $function() -> $name {
            $name { worker: Worker::default() }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                // SAFETY: a process's standard descriptors stay open, by the standard library's own convention.
                unsafe { BorrowedFd::borrow_raw(self.as_raw_fd()) }
            }
        }

        impl AsRawFd for $name {
            fn as_raw_fd(&self) -> RawFd {
                io::$function().as_raw_fd()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("is_busy", &self.worker.busy.is_some()).finish()
            }
        }

        // A task that panicked leaves an empty buffer behind.
        impl UnwindSafe for $name {}
        impl RefUnwindSafe for $name {}
    };
}

standard_stream! {
    /// Standard input, for programs fed by pipes and files. An interactive program should read on a thread
    /// of its own: a read that waits for a line keeps the runtime from shutting down.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{AsyncBufReadExt, BufReader, stdin};
    /// # if false {
    /// let mut lines = BufReader::new(stdin()).lines();
    /// while let Some(line) = lines.next_line().await.unwrap() {
    ///     println!("{line}");
    /// }
    /// # }
    /// # }
    /// ```
    Stdin stdin
}

standard_stream! {
    /// Standard output. Flush it before the program ends.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{AsyncWriteExt, stdout};
    /// let mut out = stdout();
    /// out.write_all(b"hello\n").await.unwrap();
    /// out.flush().await.unwrap();
    /// # }
    /// ```
    Stdout stdout
}

standard_stream! {
    /// Standard error. Flush it before the program ends.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::io::{AsyncWriteExt, stderr};
    /// let mut err = stderr();
    /// err.write_all(b"oops\n").await.unwrap();
    /// err.flush().await.unwrap();
    /// # }
    /// ```
    Stderr stderr
}

impl AsyncRead for Stdin {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.worker.poll_read(cx, buf)
    }
}

macro_rules! output {
    ($($name:ident $function:ident),*) => {$(
        impl AsyncWrite for $name {
            fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.worker.poll_write(cx, buf, || io::$function().lock())
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.worker.poll_flush(cx, || io::$function().lock())
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.poll_flush(cx)
            }
        }
    )*};
}

output!(Stdout stdout, Stderr stderr);
