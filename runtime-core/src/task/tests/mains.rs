//! Tests of a thread's slot while futures are polled, wait and end.

use super::*;
use crate::base::waits::{Poll, WaitKind, note};
use std::sync::mpsc::channel;
use std::thread;

/// Numbers that no runtime has.
const FIRST: u64 = u64::MAX;
const SECOND: u64 = u64::MAX - 1;

#[track_caller]
fn main_of(runtime: u64) -> Main {
    Main {
        runtime,
        id: Id::next(),
        place: Location::caller(),
    }
}

/// Polls so far, whether it runs, and what it waits for: of the runtime's only future.
fn seen(main: &Main) -> (u32, bool, Vec<WaitKind>) {
    let seen = look(main.runtime);
    let [seen] = &seen[..] else {
        panic!("{} futures", seen.len());
    };
    assert_eq!((seen.id, seen.place), (main.id.as_u64(), main.place));
    let kinds = seen.waits.iter().filter_map(|wait| wait.kind());
    (seen.polls, seen.runs, kinds.collect())
}

#[test]
fn a_future_is_seen_from_its_first_poll_to_its_end() {
    let main = main_of(FIRST);
    assert!(look(FIRST).is_empty());
    for polls in 1..4 {
        main.runs();
        let (count, runs, _) = seen(&main);
        assert_eq!((count, runs), (polls, true));
        let poll = Poll::begin();
        note(WaitKind::Sleep, 1);
        note(WaitKind::Join, 1);
        main.waits();
        drop(poll);
        let waits = vec![WaitKind::Sleep, WaitKind::Join];
        assert_eq!(seen(&main), (polls, false, waits));
    }
    main.ends();
    assert!(look(FIRST).is_empty());
    // The next future on the thread counts from zero, and the end of another future does not change it.
    let next = main_of(FIRST);
    next.runs();
    main.ends();
    let (count, runs, _) = seen(&next);
    assert_eq!((count, runs), (1, true));
    next.ends();
    assert!(look(FIRST).is_empty());
}

#[test]
fn futures_of_several_threads_and_runtimes_are_told_apart() {
    let (go, goes) = channel();
    let (tell, told) = channel();
    let other = thread::spawn(move || {
        let main = main_of(SECOND);
        main.runs();
        let slot = SLOT.with(|listed| Arc::downgrade(&listed.0));
        tell.send((main, slot)).unwrap();
        goes.recv().unwrap();
    });
    let (theirs, slot) = told.recv().unwrap();
    let ours = main_of(SECOND - 1);
    ours.runs();
    ours.waits();
    assert_eq!(seen(&theirs).0, 1);
    assert_eq!(seen(&ours).0, 1);
    // A thread that ends leaves no slot, whatever it was blocked on; other threads' slots stay.
    go.send(()).unwrap();
    other.join().unwrap();
    assert!(slot.upgrade().is_none());
    assert!(look(SECOND).is_empty());
    assert_eq!(seen(&ours).0, 1);
    ours.ends();
}

/// A reader does not take zero for a future's number.
#[test]
fn a_slot_between_two_futures_is_not_seen() {
    let main = main_of(SECOND - 2);
    main.runs();
    with_slot(|slot| slot.id.set(0));
    assert!(look(main.runtime).is_empty());
    with_slot(|slot| slot.id.set(1));
    assert_eq!(look(main.runtime).len(), 1);
    with_slot(|slot| slot.id.set(0));
}
