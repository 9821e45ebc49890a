//! A channel that keeps the latest value only.
//!
//! ```text
//! send: value under the write lock ── version + 2 (still under it) ── Notify::notify_waiters
//! changed(): take a place in the Notify ── compare version ── wait
//! version = count << 1 | CLOSED (no sender left)
//! ```
//!
//! - I1: the version moves only under the write lock, so a holder of the read lock sees a value
//!   and a version that belong together.
//! - I2: a receiver reads the version after it has taken its place in `changed`; a change either
//!   comes before that read or finds the place taken.
//! - I3: CLOSED is set by the last sender's drop, once, before it wakes the receivers; a change
//!   that was not seen is reported before CLOSED is.
//!
//! A panic in a closure given to `send_modify` leaves the value as it is then, unpoisoned, and
//! wakes nobody. Wakers run after the lock is released.

use super::notify::Notify;
use crate::base::shim::sync::Arc;
use crate::base::shim::sync::atomic::{AtomicUsize, Ordering};
use crate::base::waits::WaitKind;
use crate::coop;
use std::fmt;
use std::ops::Deref;
use std::pin::pin;

#[cfg(not(runtime_loom))]
use crate::base::shim::lock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
#[cfg(runtime_loom)]
use model::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The model checker's lock, with parking_lot's interface.
#[cfg(runtime_loom)]
mod model {
    pub(super) use crate::base::shim::checker::sync::{RwLockReadGuard, RwLockWriteGuard};

    #[derive(Debug)]
    pub(super) struct RwLock<T>(crate::base::shim::checker::sync::RwLock<T>);

    impl<T> RwLock<T> {
        pub(super) fn new(value: T) -> Self {
            RwLock(crate::base::shim::checker::sync::RwLock::new(value))
        }
        pub(super) fn read(&self) -> RwLockReadGuard<'_, T> {
            self.0.read().unwrap()
        }
        pub(super) fn write(&self) -> RwLockWriteGuard<'_, T> {
            self.0.write().unwrap()
        }
    }
}

const CLOSED: usize = 1;
const STEP: usize = 2;

/// Errors of this channel.
pub mod error {
    use std::fmt;

    /// There is no receiver; this is the value.
    ///
    /// ```
    /// use selvedge::sync::watch;
    /// let (tx, rx) = watch::channel(1);
    /// drop(rx);
    /// assert_eq!(tx.send(2).unwrap_err().0, 2);
    /// ```
    #[derive(PartialEq, Eq, Clone, Copy)]
    pub struct SendError<T>(pub T);

    /// All senders are gone.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::watch;
    /// let (tx, mut rx) = watch::channel(1);
    /// drop(tx);
    /// assert_eq!(rx.changed().await.unwrap_err().to_string(), "channel closed");
    /// # }
    /// ```
    #[derive(Debug, Clone)]
    pub struct RecvError(pub(super) ());

    impl<T> fmt::Debug for SendError<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("SendError { .. }")
        }
    }

    impl<T> fmt::Display for SendError<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("channel closed")
        }
    }

    impl fmt::Display for RecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("channel closed")
        }
    }

    impl<T> std::error::Error for SendError<T> {}
    impl std::error::Error for RecvError {}
}

use error::{RecvError, SendError};

struct Shared<T> {
    value: RwLock<T>,
    version: AtomicUsize,
    senders: AtomicUsize,
    receivers: AtomicUsize,
    /// For receivers: the version moved.
    changed: Notify,
    /// For senders: the last receiver was dropped.
    deserted: Notify,
}

/// Changes the value.
///
/// ```
/// use selvedge::sync::watch::{self, Sender};
/// let (tx, rx): (Sender<u32>, _) = watch::channel(1);
/// let other = tx.clone();
/// other.send(2).unwrap();
/// assert_eq!((*tx.borrow(), *rx.borrow()), (2, 2));
/// ```
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

