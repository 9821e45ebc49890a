//! A queue that frees its memory after a burst.
//!
//! I1: the capacity is at most `KEPT`, or at most four times the largest length since the last time it was halved. It is
//!     halved when less than a quarter is used, so that growing and shrinking cost a constant for each item.

use std::collections::VecDeque;

/// The capacity that is never freed.
const KEPT: usize = 64;

/// First in, first out.
#[derive(Debug)]
pub(crate) struct BurstQueue<T>(VecDeque<T>);

impl<T> BurstQueue<T> {
    pub(crate) const fn new() -> Self {
        BurstQueue(VecDeque::new())
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    pub(crate) fn push_back(&mut self, item: T) {
        self.0.push_back(item);
    }

    #[inline]
    pub(crate) fn pop_front(&mut self) -> Option<T> {
        let item = self.0.pop_front();
        if self.0.capacity() > KEPT && self.0.len() < self.0.capacity() / 4 {
            self.halve();
        }
        item
    }

    /// Moves all items of `other` behind those that are here.
    pub(crate) fn append(&mut self, other: &mut Self) {
        if self.0.is_empty() {
            std::mem::swap(&mut self.0, &mut other.0);
        } else {
            self.0.append(&mut other.0);
        }
        // `other` may stay empty for a long time.
        if other.0.capacity() > KEPT {
            other.0 = VecDeque::new();
        }
    }

    #[cold]
    fn halve(&mut self) {
        self.0.shrink_to((self.0.capacity() / 2).max(KEPT));
    }
}

impl<T> Default for BurstQueue<T> {
    fn default() -> Self {
        BurstQueue::new()
    }
}

#[cfg(all(test, not(runtime_loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_room_of_a_burst_is_given_back_as_it_is_drained() {
        let mut queue = BurstQueue::new();
        for burst in [1, 100, 100_000, 3] {
            (0..burst).for_each(|n| queue.push_back(n));
            for n in 0..burst {
                assert_eq!(queue.pop_front(), Some(n));
                assert!(queue.0.capacity() <= KEPT.max(4 * (queue.0.len() + 1)));
            }
            assert_eq!(queue.pop_front(), None);
        }
    }

    #[test]
    fn room_is_halved_when_a_quarter_is_used_and_not_before() {
        let mut queue = BurstQueue(VecDeque::with_capacity(1024));
        (0..1024).for_each(|n| queue.push_back(n));
        let mut room = 1024;
        for left in (0..1024).rev() {
            queue.pop_front();
            if left < room / 4 && room > KEPT {
                room /= 2;
            }
            assert_eq!((queue.0.len(), queue.0.capacity()), (left, room));
        }
        assert_eq!(room, KEPT);
    }

    #[test]
    fn little_room_stays_where_it_was_and_much_goes() {
        for (room, left) in [(1, 1), (KEPT, KEPT), (KEPT + 1, 0), (10 * KEPT, 0)] {
            let mut back = BurstQueue(VecDeque::with_capacity(room));
            let mut front = BurstQueue::new();
            front.push_back(1);
            back.push_back(2);
            front.append(&mut back);
            assert_eq!((front.0.len(), back.0.capacity()), (2, left), "{room}");
        }
    }

    #[test]
    fn what_is_appended_comes_last_and_its_room_goes_too() {
        let (mut front, mut back) = (BurstQueue::new(), BurstQueue::new());
        for round in 0..20 {
            let mut expected = Vec::new();
            for n in 0..round % 3 {
                front.push_back(n);
                expected.push(n);
            }
            for n in 0..if round == 0 { 100_000 } else { 5 } {
                back.push_back(n);
                expected.push(n);
            }
            front.append(&mut back);
            assert!(back.is_empty());
            let all: Vec<_> = std::iter::from_fn(|| front.pop_front()).collect();
            assert_eq!(all, expected);
        }
        assert!(front.0.capacity() <= KEPT && back.0.capacity() <= KEPT);
    }
}
