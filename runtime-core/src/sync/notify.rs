//! `Notify`: wake one waiter, or all, or leave a permit for the next.
//!
//! ```text
//! word = rounds << 2 | WAITERS | PERMIT
//!
//! notify_one      no WAITERS -> PERMIT                 (one CAS, publishes even if already set)
//!                 WAITERS    -> under the lock, the oldest (newest for notify_last) is signalled
//! notify_waiters  no WAITERS -> rounds + 1             (one CAS)
//!                 WAITERS    -> under the lock, rounds + 1 and everyone queued is signalled
//! notified()      remembers rounds; done once rounds has moved, or by taking PERMIT,
//!                 or by being signalled in the queue
//! ```
//!
//! - I1: WAITERS is set exactly when the queue is not empty, and changes only under the lock.
//! - I2: PERMIT and WAITERS are never set together: a future takes a permit instead of queueing.
//! - I3: rounds moves under the lock while there are waiters, so a future made after
//!   `notify_waiters` returned, or after a task woken by it ran, is never signalled by it.
//! - I4: a future signalled by `notify_one` and dropped before it completed passes the
//!   notification on, in the same direction; so does one that took PERMIT while its task's budget was spent.

use crate::base::shim::sync::Mutex;
use crate::base::shim::sync::atomic::{AtomicUsize, Ordering};
use crate::base::wait_queue::{Place, WaitQueue};
use crate::base::waits::{self, WaitKind};
use crate::base::wake_batch::WakeBatch;
use crate::base::waker_slot::{Look, WakerSlot, register};
use crate::coop;
use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

const PERMIT: usize = 1;
const WAITERS: usize = 2;
const ROUND: usize = 4;

/// Which method has notified.
#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    One = 1,
    Last = 2,
    All = 3,
}

impl By {
    /// As a place's signal.
    const fn signal(self) -> NonZeroUsize {
        match NonZeroUsize::new(self as usize) {
            Some(signal) => signal,
            None => unreachable!(),
        }
    }

    fn of(signal: NonZeroUsize) -> By {
        match signal.get() {
            1 => By::One,
            2 => By::Last,
            _ => By::All,
        }
    }
}

/// Tells tasks that something has happened, without a value.
///
/// ```
/// use runtime_core::sync::Notify;
/// let notify = Notify::new();
/// notify.notify_one(); // kept for the next one to wait
/// let mut waiting = Box::pin(notify.notified());
/// assert!(waiting.as_mut().enable());
/// ```
pub struct Notify {
    word: AtomicUsize,
    /// What a task that waits here is reported to wait for.
    kind: WaitKind,
    queue: Mutex<WaitQueue<WakerSlot>>,
}

impl UnwindSafe for Notify {}
impl RefUnwindSafe for Notify {}

#[derive(Clone, Copy)]
enum End {
    Oldest,
    Newest,
}

impl Notify {
    /// Nobody waits, no permit is stored.
    ///
    /// ```
    /// use selvedge::sync::Notify;
    /// let notify = Notify::new();
    /// notify.notify_waiters(); // nobody waits, and nothing is kept
    /// ```
    pub fn new() -> Notify {
        Self::const_new()
    }

    const_fn! {
        /// [`new`](Self::new), in a constant.
        ///
        /// ```
        /// use selvedge::sync::Notify;
        /// static STOP: Notify = Notify::const_new();
        /// STOP.notify_one();
        /// ```
        pub const fn const_new() -> Notify {
            Notify::of(WaitKind::Notify)
        }
    }

    const_fn! {
        /// A part of another type: a task that waits here is reported to wait for `kind`.
        pub(super) const fn of(kind: WaitKind) -> Notify {
            Notify { word: AtomicUsize::new(0), kind, queue: Mutex::new(WaitQueue::new()) }
        }
    }

    fn rounds(&self) -> usize {
        // Ordering: Acquire; pairs with the Release of `notify_waiters`.
        self.word.load(Ordering::Acquire) & !(ROUND - 1)
    }

