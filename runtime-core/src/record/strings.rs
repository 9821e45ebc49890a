//! The strings that records refer to by keys: places in the source, names, threads.
//!
//! They are appended to chunks of words, and never change. An entry is published by the chunk's count of used words.
//!
//! ```text
//! entry   key | kind (32 bits), bytes (32 bits) | line (32 bits), column (32 bits) | the bytes, padded with zeros
//! ```

use super::ring::HEADER;
use super::words::{Source, Words};
use crate::base::shim::sync::atomic::Ordering;
use std::io;
use std::sync::Arc;

/// Words of a chunk.
const CHUNK: usize = 8192;
/// The most chunks: 4 MiB.
const MOST_CHUNKS: usize = 64;
/// The header's word with the number of words that hold entries.
const USED: usize = 2;
/// The most bytes of a string; the rest is cut off.
const LONGEST: usize = 4096;

/// What a string is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum StringKind {
    /// A file, with line and column; the key is the place's address.
    Place = 1,
    /// A name; the key is its number.
    Name = 2,
    /// A thread's name; the key is the number in its records, the line is the system's number.
    Thread = 3,
    /// The program's path.
    Program = 4,
}

/// See the module's page.
#[derive(Debug, Default)]
pub(super) struct Strings {
    /// Sorted: a program has some hundred. A map's code would be larger than the rest of this room's code.
    known: Vec<(StringKind, u64)>,
    chunks: Vec<Arc<Words>>,
    used: usize,
    /// Strings for which there was no room.
    pub(super) missed: u64,
}

impl Strings {
    pub(super) fn chunks(&self) -> &[Arc<Words>] {
        &self.chunks
    }

    /// Adds a string, unless the key is known.
    pub(super) fn add(
        &mut self,
        source: &Source,
        kind: StringKind,
        key: u64,
        text: &str,
        place: (u32, u32),
    ) {
        // A thread's number may be used again, for another thread.
        match self.known.binary_search(&(kind, key)) {
            Ok(_) if kind != StringKind::Thread => return,
            Ok(_) => {}
            Err(at) => self.known.insert(at, (kind, key)),
        }
        if self.append(source, kind, key, text, place).is_err() {
            self.missed += 1;
        }
    }

    fn append(
        &mut self,
        source: &Source,
        kind: StringKind,
        key: u64,
        text: &str,
        place: (u32, u32),
    ) -> io::Result<()> {
        let bytes = &text.as_bytes()[..text.len().min(LONGEST)];
        let len = 3 + bytes.len().div_ceil(8);
        if self.chunks.is_empty() || self.used + len > CHUNK - HEADER {
            if self.chunks.len() == MOST_CHUNKS {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            let words = source.words(CHUNK)?;
            publish(&words, ChunkKind::Strings, 0);
            self.chunks.push(Arc::new(words));
            self.used = 0;
        }
        let Some(chunk) = self.chunks.last() else {
            unreachable!("there is one by now")
        };
        let head = [
            key,
            kind as u64 | (bytes.len() as u64) << 32,
            u64::from(place.0) | u64::from(place.1) << 32,
        ];
        let body = bytes.chunks(8).map(|part| {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            u64::from_le_bytes(word)
        });
        let at = HEADER + self.used;
        for (slot, word) in chunk[at..].iter().zip(head.into_iter().chain(body)) {
            // Ordering: Relaxed; published by the count.
            slot.store(word, Ordering::Relaxed);
        }
        self.used += len;
        // Ordering: Release; publishes the entry to readers of the count (of a mapped file: another process).
        chunk[USED].store(self.used as u64, Ordering::Release);
        Ok(())
    }
}

/// What a chunk holds.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum ChunkKind {
    /// The ring of one thread at a time.
    Ring = 1,
    Strings = 2,
    /// Records one after another, as a snapshot has them.
    Records = 3,
}

/// Writes a chunk's header. The kind comes last: a chunk without a kind is not there yet.
pub(super) fn publish(words: &Words, kind: ChunkKind, capacity: u64) {
    // Ordering: Relaxed; published by the kind.
    words[1].store((words.len() * 8) as u64, Ordering::Relaxed);
    // Ordering: as above.
    words[5].store(capacity, Ordering::Relaxed);
    // Ordering: Release; publishes the header to readers of the kind (of a mapped file: another process).
    words[0].store(kind as u64, Ordering::Release);
}
