//! `PollEvented`: an I/O resource together with its registration.
//!
//! I1: the registration is dropped before the resource, also in `into_inner`: the descriptor
//! is still open when it is deregistered.

#[cfg(any(feature = "signal", feature = "process"))]
use super::driver::Reactor;
use super::readiness::Direction;
use super::registration::{Progress, Registration};
use super::{Interest, Ready};
use crate::io::ReadBuf;
use std::fmt;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::os::fd::{AsRawFd, RawFd};
#[cfg(any(feature = "signal", feature = "process"))]
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// A non-blocking I/O resource, registered with the current runtime's reactor.
pub struct PollEvented<E: AsRawFd> {
    // Declared, hence dropped, before `io`: I1.
    registration: Registration,
    io: E,
}

impl<E: AsRawFd> PollEvented<E> {
    /// Registers `io` for reading and writing, and for urgent data.
    ///
    /// # Panics
    /// Outside of a runtime, or where I/O is not enabled.
    #[track_caller]
    pub fn new(io: E) -> io::Result<Self> {
        PollEvented::new_with_interest(io, Interest::TRANSFERS)
    }

    /// Registers `io` for `interest`.
    #[track_caller]
    pub fn new_with_interest(io: E, interest: Interest) -> io::Result<Self> {
        let registration = Registration::new(io.as_raw_fd(), interest)?;
        Ok(PollEvented { registration, io })
    }

    /// Registers `io` for `interest`, with the given reactor.
    #[cfg(any(feature = "signal", feature = "process"))]
    pub(crate) fn new_on(reactor: Arc<Reactor>, io: E, interest: Interest) -> io::Result<Self> {
        let registration = Registration::new_on(reactor, io.as_raw_fd(), interest)?;
        Ok(PollEvented { registration, io })
    }

    /// Assumes that `io` has the readiness `assumed`, and registers it once it proves not ready.
    #[track_caller]
    pub fn assuming(io: E, assumed: Ready) -> Self {
        let registration = Registration::assuming(io.as_raw_fd(), Interest::TRANSFERS, assumed);
        PollEvented { registration, io }
    }

    #[cfg(feature = "net")]
    /// Like `assuming`, with the reactor of `self`, whichever runtime this thread is in.
    pub(crate) fn beside<F: AsRawFd>(&self, io: F, assumed: Ready) -> PollEvented<F> {
        let registration = self.registration.beside(io.as_raw_fd(), assumed);
        PollEvented { registration, io }
    }

    #[cfg(feature = "process")]
    /// Moves it to the reactor of the runtime this thread is in, if there is one.
    pub(crate) fn follow(&mut self) {
        self.registration.follow();
    }

    /// Its registration.
    pub fn registration(&self) -> &Registration {
        &self.registration
    }

    /// The resource.
    pub fn get_ref(&self) -> &E {
        &self.io
    }

    /// Deregisters, and gives the resource back.
    pub fn into_inner(self) -> io::Result<E> {
        Ok(self.io)
    }

    /// Reads into the unfilled part of `buf`; if nothing is added, the data has ended.
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.poll_read_by(cx, buf, |fd, spare| {
            read_uninit(fd, spare).map(Progress::More)
        })
    }

    /// Like `poll_read`, by `read`, which fills its memory from the start and returns how far.
    #[inline]
    pub(crate) fn poll_read_by(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        read: impl Fn(RawFd, &mut [MaybeUninit<u8>]) -> io::Result<Progress<usize>>,
    ) -> Poll<io::Result<()>> {
        let fd = self.io.as_raw_fd();
        // SAFETY: only initialised bytes are written to it, by the OS.
        let unfilled = unsafe { buf.unfilled_mut() };
        let progress = self
            .registration
            .poll_progress(cx, Direction::Read, || read(fd, unfilled));
        let n = ready!(progress)?;
        // SAFETY: the OS has written the first `n` bytes of the unfilled part.
        unsafe { buf.assume_init(n) };
        buf.advance(n);
        Poll::Ready(Ok(()))
    }

    /// Writes from `buf`; returns how much was taken.
    pub fn poll_write<'a>(&'a self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>>
    where
        &'a E: io::Write,
    {
        self.registration.poll_io(cx, Direction::Write, || {
            io::Write::write(&mut &self.io, buf)
        })
    }

    /// Writes from several buffers; returns how much was taken.
    pub fn poll_write_vectored<'a>(
        &'a self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>>
    where
        &'a E: io::Write,
    {
        self.registration.poll_io(cx, Direction::Write, || {
            io::Write::write_vectored(&mut &self.io, bufs)
        })
    }
}

/// `read(2)` into memory that need not be initialised.
pub(crate) fn read_uninit(fd: RawFd, buf: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    // SAFETY: pointer and length are those of an exclusively borrowed buffer, which the OS only
    // writes to.
    let n = unsafe { libc::read(fd, buf.as_mut_ptr().cast(), buf.len()) };
    match n {
        -1 => Err(io::Error::last_os_error()),
        n => Ok(n as usize),
    }
}

impl<E: AsRawFd> Deref for PollEvented<E> {
    type Target = E;
    fn deref(&self) -> &E {
        &self.io
    }
}

impl<E: AsRawFd + fmt::Debug> fmt::Debug for PollEvented<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PollEvented").field("io", &self.io).finish()
    }
}
