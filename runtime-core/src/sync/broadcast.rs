//! A channel in which every receiver gets every value, and slow receivers lose the oldest values.
//!
//! ```text
//! ring of slots, a power of two          tail (one lock): position, receivers, waiting receivers
//!   slot = position | left | value       send: tail lock ─▶ slot lock; recv: slot lock, and only
//!                                        if the value is not there: tail lock ─▶ slot lock
//! ```
//!
//! - I1: locks are taken in the order tail, slot. Positions start at 0 and never wrap (u64).
//! - I2: `left` is the number of receivers that have yet to read the slot's value; the last of them
//!   takes the value out.
//! - I3: a value is cloned under its slot's lock, one receiver at a time, so `T: Send` suffices
//!   (two threads cloning through a shared reference would need `Sync`). The last receiver takes the value out
//!   before it clones it: a clone that panics leaves nothing behind.
//! - I4: a receiver finds that its position was not sent yet, and queues, under one tail lock. So a
//!   send comes before that, or finds the receiver queued.
//!
//! Replaced and unread values are dropped, and wakers run, after the locks are released. The
//! slot's lock guards one value for its `Clone` and is not counted by the lock-depth audit.

use super::notify::Notify;
use crate::base::shim::sync::atomic::{AtomicUsize, Ordering};
use crate::base::shim::sync::{Arc, Mutex, MutexGuard};
use crate::base::wait_queue::{Place, WaitQueue};
use crate::base::waits::{self, WaitKind};
use crate::base::wake_batch::WakeBatch;
use crate::base::waker_slot::{Look, WakerSlot, register};
use crate::coop;
use crate::task::block_on_current_thread;
use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

#[cfg(not(runtime_loom))]
use crate::base::shim::lock::Mutex as SlotLock;
#[cfg(runtime_loom)]
use crate::base::shim::sync::Mutex as SlotLock;

/// Errors of this channel.
pub mod error {
    use std::fmt;

    /// There is no receiver; this is the value.
    ///
    /// ```
    /// use selvedge::sync::broadcast;
    /// let (tx, rx) = broadcast::channel(1);
    /// drop(rx);
    /// assert_eq!(tx.send(1).unwrap_err().0, 1);
    /// ```
    #[derive(Debug)]
    pub struct SendError<T>(pub T);

    /// Why nothing was received.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::broadcast::{self, error::RecvError};
    /// let (tx, mut rx) = broadcast::channel(1);
    /// tx.send(1).unwrap();
    /// tx.send(2).unwrap(); // no room: the oldest value goes
    /// drop(tx);
    /// assert_eq!(rx.recv().await, Err(RecvError::Lagged(1)));
    /// assert_eq!(rx.recv().await, Ok(2));
    /// assert_eq!(rx.recv().await, Err(RecvError::Closed));
    /// # }
    /// ```
    #[derive(Debug, PartialEq, Eq, Clone)]
    pub enum RecvError {
        /// All senders are gone, and all they sent has been received.
        Closed,
        /// The receiver was too slow: this many values were overwritten. The next call gets the
        /// oldest value that is still there.
        Lagged(u64),
    }

    /// Why nothing was received at once.
    ///
    /// ```
    /// use selvedge::sync::broadcast::{self, error::TryRecvError};
    /// let (tx, mut rx) = broadcast::channel::<u32>(1);
    /// assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    /// drop(tx);
    /// assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    /// ```
    #[derive(Debug, PartialEq, Eq, Clone)]
    pub enum TryRecvError {
        /// Nothing is there now.
        Empty,
        /// All senders are gone, and all they sent has been received.
        Closed,
        /// The receiver was too slow: this many values were overwritten.
        Lagged(u64),
    }

