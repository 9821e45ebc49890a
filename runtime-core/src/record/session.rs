//! One recording: its memory, and which thread writes to which ring.
//!
//! I1: a ring has one writer at a time: a thread has it, or it is free.

use super::event::{self, Kind};
use super::ring::{HEADER, Record, Ring, Writer};
use super::strings::{ChunkKind, StringKind, Strings, publish};
use super::words::{Source, Words};
use crate::base::clock;
use crate::base::shim::lock::Mutex;
use crate::base::shim::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::base::thread::{processor_waits, system_id};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Words of the header page of a recording.
const PAGE: usize = 512;
const MAGIC: u64 = u64::from_le_bytes(*b"SELVEDGE");
const VERSION: u64 = 1;
/// How many rings of ended threads are kept as they are. With more, a new thread goes on in the ring whose thread ended first.
const KEPT: usize = 8;
/// The ring of a thread that is no worker is this many times smaller.
const LESSER: usize = 8;
/// How long the pace of the ticks is measured.
const MEASURED: Duration = Duration::from_millis(2);
/// The word of the header page with the pace of the ticks.
const PACE: usize = 6;
/// The word of the header page with the count of events that found no ring.
const MISSED: usize = 7;

/// See the module's page.
#[derive(Debug)]
pub(super) struct Session {
    /// Never 0.
    pub(super) epoch: u32,
    source: Source,
    /// Records of a worker's ring.
    records: usize,
    head: Words,
    rings: Mutex<Rings>,
    strings: Mutex<Strings>,
    /// There was no memory for a ring: nobody asks for one again.
    is_full: AtomicBool,
}

#[derive(Debug, Default)]
struct Rings {
    all: Vec<Arc<Ring>>,
    /// Rings of threads that have ended, in the order of their ends. Each with the size that was asked for.
    free: Vec<(Arc<Ring>, usize)>,
    threads: u16,
    /// The threads that have joined and not left.
    live: Vec<Live>,
}

#[derive(Clone, Debug)]
struct Live {
    thread: u16,
    system_id: u64,
    /// How long it had waited for a processor when it joined.
    waited: Option<Record>,
}

impl Session {
    /// A recording that has not begun.
    ///
    /// # Errors
    /// If there is no room in the file.
    pub(super) fn new(epoch: u32, source: Source, bytes: usize) -> io::Result<Session> {
        let head = source.words(PAGE)?;
        let session = Session {
            epoch,
            source,
            records: (bytes / 32).max(64),
            head,
            rings: Mutex::new(Rings::default()),
            strings: Mutex::new(Strings::default()),
            is_full: AtomicBool::new(false),
        };
        let (ticks, nanos) = clock::ticks_and_nanos();
        let wall = clock::unix_nanos();
        let pace = measured_pace(ticks, nanos);
        let words = [
            VERSION,
            u64::from(std::process::id()),
            wall,
            ticks,
            nanos,
            pace,
            0,
        ];
        for (slot, word) in session.head[1..].iter().zip(words) {
            // Ordering: Relaxed; published by the magic word.
            slot.store(word, Ordering::Relaxed);
        }
        // Ordering: Release; publishes the page to readers of the word (of a mapped file: another process).
        session.head[0].store(MAGIC, Ordering::Release);
        if let Ok(program) = std::env::current_exe() {
            session.note(
                StringKind::Program,
                0,
                &program.display().to_string(),
                (0, 0),
            );
        }
        Ok(session)
    }

    /// Nanoseconds in 2^32 ticks.
    fn pace(&self) -> u64 {
        // Ordering: Relaxed; written before the session is shared.
        self.head[PACE].load(Ordering::Relaxed)
    }

    /// How many ticks there are in that many nanoseconds; at most `u64::MAX`.
    pub(super) fn ticks_in(&self, nanos: u64) -> u64 {
        let ticks = (u128::from(nanos) << 32) / u128::from(self.pace().max(1));
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }

    pub(super) fn nanos_in(&self, ticks: u64) -> u64 {
        ((u128::from(ticks) * u128::from(self.pace())) >> 32) as u64
    }

    /// A ring for this thread, and the thread's number in its records. `None` where there is no memory for it, or no room on
    /// the disk.
    pub(super) fn join(&self, is_worker: bool) -> Option<(Writer, u16)> {
        // Ordering: Relaxed; a hint.
        if self.is_full.load(Ordering::Relaxed) {
            return None;
        }
        let joined = self.try_join(is_worker);
        // Ordering: as above.
        self.is_full.store(joined.is_err(), Ordering::Relaxed);
        joined.ok()
    }

    /// Records of a thread's ring.
    fn size(&self, is_worker: bool) -> usize {
        match is_worker {
            true => self.records,
            false => (self.records / LESSER).max(64),
        }
    }

    fn try_join(&self, is_worker: bool) -> io::Result<(Writer, u16)> {
        let size = self.size(is_worker);
        let (ring, thread) = {
            let mut rings = self.rings.lock();
            rings.threads = rings.threads.wrapping_add(1);
            let thread = rings.threads;
            (self.ring(&mut rings, size)?, thread)
        };
        let current = std::thread::current();
        let name = current.name().unwrap_or("");
        let system_id = system_id();
        let live = Live {
            thread,
            system_id,
            waited: waited(thread, system_id),
        };
        self.rings.lock().live.push(live);
        let place = (system_id as u32, 0);
        self.note(StringKind::Thread, thread.into(), name, place);
        Ok((Writer::of(ring), thread))
    }

