//! `mpsc::Sender::send_timeout`: the one operation of the room `sync` that needs a runtime's timers.

use crate::driver::BoxSleep;
use crate::handle::Handle;
use crate::sync::mpsc::Sender;
use crate::sync::mpsc::error::SendTimeoutError;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

/// # Panics
/// Outside of a runtime, or where its time driver is not enabled.
#[track_caller]
fn sleep(duration: Duration) -> BoxSleep {
    let make = Handle::current().shared.sleep.expect(
        "A Tokio 1.x context was found, but timers are disabled. Call `enable_time` on the runtime builder to enable timers.",
    );
    make(duration)
}

impl<T> Sender<T> {
    /// Waits for room, for at most `timeout`, and sends.
    ///
    /// # Errors
    /// Gives the value back if there was no room in time, or the receiver is gone.
    ///
    /// # Panics
    /// Outside of a runtime, or without its timers.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use std::time::Duration;
    /// use selvedge::sync::mpsc;
    /// let (tx, mut rx) = mpsc::channel(1);
    /// let second = Duration::from_secs(1);
    /// tx.send_timeout(1, second).await.unwrap();
    /// // No room within a second: the value comes back.
    /// assert_eq!(tx.send_timeout(2, second).await.unwrap_err().into_inner(), 2);
    /// assert_eq!(rx.recv().await, Some(1));
    /// # }
    /// ```
    pub async fn send_timeout(
        &self,
        value: T,
        timeout: Duration,
    ) -> Result<(), SendTimeoutError<T>> {
        let mut sleep = sleep(timeout);
        let mut room = pin!(self.reserve());
        let outcome = poll_fn(|cx| {
            if let Poll::Ready(outcome) = room.as_mut().poll(cx) {
                return Poll::Ready(Some(outcome));
            }
            Pin::new(&mut sleep).poll(cx).map(|()| None)
        })
        .await;
        match outcome {
            Some(Ok(permit)) => {
                permit.send(value);
                Ok(())
            }
            Some(Err(_)) => Err(SendTimeoutError::Closed(value)),
            None => Err(SendTimeoutError::Timeout(value)),
        }
    }
}