    impl<T> fmt::Display for SendError<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("channel closed")
        }
    }

    impl fmt::Display for RecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                RecvError::Closed => f.write_str("channel closed"),
                RecvError::Lagged(n) => write!(f, "channel lagged by {n}"),
            }
        }
    }

    impl fmt::Display for TryRecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                TryRecvError::Empty => f.write_str("channel empty"),
                TryRecvError::Closed => f.write_str("channel closed"),
                TryRecvError::Lagged(n) => write!(f, "channel lagged by {n}"),
            }
        }
    }

    impl<T: fmt::Debug> std::error::Error for SendError<T> {}
    impl std::error::Error for RecvError {}
    impl std::error::Error for TryRecvError {}
}

use error::{RecvError, SendError, TryRecvError};

/// The one signal of a receiver's place: there may be something to receive.
const WOKEN: NonZeroUsize = NonZeroUsize::MIN;

struct Slot<T> {
    /// Position of the value that was written last; `u64::MAX`: none yet.
    position: u64,
    left: usize,
    value: Option<T>,
}

struct Tail {
    /// Position of the next value.
    position: u64,
    receivers: usize,
    closed: bool,
    waiting: WaitQueue<WakerSlot>,
}

struct Shared<T> {
    ring: Box<[SlotLock<Slot<T>>]>,
    tail: Mutex<Tail>,
    strong: AtomicUsize,
    weak: AtomicUsize,
    deserted: Notify,
}

/// Sends values to all receivers.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::sync::broadcast::{self, Sender};
/// let (tx, mut rx): (Sender<&str>, _) = broadcast::channel(8);
/// let other = tx.clone();
/// other.send("to all").unwrap();
/// assert_eq!(rx.recv().await, Ok("to all"));
/// # }
/// ```
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

/// Refers to a channel without keeping it open.
///
/// ```
/// use selvedge::sync::broadcast;
/// let (tx, rx) = broadcast::channel::<u32>(1);
/// let weak = tx.downgrade();
/// drop(tx);
/// assert!(rx.is_closed() && weak.upgrade().is_none());
/// ```
pub struct WeakSender<T> {
    shared: Arc<Shared<T>>,
}

/// Gets every value sent since it was made.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::sync::broadcast;
/// let (tx, mut first) = broadcast::channel(8);
/// tx.send(1).unwrap();
/// let mut late = tx.subscribe(); // sees what comes from here on
/// tx.send(2).unwrap();
/// assert_eq!((first.recv().await, first.recv().await), (Ok(1), Ok(2)));
/// assert_eq!(late.recv().await, Ok(2));
/// # }
/// ```
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    next: u64,
}

/// A channel that keeps at least `capacity` values (rounded up to a power of two).
///
/// ```
/// let (tx, mut rx) = runtime_core::sync::broadcast::channel(4);
/// let mut other = tx.subscribe();
/// tx.send(1).unwrap();
/// assert_eq!(rx.try_recv(), Ok(1));
/// assert_eq!(other.try_recv(), Ok(1));
/// ```
///
/// # Panics
/// If `capacity` is 0 or more than `usize::MAX / 2`.
#[track_caller]
pub fn channel<T: Clone>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(capacity);
    let receiver = sender.subscribe();
    (sender, receiver)
}

impl<T> Shared<T> {
    fn slot(&self, position: u64) -> &SlotLock<Slot<T>> {
        &self.ring[position as usize & (self.ring.len() - 1)]
    }

    /// Ends all waits; unlocks and wakes.
    fn wake_all(&self, mut tail: MutexGuard<'_, Tail>) {
        let mut wakers = WakeBatch::new();
        while let Some(mut slot) = tail.waiting.release_front(WOKEN) {
            wakers.push(slot.take());
        }
        wakers.wake_after(tail);
    }

    fn add_receiver(this: &Arc<Self>) -> Receiver<T> {
        let mut tail = this.tail.lock();
        assert!(tail.receivers < usize::MAX >> 2, "max receivers");
        tail.receivers += 1;
        let next = tail.position;
        drop(tail);
        Receiver {
            shared: this.clone(),
            next,
        }
    }
}

