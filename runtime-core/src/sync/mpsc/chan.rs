//! What both channels share: the queue, the counts of senders, the receiver's waker.
//!
//! - I1: the receiver is done when the queue is drained and either no sender is left, or it has
//!   closed and no permit is out. An operation that may be the last to make that true (a sender's
//!   drop, a permit coming back to a closed channel) wakes the receiver afterwards.
//! - I2: the receiver leaves its waker first, marks the head slot, and checks I1 last; the lock
//!   of `rx_waker` orders that against the wakes of I1.
//! - I3: a waker taken for a slot that was read meanwhile costs a spurious wake-up, never a lost
//!   one: each poll that ends in Pending has left the waker anew.

use super::error::TryRecvError;
use super::queue::{Claim, Popped, Queue, Wake};
use crate::base::shim::sync::atomic::{AtomicUsize, Ordering};
use crate::base::waits::{self, WaitKind};
use crate::base::waker_slot::LockedWaker;
use crate::coop;
use crate::sync::batch::BatchSemaphore;
use crate::sync::notify::Notify;
use std::task::{Context, Poll, ready};

pub(super) struct Chan<T> {
    pub(super) queue: Queue<T>,
    /// Room left; `None`: unbounded.
    pub(super) room: Option<Room>,
    rx_waker: LockedWaker,
    pub(super) strong: AtomicUsize,
    pub(super) weak: AtomicUsize,
    closed: Notify,
}

pub(super) struct Room {
    pub(super) permits: BatchSemaphore,
    pub(super) capacity: usize,
}

// SAFETY: values move from the sending thread to the receiving thread through `queue`.
unsafe impl<T: Send> Send for Chan<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Chan<T> {}

impl<T> Chan<T> {
    pub(super) fn new(room: Option<Room>) -> Self {
        Chan {
            queue: Queue::new(),
            room,
            rx_waker: LockedWaker::new(),
            strong: AtomicUsize::new(1),
            weak: AtomicUsize::new(0),
            closed: Notify::of(WaitKind::Closed),
        }
    }

    /// Puts a value into a slot of the queue, and wakes the receiver if it waits for that.
    #[inline]
    pub(super) fn fill(&self, claim: Claim<T>, value: T) {
        let Wake(wake) = self.queue.fill(claim, value);
        if wake {
            self.wake_rx();
        }
    }

    #[cold]
    pub(super) fn wake_rx(&self) {
        self.rx_waker.wake();
    }

    /// Gives back room without having sent.
    pub(super) fn return_room(&self, n: usize) {
        if let Some(room) = &self.room {
            room.permits.release(n);
            self.wake_if_finished();
        }
    }

    /// By I1, after permits came back: if several come back at once, one of the calls sees all of them.
    pub(super) fn wake_if_finished(&self) {
        if self.is_closed() && self.is_finished() {
            self.wake_rx();
        }
    }

