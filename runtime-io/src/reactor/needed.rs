//! `on_reactor`: a future that panics at the line that awaits it if there is no reactor.
//!
//! A panic inside an `async fn` names its own line, not the caller's. But the `await` calls `poll`, and `poll` may be
//! `#[track_caller]`: so `poll` looks for the reactor, before it first polls the future inside.

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
