//! The semaphore under `Semaphore`, `Mutex`, `RwLock`, `OnceCell` and bounded `mpsc`.
//!
//! One word decides everything; the lock and the queue are for waiting only.
//!
//! ```text
//! state = permits << 2 | WAITERS | CLOSED
//!
//! acquire(n)  permits >= n, no WAITERS  -> permits - n                     (one CAS)
//!             else, under the lock      -> takes what there is, sets WAITERS, queues
//! release(n)  no WAITERS seen: permits + n -> still no WAITERS: done          (one fetch_add)
//!             else, under the lock: hands out to the queue, the rest to the word
//! close       CLOSED; the queue is emptied, partial holdings go back
//! ```
//!
//! - I1: WAITERS is set exactly when the queue is not empty, and changes only under the lock.
//! - I2: nobody takes permits past a queue (WAITERS set), except requests of zero: first come,
//!   first served, large requests included.
//! - I3: a release that sees WAITERS hands its permits out under the lock; a release that does not
//!   see WAITERS comes before the RMW that set it, and that RMW saw the permits.
//! - I4: a request whose budget is spent still queues (or is granted and reports it later), so
//!   the cooperative budget does not reorder requests.
//! - I5: the permits in `state`, those of holders, and those of queued requests (`held`) add up.
//!
//! Rejected: taking the lock on every release, as a check for waiters; the flag in the word does
//! it for free.

use crate::base::holder::{HANDED_OVER, Holder};
use crate::base::shim::sync::atomic::{AtomicUsize, Ordering};
use crate::base::shim::sync::{Mutex, MutexGuard};
use crate::base::wait_queue::{Place, WaitQueue};
use crate::base::waits::{self, WaitKind};
use crate::base::wake_batch::WakeBatch;
use crate::base::waker_slot::{Look, WakerSlot, register};
use crate::coop;
use crate::instrument::{ENABLED, Grants, Op, Resource, op, op_update, state_update};
use crate::task;
use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

const CLOSED: usize = 1;
const WAITERS: usize = 2;
const SHIFT: u32 = 2;
const FLAGS: usize = (1 << SHIFT) - 1;

/// A queued request.
struct Request {
    waker: WakerSlot,
    wanted: usize,
    held: usize,
    /// The task that requests; see `base::holder`.
    task: u64,
    /// The wait's spans; taken out when the rest is granted.
    op: Op,
}

/// How a queued request ended, as its place's signal: what it holds, `held << 1 | 1`. A request that was granted holds
/// all it wanted; a request that the close refused holds less.
fn ended(held: usize) -> NonZeroUsize {
    // Fits: there are at most MAX_PERMITS.
    NonZeroUsize::MIN | (held << 1)
}

fn held_at_end(signal: NonZeroUsize) -> usize {
    signal.get() >> 1
}

/// Counting semaphore with batches; first come, first served.
pub(crate) struct BatchSemaphore {
    /// The lock or semaphore that is built on this one, for `tracing`.
    pub(super) owner: Resource,
    resource: Resource,
    state: AtomicUsize,
    /// The task that took permits last. Set by the lock that is built on this one, and here when permits are handed over.
    holder: Holder,
    queue: Mutex<WaitQueue<Request>>,
}

/// The semaphore is closed: no permit will be given out any more.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::sync::Semaphore;
/// let semaphore = Semaphore::new(1);
/// semaphore.close();
/// assert_eq!(semaphore.acquire().await.unwrap_err().to_string(), "semaphore closed");
/// # }
/// ```
#[derive(Debug)]
pub struct AcquireError(());

/// Why permits were not given out at once.
///
/// ```
/// use selvedge::sync::{Semaphore, TryAcquireError};
/// let semaphore = Semaphore::new(0);
/// assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
/// semaphore.close();
/// assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
/// ```
#[derive(Debug, PartialEq, Eq)]
pub enum TryAcquireError {
    /// The semaphore is closed.
    Closed,
    /// Not enough permits are free.
    NoPermits,
}

