//! The unbounded channel's two ends: thin handles on [`Chan`].
//!
//! The number of [`UnboundedSender`]s is `chan.strong`, of weak ones `chan.weak`; the single
//! [`UnboundedReceiver`] is the queue's consumer, which is why its methods take `&mut self`.

use super::chan::Chan;
use super::error::{SendError, TryRecvError};
use crate::base::shim::sync::Arc;
use crate::base::shim::sync::atomic::Ordering;
use crate::task::block_on_current_thread;
use std::fmt;
use std::future::poll_fn;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::task::{Context, Poll};

/// Sends values; never waits for room.
///
/// ```
/// use selvedge::sync::mpsc;
/// let (tx, mut rx) = mpsc::unbounded_channel();
/// tx.send(1).unwrap(); // never waits, also outside of async code
/// assert_eq!(rx.try_recv(), Ok(1));
/// ```
pub struct UnboundedSender<T> {
    chan: Arc<Chan<T>>,
}

/// Refers to an unbounded channel without keeping it open.
///
/// ```
/// use selvedge::sync::mpsc;
/// let (tx, rx) = mpsc::unbounded_channel::<u32>();
/// let weak = tx.downgrade();
/// assert!(weak.upgrade().is_some());
/// drop(tx);
/// assert!(rx.is_closed() && weak.upgrade().is_none());
/// ```
pub struct WeakUnboundedSender<T> {
    chan: Arc<Chan<T>>,
}

/// Receives what [`UnboundedSender`]s send.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::sync::mpsc;
/// let (tx, mut rx) = mpsc::unbounded_channel();
/// selvedge::spawn(async move { (0..3).try_for_each(|n| tx.send(n)) });
/// let mut all = Vec::new();
/// while let Some(n) = rx.recv().await {
///     all.push(n);
/// }
/// assert_eq!(all, [0, 1, 2]);
/// # }
/// ```
pub struct UnboundedReceiver<T> {
    chan: Arc<Chan<T>>,
}

/// A channel that takes as much as memory does.
///
/// ```
/// let (tx, mut rx) = runtime_core::sync::mpsc::unbounded_channel();
/// tx.send(1).unwrap();
/// assert_eq!(rx.try_recv(), Ok(1));
/// ```
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let chan = Arc::new(Chan::new(None));
    (
        UnboundedSender { chan: chan.clone() },
        UnboundedReceiver { chan },
    )
}

impl<T> UnboundedSender<T> {
    /// Sends a value.
    ///
    /// # Errors
    /// Gives it back if the receiver is gone or has closed.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::mpsc;
    /// let (tx, rx) = mpsc::unbounded_channel();
    /// assert!(tx.send(1).is_ok());
    /// drop(rx);
    /// assert_eq!(tx.send(2).unwrap_err().0, 2);
    /// ```
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        match self.chan.queue.claim() {
            Some(claim) => {
                self.chan.fill(claim, value);
                Ok(())
            }
            None => Err(SendError(value)),
        }
    }
}
super::sender_impls!(UnboundedSender, WeakUnboundedSender);
super::receiver_impls!(UnboundedReceiver);
