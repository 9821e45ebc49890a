//! What is left in a task's words.

use super::*;
use crate::base::waits::{Poll, WaitKind, note};

fn kinds(glance: &Glance) -> Vec<WaitKind> {
    match glance.doing() {
        Doing::Rests(waits) => waits.iter().filter_map(|wait| wait.kind()).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn waits_are_left_one_or_several_or_none() {
    let glance = Glance::new(7, None);
    for expected in [
        &[WaitKind::Sleep][..],
        &[WaitKind::Sleep, WaitKind::Join, WaitKind::Notify],
        &[WaitKind::Join],
        &[],
        &[WaitKind::Notify, WaitKind::Sleep],
    ] {
        let poll = Poll::begin();
        expected.iter().for_each(|kind| note(*kind, 3));
        glance.waits();
        drop(poll);
        assert_eq!(kinds(&glance), expected);
    }
    assert_eq!(glance.more().map(|more| more.parent), Some(7));
}

#[test]
fn when_a_task_was_queued_is_taken_once_and_is_no_wait() {
    let glance = Glance::new(0, Some("name"));
    assert_eq!(glance.take_queued_at(), None);
    glance.queued_at(5);
    assert_eq!(glance.doing(), Doing::QueuedSince(5));
    assert_eq!(glance.take_queued_at(), Some(5));
    assert_eq!(glance.take_queued_at(), None);
    let poll = Poll::begin();
    note(WaitKind::Turn, 1);
    note(WaitKind::Sleep, 1);
    glance.waits();
    drop(poll);
    assert_eq!(glance.take_queued_at(), None, "that is a wait");
    assert_eq!(kinds(&glance), [WaitKind::Turn, WaitKind::Sleep]);
    assert_eq!(
        glance.more().and_then(|more| more.name.as_deref()),
        Some("name")
    );
}
