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
//! - I2: nobody takes permits past a queue (WAITERS set), but for requests of zero: first come,
//!   first served, large requests included.
//! - I3: whoever adds permits and sees WAITERS hands them out under the lock; who does not see it
//!   comes before the RMW that set it, and that RMW saw the permits.
//! - I4: a request whose budget is spent still queues (or is granted and reports it later), so
//!   the cooperative budget does not reorder requests.
//! - I5: permits in `state`, in holders' hands and in queued nodes (`wanted - missing`) add up.
//!
//! Rejected: taking the lock on every release, as a check for waiters; the flag in the word does
//! it for free.

use super::wait_list::{WaitList, Waiter, WakeBatch};
use crate::coop;
use crate::instrument::{ENABLED, Grants, Op, Resource, op, op_update, state_update};
use crate::shim::sync::atomic::{AtomicUsize, Ordering};
use crate::shim::sync::{Mutex, MutexGuard};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

const CLOSED: usize = 1;
const WAITERS: usize = 2;
const SHIFT: u32 = 2;
const FLAGS: usize = (1 << SHIFT) - 1;

/// Signals left in a node.
const GRANTED: usize = 1;
const REFUSED: usize = 2;

/// How much of what a queued request wants is still missing.
struct Request {
    missing: usize,
    /// The wait's spans; taken out by whoever grants the rest.
    op: Op,
}

/// Counting semaphore with batches; first come, first served.
pub(crate) struct BatchSemaphore {
    /// The lock or semaphore that is built on this one, for who looks with `tracing`.
    pub(super) owner: Resource,
    resource: Resource,
    state: AtomicUsize,
    queue: Mutex<WaitList<Request>>,
}

/// The semaphore is closed: no permit will be given out any more.
#[derive(Debug)]
pub struct AcquireError(());