impl BatchSemaphore {
    pub(crate) const MAX_PERMITS: usize = usize::MAX >> 3;

    const_fn! {
        #[track_caller]
        pub(crate) const fn new(permits: usize) -> Self {
            assert!(
                permits <= Self::MAX_PERMITS,
                "a semaphore may not have more than MAX_PERMITS permits"
            );
            BatchSemaphore {
                owner: Resource::NONE,
                resource: Resource::NONE,
                state: AtomicUsize::new(permits << SHIFT),
                holder: Holder::new(),
                queue: Mutex::new(WaitQueue::new()),
            }
        }
    }

    const_fn! {
        /// Closed from the start.
        pub(crate) const fn new_closed() -> Self {
            BatchSemaphore {
                owner: Resource::NONE,
                resource: Resource::NONE,
                state: AtomicUsize::new(CLOSED),
                holder: Holder::new(),
                queue: Mutex::new(WaitQueue::new()),
            }
        }
    }

    /// A semaphore that `tracing` can watch, within `owner`'s span; `tell` is called there first.
    #[track_caller]
    pub(super) fn owned_by(owner: Resource, permits: usize, tell: impl FnOnce()) -> Self {
        let mut semaphore = Self::new(permits);
        owner.scope(|| {
            tell();
            semaphore.resource = crate::resource!(
                "tokio::sync::batch_semaphore",
                "Semaphore",
                "Sync",
                std::panic::Location::caller(),
                is_internal = true,
            );
            state_update!(
                semaphore.resource,
                permits = permits,
                permits.op = "override",
            );
        });
        semaphore.owner = owner;
        semaphore
    }

    pub(crate) fn available_permits(&self) -> usize {
        // Ordering: Acquire; pairs with the Release of `release`; what a holder did before
        // it gave the permit back is visible to a thread that sees the permit.
        self.state.load(Ordering::Acquire) >> SHIFT
    }

    pub(crate) fn is_closed(&self) -> bool {
        // Ordering: Acquire; pairs with the Release in `close`.
        self.state.load(Ordering::Acquire) & CLOSED != 0
    }

    #[inline]
    pub(crate) fn try_acquire(&self, n: usize) -> Result<(), TryAcquireError> {
        // Ordering: Acquire; pairs with the Release in `close`: a caller that is refused sees what came
        // before the close (OnceCell relies on this when it reads its value).
        let mut state = self.state.load(Ordering::Acquire);
        loop {
            if state & CLOSED != 0 {
                return Err(TryAcquireError::Closed);
            }
            if state >> SHIFT < n || (state & WAITERS != 0 && n > 0) {
                return Err(TryAcquireError::NoPermits);
            }
            // Ordering: Acquire; pairs with the Release in `release`: the former holder's
            // writes are visible. On failure too, as for the load.
            match self.state.compare_exchange_weak(
                state,
                state - (n << SHIFT),
                Ordering::Acquire,
                Ordering::Acquire,
            ) {
                Ok(_) => return Ok(()),
                Err(now) => state = now,
            }
        }
    }

    /// Gives `n` permits back, or adds them.
    #[inline]
    #[track_caller]
    pub(crate) fn release(&self, n: usize) {
        if n == 0 {
            return;
        }
        assert!(
            n <= Self::MAX_PERMITS,
            "number of added permits ({n}) would overflow MAX_PERMITS ({})",
            Self::MAX_PERMITS
        );
        assert!(
            self.give(n),
            "number of added permits ({n}) would overflow MAX_PERMITS ({})",
            Self::MAX_PERMITS
        );
        state_update!(self.resource, permits = n, permits.op = "add");
    }

