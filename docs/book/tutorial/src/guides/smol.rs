//! What programs do with async-std and smol, done with selvedge.

use selvedge::task::{JoinError, JoinHandle};
use selvedge::time::{Instant, Interval, interval_at};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// A task that is cancelled when its `Owned` is dropped, as smol's tasks are.
#[derive(Debug)]
pub struct Owned<T>(JoinHandle<T>);

impl<T: Send + 'static> Owned<T> {
    pub fn spawn(future: impl Future<Output = T> + Send + 'static) -> Owned<T> {
        Owned(selvedge::spawn(future))
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<T> Future for Owned<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

/// An interval whose first tick is a period away, as async-std's is.
pub fn every(period: Duration) -> Interval {
    interval_at(Instant::now() + period, period)
}

#[cfg(test)]
mod tests {
    use super::{Owned, every};
    use selvedge::sync::oneshot;
    use selvedge::time::{Instant, interval, timeout};
    use std::future::pending;
    use std::time::Duration;

    /// Returns a task that never ends, and a receiver that ends when the task's future is dropped.
    fn endless() -> (Owned<()>, oneshot::Receiver<()>) {
        let (kept, told) = oneshot::channel();
        let task = Owned::spawn(async move {
            let _kept = kept;
            pending().await
        });
        (task, told)
    }

    #[selvedge::test(start_paused = true)]
    async fn a_task_that_is_owned_ends_with_its_owner() {
        let (task, told) = endless();
        drop(task);
        // The limit prevents a hang: the paused clock jumps to it.
        let told = timeout(Duration::from_secs(1), told);
        assert!(told.await.expect("the task is dropped").is_err());
        assert_eq!(Owned::spawn(async { 7 }).await.unwrap(), 7);
    }

    #[selvedge::test(start_paused = true)]
    async fn the_first_tick_is_a_period_away() {
        let start = Instant::now();
        interval(Duration::from_secs(5)).tick().await;
        assert_eq!(start.elapsed().as_secs(), 0);
        every(Duration::from_secs(5)).tick().await;
        assert_eq!(start.elapsed().as_secs(), 5);
    }
}