    /// A future that ends at the next notification. Calls of
    /// [`notify_waiters`](Self::notify_waiters) count from now on, even before it is polled.
    ///
    /// # Cancel safety
    /// Dropping it gives up its place; a notification that it already got goes to the next in the queue.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::Notify;
    /// let notify = Arc::new(Notify::new());
    /// let other = notify.clone();
    /// let task = selvedge::spawn(async move { other.notified().await });
    /// notify.notify_one();
    /// task.await.unwrap();
    /// # }
    /// ```
    pub fn notified(&self) -> Notified<'_> {
        Notified {
            notify: self,
            wait: Wait::new(self.rounds()),
        }
    }

    /// [`notified`](Self::notified), with a future that keeps the `Notify` alive.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::Notify;
    /// let notify = Arc::new(Notify::new());
    /// let task = selvedge::spawn(notify.clone().notified_owned());
    /// notify.notify_one();
    /// task.await.unwrap();
    /// # }
    /// ```
    pub fn notified_owned(self: Arc<Self>) -> OwnedNotified {
        let wait = Wait::new(self.rounds());
        OwnedNotified { notify: self, wait }
    }

    /// Ends the wait of the task that has waited longest; if no task waits, of the next that does.
    /// At most one notification is stored.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::Notify;
    /// let notify = Notify::new();
    /// notify.notify_one();
    /// notify.notify_one(); // one permit is kept, not two
    /// notify.notified().await;
    /// let again = std::time::Duration::from_millis(1);
    /// assert!(selvedge::time::timeout(again, notify.notified()).await.is_err());
    /// # }
    /// ```
    pub fn notify_one(&self) {
        self.notify_end(End::Oldest);
    }

    /// Like [`notify_one`](Self::notify_one), for the task that came last.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::Notify;
    /// let notify = Notify::new();
    /// let (mut first, mut last) = (Box::pin(notify.notified()), Box::pin(notify.notified()));
    /// first.as_mut().enable();
    /// last.as_mut().enable();
    /// notify.notify_last();
    /// last.await; // who came last is the one that is woken
    /// # drop(first);
    /// # }
    /// ```
    pub fn notify_last(&self) {
        self.notify_end(End::Newest);
    }

    /// Ends the wait of all that wait now; stores nothing for later.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::Notify;
    /// let notify = Notify::new();
    /// let (first, second) = (notify.notified(), notify.notified());
    /// // Futures count as waiters from the moment they are made.
    /// notify.notify_waiters();
    /// first.await;
    /// second.await;
    /// # }
    /// ```
    pub fn notify_waiters(&self) {
        // Ordering: Relaxed; the CAS decides.
        let mut word = self.word.load(Ordering::Relaxed);
        while word & WAITERS == 0 {
            // Ordering: Release; pairs with the Acquire in `rounds` and `Wait::check`.
            match self.word.compare_exchange_weak(
                word,
                word.wrapping_add(ROUND),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
        let mut wakers = WakeBatch::new();
        let mut queue = self.queue.lock();
        // Ordering: Release; as above. By I3 inside the lock.
        self.word.fetch_add(ROUND, Ordering::Release);
        while let Some(mut slot) = queue.release_front(By::All.signal()) {
            wakers.push(slot.take());
        }
        // Ordering: Relaxed; the lock covers the queue, and a read-modify-write keeps what was published before.
        self.word.fetch_and(!WAITERS, Ordering::Relaxed);
        wakers.wake_after(queue);
    }

    fn notify_end(&self, end: End) {
        // Ordering: Relaxed; the CAS decides.
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            word = if word & WAITERS != 0 {
                if self.signal_queued(end) {
                    return;
                }
                // Ordering: Relaxed; as above.
                self.word.load(Ordering::Relaxed)
            } else {
                // Ordering: Release; pairs with the Acquire that takes the permit. Done even when
                // PERMIT is set already: the taker must see this notifier's writes too.
                match self.word.compare_exchange_weak(
                    word,
                    word | PERMIT,
                    Ordering::Release,
                    Ordering::Relaxed,
                ) {
                    Ok(_) => return,
                    Err(now) => now,
                }
            };
        }
    }

    /// Signals one queued node; false if the queue turned out empty.
    fn signal_queued(&self, end: End) -> bool {
        let mut queue = self.queue.lock();
        let released = match end {
            End::Oldest => queue.release_front(By::One.signal()),
            End::Newest => queue.release_back(By::Last.signal()),
        };
        let Some(mut slot) = released else {
            return false;
        };
        if queue.is_empty() {
            // Ordering: Relaxed; by I1 under the lock.
            self.word.fetch_and(!WAITERS, Ordering::Relaxed);
        }
        slot.take().wake_after(queue);
        true
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Fresh,
    Queued,
    Done,
}

pin_project_lite::pin_project! {
    /// One wait, without the reference to its `Notify`.
    struct Wait {
        rounds: usize,
        phase: Phase,
        // The notification that was taken and not reported yet.
        owed: Option<By>,
        #[pin]
        place: Place<WakerSlot>,
    }
}

impl Wait {
    fn new(rounds: usize) -> Self {
        Wait {
            rounds,
            phase: Phase::Fresh,
            owed: None,
            place: Place::new(),
        }
    }

    /// Is the wait over without queueing? Takes the permit if there is one. Returns which method notified, or else the word.
    fn check(&self, notify: &Notify) -> Result<By, usize> {
        // Ordering: Acquire; pairs with the Release of the notifiers.
        let mut word = notify.word.load(Ordering::Acquire);
        loop {
            if word & !(ROUND - 1) != self.rounds {
                return Ok(By::All);
            }
            if word & PERMIT == 0 {
                return Err(word);
            }
            // Ordering: Acquire, both; as above: a failure may show a new round.
            match notify.word.compare_exchange_weak(
                word,
                word & !PERMIT,
                Ordering::Acquire,
                Ordering::Acquire,
            ) {
                Ok(_) => return Ok(By::One),
                Err(now) => word = now,
            }
        }
    }

    /// Advances; true when the notification is there.
    fn advance(mut self: Pin<&mut Self>, notify: &Notify, waker: Option<&Waker>) -> bool {
        let by = match self.phase {
            Phase::Done => return true,
            Phase::Fresh => {
                let by = self.check(notify).ok();
                by.or_else(|| self.as_ref().queue(notify, waker))
            }
            Phase::Queued => match self.place.signal() {
                Some(signal) => Some(By::of(signal)),
                None => self.as_ref().update_waker(notify, waker),
            },
        };
        let this = self.as_mut().project();
        *this.phase = match by {
            Some(_) => Phase::Done,
            None => Phase::Queued,
        };
        *this.owed = by;
        by.is_some()
    }

    fn place(self: Pin<&Self>) -> Pin<&Place<WakerSlot>> {
        self.project_ref().place
    }

    /// Queues, unless a notification came in between, which is returned.
    fn queue(self: Pin<&Self>, notify: &Notify, waker: Option<&Waker>) -> Option<By> {
        let slot = waker.map(WakerSlot::holding).unwrap_or_default();
        let mut queue = notify.queue.lock();
        loop {
            match self.check(notify) {
                Ok(by) => {
                    slot.drop_after(queue);
                    return Some(by);
                }
                Err(word) if word & WAITERS != 0 => break,
                Err(word) => {
                    // Ordering: Relaxed; a notifier that sees WAITERS takes the lock. Another
                    // notifier changes the word, and the next `check` acquires the change.
                    if notify
                        .word
                        .compare_exchange(
                            word,
                            word | WAITERS,
                            Ordering::Relaxed,
                            Ordering::Relaxed,
                        )
                        .is_ok()
                    {
                        break;
                    }
                }
            }
        }
        queue.enqueue(self.place(), slot);
        None
    }

    /// Leaves the newest waker, unless a notification came meanwhile, which is returned.
    fn update_waker(self: Pin<&Self>, notify: &Notify, waker: Option<&Waker>) -> Option<By> {
        register(
            &notify.queue,
            waker?,
            |queue: &mut WaitQueue<WakerSlot>| match queue.get_mut(self.place()) {
                Some(slot) => Look::Wait(slot),
                None => Look::Over(()),
            },
        )?;
        self.place.signal().map(By::of)
    }

    fn poll(mut self: Pin<&mut Self>, notify: &Notify, cx: &mut Context<'_>) -> Poll<()> {
        // A trace takes no notification and no place in the queue.
        std::task::ready!(crate::coop::poll_trace(cx));
        // The place in the queue first, the budget second: a spent budget must not lose the place.
        if !self.as_mut().advance(notify, Some(cx.waker())) {
            waits::note(notify.kind, std::ptr::from_ref(notify) as u64);
            return Poll::Pending;
        }
        let coop = std::task::ready!(coop::poll_proceed(cx));
        coop.made_progress();
        *self.project().owed = None;
        Poll::Ready(())
    }

    /// A notification that `enable` returns counts as reported: dropping the future later passes nothing on.
    fn enable(mut self: Pin<&mut Self>, notify: &Notify) -> bool {
        let done = self.as_mut().advance(notify, None);
        if done {
            *self.project().owed = None;
        }
        done
    }

    fn cancel(self: Pin<&mut Self>, notify: &Notify) {
        match self.phase {
            Phase::Fresh => {}
            Phase::Queued => self.as_ref().leave(notify),
            Phase::Done => Self::pass_on(notify, self.owed),
        }
    }

    fn pass_on(notify: &Notify, by: Option<By>) {
        match by {
            Some(By::One) => notify.notify_end(End::Oldest),
            Some(By::Last) => notify.notify_end(End::Newest),
            Some(By::All) | None => {}
        }
    }

    /// Leaves the queue, or passes on a notification that has come meanwhile.
    fn leave(self: Pin<&Self>, notify: &Notify) {
        if self.place.signal().is_none() {
            let mut queue = notify.queue.lock();
            if let Some(slot) = queue.withdraw(self.place()) {
                if queue.is_empty() {
                    // Ordering: Relaxed; by I1 under the lock.
                    notify.word.fetch_and(!WAITERS, Ordering::Relaxed);
                }
                slot.drop_after(queue);
                return;
            }
        }
        Self::pass_on(notify, self.place.signal().map(By::of));
    }
}

pin_project_lite::pin_project! {
    /// Future of [`Notify::notified`].
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::Notify;
    /// let notify = Notify::new();
    /// let notified = notify.notified();
    /// notify.notify_one();
    /// notified.await;
    /// # }
    /// ```
    #[must_use = "futures do nothing unless awaited"]
    pub struct Notified<'a> {
        notify: &'a Notify,
        #[pin]
        wait: Wait,
    }

    impl PinnedDrop for Notified<'_> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.wait.cancel(this.notify);
        }
    }
}