    fn popped(&self, n: usize) {
        if let Some(room) = &self.room {
            room.permits.release(n);
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        match &self.room {
            Some(room) => room.permits.is_closed(),
            None => self.queue.is_closed(),
        }
    }

    /// Will nothing more be pushed?
    fn is_finished(&self) -> bool {
        // Ordering: Acquire; pairs with the Release of each sender's drop.
        if self.strong.load(Ordering::Acquire) == 0 {
            return true;
        }
        match &self.room {
            Some(room) => {
                room.permits.is_closed() && room.permits.available_permits() == room.capacity
            }
            None => self.queue.is_closed(),
        }
    }

    pub(super) fn add_sender(&self) {
        // Ordering: Relaxed; made from a sender that keeps the count above zero.
        self.strong.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn drop_sender(&self) {
        // Ordering: Release; pairs with the Acquire in `is_finished`: all that was sent is visible.
        if self.strong.fetch_sub(1, Ordering::Release) == 1 {
            self.wake_rx();
        }
    }

    /// A sender from a weak one, unless the last sender is gone.
    pub(super) fn upgrade(&self) -> bool {
        // Ordering: Relaxed; the CAS decides, and publishes nothing.
        let mut count = self.strong.load(Ordering::Relaxed);
        while count > 0 {
            match self.strong.compare_exchange_weak(
                count,
                count + 1,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => count = now,
            }
        }
        false
    }

    /// The receiver takes no more values.
    pub(super) fn close(&self) {
        // Notifies even if the waker of a sender that waits for room panics.
        let _told = Told(&self.closed);
        match &self.room {
            Some(room) => room.permits.close(),
            None => self.queue.close(),
        }
    }

    /// Waits for `close`.
    pub(super) async fn wait_closed(&self) {
        loop {
            // A close from here on ends it.
            let notified = self.closed.notified();
            if self.is_closed() {
                return;
            }
            notified.await;
        }
    }

    /// The receiver is dropped: closes the channel, and drops the values that are there.
    pub(super) fn drop_receiver(&self) {
        // If a waker or the drop of a value panics, the rest is dropped while that panic unwinds.
        let _rest = Drain(self);
        self.close();
        self.rx_waker.clear();
        self.drain();
    }

    fn drain(&self) {
        loop {
            // SAFETY: called by the receiver, which is the consumer.
            match unsafe { self.queue.pop() } {
                Popped::Value(value) => {
                    self.popped(1);
                    drop(value);
                }
                // A value that is being written is dropped with the channel.
                Popped::Busy | Popped::Empty => return,
            }
        }
    }

    /// # Safety
    /// The caller is the consumer.
    pub(super) unsafe fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        // SAFETY: the caller's promise.
        let value = ready!(unsafe { self.poll_pop(cx) });
        if value.is_some() {
            self.popped(1);
        }
        Poll::Ready(value)
    }

    /// Like `poll_recv`, but the caller gives the value's room back.
    ///
    /// # Safety
    /// The caller is the consumer.
    #[inline]
    unsafe fn poll_pop(&self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let coop = ready!(coop::poll_proceed(cx));
        let mut waits = false;
        loop {
            // Read before the queue: the pop sees what was pushed before the end.
            let finished = self.is_finished();
            // SAFETY: the caller's promise.
            match unsafe { self.queue.pop() } {
                Popped::Value(value) => {
                    coop.made_progress();
                    return Poll::Ready(Some(value));
                }
                Popped::Empty if finished => {
                    coop.made_progress();
                    return Poll::Ready(None);
                }
                Popped::Empty | Popped::Busy => {}
            }
            if waits {
                waits::note(WaitKind::Receive, std::ptr::from_ref(self) as u64);
                return Poll::Pending;
            }
            self.rx_waker.register(cx.waker());
            // SAFETY: the caller's promise. If the slot was filled meanwhile the pop gets it.
            unsafe { self.queue.wait_on_head() };
            waits = true;
        }
    }

    /// # Safety
    /// The caller is the consumer.
    pub(super) unsafe fn poll_recv_many(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<T>,
        limit: usize,
    ) -> Poll<usize> {
        if limit == 0 {
            return Poll::Ready(0);
        }
        // SAFETY: the caller's promise.
        let Some(first) = ready!(unsafe { self.poll_pop(cx) }) else {
            return Poll::Ready(0);
        };
        buffer.push(first);
        let mut count = 1;
        while count < limit {
            // SAFETY: the caller's promise.
            let Popped::Value(value) = (unsafe { self.queue.pop() }) else {
                break;
            };
            buffer.push(value);
            count += 1;
        }
        // All at once, and last: if a sender's waker panics, no value must be lost.
        self.popped(count);
        Poll::Ready(count)
    }

    /// # Safety
    /// The caller is the consumer.
    pub(super) unsafe fn try_recv(&self) -> Result<T, TryRecvError> {
        let mut spins = 0;
        loop {
            let finished = self.is_finished();
            // SAFETY: the caller's promise.
            match unsafe { self.queue.pop() } {
                Popped::Value(value) => {
                    self.popped(1);
                    return Ok(value);
                }
                Popped::Empty if finished => return Err(TryRecvError::Disconnected),
                Popped::Empty => return Err(TryRecvError::Empty),
                Popped::Busy => {
                    // A sender is between claiming its slot and filling it.
                    spins += 1;
                    if spins < 64 && cfg!(not(runtime_loom)) {
                        crate::base::shim::hint::spin_loop();
                    } else {
                        crate::base::shim::thread::yield_now();
                    }
                }
            }
        }
    }
}

/// Wakes the tasks that wait for the end of the channel, when it is dropped.
struct Told<'a>(&'a Notify);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.0.notify_waiters();
    }
}

/// Drains the queue when it is dropped.
struct Drain<'a, T>(&'a Chan<T>);

impl<T> Drop for Drain<'_, T> {
    fn drop(&mut self) {
        self.0.drain();
    }
}
