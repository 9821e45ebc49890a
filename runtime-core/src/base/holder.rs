//! Which task holds a lock, for observers that ask what another task waits for.
//!
//! A lock stores the number of the task that took it last. The lock may be gone when an observer asks, so no observer follows
//! a pointer to it. Instead the first waiter gives the lock a *record* in memory that is never freed. The waiter's wait names
//! the record, and the record's generation tells whether the lock still exists.
//!
//! ```text
//! Holder { task, record } ──▶ records: [ owner | generation ] [ .. ]      never freed, used again
//! a wait's word: generation (24 bits) | record (32 bits)
//! ```
//!
//! While tasks wait, the lock is passed on by its queue alone, which writes the new owner into the record too. A task that takes the lock while no
//! task waits writes its number only into the lock, and the next waiter copies it into the record.
//!
//! I1: a record belongs to one `Holder`, from its first waiter to its drop. Only then the record gets the next generation.
//!
//! A task that takes the lock while a waiter copies the number may be missed until the lock is taken or waited for again.

use crate::base::process_mutex::{ProcessMutex, Rank};
use crate::base::told::{Told, Told32};
use std::fmt;
use std::sync::OnceLock;
// Not part of a protocol: std's atomic under the model checker too.
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Records in the first block; each block has twice as many as the one before.
const FIRST: u32 = 64;
const BLOCKS: usize = 26;
const GENERATIONS: u64 = 1 << 24;

#[derive(Default)]
struct Record {
    owner: Told,
    generation: Told32,
}

static RECORDS: [OnceLock<Box<[Record]>>; BLOCKS] = [const { OnceLock::new() }; BLOCKS];
/// The records that belong to no holder. Blocks of records are made under this lock.
static FREE: ProcessMutex<Free> = ProcessMutex::new(
    Rank::Leaf,
    Free {
        records: Vec::new(),
        fresh: 1,
    },
);

struct Free {
    records: Vec<u32>,
    /// The first number that was never used. Zero stands for no record.
    fresh: u32,
}

/// The record with this number, if its block was made.
fn record(number: u32) -> Option<&'static Record> {
    let (block, at) = place_of(number);
    RECORDS.get(block)?.get()?.get(at)
}

fn place_of(number: u32) -> (usize, usize) {
    let block = (number / FIRST + 1).ilog2();
    let before = FIRST * ((1 << block) - 1);
    (block as usize, (number - before) as usize)
}

/// A part of each lock: the task that took it last.
pub(crate) struct Holder {
    task: Told,
    record: AtomicU32,
}

impl Holder {
    pub(crate) const fn new() -> Holder {
        Holder {
            task: Told::new(0),
            record: AtomicU32::new(0),
        }
    }

    /// The lock was taken by `task` while nobody waited for it; 0: the taker has no number.
    #[inline]
    pub(crate) fn set(&self, task: u64) {
        self.task.set(task);
    }

    /// The lock was taken by `task`; other tasks may wait for it.
    pub(crate) fn set_and_tell(&self, task: u64) {
        self.task.set(task);
        // Ordering: Relaxed; a record is never freed, and nothing but its number is published.
        let number = self.record.load(Relaxed);
        if number != 0 {
            tell(number, task);
        }
    }

    /// For a task that waits for the lock: the name of the lock's record.
    pub(crate) fn watched(&self) -> u64 {
        // Ordering: Relaxed; as in `set_and_tell`.
        let mut number = self.record.load(Relaxed);
        if number == 0 {
            number = self.give_record();
        }
        tell(number, self.task.get());
        let generation = record(number).map_or(0, |record| record.generation.get());
        u64::from(number) | (u64::from(generation) % GENERATIONS) << 32
    }

    #[cold]
    fn give_record(&self) -> u32 {
        let number = take();
        // Ordering: Relaxed; as in `set_and_tell`. The slower of two first waiters puts its record back.
        match self.record.compare_exchange(0, number, Relaxed, Relaxed) {
            Ok(_) => number,
            Err(others) => {
                put_back(number);
                others
            }
        }
    }
}

impl Drop for Holder {
    #[inline]
    fn drop(&mut self) {
        match *self.record.get_mut() {
            0 => {}
            number => put_back(number),
        }
    }
}

#[cold]
#[inline(never)]
fn tell(number: u32, task: u64) {
    if let Some(record) = record(number) {
        record.owner.set(task);
    }
}

/// The number of a record that belongs to no holder.
fn take() -> u32 {
    let mut free = FREE.lock();
    if let Some(number) = free.records.pop() {
        return number;
    }
    let number = free.fresh;
    free.fresh += 1;
    let (block, _) = place_of(number);
    RECORDS[block].get_or_init(|| (0..FIRST << block).map(|_| Record::default()).collect());
    number
}

#[cold]
fn put_back(number: u32) {
    let mut free = FREE.lock();
    if let Some(record) = record(number) {
        let next = record.generation.get().wrapping_add(1);
        record.generation.set(next);
    }
    free.records.push(number);
}

/// Flag of a task's number: the lock was handed to a waiter of that task, and the waiter has not been polled since.
pub(crate) const HANDED_OVER: u64 = 1 << 63;
/// Flag: the number is that of a `block_on`'s future.
pub(crate) const IS_MAIN: u64 = 1 << 62;

/// The holder of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// 0: no holder that has a number.
    pub(crate) task: u64,
    pub(crate) is_handed_over: bool,
}

/// The holder of the lock that a wait names; `None`: the lock is gone.
pub(crate) fn held(name: u64) -> Option<Held> {
    let record = record(name as u32)?;
    if u64::from(record.generation.get()) % GENERATIONS != name >> 32 {
        return None;
    }
    let owner = record.owner.get();
    Some(Held {
        task: owner & !(HANDED_OVER | IS_MAIN),
        is_handed_over: owner & HANDED_OVER != 0,
    })
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Holder").field(&self.task).finish()
    }
}

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/holder.rs"]
mod tests;
