//! The bounded channel's two ends and its permits.
//!
//! Room is a [`BatchSemaphore`] with `capacity` permits: a sender takes one before it pushes, the
//! receiver gives it back after it pops. A [`Permit`] is a permit that is taken and not yet used;
//! a value may be sent with it even after the receiver has closed.

use super::chan::{Chan, Room};
use super::error::{SendError, TryRecvError, TrySendError};
use crate::base::shim::sync::Arc;
use crate::base::shim::sync::atomic::Ordering;
use crate::base::waits::WaitKind;
use crate::sync::batch::{BatchSemaphore, TryAcquireError};
use crate::task::block_on_current_thread;
use std::fmt;
use std::future::poll_fn;
use std::iter::FusedIterator;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::task::{Context, Poll};

/// Sends values; waits for room if there is none.
///
/// ```
/// # #[selvedge::main]
/// # async fn main() {
/// use selvedge::sync::mpsc;
/// let (tx, mut rx) = mpsc::channel(4);
/// for n in 0..3 {
///     let tx = tx.clone();
///     selvedge::spawn(async move { tx.send(n).await });
/// }
/// drop(tx); // the channel ends with its last sender
/// let mut sum = 0;
/// while let Some(n) = rx.recv().await {
///     sum += n;
/// }
/// assert_eq!(sum, 3);
/// # }
/// ```
pub struct Sender<T> {
    chan: Arc<Chan<T>>,
}

/// Refers to a bounded channel without keeping it open.
///
/// ```
/// use selvedge::sync::mpsc;
/// let (tx, rx) = mpsc::channel::<u32>(1);
/// let weak = tx.downgrade();
/// drop(tx);
/// // It keeps no channel open.
/// assert!(rx.is_closed() && weak.upgrade().is_none());
/// ```
pub struct WeakSender<T> {
    chan: Arc<Chan<T>>,
}

/// Receives what [`Sender`]s send.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::sync::mpsc;
/// let (tx, mut rx) = mpsc::channel(2);
/// tx.send("first").await.unwrap();
/// tx.send("second").await.unwrap();
/// drop(tx);
/// assert_eq!(rx.recv().await, Some("first"));
/// assert_eq!(rx.recv().await, Some("second"));
/// assert_eq!(rx.recv().await, None);
/// # }
/// ```
pub struct Receiver<T> {
    chan: Arc<Chan<T>>,
}

/// Room for one value, taken from a borrowed sender.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::sync::mpsc;
/// let (tx, mut rx) = mpsc::channel(1);
/// let permit = tx.reserve().await.unwrap();
/// assert!(tx.try_send(1).is_err()); // the room is taken
/// permit.send(2);
/// assert_eq!(rx.recv().await, Some(2));
/// # }
/// ```
#[must_use = "the room is given back when this is dropped"]
pub struct Permit<'a, T> {
    chan: &'a Chan<T>,
}

/// Room for several values, one [`Permit`] at a time.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::sync::mpsc;
/// let (tx, mut rx) = mpsc::channel(4);
/// for (n, permit) in tx.reserve_many(3).await.unwrap().enumerate() {
///     permit.send(n);
/// }
/// assert_eq!((rx.len(), rx.recv().await), (3, Some(0)));
/// # }
/// ```
#[must_use = "the room is given back when this is dropped"]
pub struct PermitIterator<'a, T> {
    chan: &'a Chan<T>,
    left: usize,
}

/// Room for one value, together with the sender it was taken from.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::sync::mpsc;
/// let (tx, mut rx) = mpsc::channel(1);
/// let permit = tx.reserve_owned().await.unwrap();
/// selvedge::spawn(async move { permit.send(1) });
/// assert_eq!(rx.recv().await, Some(1));
/// # }
/// ```
#[must_use = "the room is given back when this is dropped"]
pub struct OwnedPermit<T> {
    sender: Option<Sender<T>>,
}

/// A channel with room for `buffer` values.
///
/// ```
/// let (tx, mut rx) = runtime_core::sync::mpsc::channel(1);
/// tx.try_send(1).unwrap();
/// assert!(tx.try_send(2).is_err());
/// assert_eq!(rx.try_recv(), Ok(1));
/// ```
///
/// # Panics
/// If `buffer` is 0 or more than a semaphore's permits.
#[track_caller]
pub fn channel<T>(buffer: usize) -> (Sender<T>, Receiver<T>) {
    assert!(buffer > 0, "mpsc bounded channel requires buffer > 0");
    let room = Room {
        permits: BatchSemaphore::new(buffer),
        capacity: buffer,
    };
    let chan = Arc::new(Chan::new(Some(room)));
    (Sender { chan: chan.clone() }, Receiver { chan })
}

