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
//! I3: timers fire by deadline, to the nanosecond, and those of one deadline in the order in which they were armed. A list
//!     keeps the order in which it was filled. That is the order of firing too, but where a timer is filed again: behind
//!     ones that were armed after it. Such a list of level 0 is marked in `unsorted`, and sorted before it fires.
//! Cost: file and remove O(1); the next deadline by a bit scan for each level; sorting is rare, and allocates nothing.

use crate::clock::Due;
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
    /// Lists of level 0 whose order is not known to be that of firing (I3).
    unsorted: u64,
    /// Number of timers armed so far; each keeps its own (I3).
    armed: u64,
    /// The oldest entry of each list; its `previous` is the list's newest.
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
            unsorted: 0,
            armed: 0,
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

    /// Links an entry; false if its deadline is not past `elapsed`.
    ///
    /// # Safety
    /// The entry is in no wheel, pinned, and unlinked before it goes (I2).
    pub(crate) unsafe fn insert(&mut self, entry: NonNull<Entry>, due: Due, now: u64) -> bool {
        if self.occupied == [0; LEVELS] {
            // Nothing to pass over: file as close as can be.
            self.elapsed = self.elapsed.max(now);
        }
        if due.tick <= self.elapsed {
            return false;
        }
        self.armed += 1;
        // SAFETY: the entry is alive (I2) and in no wheel.
        let node = unsafe { Wheel::node(entry.as_ref()) };
        node.set_due(due, self.armed);
        self.file(entry, node);
        true
    }

    /// Moves a linked entry's deadline on, in place: it counts as armed anew. False if the new deadline is before the tick
    /// at which the entry is filed.
    ///
    /// # Safety
    /// The entry is linked into this wheel.
    pub(crate) unsafe fn postpone(&mut self, entry: NonNull<Entry>, due: Due) -> bool {
        // SAFETY: linked, so alive (I2); we hold the lock.
        let node = unsafe { Wheel::node(entry.as_ref()) };
        if due.tick < node.filed {
            return false;
        }
        self.armed += 1;
        node.set_due(due, self.armed);
        if let Some(list) = 1_u64.checked_shl(node.list) {
            self.unsorted |= list;
        }
        true
    }

    fn file(&mut self, entry: NonNull<Entry>, node: &mut Node) {
        node.filed = node.deadline.min(self.elapsed.saturating_add(HORIZON - 1));
        let (level, list) = self.place(node.filed);
        let at = level * LISTS + list;
        node.list = at as u32;
        node.next = None;
        match self.heads[at] {
            None => {
                node.previous = Some(entry);
                self.heads[at] = Some(entry);
                self.occupied[level] |= 1 << list;
                if level == 0 {
                    self.unsorted &= !(1 << list);
                }
            }
            Some(head) => {
                // SAFETY: linked, so alive (I2), and another entry than `entry`.
                let newest = unsafe { Wheel::node(head.as_ref()) }
                    .previous
                    .replace(entry);
                node.previous = newest;
                if let Some(newest) = newest {
                    // SAFETY: as above.
                    let newest = unsafe { Wheel::node(newest.as_ref()) };
                    newest.next = Some(entry);
                    if level == 0 && newest.order() > node.order() {
                        self.unsorted |= 1 << list;
                    }
                }
            }
        }
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
        let at = node.list as usize;
        let (previous, next) = (node.previous.take(), node.next.take());
        if self.heads[at] == Some(entry) {
            self.heads[at] = next;
        } else if let Some(previous) = previous {
            // SAFETY: as above, another entry.
            unsafe { Wheel::node(previous.as_ref()) }.next = next;
        }
        // The newest of the list is known to its oldest.
        if let Some(behind) = next.or(self.heads[at]) {
            // SAFETY: as above, another entry.
            unsafe { Wheel::node(behind.as_ref()) }.previous = previous;
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
            if ahead == 0 && level > 0 {
                let rest = turned & !1;
                ahead = if rest == 0 {
                    LISTS as u64
                } else {
                    rest.trailing_zeros() as u64
                };
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
        if self.shutdown {
            // Whoever ends them fires them all.
            return false;
        }
        while let Some((list, tick)) = self.next_list() {
            if tick > now {
                break;
            }
            self.elapsed = self.elapsed.max(tick);
            if list >= LISTS {
                self.file_again(list);
                continue;
            }
            if self.unsorted & (1 << list) != 0 {
                self.sort(list, |node| (0, node.order()));
                self.unsorted &= !(1 << list);
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

    /// Takes all entries out in `phase`, those due first being first, until `wakers` is full; true if there are more.
    pub(crate) fn end_all(&mut self, phase: Phase, wakers: &mut Vec<Waker>, room: usize) -> bool {
        if !self.shutdown {
            self.shutdown = true;
            self.gather();
            self.sort(0, |node| (node.deadline, node.order()));
        }
        while let Some(entry) = self.heads[0] {
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
        false
    }

    /// Moves all entries into the first list, in which none is due by its tick any more: the wheel has shut down.
    fn gather(&mut self) {
        for list in 1..LEVELS * LISTS {
            while let Some(entry) = self.heads[list] {
                // SAFETY: linked into this wheel.
                unsafe { self.remove(entry) };
                // SAFETY: alive (I2), under our lock.
                let node = unsafe { Wheel::node(entry.as_ref()) };
                node.list = 0;
                node.next = self.heads[0].replace(entry);
                self.occupied[0] |= 1;
            }
        }
    }

    /// Sorts a list by `key`: a merge sort of the chain of `next`, after which `previous` is written anew.
    fn sort<K: Ord>(&mut self, list: usize, key: impl Fn(&Node) -> K + Copy) {
        // Sorted chains; the one at `n` is empty or has 2^n entries.
        let mut chains: [Chain; 64] = [None; 64];
        let mut rest = self.heads[list];
        while let Some(entry) = rest {
            // SAFETY: linked, so alive (I2), under our lock.
            rest = unsafe { Wheel::node(entry.as_ref()) }.next.take();
            let mut carried = Some(entry);
            for chain in &mut chains {
                if chain.is_none() {
                    *chain = carried;
                    break;
                }
                carried = merge(chain.take(), carried, key);
            }
        }
        let mut sorted = None;
        for chain in chains {
            sorted = merge(chain, sorted, key);
        }
        self.heads[list] = sorted;
        let (mut newest, mut next) = (sorted, sorted);
        while let Some(entry) = next {
            // SAFETY: as above.
            let node = unsafe { Wheel::node(entry.as_ref()) };
            node.previous = newest.replace(entry);
            next = node.next;
        }
        if let Some(oldest) = sorted {
            // SAFETY: as above.
            unsafe { Wheel::node(oldest.as_ref()) }.previous = newest;
        }
    }
}

/// Entries linked by `next`.
type Chain = Option<NonNull<Entry>>;

/// Merges two sorted chains; of equals, those of the first come first. The caller holds the lock of their wheel.
fn merge<K: Ord>(mut first: Chain, mut second: Chain, key: impl Fn(&Node) -> K) -> Chain {
    let mut merged = None;
    let mut newest: Chain = None;
    loop {
        let from = match (first, second) {
            (None, None) => return merged,
            (Some(_), None) => &mut first,
            (None, Some(_)) => &mut second,
            (Some(a), Some(b)) => {
                // SAFETY: entries of a wheel are alive (I2), and its lock is held.
                let keys = unsafe { (key(Wheel::node(a.as_ref())), key(Wheel::node(b.as_ref()))) };
                if keys.0 <= keys.1 {
                    &mut first
                } else {
                    &mut second
                }
            }
        };
        let Some(entry) = *from else { return merged };
        // SAFETY: as above.
        *from = unsafe { Wheel::node(entry.as_ref()) }.next.take();
        match newest.replace(entry) {
            // SAFETY: as above.
            Some(before) => unsafe { Wheel::node(before.as_ref()) }.next = Some(entry),
            None => merged = Some(entry),
        }
    }
}