impl<T> Slot<T> {
    /// Counts one receiver's read (I2); true for the last, which takes the value out, to clone and to drop it outside
    /// of the lock (I3). The count comes first: a clone that panics counts as a read, too.
    fn is_last_read(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        self.left == 0
    }
}

impl<T> Sender<T> {
    /// A sender without receivers; [`subscribe`](Self::subscribe) makes them.
    ///
    /// # Panics
    /// If `capacity` is 0 or more than `usize::MAX / 2`.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::broadcast::Sender;
    /// let tx = Sender::new(4);
    /// assert!(tx.send(1).is_err()); // nobody listens yet
    /// let mut rx = tx.subscribe();
    /// assert_eq!(tx.send(2).unwrap(), 1);
    /// assert_eq!(rx.try_recv(), Ok(2));
    /// ```
    #[track_caller]
    pub fn new(capacity: usize) -> Self {
        assert!(capacity > 0, "broadcast channel capacity cannot be zero");
        assert!(
            capacity <= usize::MAX >> 1,
            "broadcast channel capacity exceeded `usize::MAX / 2`"
        );
        let ring = (0..capacity.next_power_of_two())
            .map(|_| {
                SlotLock::new(Slot {
                    position: u64::MAX,
                    left: 0,
                    value: None,
                })
            })
            .collect();
        Sender {
            shared: Arc::new(Shared {
                ring,
                tail: Mutex::new(Tail {
                    position: 0,
                    receivers: 0,
                    closed: false,
                    waiting: WaitQueue::new(),
                }),
                strong: AtomicUsize::new(1),
                weak: AtomicUsize::new(0),
                deserted: Notify::of(WaitKind::Closed),
            }),
        }
    }

