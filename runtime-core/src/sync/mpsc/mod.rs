//! Channels from many senders to one receiver.
//!
//! ```text
//! bounded / unbounded   the public ends; what they have in common is written once, below
//!        chan           counts of senders, the receiver's waker, closing
//!        queue          blocks of slots: one CAS and one swap per send, no RMW per receive
//! ```

macro_rules! sender_impls {
    ($sender:ident, $weak:ident) => {
        impl<T> $sender<T> {
            /// Waits until the receiver is gone or has closed.
            ///
            /// # Cancel safety
            /// Dropping it changes nothing.
            ///
            /// # Examples
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use selvedge::sync::mpsc;
            /// let (tx, rx) = mpsc::unbounded_channel::<u32>();
            /// selvedge::spawn(async move { drop(rx) });
            /// tx.closed().await;
            /// # }
            /// ```
            pub async fn closed(&self) {
                self.chan.wait_closed().await;
            }

            /// Is the receiver gone, or has it closed?
            ///
            /// ```
            /// use selvedge::sync::mpsc;
            /// let (tx, mut rx) = mpsc::unbounded_channel::<u32>();
            /// rx.close();
            /// assert!(tx.is_closed());
            /// ```
            pub fn is_closed(&self) -> bool {
                self.chan.is_closed()
            }

            /// Do both send to one receiver?
            ///
            /// ```
            /// use selvedge::sync::mpsc;
            /// let (tx, _rx) = mpsc::unbounded_channel::<u32>();
            /// let (other, _) = mpsc::unbounded_channel();
            /// assert!(tx.same_channel(&tx.clone()) && !tx.same_channel(&other));
            /// ```
            pub fn same_channel(&self, other: &Self) -> bool {
                Arc::ptr_eq(&self.chan, &other.chan)
            }

            /// A sender that does not keep the channel open.
            ///
            /// ```
            /// use selvedge::sync::mpsc;
            /// let (tx, _rx) = mpsc::unbounded_channel::<u32>();
            /// let weak = tx.downgrade();
            /// assert!(weak.upgrade().unwrap().same_channel(&tx));
            /// ```
            #[must_use = "the sender itself is left as it is"]
            pub fn downgrade(&self) -> $weak<T> {
                // Ordering: Relaxed; a plain counter.
                self.chan.weak.fetch_add(1, Ordering::Relaxed);
                $weak {
                    chan: self.chan.clone(),
                }
            }

            /// How many senders there are.
            ///
            /// ```
            /// use selvedge::sync::mpsc;
            /// let (tx, _rx) = mpsc::unbounded_channel::<u32>();
            /// let other = tx.clone();
            /// assert_eq!(tx.strong_count(), 2);
            /// # drop(other);
            /// ```
            pub fn strong_count(&self) -> usize {
                // Ordering: Acquire; so that what a dropped sender did is visible.
                self.chan.strong.load(Ordering::Acquire)
            }

            /// How many weak senders there are.
            ///
            /// ```
            /// use selvedge::sync::mpsc;
            /// let (tx, _rx) = mpsc::unbounded_channel::<u32>();
            /// let weak = tx.downgrade();
            /// assert_eq!((tx.strong_count(), tx.weak_count()), (1, 1));
            /// # drop(weak);
            /// ```
            pub fn weak_count(&self) -> usize {
                // Ordering: Relaxed; a plain counter.
                self.chan.weak.load(Ordering::Relaxed)
            }
        }

        impl<T> Clone for $sender<T> {
            fn clone(&self) -> Self {
                self.chan.add_sender();
                $sender {
                    chan: self.chan.clone(),
                }
            }
        }

        impl<T> Drop for $sender<T> {
            fn drop(&mut self) {
                self.chan.drop_sender();
            }
        }

        impl<T> $weak<T> {
            /// A sender, unless all are gone.
            ///
            /// ```
            /// use selvedge::sync::mpsc;
            /// let (tx, _rx) = mpsc::unbounded_channel::<u32>();
            /// let weak = tx.downgrade();
            /// assert!(weak.upgrade().is_some());
            /// drop(tx);
            /// assert!(weak.upgrade().is_none());
            /// ```
            pub fn upgrade(&self) -> Option<$sender<T>> {
                self.chan.upgrade().then(|| $sender {
                    chan: self.chan.clone(),
                })
            }

            /// How many senders there are.
            ///
            /// ```
            /// use selvedge::sync::mpsc;
            /// let (tx, _rx) = mpsc::unbounded_channel::<u32>();
            /// assert_eq!(tx.downgrade().strong_count(), 1);
            /// ```
            pub fn strong_count(&self) -> usize {
                // Ordering: Acquire; so that what a dropped sender did is visible.
                self.chan.strong.load(Ordering::Acquire)
            }

            /// How many weak senders there are.
            ///
            /// ```
            /// use selvedge::sync::mpsc;
            /// let (tx, _rx) = mpsc::unbounded_channel::<u32>();
            /// let weak = tx.downgrade();
            /// assert_eq!((weak.weak_count(), weak.clone().weak_count()), (1, 2));
            /// ```
            pub fn weak_count(&self) -> usize {
                // Ordering: Relaxed; a plain counter.
                self.chan.weak.load(Ordering::Relaxed)
            }
        }

        impl<T> Clone for $weak<T> {
            fn clone(&self) -> Self {
                // Ordering: Relaxed; a plain counter.
                self.chan.weak.fetch_add(1, Ordering::Relaxed);
                $weak {
                    chan: self.chan.clone(),
                }
            }
        }

        impl<T> Drop for $weak<T> {
            fn drop(&mut self) {
                // Ordering: Relaxed; a plain counter.
                self.chan.weak.fetch_sub(1, Ordering::Relaxed);
            }
        }

        impl<T> UnwindSafe for $sender<T> {}
        impl<T> RefUnwindSafe for $sender<T> {}
        impl<T> UnwindSafe for $weak<T> {}
        impl<T> RefUnwindSafe for $weak<T> {}

        impl<T> fmt::Debug for $sender<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($sender))
                    .field("is_closed", &self.is_closed())
                    .finish_non_exhaustive()
            }
        }

        impl<T> fmt::Debug for $weak<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($weak)).finish_non_exhaustive()
            }
        }
    };
}
use sender_impls;

