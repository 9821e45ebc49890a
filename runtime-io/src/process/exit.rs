//! The hint that a child may have ended.
//!
//! A pidfd becomes readable when its process ends, and wakes only the waiter for that process. Where there is no
//! pidfd (a kernel before 5.3, a filter that forbids it, no descriptor left), SIGCHLD says that some child has ended,
//! and every waiter checks its own. Where the runtime cannot listen to SIGCHLD either, for want of descriptors, the
//! child is checked every few milliseconds, until it can be watched (`rounds`).
//!
//! I1: it is a hint, upon which the waiter calls `waitpid`. A process that another process traces may have a readable
//!     pidfd before its parent can reap it: such a process is awaited by signal.
//! I2: as long as there is a runtime, there is always a watch: a waiter learns of its child's end even if no
//!     descriptor is left.

use super::rounds::Place;
use crate::is_shutdown_error;
use crate::reactor::{Direction, Interest, PollEvented, Reactor, try_current_reactor};
use crate::signal::unix::{Signal, SignalKind, listen};
use std::io;
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// `libc` has it for Linux alone; it is the flag of `open`.
#[cfg(any(target_os = "linux", target_os = "android"))]
const PIDFD_NONBLOCK: libc::c_int = libc::O_NONBLOCK;

#[derive(Debug)]
pub(super) enum ExitWatch {
    Pidfd(PollEvented<OwnedFd>),
    Signal(Signal),
    Rounds(Place),
}

impl ExitWatch {
    /// Watches a child that has not been reaped.
    ///
    /// # Errors
    /// If the reactor's runtime has shut down.
    pub(super) fn new(pid: u32, reactor: Arc<Reactor>) -> io::Result<ExitWatch> {
        ExitWatch::by_event(pid, &reactor).or_else(|_| Place::new(reactor).map(ExitWatch::Rounds))
    }

    /// Watches such a child by its pidfd, if the system gives one.
    pub(super) fn by_pidfd(pid: u32, reactor: Arc<Reactor>) -> io::Result<ExitWatch> {
        let fd = PollEvented::new_on(reactor, open_pidfd(pid)?, Interest::READABLE)?;
        Ok(ExitWatch::Pidfd(fd))
    }

    /// Watches all children.
    fn by_signal(reactor: Arc<Reactor>) -> io::Result<ExitWatch> {
        listen(SignalKind::child(), reactor).map(ExitWatch::Signal)
    }

    fn by_event(pid: u32, reactor: &Arc<Reactor>) -> io::Result<ExitWatch> {
        match ExitWatch::by_pidfd(pid, reactor.clone()) {
            Err(error) if !is_shutdown_error(&error) => ExitWatch::by_signal(reactor.clone()),
            result => result,
        }
    }

    /// Moves the watch to the reactor of the runtime this thread is in, if there is one.
    pub(super) fn follow(&mut self) {
        match self {
            ExitWatch::Pidfd(fd) => fd.follow(),
            // It moves by itself, when polled.
            ExitWatch::Signal(_) => {}
            ExitWatch::Rounds(place) => {
                if let Some(reactor) = try_current_reactor() {
                    place.move_to(reactor);
                }
            }
        }
    }

    /// Goes on to watch a child that was checked upon a hint and had not ended. True if the child is to be checked
    /// once more, as it may have ended before a new watch began.
    pub(super) fn go_on(&mut self, pid: u32) -> io::Result<bool> {
        let new = match self {
            ExitWatch::Signal(_) => return Ok(false),
            // Ended, but we cannot reap it yet (I1).
            ExitWatch::Pidfd(fd) => {
                let reactor = fd.registration().reactor();
                match ExitWatch::by_signal(reactor.clone()) {
                    Ok(watch) => watch,
                    Err(_) => ExitWatch::Rounds(Place::new(reactor.clone())?),
                }
            }
            ExitWatch::Rounds(place) => match ExitWatch::by_event(pid, place.reactor()) {
                Ok(watch) => watch,
                Err(_) => return Ok(false),
            },
        };
        *self = new;
        Ok(true)
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
            ExitWatch::Rounds(place) => place.poll_round(cx),
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn open_pidfd(_pid: u32) -> io::Result<OwnedFd> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn open_pidfd(pid: u32) -> io::Result<OwnedFd> {
    let pid = libc::pid_t::try_from(pid).map_err(io::Error::other)?;
    // SAFETY: the call takes two integers, and gives a descriptor of ours (close-on-exec) or -1.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, PIDFD_NONBLOCK) };
    match fd {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: as above.
        fd => Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) }),
    }
}
