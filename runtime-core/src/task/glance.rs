//! What other threads may read about a task before its end: whether it runs, when it was queued, what it waits for, what spawned it.
//!
//! ```text
//! word      56 bits of                        8 bits
//!           the worker, counted from 1        RUNS      it is polled
//!           nanoseconds of the runtime's life QUEUED    when it was queued, where that is tracked
//!           what it waits for                 SEVERAL?, a wait's kind; 0: not known
//! polls     the number of polls
//! origin    the parent's number << 1 | 1, or the address of a [`More`]
//! ```
//!
//! G1: only the permit's holder writes.
//! G2: a reader holds the lock of the list that the task is linked into, so the task and its `More` are alive.
//!
//! A reader may see words of two different moments. It reads the count of polls before and after, and starts again if the count has changed.

use super::cell::Header;
use super::times::{self, TaskTimes, Times};
use crate::base::told::Told;
use crate::base::waits::{self, RUNS, SEVERAL, Wait};
use std::fmt;
// Not part of the task's protocol: std's atomic under the model checker too.
use crate::base::shim::atomic64::AtomicU64;
use std::sync::atomic::Ordering;

/// Alone: the task is queued. With a wait's kind: there are more waits in the task's `More`.
const QUEUED: u64 = 0x80;
const TAG: u64 = 0xff;
/// The attempts of a reader to read all words of one moment.
const ATTEMPTS: usize = 4;

/// See the module's page. The count of polls is a field of `Header`, where there is room for it.
pub(crate) struct Glance {
    word: Told,
    origin: AtomicU64,
}

/// What few tasks have: a name, several waits at once, times (where they are kept).
struct More {
    parent: u64,
    name: Option<Box<str>>,
    times: Option<Times>,
    waits: [Told; waits::MOST - 1],
}

/// What a task is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// It is polled, by this worker; `None`: by a thread that is no worker.
    Runs(Option<usize>),
    /// It is in a queue since this many nanoseconds after its runtime's start.
    QueuedSince(u64),
    /// It waits, or is in a queue; the state word tells which.
    Rests([Wait; waits::MOST]),
}

/// What [`Header::glance`] read.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) doing: Doing,
    pub(crate) polls: u32,
    /// 0: none.
    pub(crate) parent: u64,
    pub(crate) name: Option<String>,
    pub(crate) times: Option<TaskTimes>,
}

impl Glance {
    #[inline]
    pub(crate) fn new(parent: u64, name: Option<&str>) -> Glance {
        let origin = match name {
            None if !times::are_kept() => parent << 1 | 1,
            name => More::leak(parent, name, times::are_kept().then(Times::new)),
        };
        Glance {
            word: Told::new(0),
            origin: AtomicU64::new(origin),
        }
    }

    /// The current poll is pending: stores its first wait. True if there are others.
    #[inline]
    pub(super) fn leave_wait(&self) -> bool {
        let word = waits::first();
        self.word.set(word);
        word & SEVERAL != 0
    }

    /// Stores the other waits.
    pub(super) fn leave_others(&self) {
        if self.more().is_none() {
            let more = More::leak(self.parent(), None, None);
            // Ordering: Release; pairs with the Acquire in `more`.
            self.origin.store(more, Ordering::Release);
        }
        if let Some(more) = self.more() {
            for (slot, wait) in more.waits.iter().zip(waits::others()) {
                slot.set(wait.word());
            }
        }
    }

    #[inline]
    fn more(&self) -> Option<&More> {
        // Ordering: Acquire; pairs with the Release in `leave_others`. What `new` stores is published with the task.
        match self.origin.load(Ordering::Acquire) {
            parent if parent & 1 == 1 => None,
            // SAFETY: made by `More::leak`, and freed with the glance (G2).
            address => Some(unsafe { &*(address as usize as *const More) }),
        }
    }

    /// The task's times, if they are kept.
    #[inline]
    fn times(&self) -> Option<&Times> {
        self.more()?.times.as_ref()
    }

