//! `timeout`: a future that has until a deadline.

use crate::error::Elapsed;
use crate::instant::Instant;
use crate::sleep::{Sleep, sleep, sleep_until};
use pin_project_lite::pin_project;
use runtime_core::base::waits;
use runtime_core::coop;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

pin_project! {
    /// Future of [`timeout`] and [`timeout_at`].
    ///
    /// # Cancel safety
    /// As the future inside.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use std::time::Duration;
    /// use selvedge::time::{sleep, timeout};
    /// let quick = timeout(Duration::from_secs(2), sleep(Duration::from_secs(1)));
    /// assert!(quick.await.is_ok());
    /// # }
    /// ```
    #[must_use = "futures do nothing unless awaited"]
    #[derive(Debug)]
    pub struct Timeout<T> {
        #[pin]
        value: T,
        #[pin]
        delay: Option<Sleep>,
    }
}

/// Awaits `future`, but no longer than `duration`.
///
/// The future is polled first: one that is ready wins over a time-out of zero.
///
/// # Errors
/// [`Elapsed`] once the time is over; the future is dropped with the `Timeout`.
///
/// # Panics
/// Outside of a runtime, or where its time driver is not enabled.
///
/// # Examples
/// ```
/// # #[selvedge::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::time::Duration;
/// use selvedge::sync::oneshot;
/// use selvedge::time::timeout;
/// let (tx, rx) = oneshot::channel::<u32>();
/// // Nobody sends within ten seconds.
/// assert!(timeout(Duration::from_secs(10), rx).await.is_err());
/// # drop(tx);
/// # }
/// ```
#[track_caller]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    let delay = match Instant::now().checked_add(duration) {
        Some(deadline) => sleep_until(deadline),
        None => sleep(duration),
    };
    Timeout {
        value: future.into_future(),
        delay: Some(delay),
    }
}

/// Awaits `future`, but no longer than until `deadline`; see [`timeout`].
///
/// ```
/// # #[selvedge::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::time::Duration;
/// use selvedge::time::{Instant, timeout_at};
/// let deadline = Instant::now() + Duration::from_secs(10);
/// // Several steps share one deadline.
/// let name = timeout_at(deadline, async { "name" }).await;
/// let size = timeout_at(deadline, async { 5 }).await;
/// assert_eq!((name.unwrap(), size.unwrap()), ("name", 5));
/// # }
/// ```
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout {
        value: future.into_future(),
        delay: Some(sleep_until(deadline)),
    }
}

impl<T> Timeout<T> {
    /// The future inside.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::time::Duration;
    /// use std::future::ready;
    /// let limited = selvedge::time::timeout(Duration::from_secs(1), ready(1));
    /// println!("{:?}", limited.get_ref());
    /// # }
    /// ```
    pub fn get_ref(&self) -> &T {
        &self.value
    }

    /// The future inside.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::time::Duration;
    /// use std::future::ready;
    /// let mut limited = selvedge::time::timeout(Duration::from_secs(1), ready(1));
    /// *limited.get_mut() = ready(2);
    /// assert_eq!(limited.await.unwrap(), 2);
    /// # }
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.value
    }

    /// The future inside, without its deadline.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::time::Duration;
    /// use std::future::ready;
    /// let limited = selvedge::time::timeout(Duration::from_secs(1), ready(1));
    /// assert_eq!(limited.into_inner().await, 1); // without the limit
    /// # }
    /// ```
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T: Future> Future for Timeout<T> {
    type Output = Result<T::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let had_budget = coop::has_budget_remaining();
        let before = waits::mark();
        if let Poll::Ready(value) = this.value.poll(cx) {
            return Poll::Ready(Ok(value));
        }
        let Some(delay) = this.delay.as_pin_mut() else {
            return Poll::Pending;
        };
        // A future that always spends the whole budget must not outlive its deadline that way.
        let elapsed = if had_budget && !coop::has_budget_remaining() {
            coop::with_unconstrained(|| delay.poll(cx))
        } else {
            delay.poll(cx)
        };
        elapsed.map(|()| {
            waits::forget(before);
            Err(Elapsed::new())
        })
    }
}
