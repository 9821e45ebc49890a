//! A channel in which every receiver gets every value, and slow ones lose the oldest.
//!
//! ```text
//! ring of slots, a power of two          tail (one lock): position, receivers, waiting receivers
//!   slot = position | left | value       send: tail lock ─▶ slot lock; recv: slot lock, and only
//!                                        if the value is not there: tail lock ─▶ slot lock
//! ```
//!
//! - I1: locks are taken in the order tail, slot. Positions start at 0 and never wrap (u64).
//! - I2: `left` is the number of receivers that have yet to read the slot's value; the last one
//!   takes what is left away.
//! - I3: a value is cloned under its slot's lock, one receiver at a time, so `T: Send` suffices
//!   (two threads cloning through a shared reference would need `Sync`). The last to read takes it out first: a
//!   clone that panics leaves nothing behind.
//! - I4: a receiver queues under the tail lock after it found its position not sent yet, so a
//!   send comes before the look or finds it queued.
//!
//! Replaced and unread values are dropped, and wakers run, after the locks are released. The
//! slot's lock guards one value for its `Clone` and is not counted by the lock-depth audit.

use super::notify::Notify;
use super::wait_list::{WaitList, Waiter, WakeBatch};
use crate::coop;
use crate::park::block_on_current_thread;
use crate::shim::sync::atomic::{AtomicUsize, Ordering};
use crate::shim::sync::{Arc, Mutex, MutexGuard};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

#[cfg(runtime_loom)]
use crate::shim::sync::Mutex as SlotLock;
#[cfg(not(runtime_loom))]
use parking_lot::Mutex as SlotLock;

/// Errors of this channel.
pub mod error {
    use std::fmt;

    /// There is no receiver; this is the value.
    #[derive(Debug)]
    pub struct SendError<T>(pub T);

    /// Why nothing was received.
    #[derive(Debug, PartialEq, Eq, Clone)]
    pub enum RecvError {
        /// All senders are gone, and all they sent has been received.
        Closed,
        /// The receiver was too slow: this many values were overwritten. The next call gets the
        /// oldest that is still there.
        Lagged(u64),
    }

    /// Why nothing was received at once.
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
    waiting: WaitList<()>,
}

struct Shared<T> {
    ring: Box<[SlotLock<Slot<T>>]>,
    tail: Mutex<Tail>,
    strong: AtomicUsize,
    weak: AtomicUsize,
    deserted: Notify,
}

/// Sends values to all receivers.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

/// Refers to a channel without keeping it open.
pub struct WeakSender<T> {
    shared: Arc<Shared<T>>,
}

/// Gets every value sent since it was made.
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
        // SAFETY: the lock is held.
        while let Some(node) = unsafe { tail.waiting.pop_front() } {
            // SAFETY: I1 of wait_list, the lock is held.
            wakers.push(unsafe { node.fields() }.waker.take());
            node.set_signal(1);
        }
        drop(tail);
        wakers.wake();
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
    /// Reads for one receiver (I2, I3): a clone, or for the last one the value itself, to be cloned and
    /// dropped outside of the lock.
    fn read(&mut self) -> (Option<T>, Option<T>)
    where
        T: Clone,
    {
        self.left = self.left.saturating_sub(1);
        // The count went first: a clone that panics is a read all the same.
        match self.left {
            0 => (None, self.value.take()),
            _ => (self.value.clone(), None),
        }
    }
}

impl<T> Sender<T> {
    /// A sender without receivers; [`subscribe`](Self::subscribe) makes them.
    ///
    /// # Panics
    /// If `capacity` is 0 or more than `usize::MAX / 2`.
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
                    waiting: WaitList::new(),
                }),
                strong: AtomicUsize::new(1),
                weak: AtomicUsize::new(0),
                deserted: Notify::new(),
            }),
        }
    }

    /// Sends to all receivers and says how many there are. Never waits; overwrites the oldest.
    ///
    /// # Errors
    /// Gives the value back if there is no receiver.
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
    pub fn subscribe(&self) -> Receiver<T> {
        Shared::add_receiver(&self.shared)
    }

    /// A sender that does not keep the channel open.
    #[must_use = "the sender itself is left as it is"]
    pub fn downgrade(&self) -> WeakSender<T> {
        // Ordering: Relaxed; a plain counter.
        self.shared.weak.fetch_add(1, Ordering::Relaxed);
        WeakSender {
            shared: self.shared.clone(),
        }
    }

    /// Values that some receiver has yet to get.
    pub fn len(&self) -> usize {
        let tail = self.shared.tail.lock();
        let kept = tail.position.min(self.shared.ring.len() as u64);
        let oldest = tail.position - kept;
        // Receivers read in order, so what all have read is a prefix: look for its end.
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
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.shared.tail.lock().receivers
    }

    /// Are both of one channel?
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Waits until there is no receiver.
    ///
    /// # Cancel safety
    /// Dropping it changes nothing.
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
    pub fn strong_count(&self) -> usize {
        // Ordering: Acquire; what a dropped sender did is visible.
        self.shared.strong.load(Ordering::Acquire)
    }

    /// How many weak senders there are.
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
    pub fn strong_count(&self) -> usize {
        // Ordering: Acquire; what a dropped sender did is visible.
        self.shared.strong.load(Ordering::Acquire)
    }

    /// How many weak senders there are.
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
    pub fn len(&self) -> usize {
        (self.shared.tail.lock().position - self.next) as usize
    }

    /// Is nothing there to be received?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Are both of one channel?
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Are all senders gone?
    pub fn is_closed(&self) -> bool {
        self.sender_strong_count() == 0
    }

    /// How many senders there are.
    pub fn sender_strong_count(&self) -> usize {
        // Ordering: Acquire; what a dropped sender did is visible.
        self.shared.strong.load(Ordering::Acquire)
    }

    /// How many weak senders there are.
    pub fn sender_weak_count(&self) -> usize {
        // Ordering: Relaxed; a plain counter.
        self.shared.weak.load(Ordering::Relaxed)
    }
}

