//! The buffer that a file and its tasks hand to each other.
//!
//! I1: `start <= end <= storage.len()`; `start..end` has been read from the file but not by the user.
//!
//! `storage` stays initialised for as far as it ever was used, so a read does not clear it again.

use crate::io::ReadBuf;
use std::io::{self, IoSlice, Read};

#[derive(Default)]
pub(super) struct Buf {
    storage: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buf {
    /// Bytes read from the file that the user has not seen.
    pub(super) fn ahead(&self) -> usize {
        self.end - self.start
    }

    /// Forgets what was read ahead, and says how much that was.
    pub(super) fn discard(&mut self) -> i64 {
        let ahead = self.ahead();
        (self.start, self.end) = (0, 0);
        ahead as i64
    }

    /// Moves as much as fits to the user.
    pub(super) fn give(&mut self, target: &mut ReadBuf<'_>) {
        let n = self.ahead().min(target.remaining());
        target.put_slice(&self.storage[self.start..self.start + n]);
        self.start += n;
    }

    /// Reads once, at most `most` bytes, in place of what is there.
    pub(super) fn read_from(&mut self, mut source: impl Read, most: usize) -> io::Result<()> {
        (self.start, self.end) = (0, 0);
        if self.storage.len() < most {
            // Not `resize`: zeros in new memory cost nothing.
            self.storage = vec![0; most];
        }
        self.end = loop {
            match source.read(&mut self.storage[..most]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        Ok(())
    }

    /// Memory with room for `most` bytes, in place of what is there.
    pub(super) fn take_space(&mut self, most: usize) -> Vec<u8> {
        (self.start, self.end) = (0, 0);
        let mut space = std::mem::take(&mut self.storage);
        space.clear();
        space.reserve_exact(most);
        space
    }

    /// Takes such memory back with what has been read into it.
    pub(super) fn put_read(&mut self, storage: Vec<u8>) {
        (self.start, self.end) = (0, storage.len());
        self.storage = storage;
    }

    /// Takes a copy of at most `most` bytes to write, in place of what is there.
    pub(super) fn fill(&mut self, parts: &[IoSlice<'_>], most: usize) -> usize {
        let mut at = 0;
        for part in parts {
            let n = part.len().min(most - at);
            let (known, new) = part[..n].split_at(n.min(self.storage.len() - at));
            self.storage[at..at + known.len()].copy_from_slice(known);
            self.storage.extend_from_slice(new);
            at += n;
        }
        (self.start, self.end) = (0, at);
        at
    }

    /// What `fill` took.
    pub(super) fn filled(&self) -> &[u8] {
        &self.storage[..self.end]
    }
}
