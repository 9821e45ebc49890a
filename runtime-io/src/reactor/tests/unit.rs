//! The readiness words, step by step.

use crate::reactor::readiness::{Direction, Readiness};
use crate::reactor::scheduled::ScheduledIo;
use crate::reactor::{Interest, Ready, ReadyEvent};
use proptest::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn stale_clear_keeps_newer_readiness() {
    let words = Readiness::new(Ready::EMPTY);
    words.deliver(Ready::READABLE);
    let stale = words.look(Direction::Read);
    words.deliver(Ready::READABLE);
    words.clear(&stale);
    assert!(words.look(Direction::Read).ready().is_readable());
    words.clear(&words.look(Direction::Read));
    assert!(words.look(Direction::Read).ready().is_empty());
}

/// The tick may wrap: between a look and its clear there is still a difference.
#[test]
fn stale_clear_keeps_newer_readiness_where_the_tick_wraps() {
    let words = Readiness::near_wrap();
    for _ in 0..4 {
        words.deliver(Ready::READABLE);
        let stale = words.look(Direction::Read);
        words.deliver(Ready::READABLE);
        words.clear(&stale);
        let fresh = words.look(Direction::Read);
        assert_eq!(fresh.ready(), Ready::READABLE);
        words.clear(&fresh);
        assert!(words.look(Direction::Read).ready().is_empty());
    }
    assert!(words.look(Direction::Write).ready().is_empty());
}

#[test]
fn write_event_leaves_the_read_clear_valid() {
    let words = Readiness::new(Ready::EMPTY);
    words.deliver(Ready::READABLE);
    let seen = words.look(Direction::Read);
    words.deliver(Ready::WRITABLE);
    words.clear(&seen);
    assert!(words.look(Direction::Read).ready().is_empty());
    assert!(words.look(Direction::Write).ready().is_writable());
}

#[test]
fn shutdown_is_final() {
    let words = Readiness::new(Ready::EMPTY);
    words.deliver(Ready::ALL);
    words.shut_down();
    let both = Interest::READABLE | Interest::WRITABLE;
    words.clear(&words.look_for(both));
    assert!(words.look_for(both).is_shutdown);
}

#[test]
fn a_closed_side_is_forgotten_by_the_look_that_saw_it_only() {
    let words = Readiness::new(Ready::EMPTY);
    words.deliver(Ready::READ_CLOSED | Ready::WRITE_CLOSED);
    let stale = words.look(Direction::Read);
    words.clear(&stale);
    assert!(words.look(Direction::Read).ready().is_empty());
    assert!(words.look(Direction::Write).ready().is_write_closed());
    words.deliver(Ready::READ_CLOSED);
    words.clear(&stale);
    assert!(words.look(Direction::Read).ready().is_read_closed());
}

#[test]
fn a_look_tells_whether_it_was_of_one_side() {
    let words = Readiness::new(Ready::EMPTY);
    assert!(words.look(Direction::Read).is_of_one_side());
    assert!(words.look(Direction::Write).is_of_one_side());
    assert!(words.look_for(Interest::READABLE).is_of_one_side());
    assert!(words.look_for(Interest::WRITABLE).is_of_one_side());
    for mixed in [
        Interest::READABLE | Interest::WRITABLE,
        Interest::READABLE | Interest::PRIORITY,
        Interest::READABLE | Interest::ERROR,
        Interest::PRIORITY,
    ] {
        assert!(!words.look_for(mixed).is_of_one_side(), "{mixed:?}");
    }
}

#[test]
fn more_waiters_than_a_batch_are_all_woken() {
    let io = ScheduledIo::new(-1, Ready::EMPTY);
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(count.clone());
    let mut cx = Context::from_waker(&waker);
    let mut keys = [const { None }; 50];
    for key in &mut keys {
        assert!(
            io.poll_listed(&mut cx, Interest::READABLE, key)
                .is_pending()
        );
    }
    assert!(io.poll_look(&mut cx, Direction::Read).is_pending());
    io.deliver(Ready::WRITABLE);
    assert_eq!(count.0.load(Ordering::Relaxed), 0);
    io.deliver(Ready::READABLE);
    assert_eq!(count.0.load(Ordering::Relaxed), 51);
    assert!(matches!(
        io.poll_listed(&mut cx, Interest::READABLE, &mut keys[0]),
        Poll::Ready(_)
    ));
}