impl<T: Clone> Receiver<T> {
    /// Another receiver, of what is sent from now on.
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
    pub async fn recv(&mut self) -> Result<T, RecvError> {
        Recv {
            receiver: self,
            queued: false,
            node: Waiter::new(()),
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
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Result<T, RecvError> {
        block_on_current_thread(self.recv())
    }

    /// The next value, if it is there.
    ///
    /// # Errors
    /// If it is not, values were lost, or nothing more can come.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.receive(|_| TryRecvError::Empty)
    }

    /// The next value; calls `or_wait` under the tail lock if it has not been sent yet.
    fn receive(
        &mut self,
        or_wait: impl FnOnce(&mut Tail) -> TryRecvError,
    ) -> Result<T, TryRecvError> {
        let shared = &*self.shared;
        loop {
            let mut slot = shared.slot(self.next).lock();
            if slot.position == self.next {
                self.next += 1;
                let (value, last) = slot.read();
                drop(slot);
                return value.or_else(|| last.clone()).ok_or(TryRecvError::Closed);
            }
            drop(slot);
            let mut tail = shared.tail.lock();
            if tail.position == self.next {
                return Err(if tail.closed {
                    TryRecvError::Closed
                } else {
                    or_wait(&mut tail)
                });
            }
            let oldest = tail.position.saturating_sub(shared.ring.len() as u64);
            if self.next < oldest {
                let lost = oldest - self.next;
                self.next = oldest;
                return Err(TryRecvError::Lagged(lost));
            }
            // Sent between the two looks: look again.
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
        // At the end: whoever is woken finds the channel empty.
        let _deserted = last.then(|| Deserted(&self.shared.deserted));
        // What it has not read counts as read; positions overwritten meanwhile do not match.
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

/// Tells that no receiver is left, when it is dropped.
struct Deserted<'a>(&'a Notify);

impl Drop for Deserted<'_> {
    fn drop(&mut self) {
        self.0.notify_waiters();
    }
}

/// Future of [`Receiver::recv`].
struct Recv<'a, T> {
    receiver: &'a mut Receiver<T>,
    /// The node has been in the list since it was last given up.
    queued: bool,
    node: Waiter<()>,
}

/// Left by a look that found nothing.
enum Waits {
    /// Queued with the newest waker; the one it replaced.
    Yes(Option<Waker>),
    /// A clone of the waker is needed first.
    NeedsWaker,
}

impl<T: Clone> Future for Recv<'_, T> {
    type Output = Result<T, RecvError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let coop = ready!(coop::poll_proceed(cx));
        // SAFETY: nothing is moved out of the pinned future.
        let this = unsafe { self.get_unchecked_mut() };
        let mut clone: Option<Waker> = None;
        loop {
            let node = &this.node;
            let mut waits = None;
            let given = clone.take();
            let outcome = this.receiver.receive(|tail| {
                // SAFETY: I1 of wait_list, the lock is held.
                let fields = unsafe { node.fields() };
                let same = fields
                    .waker
                    .as_ref()
                    .is_some_and(|w| w.will_wake(cx.waker()));
                let old = match given {
                    _ if same && fields.is_queued() => None,
                    Some(new) => fields.waker.replace(new),
                    None => {
                        waits = Some(Waits::NeedsWaker);
                        return TryRecvError::Empty;
                    }
                };
                if !fields.is_queued() {
                    node.set_signal(0);
                    // SAFETY: the lock is held; the future is pinned, drop detaches the node.
                    unsafe { tail.waiting.push_back(node) };
                }
                waits = Some(Waits::Yes(old));
                TryRecvError::Empty
            });
            let outcome = match outcome {
                Ok(value) => Ok(value),
                Err(TryRecvError::Closed) => Err(RecvError::Closed),
                Err(TryRecvError::Lagged(n)) => Err(RecvError::Lagged(n)),
                Err(TryRecvError::Empty) => match waits {
                    Some(Waits::NeedsWaker) | None => {
                        clone = Some(cx.waker().clone());
                        continue;
                    }
                    Some(Waits::Yes(old)) => {
                        this.queued = true;
                        drop(old);
                        return Poll::Pending;
                    }
                },
            };
            coop.made_progress();
            return Poll::Ready(outcome);
        }
    }
}

impl<T> Drop for Recv<'_, T> {
    fn drop(&mut self) {
        if !self.queued || self.node.signal() != 0 {
            return;
        }
        let mut tail = self.receiver.shared.tail.lock();
        // SAFETY: the lock is held; a queued node is in this list.
        unsafe { tail.waiting.remove(&self.node) };
        // SAFETY: I1 of wait_list, the lock is held.
        let waker = unsafe { self.node.fields() }.waker.take();
        drop(tail);
        drop(waker);
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
