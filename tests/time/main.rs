//! Sleeps, intervals, time-outs and the paused clock, as programs see them.
#![cfg(feature = "test-util")]

#[path = "../support/steps.rs"]
mod steps;
#[path = "../support/mod.rs"]
mod support;

mod elsewhere;
mod far_futures;
mod model;
mod order;
mod paused_clock;
mod resolution;
mod sleeps;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::time::Duration;

use support::waits::poll_once;
use support::within;
use tokio::runtime::{Builder, Runtime};

const MS: Duration = Duration::from_millis(1);

/// A runtime with a paused clock.
fn paused_runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap()
}

/// Runs `future` on a runtime with a paused clock, with a watchdog.
fn paused<F>(future: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    within(20, move || paused_runtime().block_on(future))
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Ready,
    Pending,
    /// "... it is being shutdown."
    Shutdown,
}

/// The outcome of a poll with a waker that does nothing.
fn outcome<F: Future + ?Sized>(future: Pin<&mut F>) -> Outcome {
    match catch_unwind(AssertUnwindSafe(|| poll_once(future).is_ready())) {
        Ok(true) => Outcome::Ready,
        Ok(false) => Outcome::Pending,
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().copied().unwrap_or_default();
            assert!(text.ends_with("it is being shutdown."), "{text}");
            Outcome::Shutdown
        }
    }
}