    /// `release`; false, and nothing done, if there would be too many.
    #[inline]
    fn give(&self, n: usize) -> bool {
        // Ordering: Relaxed; a hint. With a queue the permits need not pass through the word: they are
        // handed out under the lock, and what is left over goes to the word there.
        if self.state.load(Ordering::Relaxed) & WAITERS != 0 {
            return self.hand_out(self.queue.lock(), n);
        }
        // Ordering: Release pairs with the Acquire of the CAS that takes the permits. No
        // Acquire: when WAITERS is seen, the lock orders the rest.
        let before = self.state.fetch_add(n << SHIFT, Ordering::Release);
        if (before >> SHIFT) + n > Self::MAX_PERMITS {
            // Ordering: Relaxed; takes back what must not be there.
            self.state.fetch_sub(n << SHIFT, Ordering::Relaxed);
            return false;
        }
        if before & WAITERS != 0 {
            self.hand_out(self.queue.lock(), 0);
        }
        true
    }

    /// Takes up to `n` permits away for good; returns how many.
    pub(crate) fn forget(&self, n: usize) -> usize {
        // Ordering: Relaxed; the CAS decides.
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let taken = n.min(state >> SHIFT);
            if taken == 0 {
                return 0;
            }
            match self.state.compare_exchange_weak(
                state,
                state - (taken << SHIFT),
                // Ordering: Acquire, as for an acquire: the permits may be used to reason about holders.
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return taken,
                Err(now) => state = now,
            }
        }
    }

    /// Refuses all waiting and later requests. A waiter gives back the permits that it holds once it is polled or
    /// dropped: until then they are not available.
    pub(crate) fn close(&self) {
        let queue = self.queue.lock();
        // Ordering: Release; pairs with the Acquire of `is_closed` and of the CAS loops.
        let mut state = self.state.load(Ordering::Relaxed);
        while let Err(now) = self.state.compare_exchange_weak(
            state,
            (state | CLOSED) & !WAITERS,
            Ordering::Release,
            Ordering::Relaxed,
        ) {
            state = now;
        }
        if !queue.is_empty() {
            refuse(queue);
        }
    }

    /// Serves the queue with `extra` permits and those in the word; the rest goes to the word. False, and
    /// nothing done, if that would be too many.
    fn hand_out(&self, mut queue: MutexGuard<'_, WaitQueue<Request>>, extra: usize) -> bool {
        let mut wakers = WakeBatch::new();
        let mut grants = Grants::new();
        let mut free = extra;
        // Ordering: Relaxed; permits are taken only by the RMW below. Permits added after this load
        // are handed out by the thread that added them (I3: it saw WAITERS, or the queue is empty
        // and they stay in the word).
        let there = self.state.load(Ordering::Relaxed) >> SHIFT;
        if there + extra > Self::MAX_PERMITS {
            return false;
        }
        // With an empty queue the permits stay in the word: `try_acquire` must not miss them meanwhile.
        if there > 0 && !queue.is_empty() {
            // Ordering: Acquire pairs with the Release of the threads that added the permits, so that
            // the signal passes their writes on.
            free += self.state.fetch_and(FLAGS, Ordering::Acquire) >> SHIFT;
        }
        while let Some(request) = queue.front_mut() {
            let given = free.min(request.wanted - request.held);
            request.held += given;
            free -= given;
            if request.held < request.wanted {
                break;
            }
            let held = request.held;
            // From now on: it may be long until the task that has the permits is polled.
            self.holder.set_and_tell(request.task | HANDED_OVER);
            if let Some(mut request) = queue.release_front(ended(held)) {
                wakers.push(request.waker.take());
                grants.push(&mut request.op, given);
            }
        }
        if queue.is_empty() {
            // Ordering: Release; the permits are given back as by `release`, and WAITERS goes
            // (it may be gone already, when the last node of a closed queue is dropped).
            let mut state = self.state.load(Ordering::Relaxed);
            while let Err(now) = self.state.compare_exchange_weak(
                state,
                (state & !WAITERS) + (free << SHIFT),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                state = now;
            }
        } else {
            debug_assert_eq!(free, 0);
        }
        drop(queue);
        grants.tell();
        wakers.wake_after(());
        true
    }

    /// Takes `n` permits if the task need not wait for them. To be tried before [`acquire`](Self::acquire), whose future is
    /// large. Always false with `tracing`, where every request is reported.
    #[inline]
    pub(crate) fn acquire_at_once(&self, n: usize) -> bool {
        !ENABLED && coop::spend_if(|| self.try_acquire(n).is_ok())
    }

    /// The task that is polled on this thread has taken permits while nobody waited.
    #[inline]
    pub(super) fn note_holder(&self) {
        self.holder.set(task::polled_or_main());
    }

    /// A future for `n` permits. `kind` is what a task that waits for them is reported to wait for.
    pub(crate) fn acquire(&self, kind: WaitKind, n: usize) -> Acquire<'_> {
        Acquire {
            semaphore: self,
            wanted: n,
            kind,
            phase: Phase::Fresh,
            op: op!(
                "tokio::sync::batch_semaphore",
                self.resource,
                "Acquire::new"
            ),
            place: Place::new(),
        }
    }
}