pin_project_lite::pin_project! {
    /// Future of [`Notify::notified_owned`].
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::{Notify, futures::OwnedNotified};
    /// let notify = Arc::new(Notify::new());
    /// let notified: OwnedNotified = notify.clone().notified_owned();
    /// notify.notify_one();
    /// selvedge::spawn(notified).await.unwrap();
    /// # }
    /// ```
    #[must_use = "futures do nothing unless awaited"]
    pub struct OwnedNotified {
        notify: Arc<Notify>,
        #[pin]
        wait: Wait,
    }

    impl PinnedDrop for OwnedNotified {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.wait.cancel(this.notify);
        }
    }
}

impl Notified<'_> {
    /// Takes a place in the queue without waiting; true if a notification is already there.
    /// Polling afterwards is ready then.
    ///
    /// ```
    /// use std::pin::pin;
    /// use selvedge::sync::Notify;
    /// let notify = Notify::new();
    /// let mut waiting = pin!(notify.notified());
    /// assert!(!waiting.as_mut().enable()); // in line from here on, without a poll
    /// notify.notify_one();
    /// assert!(waiting.as_mut().enable());
    /// ```
    pub fn enable(self: Pin<&mut Self>) -> bool {
        let this = self.project();
        this.wait.enable(this.notify)
    }
}

