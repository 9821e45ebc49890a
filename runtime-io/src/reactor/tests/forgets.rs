//! What a registration forgets after an attempt: every look and every choice of flags, against the rule in a few lines.

use super::registration::{hung_up, open_again};
use super::{driver, without_forks};
use crate::reactor::readiness::ReadyEvent;
use crate::reactor::registration::Registration;
use crate::reactor::{Direction, Interest, Ready};
use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

const CLOSED: [(Direction, Ready); 2] = [
    (Direction::Read, Ready::READ_CLOSED),
    (Direction::Write, Ready::WRITE_CLOSED),
];

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn ready<T>(polled: Poll<io::Result<T>>) -> Option<T> {
    match polled {
        Poll::Ready(answer) => Some(answer.unwrap()),
        Poll::Pending => None,
    }
}

fn look(registration: &Registration, direction: Direction) -> Option<ReadyEvent> {
    ready(registration.poll_ready(&mut cx(), direction))
}

fn look_for(registration: &Registration, interest: Interest) -> Option<ReadyEvent> {
    ready(pin!(registration.readiness(interest)).poll(&mut cx()))
}

/// All that is known of the descriptor.
fn known(registration: &Registration) -> Ready {
    let event = look_for(registration, Interest::READABLE | Interest::WRITABLE);
    event.map_or(Ready::EMPTY, |event| event.ready())
}

type Look = fn(&Registration) -> Option<ReadyEvent>;

/// The kinds of look, and whether each is at one side only.
const LOOKS: [(Look, bool); 5] = [
    (|io| look(io, Direction::Read), true),
    (|io| look(io, Direction::Write), true),
    (|io| look_for(io, Interest::READABLE), true),
    (|io| look_for(io, Interest::PRIORITY), false),
    (
        |io| look_for(io, Interest::READABLE.add(Interest::WRITABLE)),
        false,
    ),
];

/// Which flags of `seen` go if `gone` are said not to be true. No attempt tells whether the sides are `closed` now: the
/// system is asked.
fn forgotten(seen: Ready, gone: Ready, closed: bool) -> Ready {
    let meant = seen & gone;
    let mut all = meant - Ready::CLOSED;
    for (side, flag) in CLOSED {
        if !closed && !(meant & side.mask()).is_empty() {
            all |= seen & flag;
        }
    }
    all
}

/// Calls `f` with the result of each kind of look, at a socket that was closed, lost some of its flags, and may be open by
/// now. `f` clears some flags, and returns those that it expects to go.
fn each_look(f: impl Fn(&Registration, &ReadyEvent, bool, bool) -> Ready) {
    let _closes = without_forks();
    let (mut driver, reactor) = driver();
    let both = Direction::Read.mask() | Direction::Write.mask();
    for before in [0, 1, 2, 3].map(Ready::from_bits) {
        for (look, is_of_one_side) in LOOKS {
            for closed in [true, false] {
                let (io, near) = hung_up(&mut driver, &reactor);
                io.clear_seen(&LOOKS[4].0(&io).unwrap(), before);
                let left = both - before;
                assert_eq!(known(&io), left);
                let _far = (!closed).then(|| open_again(&near));
                let event = look(&io).unwrap();
                let gone = f(&io, &event, is_of_one_side, closed);
                assert_eq!(known(&io), left - gone, "{event:?} {closed}");
            }
        }
    }
}

#[test]
fn what_is_said_not_to_be_so_goes_and_a_side_that_is_closed_now_stays() {
    for gone in (0..64).map(Ready::from_bits) {
        each_look(|io, event, is_of_one_side, closed| {
            let seen = event.ready();
            io.clear_seen(event, gone);
            match is_of_one_side && seen & gone == seen && (seen - Ready::CLOSED).is_empty() {
                // It came alone, and was tried.
                true => seen,
                false => forgotten(seen, gone, closed),
            }
        });
    }
}

#[test]
fn an_attempt_that_would_block_refutes_all_that_the_look_at_its_side_has_seen() {
    each_look(|io, event, is_of_one_side, closed| {
        let seen = event.ready();
        io.would_block(event);
        match is_of_one_side {
            true => seen,
            false => forgotten(seen, seen, closed),
        }
    });
}