/// Ends all waits in the queue of a semaphore that is closed now.
fn refuse(mut queue: MutexGuard<'_, WaitQueue<Request>>) {
    // The requests' spans: dropped after the lock is released, as a subscriber is told of their end.
    let mut spans = Grants::new();
    let mut wakers = WakeBatch::new();
    while let Some(held) = queue.front_mut().map(|request| request.held) {
        if let Some(mut request) = queue.release_front(ended(held)) {
            wakers.push(request.waker.take());
            spans.push(&mut request.op, 0);
        }
    }
    wakers.wake_after(queue);
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    /// Never queued.
    Fresh,
    /// The place is or was in the queue; it may hold permits.
    Queued,
    /// The permits are taken, and not reported yet.
    Taken,
    /// The permits are the caller's, or the queued request was refused.
    Done,
}

pin_project_lite::pin_project! {
    /// Waits for permits; gives back on drop what it holds.
    pub(crate) struct Acquire<'a> {
        semaphore: &'a BatchSemaphore,
        wanted: usize,
        kind: WaitKind,
        phase: Phase,
        op: Op,
        #[pin]
        place: Place<Request>,
    }

    impl PinnedDrop for Acquire<'_> {
        #[inline]
        fn drop(this: Pin<&mut Self>) {
            if matches!(this.phase, Phase::Queued | Phase::Taken) {
                this.as_ref().withdraw();
            }
        }
    }
}

/// The outcome of an attempt to queue.
enum Queued {
    /// The permits are taken. The waker and the span of the request are to be dropped once that is noted: their drop runs
    /// user code, which may panic.
    Granted(WakerSlot, Op),
    Refused,
    Waiting {
        taken: usize,
    },
}

impl Acquire<'_> {
    /// Takes the permits or queues, under the lock.
    fn queue(self: Pin<&Self>, cx: &mut Context<'_>) -> Queued {
        let semaphore = self.semaphore;
        let waker = WakerSlot::holding(cx.waker());
        let op = self.op.clone();
        let mut queue = semaphore.queue.lock();
        // Ordering: Relaxed; the CAS below decides.
        let mut state = semaphore.state.load(Ordering::Relaxed);
        let missing = loop {
            if state & CLOSED != 0 {
                waker.drop_after(queue);
                return Queued::Refused;
            }
            let free = state >> SHIFT;
            let may_take = state & WAITERS == 0 || self.wanted == 0;
            let (next, missing) = if may_take && free >= self.wanted {
                (state - (self.wanted << SHIFT), 0)
            } else if may_take {
                (CLOSED & state | WAITERS, self.wanted - free)
            } else {
                // Behind others; a thread that added permits since is about to hand them out (I3).
                break self.wanted;
            };
            // Ordering: Acquire as in `try_acquire`. No Release: a releaser that sees WAITERS finds the
            // node through the lock.
            match semaphore.state.compare_exchange_weak(
                state,
                next,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => break missing,
                Err(now) => state = now,
            }
        };
        if missing == 0 {
            return Queued::Granted(waker, op);
        }
        let taken = self.wanted - missing;
        let request = Request {
            waker,
            wanted: self.wanted,
            held: taken,
            task: task::polled_or_main(),
            op,
        };
        queue.enqueue(self.project_ref().place, request);
        Queued::Waiting { taken }
    }

    /// Reports `n` permits as taken. If a subscriber panics, `drop` gives the permits back.
    #[inline]
    #[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
    fn tell_taken(&self, n: usize) {
        if ENABLED {
            state_update!(self.semaphore.resource, permits = n, permits.op = "sub");
            op_update!(self.op, permits_obtained = n, permits.op = "add");
        }
    }

    // A function of its own, so that the path without a wait stays short.
    #[inline(never)]
    fn note_wait(&self) {
        waits::note(self.kind, self.semaphore.holder.watched());
    }

    /// The permits that the place holds, when it is in no queue any more.
    fn held(&self) -> usize {
        match self.place.signal() {
            Some(signal) => held_at_end(signal),
            // Never queued: taken at once.
            None => self.wanted,
        }
    }

    /// Leaves the newest waker with a queued place.
    fn update_waker(self: Pin<&Self>, cx: &mut Context<'_>) {
        let place = self.project_ref().place;
        register(
            &self.semaphore.queue,
            cx.waker(),
            |queue: &mut WaitQueue<Request>| match queue.get_mut(place) {
                Some(request) => Look::Wait(&mut request.waker),
                None => Look::Over(()),
            },
        );
    }
}

