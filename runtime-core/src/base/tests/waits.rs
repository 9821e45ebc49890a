//! Notes of nested polls.

use super::*;

fn kinds(_: &Poll) -> Vec<(WaitKind, u64)> {
    let waits = current();
    let waits = waits
        .iter()
        .filter_map(|wait| Some((wait.kind()?, wait.what())));
    waits.collect()
}

#[test]
fn a_poll_has_its_own_notes_oldest_first_and_each_once() {
    let outer = Poll::begin();
    note(WaitKind::Sleep, 7);
    note(WaitKind::Readable, 3);
    note(WaitKind::Sleep, 7);
    note(WaitKind::Sleep, 8);
    let expected = [
        (WaitKind::Sleep, 7),
        (WaitKind::Readable, 3),
        (WaitKind::Sleep, 8),
    ];
    {
        let inner = Poll::begin();
        assert_eq!(first(), 0);
        note(WaitKind::Sleep, 7);
        assert_eq!(kinds(&inner), [(WaitKind::Sleep, 7)]);
        assert_eq!(first() & SEVERAL, 0);
    }
    assert_eq!(kinds(&outer), expected);
    assert_eq!(first(), Wait::new(WaitKind::Sleep, 7).0 | SEVERAL);
    drop(outer);
    assert_eq!(kinds(&Poll::begin()), []);
}

#[test]
fn what_finds_no_room_is_left_out() {
    let polls: Vec<Poll> = (0..10)
        .map(|level| {
            let poll = Poll::begin();
            for what in 0..2 * MOST as u64 {
                note(WaitKind::Join, 100 * level + what);
            }
            poll
        })
        .collect();
    // Four notes of each poll: three of them and a start are in the list.
    for (level, poll) in polls.into_iter().enumerate().rev() {
        let found = kinds(&poll);
        let expected = if level < ROOM / MOST { MOST } else { 1 };
        assert_eq!(found.len(), expected, "{level}");
        for (at, wait) in found.iter().enumerate() {
            assert_eq!(*wait, (WaitKind::Join, 100 * level as u64 + at as u64));
        }
    }
    assert_eq!((first(), mark().len), (0, 0));
}

/// Nested polls, each with two notes.
fn nested(count: usize) -> Vec<Poll> {
    let poll = |_| {
        let poll = Poll::begin();
        note(WaitKind::Join, 1);
        note(WaitKind::Join, 2);
        poll
    };
    (0..count).map(poll).collect()
}

#[test]
fn a_list_that_is_nearly_full_takes_what_there_is_room_for() {
    let polls = nested(9);
    assert_eq!(kinds(&polls[8]).len(), 1);
    polls.into_iter().rev().for_each(drop);
    assert_eq!((first(), mark().len), (0, 0));
    let polls = nested(7);
    note(WaitKind::Join, 3);
    note(WaitKind::Join, 4);
    assert_eq!(kinds(&polls[6]).len(), 4);
    let last = Poll::begin();
    note(WaitKind::Join, 5);
    note(WaitKind::Join, 6);
    assert_eq!(kinds(&last), [(WaitKind::Join, 5)]);
    drop(last);
    assert_eq!(kinds(&polls[6])[3], (WaitKind::Join, 4));
    polls.into_iter().rev().for_each(drop);
    assert_eq!((first(), mark().len), (0, 0));
}

#[test]
fn two_notes_need_room_for_two_and_a_third_for_one_more() {
    let polls = nested(8);
    assert_eq!(mark().len, ROOM);
    note(WaitKind::Join, 3);
    assert_eq!(kinds(&polls[7]), [(WaitKind::Join, 1), (WaitKind::Join, 2)]);
    polls.into_iter().rev().for_each(drop);
    let polls = nested(7);
    note(WaitKind::Join, 3);
    assert_eq!(mark().len, ROOM - 1);
    let last = Poll::begin();
    note(WaitKind::Join, 5);
    note(WaitKind::Join, 6);
    assert_eq!(kinds(&last), [(WaitKind::Join, 5)]);
    drop(last);
    assert_eq!(kinds(&polls[6]).len(), 3);
    polls.into_iter().rev().for_each(drop);
    assert_eq!((first(), mark().len), (0, 0));
}

/// A task's poll leaves no notes for the next poll on its thread.
#[test]
fn the_notes_of_a_poll_end_with_it() {
    for what in 1..=3 {
        (1..=what).for_each(|what| note(WaitKind::Join, what));
        end();
        assert_eq!((first(), mark().len), (0, 0));
        assert_eq!(NOTES.with(|notes| notes.start.get()), 0);
    }
}

#[test]
fn a_part_gives_its_place_to_the_whole() {
    let outer = Poll::begin();
    note(WaitKind::Sleep, 1);
    let inner = Poll::begin();
    rename(WaitKind::Barrier, 2); // nothing to replace
    assert_eq!(kinds(&inner), [(WaitKind::Barrier, 2)]);
    rename(WaitKind::Watch, 3);
    assert_eq!(kinds(&inner), [(WaitKind::Watch, 3)]);
    drop(inner);
    assert_eq!(kinds(&outer), [(WaitKind::Sleep, 1)]);
    // Where there are several notes, the last one is replaced.
    for what in 4..6 {
        note(WaitKind::Join, what);
    }
    rename(WaitKind::JoinSet, 6);
    let expected = [
        (WaitKind::Sleep, 1),
        (WaitKind::Join, 4),
        (WaitKind::JoinSet, 6),
    ];
    assert_eq!(kinds(&outer), expected);
}

#[test]
fn what_has_ended_waits_for_nothing() {
    let outer = Poll::begin();
    note(WaitKind::Sleep, 1);
    let before = mark();
    note(WaitKind::Readable, 2);
    note(WaitKind::Join, 3);
    forget(before);
    note(WaitKind::Notify, 4);
    let expected = [(WaitKind::Sleep, 1), (WaitKind::Notify, 4)];
    assert_eq!(kinds(&outer), expected);
    // Back to several notes, and to none.
    let before = mark();
    note(WaitKind::Join, 5);
    forget(before);
    assert_eq!(kinds(&outer), expected);
    let inner = Poll::begin();
    let before = mark();
    note(WaitKind::Join, 5);
    forget(before);
    assert_eq!(kinds(&inner), []);
    drop(inner);
    assert_eq!(kinds(&outer), expected);
    // From several notes back to one, within a poll that has several.
    let inner = Poll::begin();
    note(WaitKind::Join, 5);
    let before = mark();
    note(WaitKind::Join, 6);
    forget(before);
    assert_eq!(kinds(&inner), [(WaitKind::Join, 5)]);
    drop(inner);
    assert_eq!(kinds(&outer), expected);
}

#[test]
fn every_kind_is_told_by_its_number() {
    for kind in WaitKind::ALL {
        let wait = Wait::new(kind, (1 << 56) - 1);
        assert_eq!(wait.kind(), Some(kind));
        assert_eq!(wait.what(), (1 << 56) - 1);
        assert_eq!(Wait::from_word(wait.word()), wait);
    }
    assert_eq!(Wait(0).kind(), None);
    assert_eq!(Wait(0x7f).kind(), None);
}
