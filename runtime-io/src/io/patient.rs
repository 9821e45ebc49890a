//! Blocking calls, for threads of the pool, on descriptors that may have been made non-blocking.
//!
//! `O_NONBLOCK` belongs to the open file description, so any process that shares a terminal or pipe with us can set
//! it for all. A call then fails with `EAGAIN` where it would have blocked. The thread waits for the descriptor
//! instead, and goes on where it was.

use runtime_core::base::clock;
use std::io::{self, ErrorKind, Write};
use std::os::fd::RawFd;
use std::time::Duration;

/// Pause before another attempt on a descriptor that is reported ready but is not.
const PAUSE: Duration = Duration::from_millis(1);

/// Which readiness a call needs.
#[derive(Clone, Copy)]
pub(crate) enum Wants {
    Input,
    Output,
}

/// Repeats `attempt` until it has neither been interrupted nor found its descriptor not ready.
pub(crate) fn insist<T>(
    fd: RawFd,
    wants: Wants,
    mut attempt: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    let mut was_told_ready = false;
    loop {
        match attempt() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if was_told_ready {
                    clock::block_for(PAUSE);
                }
                was_told_ready = true;
                wait(fd, wants);
            }
            result => return result,
        }
    }
}

/// Writes everything.
pub(crate) fn write_all(fd: RawFd, mut output: impl Write, mut data: &[u8]) -> io::Result<()> {
    while !data.is_empty() {
        match insist(fd, Wants::Output, || output.write(data))? {
            0 => return Err(ErrorKind::WriteZero.into()),
            n => data = &data[n..],
        }
    }
    Ok(())
}

/// Sleeps until the descriptor is ready or broken; the next call shows which. An error counts as ready.
fn wait(fd: RawFd, wants: Wants) {
    let mut poll = libc::pollfd {
        fd,
        events: match wants {
            Wants::Input => libc::POLLIN,
            Wants::Output => libc::POLLOUT,
        },
        revents: 0,
    };
    // SAFETY: one descriptor is given, and `poll` describes it.
    let _ = unsafe { libc::poll(&mut poll, 1, -1) };
}
