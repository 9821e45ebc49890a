//! Who owns a buffer that the kernel writes to?
//!
//! The kernel is a list of requests here, each with the number of a buffer. A request may complete at any time.

use std::collections::VecDeque;

/// The requests in flight: for each, the number of its buffer and the data to write.
#[derive(Default)]
pub struct Kernel(VecDeque<(u64, &'static str)>);

impl Kernel {
    pub fn submit(&mut self, key: u64, data: &'static str) {
        self.0.push_back((key, data));
    }

    /// Completes the oldest request.
    pub fn complete(&mut self) -> (u64, &'static str) {
        self.0.pop_front().expect("something is in flight")
    }
}

/// Frees a slot when its future is dropped.
#[derive(Default)]
pub struct Naive {
    slots: Vec<Option<&'static str>>,
    free: Vec<u64>,
}

impl Naive {
    pub fn start(&mut self) -> u64 {
        self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() as u64 - 1
        })
    }

    /// The future is dropped.
    pub fn abandon(&mut self, key: u64) {
        self.free.push(key);
    }

    /// The kernel has written to the buffer.
    pub fn complete(&mut self, (key, data): (u64, &'static str)) {
        self.slots[key as usize] = Some(data);
    }

    /// Returns what the future finds in the buffer.
    pub fn take(&mut self, key: u64) -> Option<&'static str> {
        self.slots[key as usize].take()
    }
}

enum State {
    Vacant,
    Waiting,
    Completed(&'static str),
    /// The future is gone; the kernel is not done.
    Abandoned,
}

/// Frees a slot when the kernel and the future are both done with it.
#[derive(Default)]
pub struct Slots {
    slots: Vec<State>,
    free: Vec<u64>,
}

impl Slots {
    pub fn start(&mut self) -> u64 {
        let key = self.free.pop().unwrap_or_else(|| {
            self.slots.push(State::Vacant);
            self.slots.len() as u64 - 1
        });
        self.slots[key as usize] = State::Waiting;
        key
    }

    pub fn abandon(&mut self, key: u64) {
        match &self.slots[key as usize] {
            State::Waiting => self.slots[key as usize] = State::Abandoned,
            State::Completed(_) => self.vacate(key),
            State::Vacant | State::Abandoned => {
                unreachable!("a future has its slot until it is done")
            }
        }
    }

    pub fn complete(&mut self, (key, data): (u64, &'static str)) {
        match self.slots[key as usize] {
            State::Waiting => self.slots[key as usize] = State::Completed(data),
            State::Abandoned => self.vacate(key),
            State::Vacant | State::Completed(_) => unreachable!("one completion for each request"),
        }
    }

    pub fn take(&mut self, key: u64) -> Option<&'static str> {
        let State::Completed(data) = self.slots[key as usize] else {
            return None;
        };
        self.vacate(key);
        Some(data)
    }

    fn vacate(&mut self, key: u64) {
        self.slots[key as usize] = State::Vacant;
        self.free.push(key);
    }
}

#[cfg(test)]
mod tests {
    use super::{Kernel, Naive, Slots};

    #[test]
    fn a_slot_freed_by_its_future_gets_the_data_of_another() {
        let (mut slots, mut kernel) = (Naive::default(), Kernel::default());
        let first = slots.start();
        kernel.submit(first, "old");
        slots.abandon(first);
        let second = slots.start();
        kernel.submit(second, "new");
        slots.complete(kernel.complete());
        assert_eq!(slots.take(second), Some("old"));
    }

    #[test]
    fn a_slot_stays_until_the_kernel_is_done() {
        let (mut slots, mut kernel) = (Slots::default(), Kernel::default());
        let first = slots.start();
        kernel.submit(first, "old");
        slots.abandon(first);
        let second = slots.start();
        kernel.submit(second, "new");
        slots.complete(kernel.complete());
        assert_eq!(slots.take(second), None);
        slots.complete(kernel.complete());
        assert_eq!(slots.take(second), Some("new"));
        assert_eq!(slots.free.len(), 2, "both slots are free again");
    }
}