    fn ring(&self, rings: &mut Rings, size: usize) -> io::Result<Arc<Ring>> {
        if rings.free.len() > KEPT {
            if let Some(at) = rings.free.iter().position(|(_, s)| *s == size) {
                return Ok(rings.free.remove(at).0);
            }
        }
        // Whole pages, as a mapping needs.
        let words = Ring::words(size).next_multiple_of(PAGE);
        let ring = Arc::new(Ring::new(self.source.words(words)?));
        publish(ring.header(), ChunkKind::Ring, ring.capacity());
        rings.all.push(ring.clone());
        Ok(ring)
    }

    /// The ring's thread has ended, or writes to another recording.
    pub(super) fn leave(&self, ring: Arc<Ring>, thread: u16, is_worker: bool) {
        let size = self.size(is_worker);
        let mut rings = self.rings.lock();
        rings.free.push((ring, size));
        rings.live.retain(|live| live.thread != thread);
    }

    pub(super) fn note(&self, kind: StringKind, key: u64, text: &str, place: (u32, u32)) {
        let mut strings = self.strings.lock();
        strings.add(&self.source, kind, key, text, place);
    }

    /// Counts an event of a thread that got no ring.
    pub(super) fn note_missed(&self) {
        // Ordering: Relaxed; a counter.
        self.head[MISSED].fetch_add(1, Ordering::Relaxed);
    }

    /// The bytes of a file with all that is recorded by now. No thread is stopped for it.
    pub(super) fn snapshot(&self) -> Vec<u8> {
        let mut out = Bytes(Vec::new());
        self.head.iter().for_each(|word| out.push(word));
        let rings = self.rings.lock().all.clone();
        for ring in rings {
            let snapshot = ring.snapshot();
            let count = snapshot.records.len() as u64;
            let bytes = (HEADER as u64 + 4 * count) * 8;
            let header = [ChunkKind::Records as u64, bytes, snapshot.lost, count];
            out.words(&header);
            out.words(&[0; HEADER - 4]);
            snapshot.records.iter().for_each(|record| out.words(record));
        }
        self.waits_into(&mut out);
        // After the records, whose keys are all known by now.
        let chunks = self.strings.lock().chunks().to_vec();
        for chunk in chunks {
            chunk.iter().for_each(|word| out.push(word));
        }
        out.0
    }

    /// From now on no thread gets a ring.
    #[cfg(all(test, not(runtime_loom)))]
    pub(super) fn fill(&self) {
        // Ordering: Relaxed; as in `join`.
        self.is_full.store(true, Ordering::Relaxed);
    }

    #[cfg(all(test, not(runtime_loom)))]
    pub(super) fn ring_bytes(&self) -> usize {
        self.records * 32
    }

    /// Writes a chunk of records: how long each thread had waited for a processor when it joined, and how long by now.
    fn waits_into(&self, out: &mut Bytes) {
        let live = self.rings.lock().live.clone();
        let then_and_now = |live: Live| [live.waited, waited(live.thread, live.system_id)];
        let waits = live.into_iter().flat_map(then_and_now);
        let records: Vec<Record> = waits.flatten().collect();
        if records.is_empty() {
            return;
        }
        let count = records.len() as u64;
        let bytes = (HEADER as u64 + 4 * count) * 8;
        out.words(&[ChunkKind::Records as u64, bytes, 0, count]);
        out.words(&[0; HEADER - 4]);
        records.iter().for_each(|record| out.words(record));
    }

    pub(super) fn clock(writer: &mut Writer, thread: u16) {
        let (ticks, nanos) = clock::ticks_and_nanos();
        writer.write(event::pack(ticks, Kind::Clock, thread, 0, nanos, 0));
    }
}

/// How long a thread has waited for a processor so far, where the system tells it.
pub(super) fn waited(thread: u16, system_id: u64) -> Option<Record> {
    let (waited, lost) = processor_waits(system_id)?;
    let kind = Kind::Waited;
    Some(event::pack(clock::ticks(), kind, thread, 0, waited, lost))
}

/// Nanoseconds in 2^32 ticks, measured from the given moment on.
fn measured_pace(ticks: u64, nanos: u64) -> u64 {
    while u128::from(clock::nanos() - nanos) < MEASURED.as_nanos() {
        std::hint::spin_loop();
    }
    let (ticks_now, nanos_now) = clock::ticks_and_nanos();
    let (ticks, nanos) = (ticks_now - ticks, nanos_now - nanos);
    ((u128::from(nanos) << 32) / u128::from(ticks.max(1))) as u64
}

struct Bytes(Vec<u8>);

impl Bytes {
    fn words(&mut self, words: &[u64]) {
        for word in words {
            self.0.extend_from_slice(&word.to_le_bytes());
        }
    }

    fn push(&mut self, word: &AtomicU64) {
        // Ordering: Acquire; pairs with the Release that publishes an entry of strings.
        self.words(&[word.load(Ordering::Acquire)]);
    }
}
