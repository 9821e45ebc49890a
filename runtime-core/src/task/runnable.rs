//! The permit to run a task, as it travels through the queues.

use super::cell::{Header, RawTask};
use super::nested;
use crate::record;
use std::fmt;
use std::ptr::NonNull;

/// The exclusive right to poll or cancel one task (I1 of the state word).
///
/// It must end in `run` or `cancel`: a permit that is lost strands its task.
#[must_use]
pub(crate) struct Runnable(RawTask);

impl Runnable {
    pub(crate) fn from_raw(task: RawTask) -> Self {
        Runnable(task)
    }

    pub(crate) fn into_ptr(self) -> *mut Header {
        self.0.as_ptr().as_ptr()
    }

    /// # Safety
    /// `ptr` came from `into_ptr`, and is given back once.
    pub(crate) unsafe fn from_ptr(ptr: *mut Header) -> Option<Self> {
        NonNull::new(ptr).map(|header| Runnable(RawTask::from_header(header)))
    }

    pub(crate) fn raw(&self) -> RawTask {
        self.0
    }

    /// Takes note of when the task was scheduled; see `Header::scheduled_at`.
    pub(crate) fn stamp(&self, nanos: u64) {
        // SAFETY: we hold the permit (I1 of the state word).
        self.0
            .header()
            .scheduled_at
            .with_mut(|at| unsafe { *at = nanos });
    }

    /// When the task was scheduled, if that is tracked; takes it away.
    pub(crate) fn take_stamp(&self) -> Option<u64> {
        // SAFETY: as above.
        let nanos = self
            .0
            .header()
            .scheduled_at
            .with_mut(|at| unsafe { std::mem::take(&mut *at) });
        (nanos != 0).then_some(nanos)
    }

    /// Polls the task.
    #[inline]
    pub(crate) fn run(self) {
        self.run_as(record::Poll::Task);
    }

    /// Polls the task; the recorder is told of what kind it is.
    #[inline]
    pub(crate) fn run_as(self, kind: record::Poll) {
        match record::is_on() {
            false => drop(self.0.poll()),
            true => self.run_recorded(kind),
        }
    }

    /// The end is told after all that belongs to it: whom the task's end wakes is woken by the task.
    #[cold]
    fn run_recorded(self, kind: record::Poll) {
        let header = self.0.header();
        let id = header.id.as_u64();
        record::poll_begin(id, header.spawned_at, kind);
        let outcome = self.0.poll(); // the header may be gone
        record::poll_end(id, outcome);
    }

    /// Drops the task's future; its join handle gets a cancelled error.
    pub(crate) fn cancel(self) {
        self.0.cancel_with_permit();
    }

    /// Cancels a task that nobody has taken in: at once, or, in the midst of many such cancels one inside the other, soon
    /// (see `nested`).
    pub(crate) fn refuse(self) {
        match nested::enter() {
            Some(_level) => self.cancel(),
            None => nested::wait(Box::new(|| self.cancel())),
        }
    }

    /// Where the task stands among all that were spawned.
    fn age(&self) -> u64 {
        self.0.header().id.as_u64()
    }
}

/// The order in which a shutdown cancels tasks: oldest first.
pub(crate) fn oldest_first(permits: &mut [Runnable]) {
    permits.sort_unstable_by_key(Runnable::age);
}

impl fmt::Debug for Runnable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Runnable")
            .field(&self.0.header().id)
            .finish()
    }
}
