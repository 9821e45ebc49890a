//! A hierarchical timer wheel (Varghese and Lauck 1987): 6 levels of 64 lists. `due` says how long a tick is.
//!
//! A timer is filed at the level of the highest 6-bit digit in which its tick differs from `elapsed`, in
//! the list that digit names. When `elapsed` reaches a list of a higher level, its timers are filed
//! again, further down; at level 0 they are due. A timer more than 2^36 ticks ahead (two years of
//! milliseconds) is filed at the horizon, and filed again from there.
//!
//! I1: every linked entry's `filed` is past `elapsed`, or equal to it and the entry at level 0, about to fire; its
//!     list is the one `place` gave when it was filed; a bit of `occupied` is set exactly while its list is not
//!     empty. After the shutdown all are in the first list, whatever `filed` and `occupied` say.
//! I2: entries are alive and pinned while linked: their owner unlinks them, under the lock, before they go.
//! I3: timers fire by deadline, to the nanosecond, and timers of one deadline in the order in which they were armed. A
//!     list keeps the order in which it was filled. That need not be the order of firing: a timer may be due earlier in
//!     its tick, or have been armed earlier and filed again. Such a list of level 0 is marked in `unsorted`, and sorted
//!     before it fires.
//! Cost: file and remove O(1); the next deadline by a bit scan for each level; sorting is rare, and allocates nothing.

use crate::due::Due;
use crate::entry::{Entry, Node, Phase};
use runtime_core::base::list::List;
use runtime_core::base::wake_batch::WakeBatch;
use std::ptr::NonNull;

const LEVELS: usize = 6;
const LISTS: usize = 64;
const BITS: usize = 6;
/// How many entries are checked to find a list's earliest.
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
    lists: Box<[List<Entry>; LEVELS * LISTS]>,
    pub(crate) shutdown: bool,
}

impl Wheel {
    pub(crate) fn new() -> Self {
        Wheel {
            elapsed: 0,
            occupied: [0; LEVELS],
            unsorted: 0,
            armed: 0,
            lists: Box::new([const { List::new() }; LEVELS * LISTS]),
            shutdown: false,
        }
    }

    /// # Safety
    /// The entry is alive, the caller holds the wheel's lock or owns the entry, and the reference is used up before the
    /// next one to the same entry is made.
    unsafe fn node<'a>(entry: NonNull<Entry>) -> &'a mut Node {
        // SAFETY: the caller's promise (I1 of `entry`).
        unsafe { &mut *entry.as_ref().node() }
    }

    /// Links an entry; false if its deadline is not past `elapsed`.
    ///
    /// # Safety
    /// The entry is in no wheel, pinned, and unlinked before it goes (I2).
    pub(crate) unsafe fn insert(&mut self, entry: NonNull<Entry>, due: Due, now: u64) -> bool {
        if self.occupied == [0; LEVELS] {
            // There is nothing to pass over: start from `now`, to file at low levels.
            self.elapsed = self.elapsed.max(now);
        }
        if due.tick <= self.elapsed {
            return false;
        }
        self.armed += 1;
        // SAFETY: the entry is alive (I2) and in no wheel.
        let node = unsafe { Wheel::node(entry) };
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
        let node = unsafe { Wheel::node(entry) };
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

    /// Links an entry that is in no list.
    fn file(&mut self, entry: NonNull<Entry>, node: &mut Node) {
        node.filed = node.deadline.min(self.elapsed.saturating_add(HORIZON - 1));
        let (level, list) = self.place(node.filed);
        let at = level * LISTS + list;
        node.list = at as u32;
        let bit = 1 << list;
        match self.lists[at].back() {
            None => {
                self.occupied[level] |= bit;
                if level == 0 {
                    self.unsorted &= !bit;
                }
            }
            // SAFETY: linked, so alive (I2), under our lock, and another entry than `entry`.
            Some(newest) if level == 0 && unsafe { Wheel::node(newest) }.order() > node.order() => {
                self.unsorted |= bit;
            }
            Some(_) => {}
        }
        // SAFETY: in no list; unlinked before it goes (I2).
        unsafe { self.lists[at].push_back(entry) };
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
        let at = unsafe { Wheel::node(entry) }.list as usize;
        // SAFETY: `list` is the list it is in (I1).
        unsafe { self.lists[at].remove(entry) };
        self.note_removal(at);
    }

    /// Unlinks the oldest entry of a list.
    fn take<'a>(&mut self, at: usize) -> Option<(NonNull<Entry>, &'a mut Node)> {
        let entry = self.lists[at].pop_front()?;
        self.note_removal(at);
        // SAFETY: it was linked, so it is alive until its phase changes (I2); we hold the lock.
        Some((entry, unsafe { Wheel::node(entry) }))
    }

    fn note_removal(&mut self, at: usize) {
        if self.lists[at].is_empty() {
            self.occupied[at / LISTS] &= !(1 << (at % LISTS));
        }
    }