impl Future for Acquire<'_> {
    type Output = Result<(), AcquireError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // A trace takes no permit and no place in the queue.
        ready!(crate::coop::poll_trace(cx));
        let spans = ENABLED.then(|| (self.op.clone(), self.semaphore.resource.clone()));
        let _entered = spans.as_ref().map(|(op, resource)| op.enter(resource));
        let budget = coop::poll_proceed(cx);
        match self.phase {
            Phase::Fresh => match self.as_ref().queue(cx) {
                Queued::Waiting { taken } => {
                    *self.as_mut().project().phase = Phase::Queued;
                    if taken > 0 {
                        self.tell_taken(taken);
                    }
                    self.note_wait();
                    return Poll::Pending;
                }
                Queued::Granted(waker, _op) => {
                    *self.as_mut().project().phase = Phase::Taken;
                    waker.drop_after(());
                    self.tell_taken(self.wanted);
                }
                // Nothing is held: with the budget spent, a later poll asks again.
                Queued::Refused => {
                    ready!(budget).made_progress();
                    return Poll::Ready(Err(AcquireError(())));
                }
            },
            Phase::Queued if self.place.signal().is_none() => {
                self.as_ref().update_waker(cx);
                if self.place.signal().is_none() {
                    self.note_wait();
                    return Poll::Pending;
                }
            }
            Phase::Queued | Phase::Taken => {}
            Phase::Done => return Poll::Pending,
        }
        ready!(budget).made_progress();
        *self.as_mut().project().phase = Phase::Done;
        let held = self.held();
        if held == self.wanted && !self.semaphore.is_closed() {
            self.semaphore.holder.set_and_tell(task::polled_or_main());
            return Poll::Ready(Ok(()));
        }
        let semaphore = self.semaphore;
        semaphore.hand_out(semaphore.queue.lock(), held);
        Poll::Ready(Err(AcquireError(())))
    }
}

impl Acquire<'_> {
    /// Leaves the queue, and gives back what is held.
    #[inline(never)]
    fn withdraw(self: Pin<&Self>) {
        let semaphore = self.semaphore;
        let mut queue = semaphore.queue.lock();
        match queue.withdraw(self.project_ref().place) {
            Some(request) => {
                // Unlocks. The rest of the request is dropped afterwards.
                semaphore.hand_out(queue, request.held);
            }
            None => {
                semaphore.hand_out(queue, self.held());
            }
        }
    }
}

impl fmt::Debug for BatchSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("permits", &self.available_permits())
            .finish()
    }
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("semaphore closed")
    }
}

impl std::error::Error for AcquireError {}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryAcquireError::Closed => "semaphore closed",
            TryAcquireError::NoPermits => "no permits available",
        })
    }
}

impl std::error::Error for TryAcquireError {}
