//! Notes of polls, one within the other.

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
        assert_eq!(first(), (Wait(0), false));
        note(WaitKind::Sleep, 7);
        assert_eq!(kinds(&inner), [(WaitKind::Sleep, 7)]);
        assert!(!first().1);
    }
    assert_eq!(kinds(&outer), expected);
    assert_eq!(first(), (Wait::new(WaitKind::Sleep, 7), true));
    drop(outer);
    assert_eq!(kinds(&Poll::begin()), []);
}

#[test]
fn what_finds_no_room_is_left_out() {
    let outer = Poll::begin();
    for what in 0..2 * MOST as u64 {
        note(WaitKind::Join, what);
    }
    assert_eq!(kinds(&outer).len(), MOST);
    let inner = Poll::begin();
    for what in 0..2 * MOST as u64 {
        note(WaitKind::Notify, what);
    }
    assert_eq!(kinds(&inner).len(), MOST);
    let innermost = Poll::begin();
    note(WaitKind::Sleep, 0);
    note(WaitKind::Sleep, 1);
    assert_eq!(kinds(&innermost), []);
    drop(innermost);
    assert_eq!(kinds(&inner)[3], (WaitKind::Notify, 3));
    drop(inner);
    assert_eq!(kinds(&outer)[3], (WaitKind::Join, 3));
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
