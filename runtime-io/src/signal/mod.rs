//! Signals as streams.
//!
//! ```text
//! signal ─▶ handler ── counts the arrival (latch), writes to the self-pipe of each runtime that listens
//!                          ▼ one more descriptor that its reactor waits for
//!                       Hub ── wakes the streams whose signal it was ──▶ Signal compares counts
//! ```
//! `handler` is installed once a signal, by `signal-hook-registry`. What has arrived is a matter of the whole
//! process; a runtime only waits for it, and a stream is served by the one that polls it.
//!
//! I1: what runs in the handler is async-signal-safe.
//! I2: a forked child shares the pipes but not the process id, so its handlers write to none.
//! Signals that come in quick succession are given as one; none is lost: a pipe that is full wakes its runtime.
//! What arrives while nobody listens, or is not looked at by a stream that is dropped, is kept for the next one for a
//! moment; see `latch`.
//! As a handler once installed stays, a signal that was listened to no longer has its default effect.

mod handler;
mod hub;
mod latch;
mod self_pipe;
#[cfg(test)]
mod tests;
pub mod unix;

use crate::reactor::on_reactor;
use std::future::Future;
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
/// Cancel safe: in a loop that calls it anew each time, a signal that arrives between two calls, or during one that
/// is dropped before it tells of it, is given to the next if that comes within a tenth of a second.
///
/// # Examples
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// # std::thread::spawn(|| {
/// #     std::thread::sleep(std::time::Duration::from_millis(50));
/// #     std::process::Command::new("kill").args(["-INT", &std::process::id().to_string()]).status()
/// # });
/// selvedge::signal::ctrl_c().await.unwrap();
/// println!("ending");
/// # }
/// ```
pub fn ctrl_c() -> impl Future<Output = io::Result<()>> {
    on_reactor(async move {
        let mut interrupt = unix::signal(unix::SignalKind::interrupt())?;
        interrupt.recv().await;
        Ok(())
    })
}
