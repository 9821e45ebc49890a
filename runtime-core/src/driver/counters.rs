//! What a reactor counts for the runtime's metrics.

// Counters only, no protocol: std's atomics also under the model checker.
use crate::base::shim::atomic64::AtomicU64;
use std::sync::atomic::Ordering;

/// What a reactor has done since it was made.
#[derive(Debug, Default)]
pub struct IoCounters {
    registered: AtomicU64,
    deregistered: AtomicU64,
    ready: AtomicU64,
}

impl IoCounters {
    /// A descriptor was registered.
    pub fn note_registered(&self) {
        // Ordering: Relaxed; a counter.
        self.registered.fetch_add(1, Ordering::Relaxed);
    }

    /// A descriptor was deregistered.
    pub fn note_deregistered(&self) {
        // Ordering: Relaxed; a counter.
        self.deregistered.fetch_add(1, Ordering::Relaxed);
    }

    /// The system reported so many events.
    pub fn note_ready(&self, events: u64) {
        // Ordering: Relaxed; a counter.
        self.ready.fetch_add(events, Ordering::Relaxed);
    }

    /// Registered, deregistered, ready.
    pub(crate) fn read(&self) -> [u64; 3] {
        // Ordering: Relaxed; readers accept a late value.
        [&self.registered, &self.deregistered, &self.ready].map(|n| n.load(Ordering::Relaxed))
    }
}
