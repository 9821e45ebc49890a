//! The self-pipes by which the handler wakes runtimes (D. J. Bernstein's trick): one for each runtime that listens to
//! signals, each a pair of sockets.
//!
//! A pipe is never closed: the handler goes through all pipes without a lock, and must not write to a descriptor that
//! means something else by now. A pipe that is no longer in use is kept for the next hub. So there are as many pipes as
//! there were hubs at one time, a hub that is being dropped included; and a loop that calls `ctrl_c` anew each time
//! needs no new descriptor, even when none is left.
//!
//! I1: the handler's part, `wake_all`, is async-signal-safe: loads of atomics, `getpid` and `send`.
//! I2: a pipe belongs to the process that made it. A forked child inherits its parent's pipes, but neither writes to
//!     them nor uses them: the parent has the other ends.
//! I3: the list only grows, and its pipes live for ever.

use super::latch::{Switch, after_arrival};
use runtime_core::base::process_mutex::{ProcessMutex, Rank};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

struct Pipe {
    owner: u32,
    reader: UnixStream,
    writer: UnixStream,
    switch: Switch,
    next: Option<&'static Pipe>,
}

static PIPES: AtomicPtr<Pipe> = AtomicPtr::new(ptr::null_mut());
/// Held to take a pipe into use, or to add one.
static TAKING: ProcessMutex<()> = ProcessMutex::new(Rank::Leaf, ());

/// A pipe in use, to be read from; the other end is the handler's.
#[derive(Debug)]
pub(super) struct SelfPipe(&'static Pipe);

impl SelfPipe {
    pub(super) fn new() -> io::Result<SelfPipe> {
        let owner = std::process::id();
        let _taking = TAKING.lock();
        let free = all().find(|pipe| pipe.owner == owner && pipe.switch.is_off());
        if let Some(pipe) = free {
            pipe.switch.turn_on();
            return Ok(SelfPipe(pipe));
        }
        let (reader, writer) = UnixStream::pair()?;
        // The writer need not be: the handler passes MSG_DONTWAIT with each byte.
        reader.set_nonblocking(true)?;
        let pipe: &'static mut Pipe = Box::leak(Box::new(Pipe {
            owner,
            reader,
            writer,
            switch: Switch::new(),
            next: first(),
        }));
        // Ordering: Release; publishes the pipe to `first`.
        PIPES.store(pipe, Ordering::Release);
        // Afterwards: if a handler does not see the pipe in use, the listener sees that handler's arrival.
        pipe.switch.turn_on();
        Ok(SelfPipe(pipe))
    }
}

impl AsRawFd for SelfPipe {
    fn as_raw_fd(&self) -> RawFd {
        self.0.reader.as_raw_fd()
    }
}

impl Drop for SelfPipe {
    fn drop(&mut self) {
        self.0.switch.turn_off();
    }
}

/// Wakes every runtime of this process that listens to signals. For the handler (I1), after it counted the arrival.
pub(super) fn wake_all() {
    // SAFETY: `getpid` has no preconditions.
    let process = unsafe { libc::getpid() } as u32;
    after_arrival();
    for pipe in all() {
        if pipe.owner == process && !pipe.switch.is_off() {
            let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
            // SAFETY: one byte is sent from memory that lives for the call; the descriptor is never closed (I3).
            // A pipe that is full already has bytes that wake its reader.
            unsafe { libc::send(pipe.writer.as_raw_fd(), [1_u8].as_ptr().cast(), 1, flags) };
        }
    }
}

fn first() -> Option<&'static Pipe> {
    // Ordering: Acquire; pairs with the Release of `SelfPipe::new`.
    let first = PIPES.load(Ordering::Acquire);
    // SAFETY: null, or a pipe that lives for ever (I3) and is not changed but by atomics.
    unsafe { first.as_ref() }
}

fn all() -> impl Iterator<Item = &'static Pipe> {
    std::iter::successors(first(), |pipe| pipe.next)
}

impl std::fmt::Debug for Pipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipe").finish_non_exhaustive()
    }
}