    /// The parent of a task without a `More`.
    fn parent(&self) -> u64 {
        // Ordering: Relaxed; the number is in the word itself.
        self.origin.load(Ordering::Relaxed) >> 1
    }

    pub(super) fn queued_at(&self, nanos: u64) {
        self.word.set(QUEUED | nanos << Wait::SHIFT);
    }

    pub(super) fn take_queued_at(&self) -> Option<u64> {
        let word = self.word.get();
        (word & TAG == QUEUED).then(|| {
            self.word.set(0);
            word >> Wait::SHIFT
        })
    }

    /// # Safety
    /// As for `Header::free_glance`; and there is a `More`.
    #[cold]
    unsafe fn free(&self) {
        // Ordering: Acquire; as in `more`.
        let address = self.origin.load(Ordering::Acquire) as usize;
        // SAFETY: made by `More::leak`; the glance, which nobody reads any more, owns it.
        drop(unsafe { Box::from_raw(address as *mut More) });
    }

    fn doing(&self) -> Doing {
        let word = self.word.get();
        match word & TAG {
            RUNS => Doing::Runs(((word >> Wait::SHIFT) as usize).checked_sub(1)),
            QUEUED => Doing::QueuedSince(word >> Wait::SHIFT),
            tag => {
                let mut all = [Wait::default(); waits::MOST];
                all[0] = Wait::from_word(word & !SEVERAL);
                if let Some(more) = self.more().filter(|_| tag & SEVERAL != 0) {
                    for (wait, slot) in all[1..].iter_mut().zip(&more.waits) {
                        *wait = Wait::from_word(slot.get());
                    }
                }
                Doing::Rests(all)
            }
        }
    }
}

impl Header {
    /// Frees the `More` at the task's end. Not a destructor, as that would be compiled for every type of task.
    ///
    /// # Safety
    /// Nobody reads the header any more, and this is called once.
    #[inline]
    pub(super) unsafe fn free_glance(&self) {
        if self.glance.more().is_some() {
            // SAFETY: the caller's promise.
            unsafe { self.glance.free() }
        }
    }

    /// A poll begins.
    #[inline]
    pub(super) fn runs(&self) {
        let polls = self.polls.get();
        self.polls.set(polls.wrapping_add(1));
        self.glance.word.set(waits::runner());
    }

    /// A poll begins: notes when, if the task has times.
    pub(super) fn begin_times(&self) {
        if let Some(times) = self.glance.times() {
            times.poll_begins();
        }
    }

    /// The poll is over, and the task has not ended.
    pub(super) fn end_times(&self) {
        if let Some(times) = self.glance.times() {
            times.poll_ends();
        }
    }

    /// Reads what the task is doing; under the lock of G2.
    pub(crate) fn glance(&self) -> Seen {
        let (polls, doing) = of_one_moment(|| self.polls.get(), || self.glance.doing());
        let more = self.glance.more();
        Seen {
            doing,
            polls,
            parent: match more {
                Some(more) => more.parent,
                None => self.glance.parent(),
            },
            name: more.and_then(|more| Some(String::from(more.name.as_deref()?))),
            times: self.glance.times().map(Times::seen),
        }
    }
}

/// Reads again until `count` is the same before and after, at most `ATTEMPTS` times. Returns what was read last.
fn of_one_moment<T>(count: impl Fn() -> u32, read: impl Fn() -> T) -> (u32, T) {
    let (mut before, mut value) = (count(), read());
    for _ in 1..ATTEMPTS {
        let now = count();
        if now == before {
            break;
        }
        (before, value) = (now, read());
    }
    (before, value)
}

impl More {
    #[cold]
    fn leak(parent: u64, name: Option<&str>, times: Option<Times>) -> u64 {
        let more = Box::new(More {
            parent,
            name: name.map(Box::from),
            times,
            waits: Default::default(),
        });
        // Its address is even, as it is aligned.
        Box::into_raw(more) as usize as u64
    }
}

impl fmt::Debug for Glance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.doing().fmt(f)
    }
}

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/glance.rs"]
mod tests;
