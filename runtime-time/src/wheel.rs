//! A hierarchical timer wheel (Varghese and Lauck 1987): 6 levels of 64 lists, 1 ms ticks.
//!
//! A timer is filed at the level of the highest 6-bit digit in which its tick differs from `elapsed`, in
//! the list that digit names. When `elapsed` reaches a list of a higher level, its timers are filed
//! again, further down; at level 0 they are due. Farther than 2^36 ms (two years) a timer is
//! filed at the horizon, and filed again from there.
//!
//! I1: every linked entry's `filed` is past `elapsed`, or equal to it and the entry at level 0, about to fire; its
//!     list is the one `place` gave when it was filed; a bit of `occupied` is set exactly while its list is not
//!     empty.
//! I2: entries are alive and pinned while linked: their owner unlinks them, under the lock, before they go.
//! Cost: file and remove O(1); the next deadline by six bit scans.

use crate::entry::{Entry, Node, Phase};
use std::ptr::NonNull;
use std::task::Waker;

const LEVELS: usize = 6;
const LISTS: usize = 64;
const BITS: usize = 6;
/// Entries looked at to find a list's earliest.
const SCAN: usize = 32;
/// Ticks the wheel spans.
const HORIZON: u64 = 1 << (LEVELS * BITS);

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Wheel {
    elapsed: u64,
    occupied: [u64; LEVELS],
    heads: Box<[Option<NonNull<Entry>>; LEVELS * LISTS]>,
    pub(crate) shutdown: bool,
}

// SAFETY: entries are `Sync`; the pointers are only followed under the lock the wheel is in.
unsafe impl Send for Wheel {}

impl Wheel {
    pub(crate) fn new() -> Self {
        Wheel {
            elapsed: 0,
            occupied: [0; LEVELS],
            heads: Box::new([None; LEVELS * LISTS]),
            shutdown: false,
        }
    }

    /// # Safety
    /// The caller holds the wheel's lock or owns the entry, and the reference is used up at once.
    #[allow(clippy::mut_from_ref)]
    unsafe fn node(entry: &Entry) -> &mut Node {
        // SAFETY: the caller's promise (I1 of `entry`).
        unsafe { &mut *entry.node() }
    }

    /// Links an entry that is due at `deadline`; false if that is not past `elapsed`.
    ///
    /// # Safety
    /// The entry is in no wheel, pinned, and unlinked before it goes (I2).
    pub(crate) unsafe fn insert(&mut self, entry: NonNull<Entry>, deadline: u64, now: u64) -> bool {
        if self.occupied == [0; LEVELS] {
            // Nothing to pass over: file as close as can be.
            self.elapsed = self.elapsed.max(now);
        }
        if deadline <= self.elapsed {
            return false;
        }
        // SAFETY: the entry is alive (I2) and in no wheel.
        let node = unsafe { Wheel::node(entry.as_ref()) };
        node.deadline = deadline;
        self.file(entry, node);
        true
    }

    fn file(&mut self, entry: NonNull<Entry>, node: &mut Node) {
        node.filed = node.deadline.min(self.elapsed.saturating_add(HORIZON - 1));
        let (level, list) = self.place(node.filed);
        let at = level * LISTS + list;
        node.list = at;
        node.previous = None;
        node.next = self.heads[at].replace(entry);
        if let Some(next) = node.next {
            // SAFETY: linked, so alive (I2), and another entry than `entry`.
            unsafe { Wheel::node(next.as_ref()) }.previous = Some(entry);
        }
        self.occupied[level] |= 1 << list;
    }

    fn place(&self, tick: u64) -> (usize, usize) {
        let differing = (tick ^ self.elapsed) | (LISTS as u64 - 1);
        let level = ((63 - differing.leading_zeros() as usize) / BITS).min(LEVELS - 1);
        (level, (tick >> (level * BITS)) as usize % LISTS)
    }

    /// Unlinks an entry.
    ///
    /// # Safety
    /// The entry is linked into this wheel.
    pub(crate) unsafe fn remove(&mut self, entry: NonNull<Entry>) {
        // SAFETY: linked, so alive (I2); we hold the lock.
        let node = unsafe { Wheel::node(entry.as_ref()) };
        let at = node.list;
        let (previous, next) = (node.previous.take(), node.next.take());
        match previous {
            // SAFETY: as above, another entry.
            Some(previous) => unsafe { Wheel::node(previous.as_ref()) }.next = next,
            None => self.heads[at] = next,
        }
        if let Some(next) = next {
            // SAFETY: as above.
            unsafe { Wheel::node(next.as_ref()) }.previous = previous;
        }
        if self.heads[at].is_none() {
            self.occupied[at / LISTS] &= !(1 << (at % LISTS));
        }
    }

