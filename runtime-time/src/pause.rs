//! Pausing the current runtime's clock, and moving it by hand.

use crate::clock::Clock;
use crate::slots::with_time;
use std::time::Duration;

#[track_caller]
fn with_clock(f: impl FnOnce(&Clock) -> Result<(), &'static str>) {
    match with_time(|time| f(time.clock())) {
        Some(Ok(())) => {}
        Some(Err(message)) => panic!("{message}"),
        None if runtime_core::runtime::Handle::try_current().is_ok() => panic!(
            "time cannot be frozen: timers are disabled. Call `enable_time` on the runtime builder to enable timers."
        ),
        None => panic!("time cannot be frozen from outside the Tokio runtime"),
    }
}

/// Pauses the current runtime's clock: it then moves by [`advance`], or by itself to the next
/// deadline whenever the runtime has nothing to do.
///
/// # Panics
/// If it is paused already, outside of a runtime, or on one that is not current-thread.
#[track_caller]
pub fn pause() {
    with_clock(Clock::pause);
}

/// Lets the clock run again, from where it stood.
///
/// # Panics
/// If it is not paused, or outside of a runtime.
#[track_caller]
pub fn resume() {
    with_clock(Clock::resume);
}

/// Moves the paused clock on by `duration`, and yields so that what is due fires.
///
/// # Panics
/// If it is not paused, or outside of a runtime.
pub async fn advance(duration: Duration) {
    with_clock(|clock| clock.advance(duration));
    runtime_core::task::yield_now().await;
}
