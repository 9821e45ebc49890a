//! Signals as streams.
//!
//! ```text
//! signal ─▶ handler ── counts the arrival (latch), writes to the self-pipe of each runtime that listens
//!                          ▼ one more descriptor that its reactor waits for
//!                       Hub ── wakes the streams whose signal it was ──▶ Signal compares counts
//! ```
//! `handler` is installed once per signal, by `signal-hook-registry`. Arrivals are counted for the whole process;
//! a runtime only waits for them, and the runtime that polls a stream serves it.
//!
//! I1: what runs in the handler is async-signal-safe.
//! I2: a forked child shares the pipes but not the process id, so its handlers write to none.
//! Signals that come in quick succession may be given as one, but none is lost: a full pipe wakes its runtime too.
//! A signal that arrives without a listener, or that a dropped stream did not look at, is kept for a moment for the
//! next stream; see `latch`.
//! A handler once installed stays, so a signal that was listened to no longer has its default effect.

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
/// Cancel safe in a loop that calls it anew each time: a signal that arrives between two calls, or during a call whose
/// future is dropped before it returns, is given to the next call if that comes within a tenth of a second.
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