#[test]
fn one_that_polls_again_keeps_its_place_and_gives_its_old_waker_back() {
    let io = ScheduledIo::new(-1, Ready::EMPTY);
    let notes = Arc::new(Mutex::new(Vec::new()));
    let note = |number| Arc::new(Note(number, notes.clone()));
    let (first, second, again) = (note(1), note(2), note(3));
    let (mut key, mut other) = (None, None);
    let poll = |note: &Arc<Note>, key: &mut Option<u64>| {
        let waker = Waker::from(note.clone());
        io.poll_listed(&mut Context::from_waker(&waker), Interest::READABLE, key)
    };
    assert!(poll(&first, &mut key).is_pending());
    assert!(poll(&second, &mut other).is_pending());
    let place = key;
    assert!(place.is_some() && place != other);
    assert!(poll(&again, &mut key).is_pending());
    assert_eq!(key, place);
    assert_eq!([&first, &second, &again].map(Arc::strong_count), [1, 2, 2]);
    io.deliver(Ready::READABLE);
    assert_eq!(*notes.lock().unwrap(), [3, 2]);
    // Woken: out of the list, and the next poll says so. Leaving with an old key does not harm another waiter.
    assert_eq!([&first, &second, &again].map(Arc::strong_count), [1; 3]);
    assert!(poll(&first, &mut key).is_ready());
    assert_eq!(key, None);
    io.clear(&io.look_for(Interest::READABLE));
    assert!(poll(&first, &mut key).is_pending());
    assert!(key > other);
    io.unlist(&mut other);
    assert_eq!(other, None);
    io.unlist(&mut other);
    assert_eq!(Arc::strong_count(&first), 2);
    // Woken by now, it is no longer in the list, but still gets the answer.
    io.unlist(&mut key);
    assert_eq!((key, Arc::strong_count(&first)), (None, 1));
}

#[test]
fn a_slot_keeps_the_last_waker_of_its_direction_until_it_is_forgotten() {
    let io = ScheduledIo::new(-1, Ready::EMPTY);
    let notes = Arc::new(Mutex::new(Vec::new()));
    let note = |number| Arc::new(Note(number, notes.clone()));
    let (reader, newer, writer) = (note(1), note(2), note(3));
    let poll = |note: &Arc<Note>, direction| {
        let waker = Waker::from(note.clone());
        io.poll_look(&mut Context::from_waker(&waker), direction)
    };
    for note in [&reader, &newer, &newer] {
        assert!(poll(note, Direction::Read).is_pending());
    }
    assert!(poll(&writer, Direction::Write).is_pending());
    assert_eq!([&reader, &newer, &writer].map(Arc::strong_count), [1, 2, 2]);
    io.deliver(Ready::READABLE);
    assert_eq!(*notes.lock().unwrap(), [2]);
    io.deliver(Ready::WRITE_CLOSED);
    assert_eq!(*notes.lock().unwrap(), [2, 3]);
    io.clear(&io.look_for(Interest::READABLE | Interest::WRITABLE));
    assert!(poll(&reader, Direction::Read).is_pending());
    assert!(poll(&writer, Direction::Write).is_pending());
    io.forget_wakers();
    assert_eq!([&reader, &newer, &writer].map(Arc::strong_count), [1; 3]);
    assert!(poll(&reader, Direction::Read).is_pending());
    io.shut_down();
    assert_eq!(*notes.lock().unwrap(), [2, 3, 1]);
    for direction in [Direction::Read, Direction::Write] {
        assert!(poll(&writer, direction).is_ready());
        assert!(io.look(direction).is_shutdown);
    }
    assert_eq!(Arc::strong_count(&writer), 1);
}

#[test]
fn urgent_data_is_told_from_the_rest() {
    let io = ScheduledIo::new(-1, Ready::EMPTY);
    io.deliver(Ready::ALL - Ready::PRIORITY);
    assert!(!io.is_urgent());
    io.deliver(Ready::PRIORITY);
    assert!(io.is_urgent());
    // A look for reading alone does not clear it.
    io.clear(&io.look(Direction::Read));
    assert!(io.is_urgent());
    io.clear(&io.look_for(Interest::PRIORITY));
    assert!(!io.is_urgent());
}

#[test]
fn what_is_assumed_is_there_to_be_seen_and_cleared() {
    for assumed in [Ready::EMPTY, Ready::READABLE, Ready::WRITABLE, Ready::ALL] {
        let words = Readiness::new(assumed);
        for direction in [Direction::Read, Direction::Write] {
            let seen = words.look(direction);
            assert_eq!(seen.ready(), assumed & direction.mask());
            assert_eq!(seen.is_settled(), !seen.ready().is_empty());
            words.clear(&seen);
            assert!(!words.look(direction).is_settled());
        }
    }
}

/// Notes its number when woken.
struct Note(usize, Arc<Mutex<Vec<usize>>>);

impl Wake for Note {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

/// Waiters are woken in the order in which they came, whatever they wait for and whichever gives up.
#[derive(Default)]
struct Crowd {
    notes: Arc<Mutex<Vec<usize>>>,
    /// Number, interest, and the key in the list; those that wait.
    waiting: Vec<(usize, Interest, Option<u64>)>,
    count: usize,
}

impl Crowd {
    fn enter(&mut self, io: &ScheduledIo, interest: Interest) {
        let waker = Waker::from(Arc::new(Note(self.count, self.notes.clone())));
        let mut key = None;
        let polled = io.poll_listed(&mut Context::from_waker(&waker), interest, &mut key);
        assert!(polled.is_pending());
        self.waiting.push((self.count, interest, key));
        self.count += 1;
    }

