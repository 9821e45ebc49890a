//! A channel for one value.
//!
//! ```text
//! word:  SENDER_DONE (sent or dropped) | CLOSED (receiver closed or dropped)
//!        | RX_WAKER | TX_WAKER (that side has left a waker)
//! ```
//!
//! - I1: `value` is the sender's until SENDER_DONE is set, then the receiver's. SENDER_DONE is not
//!   set once CLOSED is: a sender that sees CLOSED takes its value back.
//! - I2: `rx_waker` is the receiver's while RX_WAKER is clear. While it is set, the cell belongs to
//!   the thread that sets SENDER_DONE; the receiver clears the bit (by RMW) to get the cell back,
//!   and never touches it again if SENDER_DONE came first.
//! - I3: `tx_waker` likewise, with TX_WAKER and CLOSED.
//!
//! Sending costs one allocation per channel and one CAS; no lock anywhere.

use crate::base::contain;
use crate::base::shim::cell::UnsafeCell;
use crate::base::shim::sync::Arc;
use crate::base::shim::sync::atomic::{AtomicUsize, Ordering};
use crate::base::waits::{self, WaitKind};
use crate::coop;
use crate::instrument::{
    ENABLED, Op, Resource, async_op, inner_op, poll_op, resource, state_update,
};
use crate::task::block_on_current_thread;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

const SENDER_DONE: usize = 1;
const CLOSED: usize = 2;
const RX_WAKER: usize = 4;
const TX_WAKER: usize = 8;

/// Errors of this channel.
pub mod error {
    use std::fmt;

    /// The sender was dropped without sending.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::oneshot;
    /// let (tx, rx) = oneshot::channel::<u32>();
    /// drop(tx);
    /// assert_eq!(rx.await.unwrap_err().to_string(), "channel closed");
    /// # }
    /// ```
    #[derive(Debug, Eq, PartialEq, Clone)]
    pub struct RecvError(pub(super) ());

    /// Why nothing was received.
    ///
    /// ```
    /// use selvedge::sync::oneshot::{self, error::TryRecvError};
    /// let (tx, mut rx) = oneshot::channel::<u32>();
    /// assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    /// drop(tx);
    /// assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    /// ```
    #[derive(Debug, Eq, PartialEq, Clone)]
    pub enum TryRecvError {
        /// Nothing has been sent yet.
        Empty,
        /// Nothing will be sent any more.
        Closed,
    }

    impl fmt::Display for RecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("channel closed")
        }
    }

    impl fmt::Display for TryRecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(match self {
                TryRecvError::Empty => "channel empty",
                TryRecvError::Closed => "channel closed",
            })
        }
    }

    impl std::error::Error for RecvError {}
    impl std::error::Error for TryRecvError {}
}

use error::{RecvError, TryRecvError};

struct Shared<T> {
    word: AtomicUsize,
    value: UnsafeCell<Option<T>>,
    rx_waker: UnsafeCell<Option<Waker>>,
    tx_waker: UnsafeCell<Option<Waker>>,
}

// SAFETY: by I1-I3 every cell has one owner at a time, handed over through `word`.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

/// The sending half.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::sync::oneshot::{self, Sender};
/// fn answer(to: Sender<u32>) {
///     let _ = to.send(42); // nobody may want to know any more
/// }
/// let (tx, rx) = oneshot::channel();
/// answer(tx);
/// assert_eq!(rx.await, Ok(42));
/// # }
/// ```
pub struct Sender<T> {
    shared: Option<Arc<Shared<T>>>,
    resource: Resource,
}

/// The receiving half: a future of the value.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::sync::oneshot;
/// let (tx, mut rx) = oneshot::channel();
/// selvedge::spawn(async move { tx.send("done") });
/// // A reference is a future, too: so `select!` may poll it again and again.
/// assert_eq!((&mut rx).await, Ok("done"));
/// # }
/// ```
pub struct Receiver<T> {
    shared: Option<Arc<Shared<T>>>,
    resource: Resource,
    op: Op,
}