    /// Sends to all receivers and returns how many there are. Never waits; overwrites the oldest value.
    ///
    /// # Errors
    /// Gives the value back if there is no receiver.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::broadcast;
    /// let (tx, _first) = broadcast::channel(4);
    /// let _second = tx.subscribe();
    /// assert_eq!(tx.send(1).unwrap(), 2); // so many receivers may see it
    /// ```
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        let mut tail = self.shared.tail.lock();
        let receivers = tail.receivers;
        if receivers == 0 {
            drop(tail);
            return Err(SendError(value));
        }
        let position = tail.position;
        tail.position += 1;
        let mut slot = self.shared.slot(position).lock();
        slot.position = position;
        slot.left = receivers;
        let old = slot.value.replace(value);
        drop(slot);
        self.shared.wake_all(tail);
        drop(old);
        Ok(receivers)
    }

    /// A receiver of what is sent from now on.
    ///
    /// ```
    /// use selvedge::sync::broadcast;
    /// let (tx, _first) = broadcast::channel(4);
    /// tx.send(1).unwrap();
    /// let mut second = tx.subscribe();
    /// tx.send(2).unwrap();
    /// assert_eq!(second.try_recv(), Ok(2));
    /// ```
    pub fn subscribe(&self) -> Receiver<T> {
        Shared::add_receiver(&self.shared)
    }

    /// A sender that does not keep the channel open.
    ///
    /// ```
    /// use selvedge::sync::broadcast;
    /// let (tx, _rx) = broadcast::channel::<u32>(1);
    /// let weak = tx.downgrade();
    /// assert!(weak.upgrade().unwrap().same_channel(&tx));
    /// ```
    #[must_use = "the sender itself is left as it is"]
    pub fn downgrade(&self) -> WeakSender<T> {
        // Ordering: Relaxed; a plain counter.
        self.shared.weak.fetch_add(1, Ordering::Relaxed);
        WeakSender {
            shared: self.shared.clone(),
        }
    }

    /// Values that some receiver has yet to get.
    ///
    /// ```
    /// use selvedge::sync::broadcast;
    /// let (tx, mut rx) = broadcast::channel(4);
    /// tx.send(1).unwrap();
    /// assert_eq!(tx.len(), 1); // not yet read by all
    /// rx.try_recv().unwrap();
    /// assert_eq!(tx.len(), 0);
    /// ```
    pub fn len(&self) -> usize {
        let tail = self.shared.tail.lock();
        let kept = tail.position.min(self.shared.ring.len() as u64);
        let oldest = tail.position - kept;
        // Receivers read in order, so the values that all have read are a prefix: search its end.
        let (mut low, mut high) = (oldest, tail.position);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.shared.slot(middle).lock().left == 0 {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (tail.position - low) as usize
    }

    /// Has every receiver got everything?
    ///
    /// ```
    /// use selvedge::sync::broadcast;
    /// let (tx, _rx) = broadcast::channel(4);
    /// assert!(tx.is_empty());
    /// tx.send(1).unwrap();
    /// assert!(!tx.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many receivers there are.
    ///
    /// ```
    /// use selvedge::sync::broadcast;
    /// let (tx, _first) = broadcast::channel::<u32>(4);
    /// let _second = tx.subscribe();
    /// assert_eq!(tx.receiver_count(), 2);
    /// ```
    pub fn receiver_count(&self) -> usize {
        self.shared.tail.lock().receivers
    }

    /// Do both belong to one channel?
    ///
    /// ```
    /// use selvedge::sync::broadcast;
    /// let (tx, _rx) = broadcast::channel::<u32>(1);
    /// let (other, _) = broadcast::channel(1);
    /// assert!(tx.same_channel(&tx.clone()) && !tx.same_channel(&other));
    /// ```
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
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
    /// use selvedge::sync::broadcast;
    /// let (tx, rx) = broadcast::channel::<u32>(1);
    /// selvedge::spawn(async move { drop(rx) });
    /// tx.closed().await; // nobody listens any more
    /// # }
    /// ```
    pub async fn closed(&self) {
        coop::cooperative(async {
            loop {
                let notified = self.shared.deserted.notified();
                if self.receiver_count() == 0 {
                    return;
                }
                notified.await;
            }
        })
        .await;
    }

    /// How many senders there are.
    ///
    /// ```
    /// use selvedge::sync::broadcast;
    /// let (tx, _rx) = broadcast::channel::<u32>(1);
    /// let other = tx.clone();
    /// assert_eq!(tx.strong_count(), 2);
    /// # drop(other);
    /// ```
    pub fn strong_count(&self) -> usize {
        // Ordering: Acquire; what a dropped sender did is visible.
        self.shared.strong.load(Ordering::Acquire)
    }

    /// How many weak senders there are.
    ///
    /// ```
    /// use selvedge::sync::broadcast;
    /// let (tx, _rx) = broadcast::channel::<u32>(1);
    /// let weak = tx.downgrade();
    /// assert_eq!(tx.weak_count(), 1);
    /// # drop(weak);
    /// ```
    pub fn weak_count(&self) -> usize {
        // Ordering: Relaxed; a plain counter.
        self.shared.weak.load(Ordering::Relaxed)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        // Ordering: Relaxed; made from one that keeps the count above zero.
        self.shared.strong.fetch_add(1, Ordering::Relaxed);
        Sender {
            shared: self.shared.clone(),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // Ordering: AcqRel; what other senders did comes before the closing.
        if self.shared.strong.fetch_sub(1, Ordering::AcqRel) == 1 {
            let mut tail = self.shared.tail.lock();
            tail.closed = true;
            self.shared.wake_all(tail);
        }
    }
}

impl<T> WeakSender<T> {
    /// A sender, unless all are gone.
    ///
    /// ```
    /// use selvedge::sync::broadcast;
    /// let (tx, _rx) = broadcast::channel::<u32>(1);
    /// let weak = tx.downgrade();
    /// assert!(weak.upgrade().is_some());
    /// drop(tx);
    /// assert!(weak.upgrade().is_none());
    /// ```
    #[must_use]
    pub fn upgrade(&self) -> Option<Sender<T>> {
        // Ordering: Relaxed; the CAS decides, and publishes nothing.
        let mut count = self.shared.strong.load(Ordering::Relaxed);
        while count > 0 {
            match self.shared.strong.compare_exchange_weak(
                count,
                count + 1,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    return Some(Sender {
                        shared: self.shared.clone(),
                    });
                }
                Err(now) => count = now,
            }
        }
        None
    }

    /// How many senders there are.
    ///
    /// ```
    /// use selvedge::sync::broadcast;
    /// let (tx, _rx) = broadcast::channel::<u32>(1);
    /// assert_eq!(tx.downgrade().strong_count(), 1);
    /// ```
    pub fn strong_count(&self) -> usize {
        // Ordering: Acquire; what a dropped sender did is visible.
        self.shared.strong.load(Ordering::Acquire)
    }

    /// How many weak senders there are.
    ///
    /// ```
    /// use selvedge::sync::broadcast;
    /// let (tx, _rx) = broadcast::channel::<u32>(1);
    /// let weak = tx.downgrade();
    /// assert_eq!(weak.weak_count(), 1);
    /// ```
    pub fn weak_count(&self) -> usize {
        // Ordering: Relaxed; a plain counter.
        self.shared.weak.load(Ordering::Relaxed)
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        // Ordering: Relaxed; a plain counter.
        self.shared.weak.fetch_add(1, Ordering::Relaxed);
        WeakSender {
            shared: self.shared.clone(),
        }
    }
}