/// Sees the latest value.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::sync::watch::{self, Receiver};
/// let (tx, mut rx): (_, Receiver<u32>) = watch::channel(1);
/// selvedge::spawn(async move { tx.send(2) });
/// rx.changed().await.unwrap();
/// assert_eq!(*rx.borrow_and_update(), 2);
/// # }
/// ```
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// The version last seen, without CLOSED.
    seen: usize,
}

/// The value, borrowed. Senders wait for it to be dropped: do not keep it.
///
/// It stays on its thread, and so cannot be held across an `await` by a task that may move:
///
/// ```compile_fail,E0277
/// # use runtime_core::sync::watch;
/// let (_tx, rx) = watch::channel(1);
/// let value = rx.borrow();
/// std::thread::scope(|scope| {
///     scope.spawn(move || drop(value));
/// });
/// ```
#[clippy::has_significant_drop]
pub struct Ref<'a, T> {
    value: RwLockReadGuard<'a, T>,
    changed: bool,
}

/// A channel whose value is `init` at first.
///
/// ```
/// let (tx, rx) = runtime_core::sync::watch::channel(1);
/// tx.send(2).unwrap();
/// assert_eq!(*rx.borrow(), 2);
/// ```
pub fn channel<T>(init: T) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(init);
    let receiver = sender.subscribe();
    (sender, receiver)
}

impl<T> Shared<T> {
    fn version(&self) -> usize {
        // Ordering: Acquire; pairs with the Release of `commit` and of the last sender's drop.
        self.version.load(Ordering::Acquire)
    }

    fn borrow(&self, seen: Option<usize>) -> (Ref<'_, T>, usize) {
        let value = self.value.read();
        let version = self.version() & !CLOSED;
        (
            Ref {
                value,
                changed: seen.is_some_and(|seen| seen != version),
            },
            version,
        )
    }

    /// Moves the version (I1), unlocks and wakes.
    fn commit(&self, guard: RwLockWriteGuard<'_, T>) {
        // Ordering: Release; pairs with the Acquire in `version`.
        self.version.fetch_add(STEP, Ordering::Release);
        drop(guard);
        self.changed.notify_waiters();
    }

    /// `Some(Ok)`: a new version; `Some(Err)`: closed; `None`: nothing new.
    fn news(&self, seen: usize) -> Option<Result<usize, RecvError>> {
        let version = self.version();
        if version & !CLOSED != seen {
            Some(Ok(version & !CLOSED))
        } else if version & CLOSED != 0 {
            Some(Err(RecvError(())))
        } else {
            None
        }
    }

    async fn wait_news(&self, seen: usize) -> Result<usize, RecvError> {
        loop {
            let mut notified = pin!(self.changed.notified());
            // By I2, `notified()` already counts what happens from here on.
            if let Some(news) = self.news(seen) {
                return news;
            }
            notified.as_mut().await;
        }
    }
}

impl<T> Sender<T> {
    /// A sender without receivers; [`subscribe`](Self::subscribe) makes them.
    ///
    /// ```
    /// use selvedge::sync::watch::Sender;
    /// let tx = Sender::new(1);
    /// let rx = tx.subscribe();
    /// assert_eq!(*rx.borrow(), 1);
    /// ```
    pub fn new(init: T) -> Self {
        Sender {
            shared: Arc::new(Shared {
                value: RwLock::new(init),
                version: AtomicUsize::new(0),
                senders: AtomicUsize::new(1),
                receivers: AtomicUsize::new(0),
                changed: Notify::of(WaitKind::Watch),
                deserted: Notify::of(WaitKind::Closed),
            }),
        }
    }

