//! `Slab`: values by keys that are numbers. The keys go through the kernel and come back (tokens of a reactor, requests of a
//! ring).
//!
//! ```text
//! key:  generation << HALF | index        index:  page << 6 | place in the page
//! ```
//! I1: of 2^32 - 1 inserts in a row (2^16 - 1 where pointers have 32 bits) no two have the same generation, at whatever place.
//!     So a key whose value was removed names nothing, even if its place was filled again or its page was freed.
//! I2: the memory of an empty page is freed, except that of one spare page: a burst leaves no memory behind.
//!
//! The lowest page with room is filled first, so that the others get a chance to become empty. Insert, get and remove are O(1)
//! while no page becomes full or empty; otherwise a set with one bit for each page is searched.

use std::fmt;

const HALF: u32 = usize::BITS / 2;
const GENERATIONS: usize = (1 << HALF) - 1;
const PAGE_BITS: u32 = 6;
const PAGE: usize = 1 << PAGE_BITS;

/// Names a value in its slab; after the value's removal, nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(usize);

impl Key {
    /// Numbers from here on are no slab's keys: their generation would be the last, which is never given.
    pub const FIRST_RESERVED: usize = GENERATIONS << HALF;

    /// The key as a number.
    pub fn number(self) -> usize {
        self.0
    }

    /// The key with this number; it names no value if no slab gave the number out.
    pub fn of(number: usize) -> Key {
        Key(number)
    }

    fn page(self) -> usize {
        (self.0 & ((1 << HALF) - 1)) >> PAGE_BITS
    }

    fn place(self) -> usize {
        self.0 & (PAGE - 1)
    }

    fn generation(self) -> usize {
        self.0 >> HALF
    }
}

type Places<T> = Box<[Option<Entry<T>>; PAGE]>;

struct Entry<T> {
    generation: usize,
    value: T,
}

struct Page<T> {
    /// `None` while the page is empty.
    places: Option<Places<T>>,
    /// A bit for each place that is filled.
    filled: u64,
}

/// A set of small numbers: a bit each.
struct Numbers {
    words: Vec<u64>,
    /// No word before this one has a bit.
    lowest: usize,
}

impl Numbers {
    const fn new() -> Numbers {
        Numbers {
            words: Vec::new(),
            lowest: 0,
        }
    }

    /// The least number. Empty words at the front are skipped from then on, until a number of theirs is inserted.
    fn first(&mut self) -> Option<usize> {
        while let Some(word) = self.words.get(self.lowest) {
            if *word != 0 {
                return Some(self.lowest * 64 + word.trailing_zeros() as usize);
            }
            self.lowest += 1;
        }
        None
    }

    fn insert(&mut self, number: usize) {
        let word = number / 64;
        while self.words.len() <= word {
            self.words.push(0);
        }
        self.words[word] |= 1 << (number % 64);
        self.lowest = self.lowest.min(word);
    }

    fn remove(&mut self, number: usize) {
        if let Some(word) = self.words.get_mut(number / 64) {
            *word &= !(1 << (number % 64));
        }
        while self.words.last() == Some(&0) {
            self.words.pop();
        }
        if self.words.capacity() > 64 && self.words.len() < self.words.capacity() / 4 {
            self.words.shrink_to(self.words.len() * 2);
        }
    }

    fn memory(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }
}

/// See the module's page.
pub struct Slab<T> {
    pages: Vec<Page<T>>,
    /// Which of `pages` have room.
    open: Numbers,
    /// Memory for a page, kept so that a page that fills and empties again and again does not allocate each time.
    spare: Option<Places<T>>,
    last_generation: usize,
}

impl<T> Slab<T> {
    /// Without values or memory.
    pub const fn new() -> Slab<T> {
        Slab {
            pages: Vec::new(),
            open: Numbers::new(),
            spare: None,
            last_generation: 0,
        }
    }

