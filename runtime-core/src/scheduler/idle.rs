//! Which workers sleep, how many search, and which one is woken: the sleep protocol.
//!
//! ```text
//! pusher                                  sleeper
//! push a task             (Release)       announce: set own bit, end searching
//! store_load()                            store_load()
//! searching == 0 ? claim a bit : done     scan all queues; found: retract own bit; else sleep
//! ```
//! I1: each side's fence orders its write before its read, so at least one side sees the other's write:
//!     either the pusher claims a sleeper or the sleeper's scan finds the task.
//! I2: a worker's bit is set from its announcement until a thread clears it, and that thread decides:
//!     a claimer owes the worker an unpark, and counts it as searching on its behalf.
//! I3: while `searching` is above zero, pushers need not wake a worker: a searcher that gives up announces and
//!     scans (I1), and the last searcher that finds work checks for more (`finish_search`).
//! I4: a claimed worker counts `searching` down only after its claimer counted it up: the claim is a Release that
//!     the worker's `retract` acquires. So the count never falls below zero.
//! I5: a worker that sees work, but is refused the search because others search, sleeps. It has announced before it was
//!     refused, so the searchers check later (I3), and their check finds the work or their claim finds its bit.
//!
//! The whole of it, with its proof, is in docs/sleep-protocol.md; the models are in `tests/loom.rs` and `tests/loom_worker.rs`.

use crate::base::handshake;
use crate::base::shim::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Idle {
    /// A bit for each sleeping worker, 64 a word.
    sleeping: Box<[AtomicU64]>,
    searching: AtomicUsize,
    workers: usize,
    /// The index, plus one, of a worker that looks out before its sleep; 0: none. It is claimed first, as waking it is no system call. A hint.
    first: AtomicUsize,
}

/// As long as this lives, a worker is claimed first.
#[must_use = "dropping it ends that"]
pub(crate) struct ClaimedFirst<'a>(&'a AtomicUsize);

impl Drop for ClaimedFirst<'_> {
    fn drop(&mut self) {
        // Ordering: Relaxed; a hint. Another worker that looks out may lose its place.
        self.0.store(0, Ordering::Relaxed);
    }
}

impl Idle {
    pub(crate) fn new(workers: usize) -> Self {
        Idle {
            sleeping: (0..workers.div_ceil(64))
                .map(|_| AtomicU64::new(0))
                .collect(),
            searching: AtomicUsize::new(0),
            workers,
            first: AtomicUsize::new(0),
        }
    }

    /// After a push: the worker to unpark, if one should be. It is counted as searching.
    #[inline]
    pub(crate) fn worker_to_notify(&self) -> Option<usize> {
        // Handshake with `announce` (I1).
        handshake::store_load();
        // Ordering: Relaxed; ordered by the fence.
        if self.searching.load(Ordering::Relaxed) != 0 {
            return None;
        }
        self.claim_any()
    }

    /// Wakes a sleeper no matter who searches.
    pub(crate) fn claim_any(&self) -> Option<usize> {
        while let Some(worker) = self.any_sleeper() {
            let (word, bit) = self.place(worker);
            // Counted before the claim, so that pushers do not wake a second worker meanwhile (I3).
            // Ordering: Relaxed; published to the claimed worker by the claim (I4).
            self.searching.fetch_add(1, Ordering::Relaxed);
            // Ordering: Release; pairs with the Acquire in `retract` (I4).
            let before = word.fetch_and(!bit, Ordering::Release);
            if before & bit != 0 {
                return Some(worker);
            }
            // Ordering: Relaxed; ordered by the fence.
            self.searching.fetch_sub(1, Ordering::Relaxed);
            // A push or an announcement may have relied on that count: so all words are read again.
            // Handshake with `worker_to_notify` and `announce`.
            handshake::store_load();
        }
        None
    }

