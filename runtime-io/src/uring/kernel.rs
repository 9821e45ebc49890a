//! The kernel's side of a ring: the shared queues, and the calls into the kernel. Models put another in its place
//! (`tests/kernel.rs`), so this file knows no wakers or locks, and only the keys of slots.

use super::Request;
use super::slots::Key;
use io_uring::{IoUring, Probe, opcode};
use runtime_core::base::clock;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

pub(super) use io_uring::squeue::Entry;

/// Places in the submission queue; the completion queue has twice as many.
const ENTRIES: u32 = 256;
/// The most threads that the kernel makes for one thread's operations on files: as many as a runtime's pool has. Left
/// to itself, it makes four for each core: a few operations that wait for a file system served by a task could then
/// take all of them from that task's own operations.
const MOST_THREADS: u32 = 512;

pub(super) struct Kernel {
    uring: IoUring,
    /// A bit for each opcode.
    opcodes: u64,
}

impl Kernel {
    /// # Errors
    /// The kernel's. A kernel before 5.6 cannot list its opcodes, and fails here, as it should: its rings may lose
    /// completions, and do not know a file's own position.
    pub(super) fn new() -> io::Result<Kernel> {
        let uring = IoUring::new(ENTRIES)?;
        // A kernel before 5.15 cannot.
        let _ = uring
            .submitter()
            .register_iowq_max_workers(&mut [MOST_THREADS, 0]);
        let mut probe = Probe::new();
        uring.submitter().register_probe(&mut probe)?;
        let opcodes = (0..64)
            .filter(|&opcode| probe.is_supported(opcode))
            .fold(0, |all, opcode| all | 1 << opcode);
        Ok(Kernel { uring, opcodes })
    }

    /// A bit for each opcode that it can do.
    pub(super) fn opcodes(&self) -> u64 {
        self.opcodes
    }

    /// Puts an entry into the submission queue; false if there is no room.
    ///
    /// # Safety
    /// The caller has the queue to itself, and what the entry points to stays until the operation completes.
    pub(super) unsafe fn push(&self, entry: &Entry) -> bool {
        // SAFETY: the caller has the queue to itself.
        let mut queue = unsafe { self.uring.submission_shared() };
        // SAFETY: the caller's promise: what the entry points to stays.
        unsafe { queue.push(entry) }.is_ok()
    }

    /// Has it taken everything from the submission queue?
    ///
    /// # Safety
    /// The caller has the queue to itself.
    pub(super) unsafe fn has_taken_all(&self) -> bool {
        // SAFETY: the caller has the queue to itself.
        unsafe { self.uring.submission_shared() }.is_empty()
    }

    /// Empties the completion queue; true if there are more completions, which the next `submit` brings.
    ///
    /// # Safety
    /// The caller has both queues to itself.
    pub(super) unsafe fn completions(&self, mut each: impl FnMut(Key, i32)) -> bool {
        // SAFETY: the caller has the queue to itself.
        for entry in unsafe { self.uring.completion_shared() } {
            each(Key(entry.user_data()), entry.result());
        }
        // SAFETY: as above.
        unsafe { self.uring.submission_shared() }.cq_overflow()
    }

    /// `io_uring_enter`: makes the kernel take what is queued. Returns how many entries it took.
    pub(super) fn submit(&self) -> io::Result<usize> {
        self.uring.submit()
    }

    /// Sleeps, whatever completes.
    pub(super) fn rest(&self, time: Duration) {
        clock::block_for(time);
    }

    /// Sleeps until an operation has completed, or for `most` (whole milliseconds); false if the time ran out.
    pub(super) fn wait(&self, most: Duration) -> bool {
        let mut polls = [libc::pollfd {
            fd: self.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        }];
        let most = most.as_millis() as i32;
        // SAFETY: as many descriptors are given as `polls` describes.
        unsafe { libc::poll(polls.as_mut_ptr(), polls.len() as libc::nfds_t, most) > 0 }
    }
}

impl AsRawFd for Kernel {
    fn as_raw_fd(&self) -> RawFd {
        self.uring.as_raw_fd()
    }
}

/// The entry that starts an operation.
pub(super) fn start(key: Key, request: &mut Request) -> Entry {
    request.entry().user_data(key.0)
}

/// The entry that cancels an operation.
pub(super) fn cancel(key: Key) -> Entry {
    opcode::AsyncCancel::new(key.0)
        .build()
        .user_data(Key::NOBODY.0)
}

/// The operation that an entry starts; `NOBODY` for an entry that cancels.
pub(super) fn key(entry: &Entry) -> Key {
    Key(entry.get_user_data())
}
