//! The items that expansions of the macros refer to. Not API: may change in any release.
//!
//! [`MaybeDone`] is where `join!` keeps each future and later its output. States:
//! running -> done (`poll` saw Ready) -> taken (an output was taken). I1: the future is never moved
//! while running: it is dropped in place by the assignment that makes it done.

pub use std::future::{Future, IntoFuture};
pub use std::pin::Pin;
pub use std::task::Poll;

use runtime_core::base::waits;
use std::task::Context;

#[cfg(feature = "rt")]
pub use runtime_core::runtime::limit::Limit;
#[cfg(feature = "macros")]
pub use runtime_macros::{join_body, select_body};

/// As std's. Once it is ready, the waits that its branches noted for the task are forgotten.
#[inline]
pub fn poll_fn<T, F>(mut poll: F) -> impl Future<Output = T>
where
    F: FnMut(&mut Context<'_>) -> Poll<T>,
{
    std::future::poll_fn(move |cx| {
        let before = waits::mark();
        let polled = poll(cx);
        if polled.is_ready() {
            waits::forget(before);
        }
        polled
    })
}

/// A number below `n` from the current runtime's seeded generator (or the thread's own).
pub fn thread_rng_n(n: u32) -> u32 {
    runtime_core::base::rng::thread_rng_n(n)
}

/// Pending, with the task scheduled again, once the task's budget is used up. Spends nothing.
pub fn poll_budget_available(cx: &mut Context<'_>) -> Poll<()> {
    // Dropped without progress, the unit is given back.
    runtime_core::coop::poll_proceed(cx).map(drop)
}

/// A future, then its output, then nothing.
///
/// The tag has a byte of its own: kept in a niche it would lie among the bytes of a pinned future,
/// which may have handed out pointers to them.
#[derive(Debug)]
#[repr(u8)]
pub enum MaybeDone<F: Future> {
    /// Not finished.
    Running(F),
    /// Finished; the output waits to be taken.
    Done(F::Output),
    /// The output has been taken.
    Taken,
}

// A finished output is not pinned: only the future is.
impl<F: Future + Unpin> Unpin for MaybeDone<F> {}

/// Wraps a future that has not been polled yet.
pub fn maybe_done<F: IntoFuture>(future: F) -> MaybeDone<F::IntoFuture> {
    MaybeDone::Running(future.into_future())
}

impl<F: Future> MaybeDone<F> {
    /// Polls the future unless it has finished; Ready once the output is there.
    pub fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: the future is pinned with the enum and not moved out (I1).
        let output = match unsafe { self.as_mut().get_unchecked_mut() } {
            // SAFETY: as above.
            MaybeDone::Running(future) => match unsafe { Pin::new_unchecked(future) }.poll(cx) {
                Poll::Ready(output) => output,
                Poll::Pending => return Poll::Pending,
            },
            MaybeDone::Done(_) => return Poll::Ready(()),
            MaybeDone::Taken => panic!("join! polled after it had completed"),
        };
        self.set(MaybeDone::Done(output));
        Poll::Ready(())
    }

    /// The output of a finished future.
    ///
    /// # Panics
    /// If the future has not finished, or its output was taken before.
    pub fn take_output(self: Pin<&mut Self>) -> F::Output {
        // SAFETY: only an output or `Taken` is moved, never a running future (checked below).
        let this = unsafe { self.get_unchecked_mut() };
        match this {
            MaybeDone::Done(_) => {}
            _ => panic!("join! takes outputs of finished futures only"),
        }
        match std::mem::replace(this, MaybeDone::Taken) {
            MaybeDone::Done(output) => output,
            _ => unreachable!("checked above"),
        }
    }
}

impl<F: Future<Output = Result<T, E>>, T, E> MaybeDone<F> {
    /// The error of a future that finished with one.
    pub fn take_error(self: Pin<&mut Self>) -> Option<E> {
        match &*self {
            MaybeDone::Done(Err(_)) => self.take_output().err(),
            _ => None,
        }
    }

    /// The value of a future that finished well.
    ///
    /// # Panics
    /// As [`take_output`](Self::take_output), and if it finished with an error.
    pub fn take_ok(self: Pin<&mut Self>) -> T {
        match self.take_output() {
            Ok(value) => value,
            Err(_) => panic!("try_join! stops at the first error"),
        }
    }
}
