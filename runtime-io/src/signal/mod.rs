//! Signals as streams.
//!
//! Each stream has a socket pair of its own. The handler (installed once a signal by `signal-hook-registry`) does one
//! thing for each stream: writes a byte, without blocking, to its pair. The other end is registered with the
//! runtime that polls the stream. So there is no state shared between runtimes, and nothing to poll.
//!
//! I1: what runs in the handler is async-signal-safe: `getpid` and `send`.
//! I2: a forked child shares the pairs but not the process id, so its handlers write nothing.
//! Signals that come in quick succession are given as one; none is lost: a full pair has bytes to be read.
//! The pair of a stream that is dropped is kept for the next one; see `pair`.
//! What arrives between the drop of one stream and the making of the next is kept for a moment; see `gap`.
//! As a handler once installed stays, a signal that was listened to no longer has its default effect.

mod gap;
mod pair;
pub mod unix;

use std::io;

/// Waits for the next interrupt (Ctrl-C) sent to this process.
///
/// The first call takes over the signal for good: from then on Ctrl-C no longer ends the process.
///
/// # Errors
/// If the handler cannot be installed or the system gives no file descriptor.
///
/// # Panics
/// Outside of a runtime, or where its I/O driver is not enabled.
///
/// # Cancel safety
/// Cancel safe: in a loop that calls it anew each time, a signal that arrives between two calls is given to the
/// second if that comes within a tenth of a second.
pub async fn ctrl_c() -> io::Result<()> {
    let mut interrupt = unix::signal(unix::SignalKind::interrupt())?;
    interrupt.recv().await;
    Ok(())
}
