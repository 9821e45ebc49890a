//! The hint that a child may have ended.
//!
//! A pidfd becomes readable when its process ends, and wakes nobody but who waits for that process. Where the
//! kernel has none (before 5.3, or behind a filter that forbids it) SIGCHLD says that some child has ended,
//! and every waiter looks at its own.
//!
//! I1: it is a hint. Whoever gets it calls `waitpid`; a process that is traced by another may have a readable
//!     pidfd and still not be there for its parent: such a one is awaited by signal.

use crate::reactor::{Direction, Interest, PollEvented, Reactor};
use crate::signal::unix::{Signal, SignalKind, listen};
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

#[derive(Debug)]
pub(super) enum ExitWatch {
    Pidfd(PollEvented<OwnedFd>),
    Signal(Signal),
}

impl ExitWatch {
    /// Watches a child that has not been reaped.
    pub(super) fn new(pid: u32, reactor: Arc<Reactor>) -> io::Result<ExitWatch> {
        match open_pidfd(pid) {
            Ok(fd) => ExitWatch::of_pidfd(fd, reactor),
            Err(_) => ExitWatch::by_signal(reactor),
        }
    }

    /// Watches such a child by what wakes for nobody else, if the system has that.
    pub(super) fn by_pidfd(pid: u32, reactor: Arc<Reactor>) -> io::Result<ExitWatch> {
        ExitWatch::of_pidfd(open_pidfd(pid)?, reactor)
    }

    fn of_pidfd(fd: OwnedFd, reactor: Arc<Reactor>) -> io::Result<ExitWatch> {
        let fd = PollEvented::new_on(reactor, fd, Interest::READABLE)?;
        Ok(ExitWatch::Pidfd(fd))
    }

    /// Watches all children.
    pub(super) fn by_signal(reactor: Arc<Reactor>) -> io::Result<ExitWatch> {
        listen(SignalKind::child(), reactor).map(ExitWatch::Signal)
    }

    /// Has the watch served by the runtime this thread is in, if there is one.
    pub(super) fn follow(&mut self) {
        match self {
            ExitWatch::Pidfd(fd) => fd.follow(),
            // By itself, when polled.
            ExitWatch::Signal(_) => {}
        }
    }

    pub(super) fn is_by_signal(&self) -> bool {
        matches!(self, ExitWatch::Signal(_))
    }

    /// Ready when the child may have ended since the last call.
    pub(super) fn poll_hint(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            // The readiness is never cleared: a process ends once.
            ExitWatch::Pidfd(fd) => fd
                .registration()
                .poll_ready(cx, Direction::Read)
                .map_ok(|_event| ()),
            ExitWatch::Signal(arrivals) => match ready!(arrivals.poll_recv(cx)) {
                Some(()) => Poll::Ready(Ok(())),
                None => Poll::Ready(Err(crate::reactor::shutdown_error())),
            },
        }
    }
}

fn open_pidfd(pid: u32) -> io::Result<OwnedFd> {
    let pid = libc::pid_t::try_from(pid).map_err(io::Error::other)?;
    // SAFETY: the call takes two integers, and gives a descriptor of ours (close-on-exec) or -1.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, libc::PIDFD_NONBLOCK) };
    match fd {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: as above.
        fd => Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) }),
    }
}
