//! The registrations of a reactor, by the tokens that the OS's events carry.
//!
//! ```text
//! token:  generation << 32 | index        index:  page << 6 | place in the page
//! ```
//! I1: a generation is given once (of 2^32 - 1), whatever slot it goes to. So a token that is no longer registered
//! names nothing, even if its slot was filled again or its page was given back meanwhile.
//! I2: a page without registrations gives its memory back, but for one that is kept for the next: what a burst of
//! sockets grew does not stay.
//! I3: after shutdown no slot is filled any more.
//!
//! The lowest page with room is filled first, so that the others get a chance to become empty.

use super::ScheduledIo;
use std::collections::BTreeSet;
use std::sync::Arc;

const INDEX_BITS: u32 = usize::BITS / 2;
const GENERATIONS: usize = (1 << INDEX_BITS) - 1;
/// No slot has a token from here on: the generation would be the last, which is not given.
pub(super) const FIRST_RESERVED: usize = GENERATIONS << INDEX_BITS;
const PAGE_BITS: u32 = 6;
const PAGE: usize = 1 << PAGE_BITS;

/// Where a registration sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(pub(super) usize);

impl Slot {
    fn page(self) -> usize {
        (self.0 & ((1 << INDEX_BITS) - 1)) >> PAGE_BITS
    }

    fn place(self) -> usize {
        self.0 & (PAGE - 1)
    }

    fn generation(self) -> usize {
        self.0 >> INDEX_BITS
    }
}

type Places = Box<[Option<Entry>; PAGE]>;

struct Entry {
    generation: usize,
    io: Arc<ScheduledIo>,
}

#[derive(Default)]
struct Page {
    /// `None` if nothing is in it.
    places: Option<Places>,
    /// A bit for each place that is filled.
    filled: u64,
}

#[derive(Default)]
pub(super) struct Slots {
    pages: Vec<Page>,
    /// Pages with room; those that come after the last one aside.
    open: BTreeSet<usize>,
    /// Memory for a page, kept lest one that fills and empties again asks for it each time.
    spare: Option<Places>,
    last_generation: usize,
    is_shutdown: bool,
}

impl Slots {
    /// `None` after shutdown.
    pub(super) fn insert(&mut self, io: Arc<ScheduledIo>) -> Option<Slot> {
        if self.is_shutdown {
            return None;
        }
        self.last_generation = (self.last_generation + 1) % GENERATIONS;
        let generation = self.last_generation;
        let number = match self.open.first() {
            Some(number) => *number,
            None => {
                self.pages.push(Page::default());
                self.open.insert(self.pages.len() - 1);
                self.pages.len() - 1
            }
        };
        let page = &mut self.pages[number];
        let place = page.filled.trailing_ones() as usize;
        let spare = &mut self.spare;
        let places = page.places.get_or_insert_with(|| {
            spare
                .take()
                .unwrap_or_else(|| Box::new([const { None }; PAGE]))
        });
        places[place] = Some(Entry { generation, io });
        page.filled |= 1 << place;
        if page.filled == u64::MAX {
            self.open.remove(&number);
        }
        Some(Slot(generation << INDEX_BITS | number << PAGE_BITS | place))
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&Arc<ScheduledIo>> {
        let places = self.pages.get(slot.page())?.places.as_ref()?;
        let entry = places[slot.place()].as_ref()?;
        (entry.generation == slot.generation()).then_some(&entry.io)
    }

    pub(super) fn remove(&mut self, slot: Slot) -> Option<Arc<ScheduledIo>> {
        self.get(slot)?;
        let page = &mut self.pages[slot.page()];
        let entry = page.places.as_mut()?[slot.place()].take()?;
        page.filled &= !(1 << slot.place());
        self.open.insert(slot.page());
        if page.filled == 0 {
            let places = page.places.take();
            self.spare = self.spare.take().or(places);
            self.shorten();
        }
        Some(entry.io)
    }

    /// Gives the empty pages at the end up.
    fn shorten(&mut self) {
        while self.pages.last().is_some_and(|page| page.filled == 0) {
            self.pages.pop();
            self.open.remove(&self.pages.len());
        }
        if self.pages.capacity() > 64 && self.pages.len() < self.pages.capacity() / 4 {
            self.pages.shrink_to(self.pages.len() * 2);
        }
    }

    /// All registrations; there will be no more.
    pub(super) fn shut_down(&mut self) -> Vec<Arc<ScheduledIo>> {
        self.is_shutdown = true;
        self.open.clear();
        self.spare = None;
        let pages = std::mem::take(&mut self.pages);
        let places = pages.into_iter().filter_map(|page| page.places);
        let entries = places.flat_map(|places| *places).flatten();
        entries.map(|entry| entry.io).collect()
    }

    #[cfg(feature = "process")]
    pub(super) fn is_shutdown(&self) -> bool {
        self.is_shutdown
    }

    /// Bytes of memory held, registrations aside.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        let pages = self.pages.iter().filter(|page| page.places.is_some());
        (pages.count() + usize::from(self.spare.is_some())) * size_of::<[Option<Entry>; PAGE]>()
            + self.pages.capacity() * size_of::<Page>()
            + self.open.len() * 16
    }

    /// As if that many had been registered.
    #[cfg(test)]
    pub(super) fn age_to(&mut self, generation: usize) {
        self.last_generation = generation;
    }
}
