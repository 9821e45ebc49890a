//! Plain values: deadlines in ticks, instants, errors.

use crate::due::Due;
use crate::error::Error;
use crate::instant::Instant;
use std::time::Duration;

#[test]
fn a_deadline_is_the_first_tick_not_before_it() {
    let at = |nanos| {
        let due = Due::after(Duration::from_nanos(nanos));
        (due.tick, due.within)
    };
    assert_eq!(at(0), (0, 1_000_000));
    assert_eq!(at(1), (1, 1));
    assert_eq!(at(999_999), (1, 999_999));
    assert_eq!(at(1_000_000), (1, 1_000_000));
    assert_eq!(at(1_000_001), (2, 1));
    assert_eq!(at(2_000_000_001), (2_001, 1));
    // The largest number means "none".
    assert_eq!(Due::after(Duration::MAX).tick, u64::MAX - 1);
}

#[test]
fn instants_are_moved_both_ways() {
    let start = Instant::now();
    let step = Duration::from_secs(5);
    let mut moved = start;
    moved += step;
    assert_eq!((moved - start, start - moved), (step, Duration::ZERO));
    assert_eq!(moved, start + step);
    assert_eq!(start.checked_add(step), Some(moved));
    assert_eq!(moved.checked_sub(step), Some(start));
    assert_eq!(start.checked_sub(Duration::MAX), None);
    moved -= step;
    assert_eq!(moved, start);
    assert_eq!((moved + step) - step, start);
}

#[test]
fn an_error_is_of_one_kind() {
    let is = |error: Error| {
        (
            error.is_shutdown(),
            error.is_at_capacity(),
            error.is_invalid(),
        )
    };
    assert_eq!(is(Error::shutdown()), (true, false, false));
    assert_eq!(is(Error::at_capacity()), (false, true, false));
    assert_eq!(is(Error::invalid()), (false, false, true));
}