    fn deliver(&mut self, io: &ScheduledIo, ready: Ready) {
        io.deliver(ready);
        let is_due = |interest: Interest| !(interest.mask() & ready).is_empty();
        let (due, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(_, interest, _)| is_due(*interest));
        self.waiting = waiting;
        let due: Vec<_> = due;
        let expected: Vec<usize> = due.iter().map(|(number, ..)| *number).collect();
        assert_eq!(std::mem::take(&mut *self.notes.lock().unwrap()), expected);
        io.clear(&io.look_for(Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY));
    }

    fn give_up(&mut self, io: &ScheduledIo, at: usize) {
        if !self.waiting.is_empty() {
            let at = at % self.waiting.len();
            io.unlist(&mut self.waiting.remove(at).2);
        }
    }
}

#[test]
fn waiters_are_woken_first_come_first_served() {
    let io = ScheduledIo::new(-1, Ready::EMPTY);
    let mut crowd = Crowd::default();
    for i in 0..100 {
        let interest = [Interest::READABLE, Interest::WRITABLE][usize::from(i % 3 == 0)];
        crowd.enter(&io, interest);
    }
    crowd.give_up(&io, 3);
    crowd.give_up(&io, 50);
    crowd.deliver(&io, Ready::READABLE);
    crowd.deliver(&io, Ready::WRITABLE);
    assert!(crowd.waiting.is_empty());
}

#[test]
fn a_crowd_of_waiters_leaves_no_memory_behind() {
    let io = ScheduledIo::new(-1, Ready::EMPTY);
    for give_up in [true, false] {
        let mut crowd = Crowd::default();
        for _ in 0..10_000 {
            crowd.enter(&io, Interest::READABLE);
        }
        assert!(io.room() >= 10_000);
        match give_up {
            true => (0..10_000).for_each(|i| crowd.give_up(&io, i * 7919)),
            false => crowd.deliver(&io, Ready::READABLE),
        }
        assert!(io.room() <= 64, "{}", io.room());
    }
}

proptest! {
    #[test]
    fn whoever_waits_is_woken_in_order(steps in prop::collection::vec((0..6, 0..64_usize), 1..200)) {
        let io = ScheduledIo::new(-1, Ready::EMPTY);
        let mut crowd = Crowd::default();
        for (what, which) in steps {
            match what {
                0 => crowd.enter(&io, Interest::READABLE),
                1 => crowd.enter(&io, Interest::WRITABLE),
                2 => crowd.enter(&io, Interest::READABLE | Interest::WRITABLE),
                3 => crowd.give_up(&io, which),
                4 => crowd.deliver(&io, Ready::READABLE),
                _ => crowd.deliver(&io, Ready::WRITE_CLOSED),
            }
        }
    }

    /// The words against a plain description of them: flags and a count of deliveries a side.
    #[test]
    fn the_words_do_what_their_table_says(steps in prop::collection::vec((0..5, 0..64_u8, 0..16_usize), 1..120)) {
        let words = Readiness::new(Ready::EMPTY);
        let sides = [Ready::READ_SIDE, Ready::WRITE_SIDE];
        let (mut flags, mut ticks, mut is_shutdown) = ([Ready::EMPTY; 2], [0_u64; 2], false);
        let interests = [
            Interest::READABLE,
            Interest::WRITABLE,
            Interest::READABLE | Interest::WRITABLE,
            Interest::PRIORITY,
            Interest::READABLE | Interest::ERROR,
        ];
        let mut looks: Vec<(ReadyEvent, [u64; 2])> = Vec::new();
        for (what, bits, which) in steps {
            let bits = Ready::from_bits(bits);
            match what {
                0 => {
                    words.deliver(bits);
                    for side in 0..2 {
                        if !(bits & sides[side]).is_empty() {
                            flags[side] |= bits & sides[side];
                            ticks[side] += 1;
                        }
                    }
                }
                1 => {
                    let interest = interests[which % interests.len()];
                    let event = words.look_for(interest);
                    prop_assert_eq!(event.ready(), (flags[0] | flags[1]) & interest.mask());
                    looks.push((event, ticks));
                }
                2 => {
                    let side = which % 2;
                    let direction = [Direction::Read, Direction::Write][side];
                    let event = words.look(direction);
                    prop_assert_eq!(event.ready(), flags[side] & direction.mask());
                    looks.push((event, ticks));
                }
                3 if !looks.is_empty() => {
                    let (event, seen) = looks[which % looks.len()];
                    let event = event.with_ready(event.ready() & bits);
                    words.clear(&event);
                    for side in 0..2 {
                        if seen[side] == ticks[side] {
                            flags[side] = flags[side] - (event.ready() & sides[side]);
                        }
                    }
                }
                4 if which == 0 => {
                    words.shut_down();
                    is_shutdown = true;
                }
                _ => {}
            }
            let all = words.look_for(Interest::READABLE | Interest::WRITABLE);
            prop_assert_eq!(all.is_shutdown, is_shutdown);
        }
    }
}
