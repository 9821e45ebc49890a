//! The readiness words, step by step.

use crate::reactor::readiness::{Direction, Readiness};
use crate::reactor::scheduled::ScheduledIo;
use crate::reactor::{Interest, Ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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
    let io = ScheduledIo::new(Ready::EMPTY);
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
