//! How a runtime's shutdown waits for the last tasks.

use crate::base::clock;
use crate::base::deferred;
use crate::base::shim::thread;
use std::time::Duration;

/// Back-off while the shutdown waits for permits that are still out: with a waker that is about to queue its task, which
/// takes a moment, or with `block_in_place`, which takes as long as the user likes.
pub(super) struct Pause(u32);

impl Pause {
    /// Yields before the first sleep; and the longest sleep, in microseconds.
    const YIELDS: u32 = 32;
    const LONGEST: u64 = 10_000;

    pub(super) fn new() -> Pause {
        Pause(0)
    }

    pub(super) fn wait(&mut self) {
        // A thread that is to bring a permit back may wait for a waker that a destructor has deferred here.
        deferred::wake_all();
        match self.next() {
            None => thread::yield_now(),
            Some(sleep) => clock::block_for(sleep),
        }
    }

    /// How long to sleep; `None`: yield instead.
    fn next(&mut self) -> Option<Duration> {
        self.0 = self.0.saturating_add(1);
        let sleeps = self.0.checked_sub(Pause::YIELDS)?;
        let micros = (50 << sleeps.min(10)).min(Pause::LONGEST);
        Some(Duration::from_micros(micros))
    }
}

#[cfg(all(test, not(runtime_loom)))]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn sleeps_begin_after_some_looks_and_grow_up_to_a_limit() {
        let mut pause = Pause::new();
        assert!((1..32).all(|_| pause.next().is_none()));
        let sleeps = [(); 12].map(|()| pause.next().unwrap().as_micros());
        let limit = 10_000;
        assert_eq!(
            sleeps,
            [
                50, 100, 200, 400, 800, 1_600, 3_200, 6_400, limit, limit, limit, limit
            ]
        );
        let mut pause = Pause(u32::MAX);
        let start = Instant::now();
        pause.wait();
        assert!(start.elapsed() >= Duration::from_micros(Pause::LONGEST));
    }
}