    /// This worker is the first to be claimed, until the guard is dropped.
    pub(crate) fn claim_first(&self, worker: usize) -> ClaimedFirst<'_> {
        // Ordering: Relaxed; a hint.
        self.first.store(worker + 1, Ordering::Relaxed);
        ClaimedFirst(&self.first)
    }

    fn any_sleeper(&self) -> Option<usize> {
        // Ordering: Relaxed; a hint.
        let first = self.first.load(Ordering::Relaxed).checked_sub(1);
        if let Some(worker) = first.filter(|worker| self.is_asleep(*worker)) {
            return Some(worker);
        }
        for (at, word) in self.sleeping.iter().enumerate() {
            // Ordering: Relaxed; ordered by the caller's fence.
            let bits = word.load(Ordering::Relaxed);
            if bits != 0 {
                return Some(at * 64 + bits.trailing_zeros() as usize);
            }
        }
        None
    }

    /// Begins to search, unless half of the workers search already. A worker that has announced its sleep may sleep if it
    /// is refused, whatever work it has seen: another worker searches (I5).
    pub(crate) fn try_search(&self) -> bool {
        // Ordering: Relaxed; ordered by the fence in `announce`, where the refusal is relied on.
        if 2 * self.searching.load(Ordering::Relaxed) >= self.workers {
            return false;
        }
        // Ordering: Relaxed; that the count goes up promises nothing, and it goes down before a fence.
        self.searching.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// A searcher has found work. True if it was the last: the caller checks for more work, and
    /// wakes another worker if there is some (I3).
    pub(crate) fn finish_search(&self) -> bool {
        // Ordering: Release; pairs with the fence in `announce` after a later count-down: a searcher that gives up later
        // sees what this searcher has moved to its queue. The last of several searchers sees the others' counts.
        let last = self.searching.fetch_sub(1, Ordering::Release) == 1;
        // Handshake with `worker_to_notify`: if a pusher saw us
        // searching, the caller's check sees the pusher's task.
        handshake::store_load();
        last
    }

    /// About to sleep. The caller must scan all queues after this.
    pub(crate) fn announce(&self, worker: usize, searching: bool) {
        let (word, bit) = self.place(worker);
        // Ordering: Relaxed, both; ordered by the fence, before the scan (I1).
        word.fetch_or(bit, Ordering::Relaxed);
        if searching {
            self.searching.fetch_sub(1, Ordering::Relaxed);
        }
        // Handshake with `worker_to_notify` (I1), and with the Release in `finish_search`.
        handshake::store_load();
    }

    /// For a worker that began to search between its announcement and its retraction and was claimed as well: it counts twice.
    pub(crate) fn count_once(&self) {
        // Ordering: Relaxed; the worker still counts once, so nobody relies on this count alone. `retract` acquired the
        // claim that counted the worker (I4).
        self.searching.fetch_sub(1, Ordering::Relaxed);
    }

    /// Awake again. True if someone claimed this worker meanwhile: it is counted as searching.
    pub(crate) fn retract(&self, worker: usize) -> bool {
        let (word, bit) = self.place(worker);
        // Ordering: Acquire; pairs with the claim in `claim_any` (I4).
        word.fetch_and(!bit, Ordering::Acquire) & bit == 0
    }

    fn place(&self, worker: usize) -> (&AtomicU64, u64) {
        (&self.sleeping[worker / 64], 1 << (worker % 64))
    }

    /// Does this worker sleep, unclaimed? A hint.
    pub(crate) fn is_asleep(&self, worker: usize) -> bool {
        let (word, bit) = self.place(worker);
        // Ordering: Relaxed; a hint.
        word.load(Ordering::Relaxed) & bit != 0
    }

    #[cfg(all(test, runtime_loom))]
    pub(crate) fn searchers(&self) -> usize {
        // Ordering: Relaxed; asked when all threads have been joined.
        self.searching.load(Ordering::Relaxed)
    }

    /// Do all workers sleep?
    pub(crate) fn all_asleep(&self) -> bool {
        // Ordering: Relaxed; ordered by the caller's fence.
        let sleeping: u32 = self
            .sleeping
            .iter()
            .map(|w| w.load(Ordering::Relaxed).count_ones())
            .sum();
        sleeping as usize == self.workers
    }
}

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/idle.rs"]
mod tests;
