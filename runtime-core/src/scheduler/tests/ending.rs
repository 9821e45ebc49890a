//! Whose turn it is, one thread at a time.

use super::*;

#[test]
fn a_turn_is_ended_by_who_has_it_and_no_other() {
    let mut state = State::default();
    assert!(!state.is_taken());
    let first = state.begin_turn();
    assert!(state.is_taken());
    // A second worker takes the turn over from one that takes too long.
    let second = state.begin_turn();
    assert!(state.is_taken());
    state.end_turn(first);
    assert!(state.is_taken(), "the first has it no more");
    state.end_turn(second);
    assert!(!state.is_taken());
    let third = state.begin_turn();
    assert!(state.is_taken());
    for old in [first, second] {
        assert_ne!(third, old);
        state.end_turn(old);
        assert!(state.is_taken());
    }
    state.end_turn(third);
    assert!(!state.is_taken());
}

#[test]
fn it_is_over_once_all_was_gathered_and_nothing_is_left() {
    let mut state = State::default();
    assert!(!state.is_over(), "the list is not there yet");
    state.gathered = true;
    assert!(state.is_over());
}

#[test]
fn the_list_is_gathered_once() {
    let ending = Ending::new();
    let mut gathered = 0;
    for _ in 0..3 {
        ending.cancel_in_turn(|| {
            gathered += 1;
            Vec::new()
        });
    }
    assert_eq!(gathered, 1);
    let state = ending.state.lock();
    assert!(state.began && state.is_over() && !state.is_taken());
}
