//! Futures that need a reactor say so at the line that awaits them.
//!
//! An `async fn` cannot name its caller: a panic inside it names its own line. The `await` calls `poll`, though, and `poll` may
//! be `#[track_caller]`; so the look for the reactor is made there, before the first poll of what is inside.

use super::current_reactor;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

pin_project! {
    /// See [`on_reactor`].
    #[must_use = "futures do nothing unless awaited"]
    pub(crate) struct OnReactor<F> {
        #[pin]
        future: F,
        is_checked: bool,
    }
}

/// A future that panics at its first poll, naming the line that polls, on a thread without a runtime that does I/O.
pub(crate) fn on_reactor<F: Future>(future: F) -> OnReactor<F> {
    OnReactor {
        future,
        is_checked: false,
    }
}

impl<F: Future> Future for OnReactor<F> {
    type Output = F::Output;

    #[track_caller]
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if !*this.is_checked {
            current_reactor();
            *this.is_checked = true;
        }
        this.future.poll(cx)
    }
}