/// A channel for one value.
///
/// ```
/// let (tx, mut rx) = runtime_core::sync::oneshot::channel();
/// tx.send(5).unwrap();
/// assert_eq!(rx.try_recv(), Ok(5));
/// ```
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let resource = resource!(
        "tokio::sync::oneshot",
        "Sender|Receiver",
        "Sync",
        Location::caller()
    );
    state_update!(resource, tx_dropped = false, tx_dropped.op = "override");
    state_update!(resource, rx_dropped = false, rx_dropped.op = "override");
    state_update!(resource, value_sent = false, value_sent.op = "override");
    state_update!(
        resource,
        value_received = false,
        value_received.op = "override"
    );
    let op = inner_op!("tokio::sync::oneshot", resource, "Receiver::await");
    let shared = Arc::new(Shared {
        word: AtomicUsize::new(0),
        value: UnsafeCell::new(None),
        rx_waker: UnsafeCell::new(None),
        tx_waker: UnsafeCell::new(None),
    });
    (
        Sender {
            shared: Some(shared.clone()),
            resource: resource.clone(),
        },
        Receiver {
            shared: Some(shared),
            resource,
            op,
        },
    )
}

/// Outcome of leaving a waker.
#[derive(PartialEq)]
enum Leave {
    Left,
    OtherSideDone,
}

impl<T> Shared<T> {
    /// Sets SENDER_DONE and wakes the receiver; false if CLOSED came first.
    fn finish_sending(&self) -> bool {
        // Ordering: Relaxed; the CAS decides.
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if word & CLOSED != 0 {
                return false;
            }
            // Ordering: Release publishes `value` to the receiver's Acquire; Acquire pairs with
            // the receiver's Release of `rx_waker`.
            match self.word.compare_exchange_weak(
                word,
                word | SENDER_DONE,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => word = now,
            }
        }
        if word & RX_WAKER != 0 {
            // SAFETY: I2, it is ours now.
            let waker = self.rx_waker.with_mut(|w| unsafe { (*w).take() });
            if let Some(waker) = waker {
                contain::wake(waker);
            }
        }
        true
    }

    /// Sets CLOSED and wakes the sender; returns the word before.
    fn close(&self) -> usize {
        // Ordering: Acquire pairs with the sender's Release (value, tx_waker).
        let before = self.word.fetch_or(CLOSED, Ordering::AcqRel);
        if before & (CLOSED | SENDER_DONE) == 0 && before & TX_WAKER != 0 {
            // SAFETY: I3, it is ours now.
            let waker = self.tx_waker.with_mut(|w| unsafe { (*w).take() });
            if let Some(waker) = waker {
                contain::wake(waker);
            }
        }
        before
    }

    /// Leaves `cx`'s waker in `cell`, which `bit` guards against the side that sets `done`.
    fn leave_waker(
        &self,
        cell: &UnsafeCell<Option<Waker>>,
        bit: usize,
        done: usize,
        seen: usize,
        cx: &Context<'_>,
    ) -> Leave {
        if seen & bit != 0 {
            // The other side may take the waker: get the cell back first.
            // Ordering: Acquire; pairs with the RMW that set `done`. It publishes nothing: with the bit clear
            // the other side does not read the cell.
            if self.word.fetch_and(!bit, Ordering::Acquire) & done != 0 {
                return Leave::OtherSideDone;
            }
        }
        // SAFETY: I2 and I3, the bit is clear, the cell is this side's.
        let same = cell.with(|w| unsafe { (*w).as_ref().is_some_and(|w| w.will_wake(cx.waker())) });
        if !same {
            let new = Some(cx.waker().clone());
            // SAFETY: as above; the clone is made, no other reference is live.
            let old = cell.with_mut(|w| unsafe { std::mem::replace(&mut *w, new) });
            drop(old);
        }
        // Ordering: AcqRel; Release publishes the waker to the RMW that sets `done`.
        if self.word.fetch_or(bit, Ordering::AcqRel) & done != 0 {
            // It was set before the bit: nobody will take the waker, and nobody touches it
            // until the channel is dropped.
            return Leave::OtherSideDone;
        }
        Leave::Left
    }

    /// Takes the value after SENDER_DONE was seen with Acquire.
    fn take_value(&self) -> Option<T> {
        // SAFETY: I1, it is the receiver's.
        self.value.with_mut(|v| unsafe { (*v).take() })
    }
}

