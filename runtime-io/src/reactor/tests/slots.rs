//! Tokens and the registrations they name: refused, ended, and out of date at the OS.

use super::{driver, driver_for};
use crate::reactor::registration::Registration;
use crate::reactor::scheduled::ScheduledIo;
use crate::reactor::slots::Slots;
use crate::reactor::{Direction, Interest, Ready};
use runtime_core::base::slab::Key;
use runtime_core::driver::IoDriver;
use std::fs::File;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

fn io() -> Arc<ScheduledIo> {
    Arc::new(ScheduledIo::new(-1, Ready::EMPTY))
}

#[test]
fn shutdown_gives_all_out_and_takes_none_in() {
    let mut slots = Slots::default();
    let all: Vec<Key> = (0..200).map(|_| slots.insert(io()).unwrap()).collect();
    slots.remove(all[7]);
    assert_eq!(slots.shut_down().len(), 199);
    assert!(slots.insert(io()).is_none());
    assert!(all.iter().all(|slot| slots.remove(*slot).is_none()));
}

/// Has the number mean what `to` is.
fn redirect(from: RawFd, to: &impl AsRawFd) {
    // SAFETY: both are open descriptors of this test.
    assert_eq!(unsafe { libc::dup2(to.as_raw_fd(), from) }, from);
}

/// Each attempt is made anew, and is refused or not by what the OS says then; a refused one leaves no slot behind.
#[test]
fn a_refused_registration_is_tried_again_each_time() {
    let (mut driver, reactor) = driver();
    let noop = Waker::noop();
    let mut cx = Context::from_waker(noop);
    // Files are always ready, says the OS, and refuses to watch them.
    let file = File::open("/dev/null").unwrap();
    let file = File::open("/proc/self/exe").unwrap_or(file);
    let registration = Registration::on(
        reactor.clone(),
        file.as_raw_fd(),
        Interest::READABLE,
        Ready::EMPTY,
    );
    let empty = reactor.slots.lock().memory();
    for _ in 0..300 {
        let refused = match registration.poll_ready(&mut cx, Direction::Read) {
            Poll::Ready(Err(error)) => error,
            other => panic!("not refused: {other:?}"),
        };
        assert_eq!(refused.raw_os_error(), Some(libc::EPERM));
    }
    assert!(reactor.slots.lock().memory() <= empty + 4096);
    let (near, far) = UnixStream::pair().unwrap();
    redirect(file.as_raw_fd(), &near);
    assert!(
        registration
            .poll_ready(&mut cx, Direction::Read)
            .is_pending()
    );
    drop(near);
    std::io::Write::write_all(&mut &far, b"now").unwrap();
    driver.turn();
    assert!(registration.poll_ready(&mut cx, Direction::Read).is_ready());
    drop(registration);
    assert!(reactor.slots.lock().shut_down().is_empty());
}

/// The number was closed and taken by another while the registration lived: its event comes, and touches nothing.
#[test]
fn an_event_for_a_slot_that_was_filled_again_wakes_nobody() {
    let (mut driver, reactor) = driver();
    let noop = Waker::noop();
    let mut cx = Context::from_waker(noop);
    let (near, far) = UnixStream::pair().unwrap();
    // Keeps the description, and with it the OS's registration, alive.
    let duplicate = near.try_clone().unwrap();
    let on = |fd| Registration::on(reactor.clone(), fd, Interest::READABLE, Ready::EMPTY);
    let first = on(near.as_raw_fd());
    assert!(first.poll_ready(&mut cx, Direction::Read).is_pending());
    drop(near);
    // Refused by the OS, as the number is none now; the slot is free.
    drop(first);
    let (quiet, _other) = UnixStream::pair().unwrap();
    let second = on(quiet.as_raw_fd());
    assert!(second.poll_ready(&mut cx, Direction::Read).is_pending());
    std::io::Write::write_all(&mut &far, b"late").unwrap();
    driver.turn();
    assert!(second.poll_ready(&mut cx, Direction::Read).is_pending());
    drop(duplicate);
}

/// As many as were asked for, but at least one.
#[test]
fn a_turn_takes_the_events_that_there_is_room_for() {
    for (room, expected) in [(0, 1), (1, 1), (2, 2), (16, 3)] {
        let (mut driver, reactor) = driver_for(room);
        let sockets = [(); 3].map(|()| UnixStream::pair().unwrap());
        let on = |fd| Registration::on(reactor.clone(), fd, Interest::READABLE, Ready::EMPTY);
        let all = [0, 1, 2].map(|at| on(sockets[at].0.as_raw_fd()));
        let mut cx = Context::from_waker(Waker::noop());
        let mut count_ready = || {
            let polls = all
                .each_ref()
                .map(|io| io.poll_ready(&mut cx, Direction::Read));
            polls.iter().filter(|polled| polled.is_ready()).count()
        };
        assert_eq!(count_ready(), 0);
        for (_, far) in &sockets {
            std::io::Write::write_all(&mut &*far, b"now").unwrap();
        }
        driver.turn();
        assert_eq!(count_ready(), expected);
        (0..3).for_each(|_| driver.turn());
        assert_eq!(count_ready(), 3);
    }
}
