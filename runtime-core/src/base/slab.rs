//! `Slab`: values under keys that are never given twice, with memory that comes back after a burst.
//!
//! A key is an index and the slot's generation, packed into a `usize`: what comes late with the key of a value that has
//! gone (an event of a closed descriptor, a second cancellation) finds nothing.
//!
//! I1: a slot's generation goes up when its value goes, so a key names one value. It wraps after 2^31 uses of a slot
//!     on 64-bit targets.
//! I2: every vacant slot's index is in `free`. `free` may name more: slots that were cut off the end, or filled again
//!     since. So an index out of it is looked at before it is used.
//! I3: the last slot holds a value: vacant slots at the end are cut off. What is appended later begins with a generation
//!     above those that were cut off.
//!
//! Cost: all O(1), cutting off included (amortised: each slot cut off was once appended). The slots freed last are filled
//! first, which keeps them in the cache.

use std::fmt;

const INDEX_BITS: u32 = if usize::BITS == 64 { 32 } else { 20 };
const INDEX_MASK: usize = (1 << INDEX_BITS) - 1;
/// Generations run below this, so that the largest keys are never given: callers use them for marks of their own.
const GENERATIONS: usize = (usize::MAX >> INDEX_BITS) - 1;
/// Below this many slots no memory is given back.
const KEPT: usize = 32;

/// Names one value of one [`Slab`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(usize);

impl Key {
    /// The key of these bits; one that was never given finds nothing.
    #[inline]
    pub const fn from_bits(bits: usize) -> Key {
        Key(bits)
    }

    /// To hand to somebody who keeps a number. Never one of the 2^32 (on 32-bit targets 2^20) largest.
    #[inline]
    pub const fn to_bits(self) -> usize {
        self.0
    }

    fn new(index: usize, generation: usize) -> Key {
        Key(generation << INDEX_BITS | index)
    }

    fn index(self) -> usize {
        self.0 & INDEX_MASK
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}v{}", self.index(), self.0 >> INDEX_BITS)
    }
}

struct Slot<T> {
    generation: usize,
    value: Option<T>,
}

/// See the module's page.
pub struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: Vec<usize>,
    len: usize,
    /// Generation of a slot that is appended (I3).
    first_generation: usize,
}

impl<T> Slab<T> {
    /// An empty slab, without memory.
    pub const fn new() -> Slab<T> {
        Slab {
            slots: Vec::new(),
            free: Vec::new(),
            len: 0,
            first_generation: 0,
        }
    }

    /// How many values it holds.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Does it hold none?
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many slots it has memory for.
    pub fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    /// Takes `value` in.
    ///
    /// # Panics
    /// With 2^32 values in it already (on 32-bit targets 2^20).
    pub fn insert(&mut self, value: T) -> Key {
        self.len += 1;
        while let Some(index) = self.free.pop() {
            match self.slots.get_mut(index) {
                Some(slot) if slot.value.is_none() => {
                    slot.value = Some(value);
                    return Key::new(index, slot.generation);
                }
                // I2: cut off, or filled again.
                _ => {}
            }
        }
        let index = self.slots.len();
        assert!(index <= INDEX_MASK, "too many values for one slab");
        self.slots.push(Slot {
            generation: self.first_generation,
            value: Some(value),
        });
        Key::new(index, self.first_generation)
    }

    fn slot(&self, key: Key) -> Option<&Slot<T>> {
        let slot = self.slots.get(key.index())?;
        (slot.generation == key.0 >> INDEX_BITS).then_some(slot)
    }

    /// The value of `key`.
    #[inline]
    pub fn get(&self, key: Key) -> Option<&T> {
        self.slot(key)?.value.as_ref()
    }

    /// The value of `key`.
    #[inline]
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.slot(key)?;
        self.slots[key.index()].value.as_mut()
    }

    /// Takes the value of `key` out.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        self.slot(key)?;
        let index = key.index();
        let slot = &mut self.slots[index];
        let value = slot.value.take()?;
        slot.generation = (slot.generation + 1) % GENERATIONS;
        self.len -= 1;
        if index + 1 == self.slots.len() {
            self.cut_off();
        } else {
            self.free.push(index);
        }
        Some(value)
    }

    /// The end's vacant slots go (I3), and their memory once three quarters of it are unused.
    fn cut_off(&mut self) {
        while self.slots.last().is_some_and(|slot| slot.value.is_none()) {
            let Some(slot) = self.slots.pop() else { break };
            self.first_generation = self.first_generation.max(slot.generation);
        }
        if self.slots.capacity() > KEPT && self.slots.len() < self.slots.capacity() / 4 {
            let (len, most) = (self.slots.len(), (2 * self.slots.len()).max(KEPT));
            self.slots.shrink_to(most);
            self.free.retain(|index| *index < len);
            self.free.shrink_to(most);
        }
    }

    /// The values, in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let value = slot.value.as_ref()?;
            Some((Key::new(index, slot.generation), value))
        })
    }

    /// Takes everything out, in the order of the slots; the memory goes with it, the generations stay (I1).
    pub fn take_all(&mut self) -> Vec<T> {
        let slots = std::mem::take(&mut self.slots);
        self.free = Vec::new();
        self.len = 0;
        let youngest = slots.iter().map(|slot| slot.generation + 1).max();
        self.first_generation = self.first_generation.max(youngest.unwrap_or(0)) % GENERATIONS;
        slots.into_iter().filter_map(|slot| slot.value).collect()
    }
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab::new()
    }
}

impl<T> fmt::Debug for Slab<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slab")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
