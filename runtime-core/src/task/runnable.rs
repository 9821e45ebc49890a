//! The permit to run a task, as it travels through the queues.

use super::cell::{Header, RawTask};
use super::nested;
use super::times;
use crate::base::waits;
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

    /// Notes when the task was scheduled, in nanoseconds of its runtime's life.
    pub(crate) fn stamp(&self, nanos: u64) {
        self.0.header().glance.queued_at(nanos);
    }

    /// Takes the time at which the task was scheduled, if that is tracked.
    pub(crate) fn take_stamp(&self) -> Option<u64> {
        self.0.header().glance.take_queued_at()
    }

    /// Polls the task.
    #[inline]
    pub(crate) fn run(self) {
        self.run_as(record::Poll::Task);
    }

    /// Polls the task; the recorder gets the kind of the poll.
    #[inline]
    pub(crate) fn run_as(self, kind: record::Poll) {
        self.0.header().runs();
        match record::is_on() || times::are_kept() {
            false => drop(self.0.poll()),
            true => self.run_observed(kind),
        }
        waits::end();
    }

    /// The poll's end is recorded after everything that belongs to the poll: wakes by the task's end count as wakes by the task.
    #[cold]
    fn run_observed(self, kind: record::Poll) {
        let header = self.0.header();
        if times::are_kept() {
            header.begin_times();
        }
        let id = header.id.as_u64();
        record::poll_begin(id, header.spawned_at, kind);
        let outcome = self.0.poll(); // the header may be gone
        record::poll_end(id, outcome);
    }

    /// Drops the task's future; its join handle gets a cancelled error.
    pub(crate) fn cancel(self) {
        self.0.cancel_with_permit();
    }

    /// Cancels a task that no scheduler has accepted: at once, or soon if too many such cancels are nested (see `nested`).
    pub(crate) fn refuse(self) {
        match nested::enter() {
            Some(_level) => self.cancel(),
            None => nested::wait(Box::new(|| self.cancel())),
        }
    }

    /// The task's place in the order of all spawns.
    fn age(&self) -> u64 {
        self.0.header().id.as_u64()
    }
}

/// The order in which a shutdown cancels tasks: oldest first.
pub(crate) fn oldest_first(permits: &mut [Runnable]) {
    heap_sort(permits, Runnable::age);
}

/// Sorts in place, in O(n log n). The standard library's sorts are quicker, but add three thousand bytes to every program,
/// and a runtime sorts once in its life.
fn heap_sort<T>(items: &mut [T], key: impl Fn(&T) -> u64) {
    for root in (0..items.len() / 2).rev() {
        sift_down(items, root, &key);
    }
    for end in (1..items.len()).rev() {
        items.swap(0, end);
        sift_down(&mut items[..end], 0, &key);
    }
}

/// Both children of `root` are heaps with the largest item on top: makes `root` such a heap too.
fn sift_down<T>(items: &mut [T], mut root: usize, key: &impl Fn(&T) -> u64) {
    loop {
        let mut child = 2 * root + 1;
        if child >= items.len() {
            return;
        }
        if child + 1 < items.len() && key(&items[child]) < key(&items[child + 1]) {
            child += 1;
        }
        if key(&items[root]) >= key(&items[child]) {
            return;
        }
        items.swap(root, child);
        root = child;
    }
}

impl fmt::Debug for Runnable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Runnable")
            .field(&self.0.header().id)
            .finish()
    }
}

#[cfg(all(test, not(runtime_loom)))]
mod tests {
    use super::heap_sort;

    #[test]
    fn whatever_the_order_was_the_least_comes_first() {
        let mut number = 1_u64;
        for length in (0..40).chain([1000]) {
            let mut items: Vec<u64> = (0..length)
                .map(|_| {
                    number = number.wrapping_mul(6364136223846793005).wrapping_add(1);
                    number >> 58
                })
                .collect();
            let mut sorted = items.clone();
            sorted.sort();
            heap_sort(&mut items, |item| *item);
            assert_eq!(items, sorted);
        }
    }
}