macro_rules! receiver_impls {
    ($receiver:ident) => {
        impl<T> $receiver<T> {
            /// The next value; `None` once nothing more can come.
            ///
            /// # Cancel safety
            /// Dropping it loses nothing.
            ///
            /// # Examples
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use selvedge::sync::mpsc;
            /// let (tx, mut rx) = mpsc::unbounded_channel();
            /// tx.send(1).unwrap();
            /// drop(tx);
            /// assert_eq!(rx.recv().await, Some(1));
            /// assert_eq!(rx.recv().await, None); // all senders are gone, and the channel is empty
            /// # }
            /// ```
            pub async fn recv(&mut self) -> Option<T> {
                poll_fn(|cx| self.poll_recv(cx)).await
            }

            /// Waits for values and appends up to `limit` of them; 0 once nothing more can come
            /// (or if `limit` is 0).
            ///
            /// # Cancel safety
            /// Dropping it loses nothing.
            ///
            /// # Examples
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use selvedge::sync::mpsc;
            /// let (tx, mut rx) = mpsc::unbounded_channel();
            /// (0..5).for_each(|n| tx.send(n).unwrap());
            /// let mut all = Vec::new();
            /// assert_eq!(rx.recv_many(&mut all, 3).await, 3);
            /// assert_eq!(all, [0, 1, 2]);
            /// # }
            /// ```
            pub async fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
                poll_fn(|cx| self.poll_recv_many(cx, buffer, limit)).await
            }

            /// The next value, if it is there.
            ///
            /// # Errors
            /// Says whether one may still come.
            ///
            /// # Examples
            /// ```
            /// use selvedge::sync::mpsc;
            /// let (tx, mut rx) = mpsc::unbounded_channel();
            /// assert!(rx.try_recv().is_err());
            /// tx.send(1).unwrap();
            /// assert_eq!(rx.try_recv(), Ok(1));
            /// ```
            pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
                // SAFETY: `&mut` to the one receiver: this is the consumer.
                unsafe { self.chan.try_recv() }
            }

            /// [`recv`](Self::recv) for threads outside of async code.
            ///
            /// # Panics
            /// In async code.
            ///
            /// # Examples
            /// ```
            /// use selvedge::sync::mpsc;
            /// let (tx, mut rx) = mpsc::unbounded_channel();
            /// let thread = std::thread::spawn(move || rx.blocking_recv());
            /// tx.send(1).unwrap();
            /// assert_eq!(thread.join().unwrap(), Some(1));
            /// ```
            #[track_caller]
            pub fn blocking_recv(&mut self) -> Option<T> {
                block_on_current_thread(self.recv())
            }

            /// [`recv_many`](Self::recv_many) for threads outside of async code.
            ///
            /// # Panics
            /// In async code.
            ///
            /// # Examples
            /// ```
            /// use selvedge::sync::mpsc;
            /// let (tx, mut rx) = mpsc::unbounded_channel();
            /// (0..5).for_each(|n| tx.send(n).unwrap());
            /// let mut all = Vec::new();
            /// assert_eq!(rx.blocking_recv_many(&mut all, 10), 5);
            /// ```
            #[track_caller]
            pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
                block_on_current_thread(self.recv_many(buffer, limit))
            }

            /// Refuses further values; a value that was sent, or has a permit, still comes.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use selvedge::sync::mpsc;
            /// let (tx, mut rx) = mpsc::unbounded_channel();
            /// tx.send(1).unwrap();
            /// rx.close();
            /// assert!(tx.send(2).is_err());
            /// // What was sent before is still received.
            /// assert_eq!((rx.recv().await, rx.recv().await), (Some(1), None));
            /// # }
            /// ```
            pub fn close(&mut self) {
                self.chan.close();
            }

            /// Is it closed, or are all senders gone?
            ///
            /// ```
            /// use selvedge::sync::mpsc;
            /// let (tx, rx) = mpsc::unbounded_channel::<u32>();
            /// assert!(!rx.is_closed());
            /// drop(tx);
            /// assert!(rx.is_closed());
            /// ```
            pub fn is_closed(&self) -> bool {
                // Ordering: Acquire; pairs with the last sender's drop.
                self.chan.is_closed() || self.chan.strong.load(Ordering::Acquire) == 0
            }

            /// Is nothing there to be received?
            ///
            /// ```
            /// use selvedge::sync::mpsc;
            /// let (tx, rx) = mpsc::unbounded_channel();
            /// assert!(rx.is_empty());
            /// tx.send(1).unwrap();
            /// assert!(!rx.is_empty());
            /// ```
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// How many values are there to be received.
            ///
            /// ```
            /// use selvedge::sync::mpsc;
            /// let (tx, rx) = mpsc::unbounded_channel();
            /// tx.send(1).unwrap();
            /// assert_eq!(rx.len(), 1);
            /// ```
            pub fn len(&self) -> usize {
                self.chan.queue.len()
            }

            /// [`recv`](Self::recv), as a poll; the last waker counts.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use std::future::poll_fn;
            /// use selvedge::sync::mpsc;
            /// let (tx, mut rx) = mpsc::unbounded_channel();
            /// tx.send(1).unwrap();
            /// assert_eq!(poll_fn(|cx| rx.poll_recv(cx)).await, Some(1));
            /// # }
            /// ```
            pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
                // SAFETY: `&mut` to the one receiver: this is the consumer.
                unsafe { self.chan.poll_recv(cx) }
            }

            /// [`recv_many`](Self::recv_many), as a poll; the last waker counts.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use std::future::poll_fn;
            /// use selvedge::sync::mpsc;
            /// let (tx, mut rx) = mpsc::unbounded_channel();
            /// (0..5).for_each(|n| tx.send(n).unwrap());
            /// let mut all = Vec::new();
            /// assert_eq!(poll_fn(|cx| rx.poll_recv_many(cx, &mut all, 3)).await, 3);
            /// # }
            /// ```
            pub fn poll_recv_many(
                &mut self,
                cx: &mut Context<'_>,
                buffer: &mut Vec<T>,
                limit: usize,
            ) -> Poll<usize> {
                // SAFETY: `&mut` to the one receiver: this is the consumer.
                unsafe { self.chan.poll_recv_many(cx, buffer, limit) }
            }

            /// How many senders there are.
            ///
            /// ```
            /// use selvedge::sync::mpsc;
            /// let (tx, rx) = mpsc::unbounded_channel::<u32>();
            /// let other = tx.clone();
            /// assert_eq!(rx.sender_strong_count(), 2);
            /// # drop(other);
            /// ```
            pub fn sender_strong_count(&self) -> usize {
                // Ordering: Acquire; so that what a dropped sender did is visible.
                self.chan.strong.load(Ordering::Acquire)
            }

            /// How many weak senders there are.
            ///
            /// ```
            /// use selvedge::sync::mpsc;
            /// let (tx, rx) = mpsc::unbounded_channel::<u32>();
            /// let weak = tx.downgrade();
            /// assert_eq!(rx.sender_weak_count(), 1);
            /// # drop(weak);
            /// ```
            pub fn sender_weak_count(&self) -> usize {
                // Ordering: Relaxed; a plain counter.
                self.chan.weak.load(Ordering::Relaxed)
            }
        }

        impl<T> Drop for $receiver<T> {
            fn drop(&mut self) {
                self.chan.drop_receiver();
            }
        }

        impl<T> UnwindSafe for $receiver<T> {}
        impl<T> RefUnwindSafe for $receiver<T> {}

        impl<T> fmt::Debug for $receiver<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($receiver))
                    .field("is_closed", &self.is_closed())
                    .finish_non_exhaustive()
            }
        }
    };
}
use receiver_impls;

mod bounded;
mod chan;
pub mod error;
mod queue;
mod unbounded;

pub use bounded::{OwnedPermit, Permit, PermitIterator, Receiver, Sender, WeakSender, channel};
pub use unbounded::{UnboundedReceiver, UnboundedSender, WeakUnboundedSender, unbounded_channel};