impl<T> Drop for WeakSender<T> {
    fn drop(&mut self) {
        // Ordering: Relaxed; a plain counter.
        self.shared.weak.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<T> Receiver<T> {
    /// Values sent and not received yet, those overwritten included.
    ///
    /// ```
    /// use selvedge::sync::broadcast;
    /// let (tx, rx) = broadcast::channel(4);
    /// tx.send(1).unwrap();
    /// tx.send(2).unwrap();
    /// assert_eq!(rx.len(), 2);
    /// ```
    pub fn len(&self) -> usize {
        (self.shared.tail.lock().position - self.next) as usize
    }

    /// Is nothing there to be received?
    ///
    /// ```
    /// use selvedge::sync::broadcast;
    /// let (tx, rx) = broadcast::channel(4);
    /// assert!(rx.is_empty());
    /// tx.send(1).unwrap();
    /// assert!(!rx.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Do both belong to one channel?
    ///
    /// ```
    /// use selvedge::sync::broadcast;
    /// let (tx, rx) = broadcast::channel::<u32>(4);
    /// assert!(rx.same_channel(&tx.subscribe()));
    /// ```
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Are all senders gone?
    ///
    /// ```
    /// use selvedge::sync::broadcast;
    /// let (tx, rx) = broadcast::channel::<u32>(4);
    /// drop(tx);
    /// assert!(rx.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.sender_strong_count() == 0
    }

    /// How many senders there are.
    ///
    /// ```
    /// use selvedge::sync::broadcast;
    /// let (tx, rx) = broadcast::channel::<u32>(4);
    /// let other = tx.clone();
    /// assert_eq!(rx.sender_strong_count(), 2);
    /// # drop(other);
    /// ```
    pub fn sender_strong_count(&self) -> usize {
        // Ordering: Acquire; what a dropped sender did is visible.
        self.shared.strong.load(Ordering::Acquire)
    }

    /// How many weak senders there are.
    ///
    /// ```
    /// use selvedge::sync::broadcast;
    /// let (tx, rx) = broadcast::channel::<u32>(4);
    /// let weak = tx.downgrade();
    /// assert_eq!(rx.sender_weak_count(), 1);
    /// # drop(weak);
    /// ```
    pub fn sender_weak_count(&self) -> usize {
        // Ordering: Relaxed; a plain counter.
        self.shared.weak.load(Ordering::Relaxed)
    }
}

impl<T: Clone> Receiver<T> {
    /// Another receiver, of what is sent from now on.
    ///
    /// ```
    /// use selvedge::sync::broadcast;
    /// let (tx, rx) = broadcast::channel(4);
    /// tx.send(1).unwrap();
    /// let mut fresh = rx.resubscribe(); // begins with what comes next
    /// tx.send(2).unwrap();
    /// assert_eq!(fresh.try_recv(), Ok(2));
    /// ```
    pub fn resubscribe(&self) -> Self {
        Shared::add_receiver(&self.shared)
    }

