//! Models of a latch: arrivals against listeners that come and go.
//!
//! `NOW` is so late that an arrival whose time is not yet visible counts as too old to be kept.

use crate::signal::latch::{KEPT, Latch, Switch, after_arrival};
use loom::thread;
use runtime_core::base::shim::sync::Arc;
use runtime_core::base::shim::sync::atomic::{AtomicBool, Ordering};

const NOW: u64 = 2 * KEPT.as_nanos() as u64;

/// Listens, looks once, and goes. True if it took an arrival.
fn listen_for_a_moment(latch: &Latch) -> bool {
    let mut seen = latch.begin(NOW);
    latch.take(&mut seen)
}

#[test]
fn an_arrival_between_listeners_is_given_to_one_of_them() {
    loom::model(|| {
        let latch = Arc::new(Latch::new());
        let other = latch.clone();
        let handler = thread::spawn(move || other.arrive(NOW));
        let mut taken = 0;
        for _ in 0..2 {
            taken += usize::from(listen_for_a_moment(&latch));
        }
        // One that leaves without a look keeps nothing from the next.
        latch.begin(NOW);
        handler.join().unwrap();
        taken += usize::from(listen_for_a_moment(&latch));
        assert_eq!(taken, 1);
    });
}

/// Also if the listener begins in the midst of the arrival: the arrival has its time then.
#[test]
fn an_arrival_is_given_once_to_who_stays() {
    loom::model(|| {
        let latch = Arc::new(Latch::new());
        let other = latch.clone();
        let handler = thread::spawn(move || other.arrive(NOW));
        let mut seen = latch.begin(NOW);
        let early = latch.take(&mut seen);
        handler.join().unwrap();
        assert_ne!(early, latch.take(&mut seen));
    });
}

#[test]
fn what_one_has_taken_is_not_given_again() {
    loom::model(|| {
        let latch = Arc::new(Latch::new());
        let (other, slow) = (latch.clone(), latch.clone());
        let handler = thread::spawn(move || {
            other.arrive(NOW);
            other.arrive(NOW);
        });
        let mut slow_seen = 0;
        let slow = thread::spawn(move || {
            slow.take(&mut slow_seen);
            slow_seen
        });
        let mut seen = 0;
        latch.take(&mut seen);
        let most = slow.join().unwrap().max(seen);
        handler.join().unwrap();
        assert_eq!(listen_for_a_moment(&latch), most < 2);
    });
}

#[test]
fn an_arrival_is_seen_or_written_to_the_pipe() {
    loom::model(|| {
        let parts = Arc::new((Latch::new(), Switch::new(), AtomicBool::new(false)));
        let others = parts.clone();
        let handler = thread::spawn(move || {
            let (latch, switch, pipe) = &*others;
            latch.arrive(NOW);
            after_arrival();
            if !switch.is_off() {
                // Ordering: Relaxed; looked at after the join.
                pipe.store(true, Ordering::Relaxed);
            }
        });
        let (latch, switch, pipe) = &*parts;
        switch.turn_on();
        let is_seen = listen_for_a_moment(latch);
        handler.join().unwrap();
        // Ordering: Relaxed; after the join.
        assert!(is_seen || pipe.load(Ordering::Relaxed));
    });
}
