//! Tests of the state word's arithmetic on one thread: large counts, and which reference is the last.

use super::*;

/// A word with these counts and flags.
fn word(wakes: u32, references: u64, flags: u64) -> State {
    let bits = u64::from(wakes) * WAKE_ONE + references * REF_ONE + flags;
    State(AtomicU64::new(bits))
}

#[test]
fn the_last_reference_is_told_and_no_other() {
    let state = State::new();
    assert_eq!(state.load().references(), 2);
    state.reference();
    assert_eq!(state.load().references(), 3);
    assert!(!state.unref());
    assert!(!state.unref());
    assert!(state.unref());
    assert_eq!(state.load().references(), 0);
}

#[test]
fn the_last_reference_may_go_with_a_wake() {
    let state = word(1, 2, COMPLETE);
    assert_eq!(state.wake_and_unref(), OnWake::Nothing);
    assert_eq!(state.load().references(), 1);
    assert_eq!(state.wake_and_unref(), OnWake::Deallocate);
}

#[test]
fn a_wake_that_gives_up_its_reference_takes_the_permit_of_an_idle_task() {
    let state = word(0, 2, 0);
    assert_eq!(state.wake_and_unref(), OnWake::Schedule);
    assert_eq!((state.load().wakes(), state.load().references()), (1, 1));
}

#[test]
fn references_and_wakes_do_not_run_into_each_other() {
    let state = word(0, 1 << 27, JOIN_INTEREST);
    assert_eq!(state.wake(), OnWake::Schedule);
    let seen = state.load();
    assert_eq!((seen.wakes(), seen.references()), (1, 1 << 27));
    assert!(seen.is_join_interested() && !seen.is_complete());
    assert!(!seen.is_cancelled() && !seen.has_join_waker());
}

#[test]
fn a_run_gives_up_the_permit_only_if_no_wake_came_meanwhile() {
    let state = word(1, 1, 0);
    let begin = state.begin_run();
    assert_eq!(state.wake(), OnWake::Nothing);
    assert_eq!(state.wake(), OnWake::Nothing);
    assert_eq!(state.pending(begin), OnPending::Again);
    assert_eq!(state.load().wakes(), 2);
    let begin = state.begin_run();
    assert_eq!(state.pending(begin), OnPending::Idle);
    assert_eq!(state.load().wakes(), 0);
}

#[test]
fn a_run_that_was_cancelled_meanwhile_keeps_the_permit() {
    let state = word(1, 1, 0);
    let begin = state.begin_run();
    assert!(state.cancel());
    assert_eq!(state.wake(), OnWake::Nothing);
    assert_eq!(state.pending(begin), OnPending::Cancelled);
    assert_eq!(state.load().wakes(), 1);
}

#[test]
fn a_saturated_count_stops_growing_and_stays_saturated() {
    let limit = SATURATED + (1 << 20);
    let state = word(limit - 1, 1, 0);
    assert_eq!(state.wake(), OnWake::Nothing);
    assert_eq!(state.load().wakes(), limit);
    for _ in 0..3 {
        assert_eq!(state.wake(), OnWake::Nothing);
        assert_eq!(state.load().wakes(), limit);
    }
    assert!(state.load().wakes() >= SATURATED);
}

#[test]
fn a_saturated_wake_that_gives_up_its_reference_still_gives_it_up() {
    let limit = SATURATED + (1 << 20);
    let state = word(limit, 2, 0);
    assert_eq!(state.wake_and_unref(), OnWake::Nothing);
    assert_eq!(
        (state.load().wakes(), state.load().references()),
        (limit, 1)
    );
}

#[test]
fn a_run_that_begins_saturated_polls_once_more() {
    for count in [SATURATED, SATURATED + 1, SATURATED + (1 << 20)] {
        let state = word(count, 1, 0);
        let begin = state.begin_run();
        // A wake that the count may not include.
        assert_eq!(state.wake(), OnWake::Nothing);
        let extra = state.load().wakes() - count;
        assert_eq!(state.pending(begin), OnPending::Again);
        assert_eq!(state.load().wakes(), 1 + extra);
        let begin = state.begin_run();
        assert_eq!(state.pending(begin), OnPending::Idle);
        assert_eq!(state.load().wakes(), 0);
    }
    let state = word(SATURATED - 1, 1, 0);
    let begin = state.begin_run();
    assert_eq!(state.pending(begin), OnPending::Idle);
    assert_eq!(state.load().wakes(), 0);
}

#[test]
fn only_the_first_cancel_of_a_task_that_runs_has_to_wake_it() {
    let state = word(0, 1, 0);
    assert!(state.cancel());
    assert!(state.load().is_cancelled());
    assert!(!state.cancel());
    assert!(!word(1, 1, COMPLETE).cancel());
}

#[test]
fn a_complete_task_keeps_its_join_waker_for_the_completer() {
    let state = word(1, 2, JOIN_INTEREST);
    assert!(state.set_join_waker().is_ok());
    let end = state.complete();
    assert!(end.is_complete() && end.has_join_waker() && end.is_join_interested());
    assert!(state.unset_join_waker().is_err());
    let before = state.drop_join_interest();
    assert!(before.has_join_waker());
    assert!(state.load().has_join_waker() && !state.load().is_join_interested());
    let after = state.unset_join_waker_after_complete();
    assert!(!after.has_join_waker() && !after.is_join_interested());
    assert!(!state.load().has_join_waker());
    assert!(state.set_join_waker().is_err());
}

#[test]
fn a_join_handle_that_goes_before_the_end_takes_its_waker_along() {
    let state = word(1, 2, JOIN_INTEREST);
    assert!(state.set_join_waker().is_ok());
    assert!(state.load().has_join_waker());
    assert!(state.unset_join_waker().is_ok());
    assert!(!state.load().has_join_waker());
    assert!(state.set_join_waker().is_ok());
    assert!(!state.drop_join_interest().is_complete());
    assert!(!state.load().has_join_waker() && !state.load().is_join_interested());
}