/// Wakes the receiver of a closed channel after permits may have come back.
struct WakeIfFinished<'a, T>(&'a Chan<T>);

impl<T> Drop for WakeIfFinished<'_, T> {
    fn drop(&mut self) {
        self.0.wake_if_finished();
    }
}

impl<T> Chan<T> {
    fn bounded(&self) -> &Room {
        match &self.room {
            Some(room) => room,
            None => unreachable!("a bounded channel has room"),
        }
    }

    async fn take_room(&self, n: usize) -> Result<(), SendError<()>> {
        if n > self.bounded().capacity {
            return Err(SendError(()));
        }
        if self.bounded().permits.acquire_at_once(n) {
            return Ok(());
        }
        // Declared first, dropped last: after the acquire has given back what it held.
        let _wake = WakeIfFinished(self);
        self.bounded()
            .permits
            .acquire(WaitKind::Send, n)
            .await
            .map_err(|_| SendError(()))
    }

    fn try_take_room(&self, n: usize) -> Result<(), TrySendError<()>> {
        self.bounded()
            .permits
            .try_acquire(n)
            .map_err(|error| match error {
                TryAcquireError::Closed => TrySendError::Closed(()),
                TryAcquireError::NoPermits => TrySendError::Full(()),
            })
    }

    /// Pushes a value for which a permit was taken; a bounded channel's queue is never closed.
    #[inline]
    fn push_reserved(&self, value: T) {
        match self.queue.claim() {
            Some(claim) => self.fill(claim, value),
            None => unreachable!("a bounded channel's queue is never closed"),
        }
    }
}

impl<T> Sender<T> {
    /// Waits for room and sends.
    ///
    /// # Errors
    /// Gives the value back if the receiver is gone or has closed.
    ///
    /// # Cancel safety
    /// If it is dropped before it ends, the value was not sent and is dropped.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::mpsc;
    /// let (tx, mut rx) = mpsc::channel(1);
    /// tx.send(1).await.unwrap();
    /// assert_eq!(rx.recv().await, Some(1));
    /// drop(rx);
    /// assert_eq!(tx.send(2).await.unwrap_err().0, 2); // the value comes back
    /// # }
    /// ```
    pub async fn send(&self, value: T) -> Result<(), SendError<T>> {
        match self.chan.take_room(1).await {
            Ok(()) => {
                self.chan.push_reserved(value);
                Ok(())
            }
            Err(_) => Err(SendError(value)),
        }
    }

