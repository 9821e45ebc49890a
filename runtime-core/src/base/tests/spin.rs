//! When a thread looks out.

use super::{FIRST, LONGEST, LOOKS, LookOut, MOST, Place, looks, processors};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

thread_local! {
    static TAKEN: Cell<u32> = const { Cell::new(0) };
}

/// This thread takes a look.
pub(crate) fn count() {
    TAKEN.with(|taken| taken.set(taken.get() + 1));
}

/// How many looks this thread has taken.
pub(crate) fn taken() -> u32 {
    TAKEN.with(Cell::get)
}

/// May threads of this process look out at all?
pub(crate) fn may_look() -> bool {
    processors() >= 2
}

/// Sleeps that begin without a look, until the next that has one.
fn left_out(look_out: &mut LookOut) -> u32 {
    let mut count = 0;
    while !look_out.is_due() {
        count += 1;
    }
    count
}

#[test]
fn a_look_in_vain_leaves_out_the_next_ones_up_to_a_limit() {
    let mut look_out = LookOut::new();
    assert_eq!(left_out(&mut look_out), (1 << FIRST) - 1);
    for doubt in FIRST + 1..=MOST {
        look_out.learn(false);
        assert_eq!(left_out(&mut look_out), (1 << doubt) - 1);
    }
    look_out.learn(false);
    assert_eq!(left_out(&mut look_out), (1 << MOST) - 1);
}

#[test]
fn after_a_success_the_next_sleep_has_a_look_and_less_is_left_out_later() {
    let mut look_out = LookOut::new();
    left_out(&mut look_out);
    for _ in FIRST..MOST {
        look_out.learn(false);
        left_out(&mut look_out);
    }
    for doubt in [4, 2, 1, 0, 0] {
        look_out.learn(true);
        assert_eq!(left_out(&mut look_out), 0);
        assert_eq!(look_out.doubt, doubt);
    }
    look_out.learn(false);
    assert_eq!(left_out(&mut look_out), 1);
}

#[test]
fn what_was_not_worth_it_counts_as_in_vain() {
    if !may_look() {
        return;
    }
    for is_worth in [true, false] {
        let mut look_out = LookOut { left: 0, doubt: 4 };
        // Other tests may hold all places for a moment.
        let look = std::iter::repeat_with(|| {
            look_out
                .begin()
                .map(|look| look.awaits(|| true, || is_worth))
        });
        assert_eq!({ look }.flatten().next(), Some(true));
        assert_eq!(look_out.doubt, if is_worth { 2 } else { 5 });
    }
}

#[test]
fn a_look_ends_with_what_it_waits_for_or_in_vain() {
    let count = Cell::new(0);
    let comes = || {
        count.set(count.get() + 1);
        count.get() == 10 * LOOKS + 3
    };
    assert!(looks(comes, Duration::MAX));
    assert_eq!(count.get(), 10 * LOOKS + 3);
    let count = Cell::new(0);
    let never = || {
        count.set(count.get() + 1);
        false
    };
    assert!(!looks(never, Duration::ZERO));
    assert_eq!(count.get(), LOOKS);
    let begin = Instant::now();
    assert!(!looks(|| false, LONGEST));
    assert!(begin.elapsed() >= LONGEST);
}

#[test]
fn there_is_a_look_when_it_is_due_and_a_success_is_learnt() {
    let mut look_out = LookOut { left: 1, doubt: 4 };
    assert!(look_out.begin().is_none());
    assert_eq!(look_out.left, 0);
    if may_look() {
        // Other tests may hold all places for a moment.
        while !look_out.awaits(|| true) {}
        assert_eq!(look_out.doubt, 2);
    }
}

#[test]
fn no_more_threads_look_out_than_there_are_processors_and_none_beside_one() {
    let taken = AtomicUsize::new(0);
    assert!(Place::take(&taken, 0).is_none());
    assert!(Place::take(&taken, 1).is_none());
    let first = Place::take(&taken, 2).expect("a place");
    let second = Place::take(&taken, 2).expect("a place");
    assert!(Place::take(&taken, 2).is_none());
    drop(first);
    let third = Place::take(&taken, 2).expect("a place");
    assert!(Place::take(&taken, 2).is_none());
    drop((second, third));
    assert_eq!(taken.load(Ordering::Relaxed), 0);
}