    /// The next tick at which something is to be done; never later than the earliest deadline, and
    /// exact while the list that comes first is short.
    pub(crate) fn next_tick(&self) -> Option<u64> {
        let (list, tick) = self.next_list()?;
        let mut earliest = u64::MAX;
        let mut next = self.lists[list].front();
        for _ in 0..SCAN {
            let Some(entry) = next else {
                return Some(earliest.max(tick));
            };
            // SAFETY: linked, so alive (I2), under our lock.
            earliest = earliest.min(unsafe { Wheel::node(entry) }.filed);
            // SAFETY: linked into that list.
            next = unsafe { self.lists[list].after(entry) };
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
            // Lists from the current one on, going round. At a higher level the current list is a full turn away, as its
            // timers for now have been filed further down: if no other list is occupied, 64 zeros are counted.
            let mut turned = occupied.rotate_right(now as u32);
            if level > 0 {
                turned &= !1;
            }
            let ahead = u64::from(turned.trailing_zeros());
            let list = (now + ahead as usize) % LISTS;
            let tick = ((self.elapsed >> shift) + ahead) << shift;
            if best.is_none_or(|(_, earliest)| tick < earliest) {
                best = Some((level * LISTS + list, tick));
            }
        }
        best
    }

    /// Moves to `now`, firing what is due, until `wakers` is full; true if there is more to do.
    pub(crate) fn advance(&mut self, now: u64, wakers: &mut WakeBatch) -> bool {
        if self.shutdown {
            // `end_all` takes all entries out.
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
            while !self.lists[list].is_empty() {
                if wakers.is_full() {
                    return true;
                }
                let Some((entry, node)) = self.take(list) else {
                    break;
                };
                if node.deadline > self.elapsed {
                    self.file(entry, node);
                } else {
                    end(entry, Phase::Fired, wakers);
                }
            }
        }
        self.elapsed = self.elapsed.max(now);
        false
    }

    /// Files the entries of a higher level's list, which `elapsed` has reached, further down: all of them, so that
    /// what is due is at level 0 when there is no room to fire it (I1).
    fn file_again(&mut self, list: usize) {
        while let Some((entry, node)) = self.take(list) {
            self.file(entry, node);
        }
    }

    /// Takes all entries out in `phase`, by deadline, until `wakers` is full; true if there are more.
    pub(crate) fn end_all(&mut self, phase: Phase, wakers: &mut WakeBatch) -> bool {
        if !self.shutdown {
            self.shutdown = true;
            self.gather();
            self.sort(0, |node| (node.deadline, node.order()));
        }
        while !self.lists[0].is_empty() {
            if wakers.is_full() {
                return true;
            }
            if let Some((entry, _)) = self.take(0) {
                end(entry, phase, wakers);
            }
        }
        false
    }

    /// Moves all entries into the first list, whatever their ticks: the wheel has shut down, and no timer comes due any more.
    fn gather(&mut self) {
        for list in 1..LEVELS * LISTS {
            while let Some((entry, node)) = self.take(list) {
                node.list = 0;
                // SAFETY: in no list; unlinked before it goes (I2).
                unsafe { self.lists[0].push_back(entry) };
            }
        }
    }

    /// Sorts a list by `key`: a merge sort that allocates nothing.
    fn sort<K: Ord>(&mut self, list: usize, key: impl Fn(&Node) -> K + Copy) {
        // Sorted lists; the one at `n` is empty or has 2^n entries.
        let mut sorted = [const { List::new() }; 64];
        while let Some(entry) = self.lists[list].pop_front() {
            let mut carried = List::new();
            // SAFETY: in no list now; it stays linked but for moments like this (I2).
            unsafe { carried.push_back(entry) };
            for longer in &mut sorted {
                if longer.is_empty() {
                    *longer = carried;
                    break;
                }
                carried = merge(std::mem::take(longer), carried, key);
            }
        }
        let all = sorted.into_iter();
        self.lists[list] = all.fold(List::new(), |shorter, longer| merge(longer, shorter, key));
    }
}

/// The wheel's last access to an entry that it took out. The caller holds the wheel's lock.
fn end(entry: NonNull<Entry>, phase: Phase, wakers: &mut WakeBatch) {
    // SAFETY: alive until its phase changes (I2), under the lock.
    wakers.push(unsafe { Wheel::node(entry) }.waker.take());
    // SAFETY: alive until this store, the last access.
    unsafe { entry.as_ref() }.set(phase);
}

/// Merges two sorted lists, stably: equal entries of the first come first. The caller holds the lock of their wheel.
fn merge<K: Ord>(
    mut first: List<Entry>,
    mut second: List<Entry>,
    key: impl Fn(&Node) -> K,
) -> List<Entry> {
    let mut merged = List::new();
    loop {
        let is_second = match (first.front(), second.front()) {
            (a, None) => a.is_none(),
            (None, Some(_)) => true,
            (Some(a), Some(b)) => {
                // SAFETY: entries of a wheel are alive (I2), its lock is held, and they are two.
                let keys = unsafe { (key(Wheel::node(a)), key(Wheel::node(b))) };
                keys.1 < keys.0
            }
        };
        let from = if is_second { &mut second } else { &mut first };
        let Some(entry) = from.pop_front() else {
            return merged;
        };
        // SAFETY: in no list now; it stays linked but for moments like this (I2).
        unsafe { merged.push_back(entry) };
    }
}
