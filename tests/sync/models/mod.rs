//! Random operations on each lock, channel and cell, compared with a simple model: results and their order, which waits
//! are woken, and that nothing is left over. Futures are polled by hand, each poll with a new waker.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::support::Numbers;

mod barrier;
mod bounded;
mod broadcast;
mod cells;
mod locks;
mod notify;
mod oneshot;
mod semaphore;
mod unbounded;
mod watch;

const SEEDS: u64 = 400;
const STEPS: usize = 120;

fn remove_at<T>(list: &mut Vec<T>, numbers: &mut Numbers) -> Option<T> {
    (!list.is_empty()).then(|| list.remove(numbers.below(list.len())))
}

/// A value; the live ones are counted by the token.
#[derive(Clone, Debug)]
struct Counted {
    value: usize,
    _token: Arc<()>,
}

impl Counted {
    fn new(value: usize, token: &Arc<()>) -> Self {
        Counted {
            value,
            _token: token.clone(),
        }
    }
}

/// The model of a semaphore: free permits, and requests in the order in which they came.
#[derive(Default)]
struct Permits {
    free: usize,
    /// Number and size of each request.
    queue: VecDeque<(usize, usize)>,
    granted: Vec<(usize, usize)>,
}

impl Permits {
    fn new(free: usize) -> Self {
        Permits {
            free,
            ..Permits::default()
        }
    }

    fn serve(&mut self) {
        while let Some((number, wanted)) = self.queue.front().copied() {
            if self.free < wanted {
                return;
            }
            self.free -= wanted;
            self.granted.push((number, wanted));
            self.queue.pop_front();
        }
    }

    fn add(&mut self, n: usize) {
        self.free += n;
        self.serve();
    }

    fn has(&self, n: usize) -> bool {
        self.free >= n && (self.queue.is_empty() || n == 0)
    }

    /// Adds a request. True if it is granted at once.
    fn request(&mut self, number: usize, wanted: usize) -> bool {
        if self.has(wanted) {
            self.free -= wanted;
            return true;
        }
        self.queue.push_back((number, wanted));
        false
    }

    fn is_granted(&self, number: usize) -> bool {
        self.granted.iter().any(|(of, _)| *of == number)
    }

    fn take_grant(&mut self, number: usize) -> Option<usize> {
        let at = self.granted.iter().position(|(of, _)| *of == number)?;
        Some(self.granted.remove(at).1)
    }

    /// Cancels the request; permits that it was granted are released.
    fn cancel(&mut self, number: usize) {
        if let Some(n) = self.take_grant(number) {
            self.add(n);
        }
        self.queue.retain(|(of, _)| *of != number);
        self.serve();
    }

    fn available(&self) -> usize {
        match self.queue.is_empty() {
            true => self.free,
            // All free permits are assigned to the first request.
            false => 0,
        }
    }
}