    /// Replaces the value and notifies the receivers.
    ///
    /// # Errors
    /// Gives the value back, unsent, if there is no receiver.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::watch;
    /// let (tx, rx) = watch::channel(1);
    /// tx.send(2).unwrap();
    /// assert_eq!(*rx.borrow(), 2);
    /// drop(rx);
    /// assert!(tx.send(3).is_err()); // and the value stays 2
    /// assert_eq!(*tx.borrow(), 2);
    /// ```
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.is_closed() {
            return Err(SendError(value));
        }
        self.send_replace(value);
        Ok(())
    }

    /// Changes the value in place and notifies the receivers, if there are any.
    ///
    /// # Panics
    /// If `modify` panics; nobody is notified then.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::watch;
    /// let (tx, rx) = watch::channel(vec![1]);
    /// tx.send_modify(|all| all.push(2));
    /// assert_eq!(*rx.borrow(), [1, 2]);
    /// ```
    pub fn send_modify<F>(&self, modify: F)
    where
        F: FnOnce(&mut T),
    {
        self.send_if_modified(|value| {
            modify(value);
            true
        });
    }

    /// Changes the value in place and notifies the receivers if `modify` returns true.
    ///
    /// # Panics
    /// If `modify` panics; nobody is notified then.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::watch;
    /// let (tx, mut rx) = watch::channel(5);
    /// let raise_to = |to| tx.send_if_modified(|max| to > *max && { *max = to; true });
    /// assert!(!raise_to(3));
    /// assert!(!rx.has_changed().unwrap()); // nobody is woken for it
    /// assert!(raise_to(7));
    /// assert_eq!(*rx.borrow_and_update(), 7);
    /// ```
    pub fn send_if_modified<F>(&self, modify: F) -> bool
    where
        F: FnOnce(&mut T) -> bool,
    {
        let mut value = self.shared.value.write();
        if !modify(&mut value) {
            return false;
        }
        self.shared.commit(value);
        true
    }

    /// Replaces the value, also without receivers, and returns the old one.
    ///
    /// ```
    /// use selvedge::sync::watch;
    /// let (tx, rx) = watch::channel(1);
    /// assert_eq!(tx.send_replace(2), 1);
    /// drop(rx);
    /// assert_eq!(tx.send_replace(3), 2); // without receivers, too
    /// ```
    pub fn send_replace(&self, mut value: T) -> T {
        self.send_modify(|old| std::mem::swap(old, &mut value));
        value
    }

    /// The value as it is.
    ///
    /// ```
    /// use selvedge::sync::watch;
    /// let (tx, _rx) = watch::channel("first");
    /// assert_eq!(*tx.borrow(), "first");
    /// ```
    pub fn borrow(&self) -> Ref<'_, T> {
        self.shared.borrow(None).0
    }

    /// Is there no receiver?
    ///
    /// ```
    /// use selvedge::sync::watch;
    /// let (tx, rx) = watch::channel(1);
    /// assert!(!tx.is_closed());
    /// drop(rx);
    /// assert!(tx.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.receiver_count() == 0
    }

    /// Waits until there is no receiver.
    ///
    /// # Cancel safety
    /// Dropping it changes nothing.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::watch;
    /// let (tx, rx) = watch::channel(1);
    /// selvedge::spawn(async move { drop(rx) });
    /// tx.closed().await;
    /// # }
    /// ```
    pub async fn closed(&self) {
        coop::cooperative(async {
            while !self.is_closed() {
                let notified = self.shared.deserted.notified();
                if self.is_closed() {
                    return;
                }
                notified.await;
            }
        })
        .await;
    }

    /// A new receiver, which has seen the value as it is.
    ///
    /// ```
    /// use selvedge::sync::watch;
    /// let (tx, rx) = watch::channel(1);
    /// tx.send(2).unwrap();
    /// // To a new receiver the present value is not a change.
    /// assert!(!tx.subscribe().has_changed().unwrap());
    /// assert!(rx.has_changed().unwrap());
    /// ```
    pub fn subscribe(&self) -> Receiver<T> {
        // Ordering: Relaxed; the receiver is handed on by other means.
        self.shared.receivers.fetch_add(1, Ordering::Relaxed);
        Receiver {
            shared: self.shared.clone(),
            seen: self.shared.version() & !CLOSED,
        }
    }

    /// How many receivers there are.
    ///
    /// ```
    /// use selvedge::sync::watch;
    /// let (tx, rx) = watch::channel(1);
    /// let other = rx.clone();
    /// assert_eq!(tx.receiver_count(), 2);
    /// # drop(other);
    /// ```
    pub fn receiver_count(&self) -> usize {
        // Ordering: Acquire; pairs with the Release of a receiver's drop.
        self.shared.receivers.load(Ordering::Acquire)
    }

    /// How many senders there are.
    ///
    /// ```
    /// use selvedge::sync::watch;
    /// let (tx, _rx) = watch::channel(1);
    /// let other = tx.clone();
    /// assert_eq!(tx.sender_count(), 2);
    /// # drop(other);
    /// ```
    pub fn sender_count(&self) -> usize {
        // Ordering: Acquire; pairs with the AcqRel of a sender's drop.
        self.shared.senders.load(Ordering::Acquire)
    }

    /// Do both belong to one channel?
    ///
    /// ```
    /// use selvedge::sync::watch;
    /// let (tx, _rx) = watch::channel(1);
    /// let (other, _) = watch::channel(1);
    /// assert!(tx.same_channel(&tx.clone()) && !tx.same_channel(&other));
    /// ```
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        // Ordering: Relaxed; made from one that keeps the count above zero.
        self.shared.senders.fetch_add(1, Ordering::Relaxed);
        Sender {
            shared: self.shared.clone(),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // Ordering: AcqRel; what other senders did comes before the closing.
        if self.shared.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            // Ordering: Release; pairs with the Acquire in `version`.
            self.shared.version.fetch_or(CLOSED, Ordering::Release);
            self.shared.changed.notify_waiters();
        }
    }
}