/// Why permits were not given out at once.
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
                queue: Mutex::new(WaitList::new()),
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
                queue: Mutex::new(WaitList::new()),
            }
        }
    }

    /// One that can be watched, within `owner`'s span; `tell` is called there first.
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
        // giving back is visible to who sees the permit.
        self.state.load(Ordering::Acquire) >> SHIFT
    }

    pub(crate) fn is_closed(&self) -> bool {
        // Ordering: Acquire; pairs with the AcqRel in `close`.
        self.state.load(Ordering::Acquire) & CLOSED != 0
    }

    #[inline]
    pub(crate) fn try_acquire(&self, n: usize) -> Result<(), TryAcquireError> {
        // Ordering: Acquire; pairs with the AcqRel in `close`: who is refused sees what came before
        // the closing (OnceCell reads its value on that ground).
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
        // Ordering: Relaxed; a hint. With a queue the permits need not pass through the word: whoever
        // holds the lock gives them out, and what is left over goes to the word there.
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

    /// Takes up to `n` permits away for good; says how many.
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

    /// Refuses all waiting and later requests. What a waiter holds it gives back itself, once it is polled or
    /// dropped: until then those permits are out.
    pub(crate) fn close(&self) {
        let mut wakers = WakeBatch::new();
        let mut queue = self.queue.lock();
        // SAFETY: the lock is held.
        while let Some(node) = unsafe { queue.pop_front() } {
            // SAFETY: I1 of wait_list, the lock is held.
            let fields = unsafe { node.fields() };
            wakers.push(fields.waker.take());
            node.set_signal(REFUSED);
        }
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
        drop(queue);
        wakers.wake();
    }

    /// Serves the queue with `extra` permits and those in the word; the rest goes to the word. False, and
    /// nothing done, if that would be too many.
    fn hand_out(&self, mut queue: MutexGuard<'_, WaitList<Request>>, extra: usize) -> bool {
        let mut wakers = WakeBatch::new();
        let mut grants = Grants::new();
        let mut free = extra;
        // Ordering: Relaxed; nothing is there to be had but what the RMW below takes. Permits added
        // after this load are handed out by who added them (I3: they saw WAITERS, or the queue is
        // empty and they stay in the word).
        let there = self.state.load(Ordering::Relaxed) >> SHIFT;
        if there > 0 {
            if there + extra > Self::MAX_PERMITS {
                return false;
            }
            // Ordering: Acquire pairs with the Release of whoever added the permits, so that the
            // signal hands their writes on.
            free += self.state.fetch_and(FLAGS, Ordering::Acquire) >> SHIFT;
        }
        // SAFETY: the lock is held.
        while let Some(node) = unsafe { queue.front() } {
            // SAFETY: I1 of wait_list, the lock is held.
            let fields = unsafe { node.fields() };
            let given = free.min(fields.payload.missing);
            fields.payload.missing -= given;
            free -= given;
            if fields.payload.missing > 0 {
                break;
            }
            wakers.push(fields.waker.take());
            grants.push(&mut fields.payload.op, given);
            // SAFETY: the node is this list's, the lock is held.
            unsafe { queue.remove(node) };
            node.set_signal(GRANTED);
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
        wakers.wake();
        true
    }

    /// A future for `n` permits.
    pub(crate) fn acquire(&self, n: usize) -> Acquire<'_> {
        Acquire {
            semaphore: self,
            wanted: n,
            phase: Phase::Fresh,
            op: op!(
                "tokio::sync::batch_semaphore",
                self.resource,
                "Acquire::new"
            ),
            node: Waiter::new(Request {
                missing: n,
                op: Op::NONE,
            }),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    /// Never queued.
    Fresh,
    /// The node is or was in the queue; it may hold permits.
    Queued,
    /// The permits are the caller's, or the request was refused.
    Done,
}

/// Waits for permits; gives back on drop what it holds.
pub(crate) struct Acquire<'a> {
    semaphore: &'a BatchSemaphore,
    wanted: usize,
    phase: Phase,
    op: Op,
    node: Waiter<Request>,
}

/// What became of an attempt to queue.
enum Queued {
    Granted,
    Refused,
    Waiting { taken: usize },
}

impl Acquire<'_> {
    /// Takes the permits or queues, under the lock.
    fn queue(&self, cx: &mut Context<'_>) -> Queued {
        let semaphore = self.semaphore;
        // Cloned before the lock is taken (I4 of wait_list).
        let waker = cx.waker().clone();
        let op = self.op.clone();
        let mut queue = semaphore.queue.lock();
        // Ordering: Relaxed; the CAS below decides.
        let mut state = semaphore.state.load(Ordering::Relaxed);
        let missing = loop {
            if state & CLOSED != 0 {
                drop(queue);
                return Queued::Refused;
            }
            let free = state >> SHIFT;
            let may_take = state & WAITERS == 0 || self.wanted == 0;
            let (next, missing) = if may_take && free >= self.wanted {
                (state - (self.wanted << SHIFT), 0)
            } else if may_take {
                (CLOSED & state | WAITERS, self.wanted - free)
            } else {
                // Behind others; whoever added permits since is about to hand them out (I3).
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
            drop(queue);
            return Queued::Granted;
        }
        // SAFETY: I1 of wait_list, the lock is held.
        let fields = unsafe { self.node.fields() };
        fields.payload.missing = missing;
        fields.payload.op = op;
        fields.waker = Some(waker);
        // SAFETY: the lock is held; `self` is pinned (poll's contract), and drop detaches it.
        unsafe { queue.push_back(&self.node) };
        drop(queue);
        Queued::Waiting {
            taken: self.wanted - missing,
        }
    }

    /// Tells of `n` permits taken. A subscriber that panics does not keep them: `drop` sees a wait then.
    #[inline]
    #[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
    fn tell_taken(&mut self, n: usize) {
        if ENABLED {
            let phase = std::mem::replace(&mut self.phase, Phase::Queued);
            state_update!(self.semaphore.resource, permits = n, permits.op = "sub");
            op_update!(self.op, permits_obtained = n, permits.op = "add");
            self.phase = phase;
        }
    }

    /// Gives back what the node, which is in no list any more, holds.
    fn give_back(&self, queue: MutexGuard<'_, WaitList<Request>>) {
        // SAFETY: I1 of wait_list, the lock is held.
        let held = self.wanted - unsafe { self.node.fields() }.payload.missing;
        self.semaphore.hand_out(queue, held);
    }

    /// Keeps the newest waker in a queued node. True if the wait ended meanwhile.
    fn update_waker(&self, cx: &mut Context<'_>) -> bool {
        let mut new: Option<std::task::Waker> = None;
        loop {
            let queue = self.semaphore.queue.lock();
            // SAFETY: I1 of wait_list, the lock is held.
            let fields = unsafe { self.node.fields() };
            if !fields.is_queued() {
                return true;
            }
            if fields
                .waker
                .as_ref()
                .is_some_and(|w| w.will_wake(cx.waker()))
            {
                return false;
            }
            if let Some(new) = new.take() {
                let old = fields.waker.replace(new);
                drop(queue);
                drop(old);
                return false;
            }
            drop(queue);
            new = Some(cx.waker().clone());
        }
    }
}

impl Future for Acquire<'_> {
    type Output = Result<(), AcquireError>;

    /// The case without waiting is inlined into the caller; the rest is out of line.
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: nothing is moved out of the pinned future.
        let this = unsafe { self.get_unchecked_mut() };
        // A trace takes no permit and no place in the queue.
        std::task::ready!(crate::coop::poll_trace(cx));
        let spans = ENABLED.then(|| (this.op.clone(), this.semaphore.resource.clone()));
        let _entered = spans.as_ref().map(|(op, resource)| op.enter(resource));
        let budget = coop::poll_proceed(cx);
        if this.phase == Phase::Fresh
            && let Poll::Ready(coop) = &budget
            && this.semaphore.try_acquire(this.wanted).is_ok()
        {
            coop.made_progress();
            if ENABLED {
                // SAFETY: I1 of wait_list, the node was never queued.
                unsafe { this.node.fields() }.payload.missing = 0;
                this.tell_taken(this.wanted);
            }
            this.phase = Phase::Done;
            return Poll::Ready(Ok(()));
        }
        this.poll_waiting(cx, budget)
    }
}

