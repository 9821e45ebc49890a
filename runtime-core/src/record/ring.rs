//! A ring of records with one writer, which never waits, and any number of readers, which never stop it.
//!
//! ```text
//!   writer of record n                    reader
//!   claimed = n + 1                       w = written        (Acquire)
//!   fence(Release)                        copy the slots of the last records before w
//!   slot[n % capacity] = record           fence(Acquire)
//!   written = n + 1   (Release)           c = claimed
//! ```
//! I1: only the writer stores, and there is one (`Writer` is no `Clone`, and `write` takes it mutably).
//! I2: records before `w` are complete when the reader copies them: `written` is stored after the record.
//! I3: a copy that saw any word of record m is followed by a look that sees `claimed > m`: the two fences pair. So the copy
//! of record n is whole if `claimed <= n + capacity` then; the other copies are thrown away and counted as lost.
//!
//! The words are atomics, so a copy that is thrown away is no data race. Rejected: a lock (a reader would stop the writer),
//! a sequence number in each slot (a quarter more memory, and no better answer).

use super::words::Words;
use crate::base::shim::sync::atomic::{AtomicU64, Ordering, fence};
use std::fmt;
use std::sync::Arc;

/// One record: four words, whose meaning is the caller's.
pub(super) type Record = [u64; 4];

/// Words of a chunk before what it holds. `docs/recorder.md` has the layout.
pub(super) const HEADER: usize = 8;
/// Records that the writer has begun.
const CLAIMED: usize = 2;
/// Records that the writer has ended.
const WRITTEN: usize = 3;

/// A chunk of memory as a ring: a header, then the slots.
pub(super) struct Ring {
    words: Words,
    /// A power of two.
    capacity: u64,
}

impl Ring {
    /// Words that a ring of so many records takes.
    pub(super) fn words(capacity: usize) -> usize {
        HEADER + 4 * capacity
    }

    /// Of the largest power of two of records for which the memory has room; that must be one at least.
    pub(super) fn new(words: Words) -> Ring {
        let room = (words.len() - HEADER) / 4;
        Ring {
            capacity: 1 << room.ilog2(),
            words,
        }
    }

    pub(super) fn capacity(&self) -> u64 {
        self.capacity
    }

    pub(super) fn header(&self) -> &Words {
        &self.words
    }

    /// The words before the records.
    #[inline]
    fn counts(&self) -> &[AtomicU64; HEADER] {
        // SAFETY: the memory has a header (`new`), which is an array of so many words.
        unsafe { &*self.words.as_ptr().cast() }
    }

    /// The words of record `n`.
    #[inline]
    fn slot(&self, n: u64) -> &[AtomicU64; 4] {
        let at = HEADER + 4 * (n & (self.capacity - 1)) as usize;
        // SAFETY: the memory has room for `capacity` slots of four words after the header (`new`), and `at` is where one of them
        // begins. An array is laid out as its elements are.
        unsafe { &*self.words.as_ptr().add(at).cast() }
    }

    /// How many records were written.
    pub(super) fn written(&self) -> u64 {
        // Ordering: Acquire; pairs with the Release in `write`; the records before it are complete (I2).
        self.words[WRITTEN].load(Ordering::Acquire)
    }

    /// Copies the records that are there, without stopping the writer. `lost` and the records add up to all that were
    /// written before the call, or a few more.
    pub(super) fn snapshot(&self) -> Snapshot {
        let written = self.written();
        let oldest = written.saturating_sub(self.capacity);
        let mut records: Vec<Record> = (oldest..written)
            .map(|n| {
                let slot = self.slot(n);
                // Ordering: Relaxed; what was overwritten meanwhile is thrown away below.
                std::array::from_fn(|word| slot[word].load(Ordering::Relaxed))
            })
            .collect();
        // Ordering: Acquire fence; pairs with the Release fence in `write` (I3).
        fence(Ordering::Acquire);
        // Ordering: Relaxed; the fence above orders it after the copies.
        let claimed = self.words[CLAIMED].load(Ordering::Relaxed);
        let lost = claimed.saturating_sub(self.capacity).clamp(oldest, written);
        records.drain(..(lost - oldest) as usize);
        Snapshot { lost, records }
    }
}

/// The side that writes.
pub(super) struct Writer {
    ring: Arc<Ring>,
    /// The number of the next record.
    next: u64,
}

impl Writer {
    /// Goes on where the last writer of the ring has stopped. There is none beside it (I1).
    pub(super) fn of(ring: Arc<Ring>) -> Writer {
        let next = ring.written();
        Writer { ring, next }
    }

    pub(super) fn ring(&self) -> &Arc<Ring> {
        &self.ring
    }

    /// Writes a record over the oldest. Wait-free: seven stores and no read-modify-write.
    #[inline]
    pub(super) fn write(&mut self, record: Record) {
        let n = self.next;
        self.next = n + 1;
        let words = self.ring.counts();
        // Ordering: Relaxed; the fence below orders it before the record's words.
        words[CLAIMED].store(n + 1, Ordering::Relaxed);
        // Ordering: Release fence; pairs with the Acquire fence in `snapshot` (I3).
        fence(Ordering::Release);
        for (slot, word) in self.ring.slot(n).iter().zip(record) {
            // Ordering: Relaxed; published by `written`.
            slot.store(word, Ordering::Relaxed);
        }
        // Ordering: Release; pairs with the Acquire in `written`; publishes the record (I2).
        words[WRITTEN].store(n + 1, Ordering::Release);
    }
}

/// What a ring held at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// How many older records were overwritten since the ring was made.
    pub(super) lost: u64,
    /// The others, oldest first.
    pub(super) records: Vec<Record>,
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("capacity", &self.capacity)
            .finish()
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("next", &self.next).finish()
    }
}