impl<T> Sender<T> {
    /// Sends the value. Never waits.
    ///
    /// # Errors
    /// The value itself, if the receiver is gone or has closed.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::oneshot;
    /// let (tx, rx) = oneshot::channel();
    /// drop(rx);
    /// assert_eq!(tx.send(1), Err(1)); // the value comes back
    /// ```
    pub fn send(mut self, value: T) -> Result<(), T> {
        let shared = self
            .shared
            .take()
            .expect("the sender is whole until it is consumed");
        // SAFETY: I1, it is the sender's.
        shared.value.with_mut(|v| unsafe { *v = Some(value) });
        if shared.finish_sending() {
            state_update!(self.resource, value_sent = true, value_sent.op = "override");
            return Ok(());
        }
        // SAFETY: I1, SENDER_DONE was not set.
        match shared.value.with_mut(|v| unsafe { (*v).take() }) {
            Some(value) => Err(value),
            None => unreachable!("nobody takes the value before SENDER_DONE"),
        }
    }

    /// Waits until the receiver closes or is dropped.
    ///
    /// # Cancel safety
    /// Dropping it changes nothing.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::oneshot;
    /// let (mut tx, rx) = oneshot::channel::<u32>();
    /// selvedge::spawn(async move { drop(rx) });
    /// tx.closed().await; // no need to work out the answer
    /// # }
    /// ```
    pub async fn closed(&mut self) {
        let resource = self.resource.clone();
        async_op(&resource, "Sender::closed", "poll_closed", || {
            poll_fn(|cx| self.poll_closed(cx))
        })
        .await;
    }

    /// Has the receiver closed, or been dropped?
    ///
    /// ```
    /// use selvedge::sync::oneshot;
    /// let (tx, mut rx) = oneshot::channel::<u32>();
    /// assert!(!tx.is_closed());
    /// rx.close();
    /// assert!(tx.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        match &self.shared {
            // Ordering: Acquire; pairs with the AcqRel in `close`.
            Some(shared) => shared.word.load(Ordering::Acquire) & CLOSED != 0,
            None => true,
        }
    }

    /// [`closed`](Self::closed), as a poll.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use selvedge::sync::oneshot;
    /// let (mut tx, rx) = oneshot::channel::<u32>();
    /// drop(rx);
    /// poll_fn(|cx| tx.poll_closed(cx)).await;
    /// # }
    /// ```
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(shared) = &self.shared else {
            return Poll::Ready(());
        };
        let coop = ready!(coop::poll_proceed(cx));
        // Ordering: Acquire; pairs with the AcqRel in `close`.
        let word = shared.word.load(Ordering::Acquire);
        if word & CLOSED != 0
            || shared.leave_waker(&shared.tx_waker, TX_WAKER, CLOSED, word, cx)
                == Leave::OtherSideDone
        {
            coop.made_progress();
            return Poll::Ready(());
        }
        waits::note(WaitKind::OneshotClosed, Arc::as_ptr(shared) as u64);
        Poll::Pending
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            let _ = shared.finish_sending();
            state_update!(self.resource, tx_dropped = true, tx_dropped.op = "override");
        }
    }
}

impl<T> Receiver<T> {
    /// Keeps the sender from sending; what was sent before can still be received.
    ///
    /// ```
    /// use selvedge::sync::oneshot;
    /// let (tx, mut rx) = oneshot::channel();
    /// rx.close();
    /// assert_eq!(tx.send(1), Err(1));
    /// ```
    pub fn close(&mut self) {
        if let Some(shared) = &self.shared {
            shared.close();
        }
    }

    /// True once the outcome has been received.
    ///
    /// ```
    /// use selvedge::sync::oneshot;
    /// let (tx, mut rx) = oneshot::channel();
    /// tx.send(1).unwrap();
    /// assert!(!rx.is_terminated());
    /// assert_eq!(rx.try_recv(), Ok(1));
    /// assert!(rx.is_terminated());
    /// ```
    pub fn is_terminated(&self) -> bool {
        self.shared.is_none()
    }