    /// Sends if there is room.
    ///
    /// # Errors
    /// Gives the value back if there is none, or the receiver is gone.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::mpsc::{self, error::TrySendError};
    /// let (tx, rx) = mpsc::channel(1);
    /// tx.try_send(1).unwrap();
    /// assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
    /// drop(rx);
    /// assert_eq!(tx.try_send(3), Err(TrySendError::Closed(3)));
    /// ```
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        match self.chan.try_take_room(1) {
            Ok(()) => {
                self.chan.push_reserved(value);
                Ok(())
            }
            Err(TrySendError::Full(())) => Err(TrySendError::Full(value)),
            Err(TrySendError::Closed(())) => Err(TrySendError::Closed(value)),
        }
    }

    /// [`send`](Self::send) for threads outside of async code.
    ///
    /// # Errors
    /// Gives the value back if the receiver is gone or has closed.
    ///
    /// # Panics
    /// In async code.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::mpsc;
    /// let (tx, mut rx) = mpsc::channel(1);
    /// let thread = std::thread::spawn(move || (0..3).for_each(|n| tx.blocking_send(n).unwrap()));
    /// assert_eq!(rx.blocking_recv(), Some(0));
    /// assert_eq!(rx.blocking_recv(), Some(1));
    /// assert_eq!(rx.blocking_recv(), Some(2));
    /// thread.join().unwrap();
    /// ```
    #[track_caller]
    pub fn blocking_send(&self, value: T) -> Result<(), SendError<T>> {
        block_on_current_thread(self.send(value))
    }

    /// Waits for room for one value and keeps it.
    ///
    /// # Errors
    /// If the receiver is gone or has closed.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::mpsc;
    /// let (tx, mut rx) = mpsc::channel(1);
    /// // Wait for room first, and make the value when there is some.
    /// tx.reserve().await.unwrap().send("made late");
    /// assert_eq!(rx.recv().await, Some("made late"));
    /// # }
    /// ```
    pub async fn reserve(&self) -> Result<Permit<'_, T>, SendError<()>> {
        self.chan.take_room(1).await?;
        Ok(Permit { chan: &self.chan })
    }

    /// Waits for room for `n` values and keeps it.
    ///
    /// # Errors
    /// If the receiver is gone, has closed, or the channel is smaller than `n`.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::mpsc;
    /// let (tx, mut rx) = mpsc::channel(2);
    /// let mut permits = tx.reserve_many(2).await.unwrap();
    /// permits.next().unwrap().send(1);
    /// drop(permits); // what was not used goes back
    /// assert_eq!((tx.capacity(), rx.recv().await), (1, Some(1)));
    /// # }
    /// ```
    pub async fn reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, SendError<()>> {
        self.chan.take_room(n).await?;
        Ok(PermitIterator {
            chan: &self.chan,
            left: n,
        })
    }

    /// [`reserve`](Self::reserve), with a permit that carries the sender.
    ///
    /// # Errors
    /// If the receiver is gone or has closed.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::mpsc;
    /// let (tx, mut rx) = mpsc::channel(1);
    /// let permit = tx.reserve_owned().await.unwrap();
    /// let tx = permit.send(1); // the sender comes back
    /// assert_eq!((tx.capacity(), rx.recv().await), (0, Some(1)));
    /// # }
    /// ```
    pub async fn reserve_owned(self) -> Result<OwnedPermit<T>, SendError<()>> {
        self.chan.take_room(1).await?;
        Ok(OwnedPermit { sender: Some(self) })
    }

    /// Takes room for one value if there is some.
    ///
    /// # Errors
    /// If there is none, or the receiver is gone.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::mpsc;
    /// let (tx, _rx) = mpsc::channel::<u32>(1);
    /// let permit = tx.try_reserve().unwrap();
    /// assert!(tx.try_reserve().is_err());
    /// drop(permit);
    /// assert!(tx.try_reserve().is_ok());
    /// ```
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        self.chan.try_take_room(1)?;
        Ok(Permit { chan: &self.chan })
    }

    /// Takes room for `n` values if there is that much.
    ///
    /// # Errors
    /// If there is not, or the receiver is gone.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::mpsc;
    /// let (tx, _rx) = mpsc::channel::<u32>(3);
    /// assert!(tx.try_reserve_many(4).is_err());
    /// assert_eq!(tx.try_reserve_many(3).unwrap().len(), 3);
    /// ```
    pub fn try_reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, TrySendError<()>> {
        self.chan.try_take_room(n)?;
        Ok(PermitIterator {
            chan: &self.chan,
            left: n,
        })
    }

    /// [`try_reserve`](Self::try_reserve), with a permit that carries the sender.
    ///
    /// # Errors
    /// Gives the sender back if there is no room, or the receiver is gone.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::mpsc::{self, error::TrySendError};
    /// let (tx, _rx) = mpsc::channel::<u32>(1);
    /// let permit = tx.clone().try_reserve_owned().unwrap();
    /// // Without room the sender comes back in the error.
    /// assert!(matches!(tx.try_reserve_owned(), Err(TrySendError::Full(_))));
    /// # drop(permit);
    /// ```
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Self>> {
        match self.chan.try_take_room(1) {
            Ok(()) => Ok(OwnedPermit { sender: Some(self) }),
            Err(TrySendError::Full(())) => Err(TrySendError::Full(self)),
            Err(TrySendError::Closed(())) => Err(TrySendError::Closed(self)),
        }
    }

    /// Room for this many values right now.
    ///
    /// ```
    /// use selvedge::sync::mpsc;
    /// let (tx, _rx) = mpsc::channel(5);
    /// tx.try_send(1).unwrap();
    /// assert_eq!((tx.capacity(), tx.max_capacity()), (4, 5));
    /// ```
    pub fn capacity(&self) -> usize {
        self.chan.bounded().permits.available_permits()
    }

    /// Room the channel was made with.
    ///
    /// ```
    /// use selvedge::sync::mpsc;
    /// let (tx, _rx) = mpsc::channel::<u32>(5);
    /// assert_eq!(tx.max_capacity(), 5);
    /// ```
    pub fn max_capacity(&self) -> usize {
        self.chan.bounded().capacity
    }
}
super::sender_impls!(Sender, WeakSender);