impl OwnedNotified {
    /// Takes a place in the queue without waiting; true if a notification is already there.
    /// Polling afterwards is ready then.
    ///
    /// ```
    /// use std::pin::pin;
    /// use std::sync::Arc;
    /// use selvedge::sync::Notify;
    /// let notify = Arc::new(Notify::new());
    /// let mut waiting = pin!(notify.clone().notified_owned());
    /// assert!(!waiting.as_mut().enable());
    /// notify.notify_one();
    /// assert!(waiting.as_mut().enable());
    /// ```
    pub fn enable(self: Pin<&mut Self>) -> bool {
        let this = self.project();
        this.wait.enable(this.notify)
    }
}

impl Future for Notified<'_> {
    type Output = ();
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        this.wait.poll(this.notify, cx)
    }
}

impl Future for OwnedNotified {
    type Output = ();
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        this.wait.poll(this.notify, cx)
    }
}

impl Default for Notify {
    fn default() -> Notify {
        Notify::new()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Ordering: Relaxed; a snapshot for people.
        let word = self.word.load(Ordering::Relaxed);
        f.debug_struct("Notify")
            .field("has_permit", &(word & PERMIT != 0))
            .field("has_waiters", &(word & WAITERS != 0))
            .finish()
    }
}

impl fmt::Debug for Notified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notified")
            .field("phase", &self.wait.phase)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for OwnedNotified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedNotified")
            .field("phase", &self.wait.phase)
            .finish_non_exhaustive()
    }
}