impl<T: Default> Default for Sender<T> {
    fn default() -> Self {
        Sender::new(T::default())
    }
}

impl<T> Receiver<T> {
    /// The value as it is; what has been seen stays the same.
    ///
    /// ```
    /// use selvedge::sync::watch;
    /// let (tx, rx) = watch::channel(1);
    /// tx.send(2).unwrap();
    /// assert_eq!(*rx.borrow(), 2);
    /// assert!(rx.has_changed().unwrap()); // looking does not mark it as seen
    /// ```
    pub fn borrow(&self) -> Ref<'_, T> {
        self.shared.borrow(Some(self.seen)).0
    }

    /// The value as it is, which counts as seen.
    ///
    /// ```
    /// use selvedge::sync::watch;
    /// let (tx, mut rx) = watch::channel(1);
    /// tx.send(2).unwrap();
    /// assert_eq!(*rx.borrow_and_update(), 2);
    /// assert!(!rx.has_changed().unwrap());
    /// ```
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let (value, version) = self.shared.borrow(Some(self.seen));
        self.seen = version;
        value
    }

    /// Is there a change that has not been seen?
    ///
    /// # Errors
    /// If all senders are gone.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::watch;
    /// let (tx, rx) = watch::channel(1);
    /// assert_eq!(rx.has_changed().unwrap(), false);
    /// tx.send(2).unwrap();
    /// assert_eq!(rx.has_changed().unwrap(), true);
    /// drop(tx);
    /// assert!(rx.has_changed().is_err());
    /// ```
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        let version = self.shared.version();
        if version & CLOSED != 0 {
            return Err(RecvError(()));
        }
        Ok(version != self.seen)
    }

    /// Makes the value count as not seen.
    ///
    /// ```
    /// use selvedge::sync::watch;
    /// let (_tx, mut rx) = watch::channel(1);
    /// rx.mark_changed();
    /// assert_eq!(rx.has_changed().unwrap(), true);
    /// ```
    pub fn mark_changed(&mut self) {
        self.seen = self.seen.wrapping_sub(STEP);
    }

    /// Makes the value count as seen.
    ///
    /// ```
    /// use selvedge::sync::watch;
    /// let (tx, mut rx) = watch::channel(1);
    /// tx.send(2).unwrap();
    /// rx.mark_unchanged();
    /// assert_eq!(rx.has_changed().unwrap(), false);
    /// ```
    pub fn mark_unchanged(&mut self) {
        self.seen = self.shared.version() & !CLOSED;
    }

    /// Waits for a change that has not been seen, and counts it as seen.
    ///
    /// # Errors
    /// If all senders are gone and the last change has been seen.
    ///
    /// # Cancel safety
    /// Dropping it loses no change.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::watch;
    /// let (tx, mut rx) = watch::channel(0);
    /// let task = selvedge::spawn(async move {
    ///     let mut last = 0;
    ///     while rx.changed().await.is_ok() {
    ///         last = *rx.borrow_and_update();
    ///     }
    ///     last
    /// });
    /// tx.send(1).unwrap();
    /// tx.send(2).unwrap(); // the receiver may see 1, and sees 2
    /// drop(tx);
    /// assert_eq!(task.await.unwrap(), 2);
    /// # }
    /// ```
    pub async fn changed(&mut self) -> Result<(), RecvError> {
        self.seen = coop::cooperative(self.shared.wait_news(self.seen)).await?;
        Ok(())
    }

    /// Waits until the value satisfies `condition`, and counts it as seen.
    ///
    /// # Errors
    /// If all senders are gone and the last value does not satisfy it.
    ///
    /// # Cancel safety
    /// Dropping it loses nothing, but the values that it has checked count as seen.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::watch;
    /// let (tx, mut rx) = watch::channel(0);
    /// selvedge::spawn(async move {
    ///     for n in 1..=5 {
    ///         tx.send(n).unwrap();
    ///         selvedge::task::yield_now().await;
    ///     }
    ///     std::future::pending::<()>().await
    /// });
    /// assert!(*rx.wait_for(|n| *n >= 3).await.unwrap() >= 3);
    /// # }
    /// ```
    pub async fn wait_for(
        &mut self,
        mut condition: impl FnMut(&T) -> bool,
    ) -> Result<Ref<'_, T>, RecvError> {
        coop::consume_budget().await;
        let Receiver { shared, seen } = self;
        let shared = &**shared;
        let mut closed = false;
        loop {
            {
                let (value, version) = shared.borrow(Some(*seen));
                *seen = version;
                if condition(&value) {
                    return Ok(value);
                }
            }
            if closed {
                return Err(RecvError(()));
            }
            closed = coop::cooperative(shared.wait_news(*seen)).await.is_err();
        }
    }

    /// Do both belong to one channel?
    ///
    /// ```
    /// use selvedge::sync::watch;
    /// let (tx, rx) = watch::channel(1);
    /// assert!(rx.same_channel(&tx.subscribe()));
    /// ```
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Are all senders gone?
    ///
    /// ```
    /// use selvedge::sync::watch;
    /// let (tx, rx) = watch::channel(1);
    /// drop(tx);
    /// assert!(rx.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.shared.version() & CLOSED != 0
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        // Ordering: Relaxed; made from one that keeps the count above zero.
        self.shared.receivers.fetch_add(1, Ordering::Relaxed);
        Receiver {
            shared: self.shared.clone(),
            seen: self.seen,
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // Ordering: Release; pairs with the Acquire in `receiver_count`: what each receiver did comes before.
        if self.shared.receivers.fetch_sub(1, Ordering::Release) == 1 {
            self.shared.deserted.notify_waiters();
        }
    }
}

impl<T> Ref<'_, T> {
    /// Had this value not been seen before, by the receiver it was borrowed from?
    ///
    /// ```
    /// use selvedge::sync::watch;
    /// let (tx, mut rx) = watch::channel(1);
    /// tx.send(2).unwrap();
    /// let value = rx.borrow_and_update();
    /// assert!(*value == 2 && value.has_changed()); // new since the last look
    /// ```
    pub fn has_changed(&self) -> bool {
        self.changed
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ref")
            .field("value", &**self)
            .field("changed", &self.changed)
            .finish()
    }
}

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("receivers", &self.receiver_count())
            .finish_non_exhaustive()
    }
}

impl<T: fmt::Debug> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
