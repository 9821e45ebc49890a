//! The socket pairs by which the handler wakes runtimes: one for each runtime that listens to signals.
//!
//! Pairs are never closed: the handler goes through all there are without a lock, and must not write to a
//! descriptor that means something else by now. One that is not in use any more waits for the next hub, so there are
//! as many as runtimes have listened at the same time; and a loop that calls `ctrl_c` anew each time needs no new
//! descriptor, of which there may be none left.
//!
//! I1: the handler's part, `ring_all`, is async-signal-safe: loads of atomics, `getpid` and `send`.
//! I2: a pair belongs to the process that made it. A forked child has its parent's pairs too, but neither writes to
//!     them nor uses them: the parent has the other ends.
//! I3: the list only grows, and what is in it lives for ever.

use super::latch::{Switch, after_arrival};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

struct Pair {
    owner: u32,
    reader: UnixStream,
    writer: UnixStream,
    switch: Switch,
    next: Option<&'static Pair>,
}

static PAIRS: AtomicPtr<Pair> = AtomicPtr::new(ptr::null_mut());
/// Held to take a pair into use, or to add one.
static TAKING: Mutex<()> = Mutex::new(());

/// A pair in use, to be read from; the other end is the handler's.
#[derive(Debug)]
pub(super) struct Bell(&'static Pair);

impl Bell {
    pub(super) fn new() -> io::Result<Bell> {
        let owner = std::process::id();
        let _taking = TAKING.lock().unwrap_or_else(PoisonError::into_inner);
        let free = all().find(|pair| pair.owner == owner && pair.switch.is_off());
        if let Some(pair) = free {
            pair.switch.turn_on();
            return Ok(Bell(pair));
        }
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        let pair: &'static mut Pair = Box::leak(Box::new(Pair {
            owner,
            reader,
            writer,
            switch: Switch::new(),
            next: first(),
        }));
        // Ordering: Release; publishes the pair to `first`.
        PAIRS.store(pair, Ordering::Release);
        // After that, so that a handler that sees nothing of the pair is one whose arrival the listener sees.
        pair.switch.turn_on();
        Ok(Bell(pair))
    }
}

impl AsRawFd for Bell {
    fn as_raw_fd(&self) -> RawFd {
        self.0.reader.as_raw_fd()
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.0.switch.turn_off();
    }
}

/// Wakes every runtime of this process that listens to signals. For the handler (I1), after it counted the arrival.
pub(super) fn ring_all() {
    // SAFETY: `getpid` has no preconditions.
    let process = unsafe { libc::getpid() } as u32;
    after_arrival();
    for pair in all() {
        if pair.owner == process && !pair.switch.is_off() {
            let (writer, byte) = (pair.writer.as_raw_fd(), [1_u8]);
            // SAFETY: one byte is sent from memory that lives for the call; the descriptor is never closed (I3).
            // It does not block: a pair that is full has bytes to be read, which is all there is to say.
            unsafe { libc::send(writer, byte.as_ptr().cast(), 1, libc::MSG_NOSIGNAL) };
        }
    }
}

fn first() -> Option<&'static Pair> {
    // Ordering: Acquire; pairs with the Release of `Bell::new`.
    let first = PAIRS.load(Ordering::Acquire);
    // SAFETY: null, or a pair that lives for ever (I3) and is not changed but by atomics.
    unsafe { first.as_ref() }
}

fn all() -> impl Iterator<Item = &'static Pair> {
    std::iter::successors(first(), |pair| pair.next)
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair").finish_non_exhaustive()
    }
}