    /// The next tick at which something is to be done; never later than the earliest deadline, and
    /// exact while the list that comes first is short.
    pub(crate) fn next_tick(&self) -> Option<u64> {
        let (list, tick) = self.next_list()?;
        let mut earliest = u64::MAX;
        let mut next = self.heads[list];
        for _ in 0..SCAN {
            let Some(entry) = next else {
                return Some(earliest.max(tick));
            };
            // SAFETY: linked, so alive (I2), under our lock.
            let node = unsafe { Wheel::node(entry.as_ref()) };
            earliest = earliest.min(node.filed);
            next = node.next;
        }
        Some(tick)
    }

    /// The occupied list that comes first, and the tick it begins at.
    fn next_list(&self) -> Option<(usize, u64)> {
        let mut best: Option<(usize, u64)> = None;
        for level in 0..LEVELS {
            let occupied = self.occupied[level];
            if occupied == 0 {
                continue;
            }
            let shift = level * BITS;
            let now = (self.elapsed >> shift) as usize % LISTS;
            // Lists from the current one on, going round; the current one of a higher level is a
            // full turn away, as what was in it has been filed further down.
            let turned = occupied.rotate_right(now as u32);
            let mut ahead = turned.trailing_zeros() as u64;
            if ahead == 0 {
                let rest = turned & !1;
                ahead = if rest == 0 || level == 0 {
                    LISTS as u64
                } else {
                    rest.trailing_zeros() as u64
                };
                if level == 0 {
                    ahead = 0;
                }
            }
            let list = (now + ahead as usize) % LISTS;
            let tick = ((self.elapsed >> shift) + ahead) << shift;
            if best.is_none_or(|(_, earliest)| tick < earliest) {
                best = Some((level * LISTS + list, tick));
            }
        }
        best
    }

    /// Moves to `now`, firing what is due, until `wakers` is full; true if there is more to do.
    pub(crate) fn advance(&mut self, now: u64, wakers: &mut Vec<Waker>, room: usize) -> bool {
        while let Some((list, tick)) = self.next_list() {
            if tick > now {
                break;
            }
            self.elapsed = self.elapsed.max(tick);
            if list >= LISTS {
                self.file_again(list);
                continue;
            }
            while let Some(entry) = self.heads[list] {
                if wakers.len() >= room {
                    return true;
                }
                // SAFETY: linked into this wheel.
                unsafe { self.remove(entry) };
                // SAFETY: alive (I2), under our lock.
                let node = unsafe { Wheel::node(entry.as_ref()) };
                if node.deadline > self.elapsed {
                    self.file(entry, node);
                    continue;
                }
                wakers.extend(node.waker.take());
                // SAFETY: alive until this store, its last touch.
                unsafe { entry.as_ref() }.set(Phase::Fired);
            }
        }
        self.elapsed = self.elapsed.max(now);
        false
    }

    /// Files the entries of a higher level's list, which `elapsed` has reached, further down: all of them, so that
    /// what is due is at level 0 when there is no room to fire it (I1).
    fn file_again(&mut self, list: usize) {
        while let Some(entry) = self.heads[list] {
            // SAFETY: linked into this wheel.
            unsafe { self.remove(entry) };
            // SAFETY: alive (I2), under our lock.
            let node = unsafe { Wheel::node(entry.as_ref()) };
            self.file(entry, node);
        }
    }

    /// Takes all entries out in `phase`, until `wakers` is full; true if there are more.
    pub(crate) fn end_all(&mut self, phase: Phase, wakers: &mut Vec<Waker>, room: usize) -> bool {
        self.shutdown = true;
        for list in 0..LEVELS * LISTS {
            while let Some(entry) = self.heads[list] {
                if wakers.len() >= room {
                    return true;
                }
                // SAFETY: linked into this wheel.
                unsafe { self.remove(entry) };
                // SAFETY: alive (I2), under our lock.
                wakers.extend(unsafe { Wheel::node(entry.as_ref()) }.waker.take());
                // SAFETY: alive until this store, its last touch.
                unsafe { entry.as_ref() }.set(phase);
            }
        }
        false
    }
}
