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
        None => panic!(
            "time cannot be frozen from outside the Tokio runtime; call it in a task, or write `#[tokio::test(start_paused = true)]`"
        ),
    }
}

/// Pauses the current runtime's clock: it then moves by [`advance`], or by itself to the next
/// deadline whenever the runtime has nothing to do.
///
/// # Panics
/// If it is paused already, outside of a runtime, or on one that is not current-thread.
///
/// # Examples
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::time::Duration;
/// use selvedge::time::{Instant, pause, sleep};
/// pause();
/// let start = std::time::Instant::now();
/// sleep(Duration::from_secs(3600)).await; // with nothing else to do, the clock moves on
/// assert!(start.elapsed() < Duration::from_secs(60));
/// # }
/// ```
#[track_caller]
pub fn pause() {
    with_clock(Clock::pause);
}

/// Lets the clock run again, from where it stood.
///
/// # Panics
/// If it is not paused, or outside of a runtime.
///
/// # Examples
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::time::{Instant, pause, resume};
/// pause();
/// let stopped = Instant::now();
/// assert_eq!(Instant::now(), stopped);
/// resume();
/// std::thread::sleep(std::time::Duration::from_millis(2));
/// assert!(Instant::now() > stopped);
/// # }
/// ```
#[track_caller]
pub fn resume() {
    with_clock(Clock::resume);
}

/// Moves the paused clock on by `duration`, and yields so that what is due fires.
///
/// # Panics
/// If it is not paused, or outside of a runtime.
///
/// # Examples
/// ```
/// # #[selvedge::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::time::Duration;
/// use selvedge::time::{advance, sleep};
/// let task = selvedge::spawn(sleep(Duration::from_secs(60)));
/// selvedge::task::yield_now().await; // let it begin its sleep
/// advance(Duration::from_secs(60)).await;
/// task.await.unwrap();
/// # }
/// ```
pub async fn advance(duration: Duration) {
    with_clock(|clock| clock.advance(duration));
    runtime_core::task::yield_now().await;
}