    /// The next value.
    ///
    /// # Errors
    /// If values were lost, or nothing more can come.
    ///
    /// # Cancel safety
    /// Dropping it loses nothing.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::broadcast;
    /// let (tx, mut rx) = broadcast::channel(4);
    /// tx.send(1).unwrap();
    /// drop(tx);
    /// assert_eq!(rx.recv().await, Ok(1));
    /// assert!(rx.recv().await.is_err());
    /// # }
    /// ```
    pub async fn recv(&mut self) -> Result<T, RecvError> {
        Recv {
            receiver: self,
            place: Place::new(),
        }
        .await
    }

    /// [`recv`](Self::recv) for threads outside of async code.
    ///
    /// # Errors
    /// As `recv`.
    ///
    /// # Panics
    /// In async code.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::broadcast;
    /// let (tx, mut rx) = broadcast::channel(4);
    /// let thread = std::thread::spawn(move || rx.blocking_recv());
    /// tx.send(1).unwrap();
    /// assert_eq!(thread.join().unwrap(), Ok(1));
    /// ```
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Result<T, RecvError> {
        block_on_current_thread(self.recv())
    }

    /// The next value, if it is there.
    ///
    /// # Errors
    /// If it is not, values were lost, or nothing more can come.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::broadcast;
    /// let (tx, mut rx) = broadcast::channel(4);
    /// assert!(rx.try_recv().is_err());
    /// tx.send(1).unwrap();
    /// assert_eq!(rx.try_recv(), Ok(1));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        loop {
            if let Some(value) = self.read() {
                return Ok(value);
            }
            let standing = self.standing(&self.shared.tail.lock());
            match standing {
                Standing::Sent => {}
                Standing::NotYet => return Err(TryRecvError::Empty),
                Standing::Ended(end) => return Err(self.report(end).into()),
            }
        }
    }

    /// The next value, if its slot holds it.
    fn read(&mut self) -> Option<T> {
        let mut slot = self.shared.slot(self.next).lock();
        if slot.position != self.next {
            return None;
        }
        self.next += 1;
        if !slot.is_last_read() {
            return clone_of(&slot.value);
        }
        let last = slot.value.take();
        drop(slot);
        clone_of(&last)
    }

    /// Where the next value stands, by the tail.
    fn standing(&self, tail: &Tail) -> Standing {
        let oldest = tail.position.saturating_sub(self.shared.ring.len() as u64);
        if tail.position == self.next {
            match tail.closed {
                true => Standing::Ended(RecvError::Closed),
                false => Standing::NotYet,
            }
        } else if self.next < oldest {
            Standing::Ended(RecvError::Lagged(oldest - self.next))
        } else {
            Standing::Sent
        }
    }

    /// Skips what was lost, for an error that is about to be returned.
    fn report(&mut self, error: RecvError) -> RecvError {
        if let RecvError::Lagged(lost) = error {
            self.next += lost;
        }
        error
    }
}

/// See [`Receiver::standing`].
enum Standing {
    /// Sent between the two checks: read again.
    Sent,
    NotYet,
    /// Lost, or never to come.
    Ended(RecvError),
}

