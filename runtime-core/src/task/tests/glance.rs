//! Tests of what polls and queues store in a task's words.

use super::*;
use crate::base::waits::{Poll, WaitKind, note, note_worker, runner};
use std::cell::{Cell, RefCell};

fn kinds(glance: &Glance) -> Vec<WaitKind> {
    match glance.doing() {
        Doing::Rests(waits) => {
            let kinds: Vec<_> = waits.iter().map_while(|wait| wait.kind()).collect();
            // No wait comes after an empty place.
            assert!(waits[kinds.len()..].iter().all(|wait| wait.word() == 0));
            kinds
        }
        other => panic!("{other:?}"),
    }
}

fn free(glance: &Glance) {
    if glance.more().is_some() {
        // SAFETY: once, at the test's end.
        unsafe { glance.free() }
    }
}

#[test]
fn waits_are_left_one_or_several_or_none() {
    let glance = Glance::new(7, None);
    assert_eq!(kinds(&glance), []);
    let mut made = None;
    for expected in [
        &[WaitKind::Sleep][..],
        &[WaitKind::Sleep, WaitKind::Join, WaitKind::Notify],
        &[WaitKind::Join],
        &[],
        &[WaitKind::Notify, WaitKind::Sleep],
    ] {
        assert_eq!(glance.more().is_none(), made.is_none());
        if made.is_none() {
            assert_eq!(glance.parent(), 7);
        }
        let poll = Poll::begin();
        expected.iter().for_each(|kind| note(*kind, 3));
        let has_others = glance.leave_wait();
        assert_eq!(has_others, expected.len() > 1);
        if has_others {
            glance.leave_others();
            // One `More` is made, and kept.
            let more = glance.more().map(std::ptr::from_ref);
            assert_eq!(*made.get_or_insert(more), more);
        }
        drop(poll);
        assert_eq!(kinds(&glance), expected);
    }
    assert_eq!(glance.more().map(|more| more.parent), Some(7));
    free(&glance);
}

#[test]
fn when_a_task_was_queued_is_taken_once_and_is_no_wait() {
    let glance = Glance::new(9, Some("name"));
    assert_eq!(glance.take_queued_at(), None);
    glance.queued_at(5);
    assert_eq!(glance.doing(), Doing::QueuedSince(5));
    assert_eq!(glance.take_queued_at(), Some(5));
    assert_eq!(glance.take_queued_at(), None);
    assert_eq!(kinds(&glance), []);
    let poll = Poll::begin();
    note(WaitKind::Turn, 1);
    note(WaitKind::Sleep, 1);
    if glance.leave_wait() {
        glance.leave_others();
    }
    drop(poll);
    assert_eq!(glance.take_queued_at(), None, "that is a wait");
    assert_eq!(kinds(&glance), [WaitKind::Turn, WaitKind::Sleep]);
    let more = glance.more().unwrap();
    assert_eq!((more.name.as_deref(), more.parent), (Some("name"), 9));
    free(&glance);
}

#[test]
fn a_task_runs_on_a_worker_or_elsewhere() {
    let glance = Glance::new(0, None);
    glance.word.set(runner());
    assert_eq!(glance.doing(), Doing::Runs(None));
    // On a thread of its own: the note lasts as long as the thread.
    let worker = std::thread::spawn(|| {
        note_worker(3);
        runner()
    });
    glance.word.set(worker.join().unwrap());
    assert_eq!(glance.doing(), Doing::Runs(Some(3)));
    assert_eq!(glance.take_queued_at(), None);
}

/// How often the value is read again when the count has changed.
#[test]
fn a_count_and_what_goes_with_it_are_of_one_moment() {
    for (counts, expected) in [
        (&[1, 1][..], (1, 1)),
        (&[1, 2, 2], (2, 2)),
        (&[1, 2, 3, 3], (3, 3)),
        // It never stays the same.
        (&[1, 2, 3, 4], (4, ATTEMPTS)),
    ] {
        let (counts, reads) = (RefCell::new(counts.iter().copied()), Cell::new(0));
        let count = || counts.borrow_mut().next().unwrap();
        let read = || {
            reads.set(reads.get() + 1);
            reads.get()
        };
        assert_eq!(of_one_moment(count, read), expected);
        assert_eq!(counts.borrow().len(), 0);
    }
}