impl Acquire<'_> {
    #[inline(never)]
    fn poll_waiting(
        &mut self,
        cx: &mut Context<'_>,
        budget: Poll<coop::RestoreOnPending>,
    ) -> Poll<Result<(), AcquireError>> {
        if self.phase == Phase::Fresh {
            let queued = self.queue(cx);
            self.phase = Phase::Queued;
            match queued {
                Queued::Waiting { taken } => {
                    if taken > 0 {
                        self.tell_taken(taken);
                    }
                    return Poll::Pending;
                }
                Queued::Granted => {
                    // SAFETY: I1 of wait_list, the node was never queued.
                    unsafe { self.node.fields() }.payload.missing = 0;
                    self.node.set_signal(GRANTED);
                    self.tell_taken(self.wanted);
                }
                Queued::Refused => self.node.set_signal(REFUSED),
            }
        }
        if self.phase == Phase::Done {
            return Poll::Pending;
        }
        let mut signal = self.node.signal();
        if signal == 0 {
            if !self.update_waker(cx) {
                return Poll::Pending;
            }
            signal = self.node.signal();
        }
        let coop = std::task::ready!(budget);
        coop.made_progress();
        self.phase = Phase::Done;
        if signal == GRANTED && !self.semaphore.is_closed() {
            return Poll::Ready(Ok(()));
        }
        self.give_back(self.semaphore.queue.lock());
        Poll::Ready(Err(AcquireError(())))
    }

    /// Leaves the queue, or gives back what came too late.
    #[inline(never)]
    fn withdraw(&mut self) {
        let mut queue = self.semaphore.queue.lock();
        // SAFETY: the lock is held; a queued node is in this list.
        unsafe { queue.remove(&self.node) };
        // SAFETY: I1 of wait_list, the lock is held.
        let waker = unsafe { self.node.fields() }.waker.take();
        self.give_back(queue);
        drop(waker);
    }
}

impl Drop for Acquire<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.phase == Phase::Queued {
            self.withdraw();
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
