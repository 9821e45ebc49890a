//! The buffer that a file and its tasks hand to each other.
//!
//! I1: `start <= end <= storage.len()`; `start..end` has been read from the file but not by the user.
//!
//! `storage` stays initialised as far as it ever was used, so a read does not clear it again.

use crate::io::ReadBuf;
use crate::io::patient::{self, Wants, insist};
use std::fs::File;
use std::io::{self, IoSlice, Read};
use std::os::fd::AsRawFd;

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

    /// Forgets the bytes read ahead, or those taken to be written.
    pub(super) fn discard(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// Moves as much as fits to the user.
    pub(super) fn give(&mut self, target: &mut ReadBuf<'_>) {
        let n = self.ahead().min(target.remaining());
        target.put_slice(&self.storage[self.start..self.start + n]);
        self.start += n;
    }

    /// Reads once, at most `most` bytes; they replace the content.
    pub(super) fn read_from(&mut self, source: &File, most: usize) -> io::Result<()> {
        (self.start, self.end) = (0, 0);
        if self.storage.len() < most {
            // Not `resize`: zeros in new memory cost nothing.
            self.storage = vec![0; most];
        }
        let fd = source.as_raw_fd();
        let read = |space: &mut [u8]| insist(fd, Wants::Input, || (&*source).read(space));
        let n = match read(&mut self.storage[..most]) {
            Err(error) if wants_alignment(source, &error) => {
                self.storage = vec![0; most + ALIGNMENT];
                self.start = to_alignment(&self.storage);
                read(&mut self.storage[self.start..self.start + most])
            }
            result => result,
        };
        self.end = self.start + *n.as_ref().unwrap_or(&0);
        n.map(drop)
    }

    /// Gives the memory away with room for `most` bytes, and drops the content.
    pub(super) fn take_space(&mut self, most: usize) -> Vec<u8> {
        (self.start, self.end) = (0, 0);
        let mut space = std::mem::take(&mut self.storage);
        space.clear();
        space.reserve_exact(most);
        space
    }

    /// Takes the memory of `take_space` back, with what has been read into it.
    pub(super) fn put_read(&mut self, storage: Vec<u8>) {
        (self.start, self.end) = (0, storage.len());
        self.storage = storage;
    }

    /// Takes a copy of at most `most` bytes to write; they replace the content.
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

    /// Writes what `fill` took.
    pub(super) fn write_to(&self, target: &File) -> io::Result<()> {
        let write = |data: &[u8]| patient::write_all(target.as_raw_fd(), target, data);
        match write(self.filled()) {
            Err(error) if wants_alignment(target, &error) => {
                let mut copy = vec![0; self.end + ALIGNMENT];
                let start = to_alignment(&copy);
                let copy = &mut copy[start..start + self.end];
                copy.copy_from_slice(self.filled());
                write(copy)
            }
            result => result,
        }
    }
}

/// The alignment of memory for transfers that bypass the page cache (`O_DIRECT`): a page is enough for every device.
const ALIGNMENT: usize = 4096;

/// Did the system refuse because the memory is not aligned? It does so before anything is read or written.
fn wants_alignment(file: &File, error: &io::Error) -> bool {
    // SAFETY: a call without memory arguments on an open descriptor.
    let flags = || unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFL) };
    error.raw_os_error() == Some(libc::EINVAL) && flags() & DIRECT != 0
}

#[cfg(target_os = "linux")]
const DIRECT: i32 = libc::O_DIRECT;
#[cfg(not(target_os = "linux"))]
const DIRECT: i32 = 0;

/// The offset from which the memory is aligned.
fn to_alignment(memory: &[u8]) -> usize {
    memory.as_ptr().align_offset(ALIGNMENT)
}