impl<T> Receiver<T> {
    /// Room for this many values right now.
    ///
    /// ```
    /// use selvedge::sync::mpsc;
    /// let (tx, rx) = mpsc::channel(5);
    /// tx.try_send(1).unwrap();
    /// assert_eq!(rx.capacity(), 4);
    /// ```
    pub fn capacity(&self) -> usize {
        self.chan.bounded().permits.available_permits()
    }

    /// Room the channel was made with.
    ///
    /// ```
    /// use selvedge::sync::mpsc;
    /// let (_tx, rx) = mpsc::channel::<u32>(5);
    /// assert_eq!(rx.max_capacity(), 5);
    /// ```
    pub fn max_capacity(&self) -> usize {
        self.chan.bounded().capacity
    }
}
super::receiver_impls!(Receiver);

impl<T> Permit<'_, T> {
    /// Sends into the room that was kept.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::mpsc;
    /// let (tx, mut rx) = mpsc::channel(1);
    /// tx.reserve().await.unwrap().send(1); // never waits
    /// assert_eq!(rx.recv().await, Some(1));
    /// # }
    /// ```
    pub fn send(self, value: T) {
        let chan = self.chan;
        std::mem::forget(self);
        chan.push_reserved(value);
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        self.chan.return_room(1);
    }
}

impl<'a, T> Iterator for PermitIterator<'a, T> {
    type Item = Permit<'a, T>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        Some(Permit { chan: self.chan })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> ExactSizeIterator for PermitIterator<'_, T> {}
impl<T> FusedIterator for PermitIterator<'_, T> {}

impl<T> Drop for PermitIterator<'_, T> {
    fn drop(&mut self) {
        if self.left > 0 {
            self.chan.return_room(self.left);
        }
    }
}

impl<T> OwnedPermit<T> {
    fn sender(&self) -> &Sender<T> {
        match &self.sender {
            Some(sender) => sender,
            None => unreachable!("the sender is there until the permit is consumed"),
        }
    }

    fn take_sender(mut self) -> Sender<T> {
        match self.sender.take() {
            Some(sender) => sender,
            None => unreachable!("the sender is there until the permit is consumed"),
        }
    }

    /// Sends into the room that was kept; returns the sender.
    ///
    /// ```
    /// use selvedge::sync::mpsc;
    /// let (tx, mut rx) = mpsc::channel(1);
    /// let tx = tx.try_reserve_owned().unwrap().send(1);
    /// assert_eq!(rx.try_recv(), Ok(1));
    /// # drop(tx);
    /// ```
    pub fn send(self, value: T) -> Sender<T> {
        let sender = self.take_sender();
        sender.chan.push_reserved(value);
        sender
    }

    /// Gives the room back, and the sender.
    ///
    /// ```
    /// use selvedge::sync::mpsc;
    /// let (tx, _rx) = mpsc::channel::<u32>(1);
    /// let tx = tx.try_reserve_owned().unwrap().release();
    /// assert_eq!(tx.capacity(), 1);
    /// ```
    pub fn release(self) -> Sender<T> {
        let sender = self.take_sender();
        sender.chan.return_room(1);
        sender
    }

    /// Do both belong to one channel?
    ///
    /// ```
    /// use selvedge::sync::mpsc;
    /// let (tx, _rx) = mpsc::channel::<u32>(2);
    /// let first = tx.clone().try_reserve_owned().unwrap();
    /// let second = tx.try_reserve_owned().unwrap();
    /// assert!(first.same_channel(&second));
    /// ```
    pub fn same_channel(&self, other: &Self) -> bool {
        self.sender().same_channel(other.sender())
    }

    /// Does it belong to `sender`'s channel?
    ///
    /// ```
    /// use selvedge::sync::mpsc;
    /// let (tx, _rx) = mpsc::channel::<u32>(1);
    /// let permit = tx.clone().try_reserve_owned().unwrap();
    /// assert!(permit.same_channel_as_sender(&tx));
    /// ```
    pub fn same_channel_as_sender(&self, sender: &Sender<T>) -> bool {
        self.sender().same_channel(sender)
    }
}

impl<T> Drop for OwnedPermit<T> {
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take() {
            sender.chan.return_room(1);
        }
    }
}

impl<T> UnwindSafe for Permit<'_, T> {}
impl<T> RefUnwindSafe for Permit<'_, T> {}
impl<T> UnwindSafe for PermitIterator<'_, T> {}
impl<T> RefUnwindSafe for PermitIterator<'_, T> {}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for PermitIterator<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PermitIterator")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").finish_non_exhaustive()
    }
}
