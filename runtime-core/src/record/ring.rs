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
//! I3: a copy that saw any word of record m is followed by a load that sees `claimed > m`: the two fences pair. So the copy
//! of record n is whole if `claimed <= n + capacity` then; the other copies are thrown away and counted as lost.
//!
//! The words are atomics, so a copy that is thrown away is no data race. Rejected: a lock (a reader would stop the writer),
//! a sequence number in each slot (a quarter more memory, and no better answer).

use super::words::Words;
use crate::base::shim::sync::atomic::{AtomicU64, Ordering, fence};
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

/// One record: four words, whose meaning is the caller's.
pub(super) type Record = [u64; 4];

/// Words of a chunk before its content. `docs/recorder.md` has the layout.
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

    /// A ring with the largest power of two of records for which the memory has room. It must have room for one.
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

    fn layout(&self) -> Layout {
        Layout {
            first: NonNull::from(&self.words[0]),
            mask: self.capacity - 1,
        }
    }

    /// The words of record `n`.
    fn slot(&self, n: u64) -> &[AtomicU64; 4] {
        // SAFETY: the memory is this ring's.
        unsafe { self.layout().slot(n) }
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

/// Where the words of a ring are.
#[derive(Clone, Copy)]
struct Layout {
    /// The first of the header.
    first: NonNull<AtomicU64>,
    mask: u64,
}

// SAFETY: it is a number until a caller promises that the ring is there; the words are atomics, which any thread may touch.
unsafe impl Send for Layout {}

impl Layout {
    /// # Safety
    /// The ring is there for as long as the caller uses the words.
    #[inline(always)]
    unsafe fn header<'a>(self) -> &'a [AtomicU64; HEADER] {
        // SAFETY: a ring has a header (`Ring::new`), and an array is laid out as its elements are.
        unsafe { self.first.cast().as_ref() }
    }

    /// # Safety
    /// The ring is there for as long as the caller uses the words.
    #[inline(always)]
    unsafe fn slot<'a>(self, n: u64) -> &'a [AtomicU64; 4] {
        let at = HEADER + 4 * (n & self.mask) as usize;
        // SAFETY: a ring has room for `mask + 1` slots of four words after its header (`Ring::new`), and `at` is where one of them begins.
        unsafe { self.first.add(at).cast().as_ref() }
    }

    /// Has the processor fetch the slot: since its last write other data has evicted it from the near caches. Else the first locked
    /// instruction after the record would wait for the fetch.
    #[inline(always)]
    fn fetch(self, n: u64) {
        #[cfg(all(target_arch = "x86_64", not(miri), not(runtime_loom)))]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let at = HEADER + 4 * (n & self.mask) as usize;
            #[allow(unused_unsafe)] // safe from some Rust on
            // SAFETY: a hint, for whatever address.
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(self.first.as_ptr().wrapping_add(at).cast());
            }
        }
        #[cfg(not(all(target_arch = "x86_64", not(miri), not(runtime_loom))))]
        let _ = n;
    }
}

/// How many records before its turn a slot is fetched.
const AHEAD: u64 = 6;

/// The side that writes.
pub(super) struct Writer {
    /// The number of the next record.
    next: u64,
    layout: Layout,
    /// Keeps the words alive.
    ring: Arc<Ring>,
}

impl Writer {
    /// Goes on where the last writer of the ring has stopped. There must be no other writer (I1).
    pub(super) fn of(ring: Arc<Ring>) -> Writer {
        let next = ring.written();
        Writer {
            next,
            layout: ring.layout(),
            ring,
        }
    }

    pub(super) fn ring(&self) -> &Arc<Ring> {
        &self.ring
    }

    /// Writes a record over the oldest. Wait-free: seven stores and no read-modify-write.
    #[inline(always)]
    pub(super) fn write(&mut self, record: Record) {
        let n = self.next;
        self.next = n + 1;
        // SAFETY: `self.ring` keeps the ring.
        let (header, slot) = unsafe { (self.layout.header(), self.layout.slot(n)) };
        // Ordering: Relaxed; the fence below orders it before the record's words.
        header[CLAIMED].store(n + 1, Ordering::Relaxed);
        // Ordering: Release fence; pairs with the Acquire fence in `snapshot` (I3).
        fence(Ordering::Release);
        for (slot, word) in slot.iter().zip(record) {
            // Ordering: Relaxed; published by `written`.
            slot.store(word, Ordering::Relaxed);
        }
        // Ordering: Release; pairs with the Acquire in `written`; publishes the record (I2).
        header[WRITTEN].store(n + 1, Ordering::Release);
        self.layout.fetch(n + AHEAD);
    }
}

/// What a ring held at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// How many older records were overwritten since the ring was made.
    pub(super) lost: u64,
    /// The records that are left, oldest first.
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