    /// True if there is no value to receive now.
    ///
    /// ```
    /// use selvedge::sync::oneshot;
    /// let (tx, rx) = oneshot::channel();
    /// assert!(rx.is_empty());
    /// tx.send(1).unwrap();
    /// assert!(!rx.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        let Some(shared) = &self.shared else {
            return true;
        };
        // Ordering: Acquire; pairs with the Release in `finish_sending`.
        if shared.word.load(Ordering::Acquire) & SENDER_DONE == 0 {
            return true;
        }
        // SAFETY: I1, it is the receiver's, and taking it needs `&mut Receiver`.
        shared.value.with(|v| unsafe { (*v).is_none() })
    }

    /// The value, if it has been sent.
    ///
    /// # Errors
    /// If it has not been sent; tells whether it may still come.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::oneshot;
    /// let (tx, mut rx) = oneshot::channel();
    /// assert!(rx.try_recv().is_err());
    /// tx.send(1).unwrap();
    /// assert_eq!(rx.try_recv(), Ok(1));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let Some(shared) = &self.shared else {
            return Err(TryRecvError::Closed);
        };
        // Ordering: Acquire; pairs with the Release in `finish_sending`.
        let word = shared.word.load(Ordering::Acquire);
        let outcome = if word & SENDER_DONE != 0 {
            shared.take_value().ok_or(TryRecvError::Closed)
        } else if word & CLOSED != 0 {
            Err(TryRecvError::Closed)
        } else {
            return Err(TryRecvError::Empty);
        };
        self.shared = None;
        if outcome.is_ok() {
            self.tell_received();
        }
        outcome
    }

    fn tell_received(&self) {
        state_update!(
            self.resource,
            value_received = true,
            value_received.op = "override"
        );
    }

    /// Waits on a thread outside of async code.
    ///
    /// # Errors
    /// If the sender is dropped without sending.
    ///
    /// # Panics
    /// In async code.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::oneshot;
    /// let (tx, rx) = oneshot::channel();
    /// let thread = std::thread::spawn(move || rx.blocking_recv());
    /// tx.send(1).unwrap();
    /// assert_eq!(thread.join().unwrap(), Ok(1));
    /// ```
    #[track_caller]
    pub fn blocking_recv(self) -> Result<T, RecvError> {
        block_on_current_thread(self)
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    #[inline]
    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !ENABLED {
            return self.poll_recv(cx);
        }
        let (op, resource) = (self.op.clone(), self.resource.clone());
        let _entered = op.enter(&resource);
        poll_op("poll_recv", self.poll_recv(cx))
    }
}

impl<T> Receiver<T> {
    #[track_caller]
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, RecvError>> {
        let shared = self.shared.as_ref().expect(
            "called after complete: the receiver gave its value, or told of the end, before",
        );
        let coop = ready!(coop::poll_proceed(cx));
        // Ordering: Acquire; pairs with the Release in `finish_sending`.
        let word = shared.word.load(Ordering::Acquire);
        let value = if word & SENDER_DONE != 0 {
            shared.take_value()
        } else if word & CLOSED != 0 {
            None
        } else if shared.leave_waker(&shared.rx_waker, RX_WAKER, SENDER_DONE, word, cx)
            == Leave::OtherSideDone
        {
            shared.take_value()
        } else {
            waits::note(WaitKind::Oneshot, Arc::as_ptr(shared) as u64);
            return Poll::Pending;
        };
        coop.made_progress();
        self.shared = None;
        if value.is_some() {
            self.tell_received();
        }
        Poll::Ready(value.ok_or(RecvError(())))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            if shared.close() & SENDER_DONE != 0 {
                drop(shared.take_value());
            }
            state_update!(self.resource, rx_dropped = true, rx_dropped.op = "override");
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("is_closed", &self.is_closed())
            .finish()
    }
}

impl<T: fmt::Debug> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("is_terminated", &self.is_terminated())
            .finish()
    }
}
