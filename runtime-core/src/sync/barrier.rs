//! A barrier: `n` tasks wait for each other, again and again.
//!
//! - I1: `arrived` counts the arrivals of the current round and changes under its lock; the arrival
//!   that completes the round resets it and advances `round` in the same critical section.
//! - I2: a waiter leaves when `round` has moved past its own, so wake-ups of an earlier round
//!   that reach it late do no harm.

use super::notify::Notify;
use crate::base::shim::sync::Mutex;
use crate::base::shim::sync::atomic::{AtomicUsize, Ordering};
use crate::base::waits::WaitKind;
use crate::instrument::{Resource, async_op, resource, state_told, state_update};
use std::fmt;
use std::panic::Location;

/// Makes `n` tasks meet.
///
/// ```
/// let barrier = runtime_core::sync::Barrier::new(1);
/// # let _ = barrier.wait();
/// ```
pub struct Barrier {
    resource: Resource,
    size: usize,
    arrived: Mutex<usize>,
    round: AtomicUsize,
    waiting: Notify,
}

/// What [`Barrier::wait`] returns to each task of a round; one of the tasks is the leader.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::sync::Barrier;
/// let barrier = Barrier::new(2);
/// let (first, second) = selvedge::join!(barrier.wait(), barrier.wait());
/// assert!(first.is_leader() != second.is_leader());
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct BarrierWaitResult(bool);

impl Barrier {
    /// A barrier for `n` tasks; 0 counts as 1.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::Barrier;
    /// // A barrier for one, or for nobody, lets everyone through.
    /// assert!(Barrier::new(1).wait().await.is_leader());
    /// assert!(Barrier::new(0).wait().await.is_leader());
    /// # }
    /// ```
    #[track_caller]
    pub fn new(n: usize) -> Barrier {
        let size = n.max(1);
        let resource = resource!(
            "tokio::sync::barrier",
            "Barrier",
            "Sync",
            Location::caller()
        );
        resource.scope(|| {
            state_told!(size = size);
            state_told!(arrived = 0);
        });
        Barrier {
            resource,
            size,
            arrived: Mutex::new(0),
            round: AtomicUsize::new(0),
            waiting: Notify::of(WaitKind::Barrier),
        }
    }

    /// Waits until `n` tasks have called it.
    ///
    /// # Cancel safety
    /// Not cancel safe: a task that has called it counts, even if it stops waiting.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::Barrier;
    /// let barrier = Arc::new(Barrier::new(3));
    /// let mut tasks = selvedge::task::JoinSet::new();
    /// for _ in 0..3 {
    ///     let barrier = barrier.clone();
    ///     tasks.spawn(async move { barrier.wait().await.is_leader() });
    /// }
    /// let leaders = tasks.join_all().await;
    /// assert_eq!(leaders.iter().filter(|is_leader| **is_leader).count(), 1);
    /// # }
    /// ```
    pub async fn wait(&self) -> BarrierWaitResult {
        async_op(&self.resource, "Barrier::wait", "poll", || self.meet()).await
    }

    async fn meet(&self) -> BarrierWaitResult {
        crate::coop::consume_budget().await;
        let mine = self.arrive();
        if mine.is_none() {
            self.waiting.notify_waiters();
        }
        state_update!(self.resource, arrived = 1, arrived.op = "add");
        let Some(mine) = mine else {
            return BarrierWaitResult(true);
        };
        loop {
            let notified = self.waiting.notified();
            // Ordering: Acquire; pairs with the Release in `arrive`. After `notified()`, so
            // that a round that ends in between also ends the wait.
            if self.round.load(Ordering::Acquire) != mine {
                return BarrierWaitResult(false);
            }
            notified.await;
        }
    }

    /// Counts an arrival; `None` if it completes the round.
    fn arrive(&self) -> Option<usize> {
        let mut arrived = self.arrived.lock();
        *arrived += 1;
        if *arrived < self.size {
            // Ordering: Relaxed; changes under the lock.
            return Some(self.round.load(Ordering::Relaxed));
        }
        *arrived = 0;
        // Ordering: Release; pairs with the Acquire in `meet`.
        self.round.fetch_add(1, Ordering::Release);
        None
    }
}

impl BarrierWaitResult {
    /// True for exactly one task of each round.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::Barrier;
    /// assert!(Barrier::new(1).wait().await.is_leader());
    /// # }
    /// ```
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}
