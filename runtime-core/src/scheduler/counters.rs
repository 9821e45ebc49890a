//! What the schedulers count and measure; `RuntimeMetrics` reads it.
//!
//! Each of a worker's counters has one writer (the worker, or the watch), which uses plain loads and stores. They
//! are on a cache line of their own; readers see them a moment late. Runtime-wide counters count rare events.

use super::config::Config;
use crate::base::clock;
use crate::base::shim::sync::Mutex;
use crate::base::thread;
// Counters only, no protocol: std's atomics also under the model checker.
use crate::base::shim::atomic64::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread::ThreadId;
use std::time::{Duration, Instant};

/// Runtime-wide counters.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) spawned: AtomicU64,
    pub(crate) remote_schedules: AtomicU64,
    pub(crate) forced_yields: AtomicU64,
}

impl Counters {
    /// Counts a spawn; returns how many there were before.
    pub(crate) fn note_spawn(&self) -> u64 {
        // Ordering: Relaxed; a counter.
        self.spawned.fetch_add(1, Ordering::Relaxed)
    }
    pub(crate) fn note_remote_schedule(&self) {
        // Ordering: Relaxed; a counter.
        self.remote_schedules.fetch_add(1, Ordering::Relaxed);
    }
    pub(crate) fn note_forced_yield(&self) {
        // Ordering: Relaxed; a counter.
        self.forced_yields.fetch_add(1, Ordering::Relaxed);
    }
}

/// One worker's counters.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct WorkerCounters {
    pub(crate) polls: Tally,
    pub(crate) parks: Tally,
    pub(crate) unparks: Tally,
    pub(crate) noops: Tally,
    pub(crate) steals: Tally,
    pub(crate) steal_operations: Tally,
    pub(crate) local_schedules: Tally,
    pub(crate) spawned: Tally,
    pub(crate) overflows: Tally,
    pub(crate) busy_nanos: Tally,
    pub(crate) mean_poll_nanos: Tally,
    pub(crate) queue_depth: Tally,
    pub(crate) poll_histogram: Vec<Tally>,
    pub(crate) latency_histogram: Vec<Tally>,
    pub(crate) thread: Mutex<Option<ThreadId>>,
    /// The system's number of that thread.
    pub(crate) system_thread: Tally,
    /// Since when the worker has been stuck, in nanoseconds of the runtime's life; the lowest bit: was the stall reported?
    /// 0: it is not stuck. Written by the watch.
    stuck_since: Tally,
    /// How long its thread had waited for a processor by then, in nanoseconds, plus one; 0: not known. Kept if a thread wants to know of stalls.
    pub(crate) waited_before: Tally,
}

/// A counter with one writer.
#[derive(Debug, Default)]
pub(crate) struct Tally(AtomicU64);

impl Tally {
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        // Ordering: Relaxed; one writer, so no read-modify-write is needed.
        self.0
            .store(self.0.load(Ordering::Relaxed) + n, Ordering::Relaxed);
    }
    #[inline]
    pub(crate) fn set(&self, n: u64) {
        // Ordering: Relaxed; as above.
        self.0.store(n, Ordering::Relaxed);
    }
    pub(crate) fn get(&self) -> u64 {
        // Ordering: Relaxed; readers accept a late value.
        self.0.load(Ordering::Relaxed)
    }
}

impl WorkerCounters {
    pub(crate) fn new(config: &Config) -> Self {
        let tallies = |n: usize| (0..n).map(|_| Tally::default()).collect();
        WorkerCounters {
            poll_histogram: tallies(config.poll_histogram.as_ref().map_or(0, |h| h.len())),
            latency_histogram: tallies(
                config
                    .schedule_latency_histogram
                    .as_ref()
                    .map_or(0, |h| h.len()),
            ),
            ..WorkerCounters::default()
        }
    }

    /// The watch finds the worker stuck. True once for each stall, when it has lasted as long as `limit`.
    pub(crate) fn note_stuck(&self, now: u64, limit: Duration) -> bool {
        let since = self.stuck_since.get();
        if since == 0 {
            self.stuck_since.set(now.max(2) & !1);
        }
        let lasts = since != 0 && now.saturating_sub(since) >= limit.as_nanos() as u64;
        let is_news = lasts && since & 1 == 0;
        if is_news {
            self.stuck_since.set(since | 1);
        }
        is_news
    }

    /// Remembers how long the worker's thread has waited for a processor, where the system tells it.
    pub(crate) fn note_wait(&self) {
        let waited = thread::processor_waited(self.system_thread.get());
        self.waited_before
            .set(waited.map_or(0, |waited| waited + 1));
    }

    /// For how long the worker's thread has waited for a processor since [`note_wait`](Self::note_wait).
    pub(crate) fn waited_since(&self) -> Duration {
        let since = self.waited_before.get().checked_sub(1).and_then(|before| {
            let waited = thread::processor_waited(self.system_thread.get())?;
            Some(waited.saturating_sub(before))
        });
        Duration::from_nanos(since.unwrap_or(0))
    }

    /// The watch finds that the worker moves.
    pub(crate) fn note_moves(&self) {
        if self.stuck_since.get() != 0 {
            self.stuck_since.set(0);
        }
    }

    /// Since when the watch has found the worker stuck.
    pub(crate) fn stuck_since(&self) -> Option<u64> {
        let since = self.stuck_since.get();
        (since != 0).then_some(since & !1)
    }

    pub(crate) fn note_thread(&self) {
        *self.thread.lock() = Some(std::thread::current().id());
        self.system_thread.set(thread::system_id());
    }
}

/// Measures the stretches of work between parks and, if asked to, the mean time of a poll.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    busy_since: Instant,
    polls_since: u64,
    keeps_mean: bool,
}

impl Stopwatch {
    pub(crate) fn new(keeps_mean: bool) -> Self {
        Stopwatch {
            keeps_mean,
            busy_since: clock::now(),
            polls_since: 0,
        }
    }

    /// Ends a stretch of work and begins the next; false if nothing was polled in it.
    pub(crate) fn account(&mut self, counters: &WorkerCounters) -> bool {
        let polls = counters.polls.get();
        let now = clock::now();
        let busy = (now - self.busy_since).as_nanos() as u64;
        self.busy_since = now;
        counters.busy_nanos.add(busy);
        let ran = polls - self.polls_since;
        self.polls_since = polls;
        let mean = match self.keeps_mean {
            true => busy.checked_div(ran),
            false => None,
        };
        if let Some(mean) = mean {
            // An exponentially weighted mean of the time for each poll, over stretches.
            let before = counters.mean_poll_nanos.get();
            let next = if before == 0 {
                mean
            } else {
                (before * 9 + mean) / 10
            };
            counters.mean_poll_nanos.set(next.max(1));
        }
        ran > 0
    }

    /// About to park: the stretch of work ends.
    pub(crate) fn before_park(&mut self, counters: &WorkerCounters) {
        if !self.account(counters) {
            counters.noops.add(1);
        }
        counters.parks.add(1);
        counters.unparks.add(1);
    }

    pub(crate) fn after_park(&mut self, counters: &WorkerCounters) {
        counters.unparks.add(1);
        self.busy_since = clock::now();
    }
}

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/counters.rs"]
mod tests;