impl From<RecvError> for TryRecvError {
    fn from(error: RecvError) -> TryRecvError {
        match error {
            RecvError::Closed => TryRecvError::Closed,
            RecvError::Lagged(lost) => TryRecvError::Lagged(lost),
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut tail = self.shared.tail.lock();
        tail.receivers -= 1;
        let last = tail.receivers == 0;
        let (end, kept) = (tail.position, self.shared.ring.len() as u64);
        drop(tail);
        // Dropped last, so that a task that is woken finds the channel empty.
        let _deserted = last.then(|| Deserted(&self.shared.deserted));
        // Values that it has not read count as read; slots that were overwritten meanwhile do not match.
        for position in self.next.max(end.saturating_sub(kept))..end {
            let mut slot = self.shared.slot(position).lock();
            if slot.position == position {
                slot.left = slot.left.saturating_sub(1);
                let value = if slot.left == 0 {
                    slot.value.take()
                } else {
                    None
                };
                drop(slot);
                drop(value);
            }
        }
    }
}

/// A clone made in place: in a debug build `Option::clone` moves it once more.
#[allow(clippy::manual_map)]
fn clone_of<T: Clone>(value: &Option<T>) -> Option<T> {
    match value {
        Some(value) => Some(value.clone()),
        None => None,
    }
}

/// Notifies, when it is dropped, that no receiver is left.
struct Deserted<'a>(&'a Notify);

impl Drop for Deserted<'_> {
    fn drop(&mut self) {
        self.0.notify_waiters();
    }
}

pin_project_lite::pin_project! {
    /// Future of [`Receiver::recv`].
    struct Recv<'a, T> {
        receiver: &'a mut Receiver<T>,
        #[pin]
        place: Place<WakerSlot>,
    }

    impl<T> PinnedDrop for Recv<'_, T> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if this.place.is_queued() {
                let mut tail = this.receiver.shared.tail.lock();
                let slot = tail.waiting.withdraw(this.place.as_ref());
                slot.unwrap_or_default().drop_after(tail);
            }
        }
    }
}

impl<T: Clone> Recv<'_, T> {
    /// Queues, or leaves the newest waker, if there is nothing to receive; else returns where the next value stands.
    fn wait(self: Pin<&mut Self>, cx: &Context<'_>) -> Option<Standing> {
        let this = self.project();
        let (receiver, place) = (&**this.receiver, this.place.as_ref());
        if place.is_queued() {
            return register(&receiver.shared.tail, cx.waker(), |tail: &mut Tail| match (
                receiver.standing(tail),
                tail.waiting.get_mut(place),
            ) {
                (Standing::NotYet, Some(slot)) => Look::Wait(slot),
                (Standing::NotYet, None) => Look::Over(Standing::Sent),
                (standing, _) => Look::Over(standing),
            });
        }
        let slot = WakerSlot::holding(cx.waker());
        let mut tail = receiver.shared.tail.lock();
        match receiver.standing(&tail) {
            Standing::NotYet => {
                tail.waiting.enqueue(place, slot);
                None
            }
            standing => {
                slot.drop_after(tail);
                Some(standing)
            }
        }
    }
}

impl<T: Clone> Future for Recv<'_, T> {
    type Output = Result<T, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let coop = ready!(coop::poll_proceed(cx));
        loop {
            // Returned at once: a value may be large, and each move of it is a copy on the stack.
            if let Some(value) = self.as_mut().project().receiver.read() {
                coop.made_progress();
                return Poll::Ready(Ok(value));
            }
            match self.as_mut().wait(cx) {
                None => {
                    waits::note(
                        WaitKind::Broadcast,
                        Arc::as_ptr(&self.receiver.shared) as u64,
                    );
                    return Poll::Pending;
                }
                Some(Standing::Ended(end)) => {
                    coop.made_progress();
                    return Poll::Ready(Err(self.project().receiver.report(end)));
                }
                Some(Standing::Sent | Standing::NotYet) => {}
            }
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broadcast::Sender")
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broadcast::WeakSender")
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broadcast::Receiver")
    }
}
