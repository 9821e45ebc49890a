//! Plain values: deadlines in ticks, instants, errors.

use crate::due::Ticks;
use crate::error::Error;
use crate::instant::Instant;
use std::time::Duration;

#[test]
fn a_deadline_is_the_first_tick_not_before_it() {
    let millis = Ticks::new(Duration::from_millis(1));
    let at = |nanos| {
        let due = millis.due_after(Duration::from_nanos(nanos));
        (due.tick, due.within)
    };
    assert_eq!(at(0), (0, 1_000_000));
    assert_eq!(at(1), (1, 1));
    assert_eq!(at(999_999), (1, 999_999));
    assert_eq!(at(1_000_000), (1, 1_000_000));
    assert_eq!(at(1_000_001), (2, 1));
    assert_eq!(at(2_000_000_001), (2_001, 1));
    // The largest number means "none".
    assert_eq!(millis.due_after(Duration::MAX).tick, u64::MAX - 1);
}

#[test]
fn ticks_divide_a_second_and_are_not_longer_than_asked_for() {
    for (resolution, tick) in [
        (1, 1),
        (12, 2),
        (1_000, 250),
        (300_000, 64_000),
        (999_999, 200_000),
        (1_000_000, 1_000_000),
        (999_999_999, 500_000_000),
        (1_000_000_000, 1_000_000_000),
        (5_000_000_000, 1_000_000_000),
    ] {
        let ticks = Ticks::new(Duration::from_nanos(resolution));
        assert_eq!(ticks.time_of(1), Duration::from_nanos(tick), "{resolution}");
        let there = Duration::new(7, 123_456_789);
        let reached = ticks.reached(there);
        assert!(ticks.time_of(reached) <= there && there < ticks.time_of(reached + 1));
        let due = ticks.due_after(there);
        let before = ticks.time_of(due.tick - 1);
        assert_eq!(before + Duration::from_nanos(due.within.into()), there);
        let millis = u128::from(ticks.millis_of(reached));
        assert_eq!(
            millis,
            ticks.time_of(reached).as_nanos().div_ceil(1_000_000)
        );
    }
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