    /// Takes a value in.
    pub fn insert(&mut self, value: T) -> Key {
        self.last_generation = (self.last_generation + 1) % GENERATIONS;
        let generation = self.last_generation;
        let number = match self.open.first() {
            Some(number) => number,
            None => self.add_page(),
        };
        let page = &mut self.pages[number];
        let place = page.filled.trailing_ones() as usize;
        let spare = &mut self.spare;
        let places = page.places.get_or_insert_with(|| {
            spare
                .take()
                .unwrap_or_else(|| Box::new([const { None }; PAGE]))
        });
        places[place] = Some(Entry { generation, value });
        page.filled |= 1 << place;
        if page.filled == u64::MAX {
            self.open.remove(number);
        }
        Key(generation << HALF | number << PAGE_BITS | place)
    }

    fn add_page(&mut self) -> usize {
        let number = self.pages.len();
        self.pages.push(Page {
            places: None,
            filled: 0,
        });
        self.open.insert(number);
        number
    }

    /// The value of a key.
    pub fn get(&self, key: Key) -> Option<&T> {
        let places = self.pages.get(key.page())?.places.as_ref()?;
        let entry = places[key.place()].as_ref()?;
        (entry.generation == key.generation()).then_some(&entry.value)
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let places = self.pages.get_mut(key.page())?.places.as_mut()?;
        let entry = places[key.place()].as_mut()?;
        (entry.generation == key.generation()).then_some(&mut entry.value)
    }

    /// Gives a value back; its key names nothing from here on.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        self.get(key)?;
        let page = &mut self.pages[key.page()];
        let entry = page.places.as_mut()?[key.place()].take()?;
        page.filled &= !(1 << key.place());
        self.open.insert(key.page());
        if page.filled == 0 {
            let places = page.places.take();
            self.spare = self.spare.take().or(places);
            self.shorten();
        }
        Some(entry.value)
    }

    /// Removes the empty pages at the end.
    fn shorten(&mut self) {
        while self.pages.last().is_some_and(|page| page.filled == 0) {
            self.pages.pop();
            self.open.remove(self.pages.len());
        }
        if self.pages.capacity() > 64 && self.pages.len() < self.pages.capacity() / 4 {
            self.pages.shrink_to(self.pages.len() * 2);
        }
    }

    /// All values and their keys, by place.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Key, &mut T)> {
        let pages = self.pages.iter_mut().enumerate();
        pages.flat_map(|(number, page)| {
            let places = page.places.iter_mut().flat_map(|places| places.iter_mut());
            places.enumerate().filter_map(move |(place, entry)| {
                let entry = entry.as_mut()?;
                let key = entry.generation << HALF | number << PAGE_BITS | place;
                Some((Key(key), &mut entry.value))
            })
        })
    }

    /// Takes all values out, by place, and gives the memory up.
    pub fn take_all(&mut self) -> Vec<T> {
        self.open = Numbers::new();
        self.spare = None;
        let mut values = Vec::new();
        for page in std::mem::take(&mut self.pages) {
            let Some(mut places) = page.places else {
                continue;
            };
            for place in places.iter_mut() {
                if let Some(entry) = place.take() {
                    values.push(entry.value);
                }
            }
        }
        values
    }

    /// Bytes of memory held, without what the values have allocated.
    pub fn memory(&self) -> usize {
        let pages = self.pages.iter().filter(|page| page.places.is_some());
        (pages.count() + usize::from(self.spare.is_some())) * size_of::<[Option<Entry<T>>; PAGE]>()
            + self.pages.capacity() * size_of::<Page<T>>()
            + self.open.memory()
    }

    /// Acts as if that many values had been inserted.
    #[cfg(test)]
    pub(super) fn age_to(&mut self, generation: usize) {
        self.last_generation = generation;
    }
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab::new()
    }
}

impl<T> fmt::Debug for Slab<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let filled = self.pages.iter().map(|page| page.filled.count_ones());
        f.debug_struct("Slab")
            .field("values", &filled.sum::<u32>())
            .finish_non_exhaustive()
    }
}
