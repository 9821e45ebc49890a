//! Tokens and the registrations they name: used again, out of date, many, and refused.

use super::driver;
use crate::reactor::registration::Registration;
use crate::reactor::scheduled::ScheduledIo;
use crate::reactor::slots::{Slot, Slots};
use crate::reactor::{Direction, Interest, Ready};
use proptest::prelude::*;
use runtime_core::driver::IoDriver;
use std::fs::File;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

fn io() -> Arc<ScheduledIo> {
    Arc::new(ScheduledIo::new(Ready::EMPTY))
}

#[test]
fn a_token_that_is_out_of_date_names_nothing() {
    let mut slots = Slots::default();
    let (first, second) = (io(), io());
    let old = slots.insert(first.clone()).unwrap();
    assert!(Arc::ptr_eq(slots.get(old).unwrap(), &first));
    assert!(Arc::ptr_eq(&slots.remove(old).unwrap(), &first));
    assert!(slots.get(old).is_none());
    let new = slots.insert(second.clone()).unwrap();
    // The same place, and another token.
    assert_eq!(new.0 as u32, old.0 as u32);
    assert_ne!(new, old);
    assert!(slots.get(old).is_none());
    assert!(slots.remove(old).is_none());
    assert!(Arc::ptr_eq(slots.get(new).unwrap(), &second));
}

/// The place was in a page that was given back and made anew.
#[test]
fn a_token_of_a_page_that_is_gone_names_nothing() {
    let mut slots = Slots::default();
    let keep = slots.insert(io()).unwrap();
    let old: Vec<Slot> = (0..500).map(|_| slots.insert(io()).unwrap()).collect();
    for slot in &old {
        assert!(slots.remove(*slot).is_some());
    }
    let new: Vec<Slot> = (0..500).map(|_| slots.insert(io()).unwrap()).collect();
    for slot in &old {
        assert!(slots.get(*slot).is_none());
        assert!(slots.remove(*slot).is_none());
    }
    assert!(slots.get(keep).is_some());
    assert!(new.iter().all(|slot| slots.get(*slot).is_some()));
}

/// The driver's own events have the tokens of all ones, and one less.
#[test]
fn no_generation_makes_a_token_of_the_drivers() {
    let mut slots = Slots::default();
    slots.age_to(u32::MAX as usize - 5);
    for _ in 0..10 {
        let slot = slots.insert(io()).unwrap();
        assert!(slot.0 < usize::MAX - (1 << 32) + 1, "{slot:?}");
        assert!(slots.get(slot).is_some());
    }
}

#[test]
fn a_burst_leaves_no_memory_behind() {
    let mut slots = Slots::default();
    let mut all: Vec<Slot> = (0..50_000).map(|_| slots.insert(io()).unwrap()).collect();
    assert!(slots.memory() > 500_000);
    // Opened last, and stays: the others' memory is given back all the same.
    let last = all.pop().unwrap();
    for slot in all {
        slots.remove(slot);
    }
    assert!(slots.memory() < 50_000, "{}", slots.memory());
    slots.remove(last);
    assert!(slots.memory() < 5_000, "{}", slots.memory());
    assert!(slots.insert(io()).is_some());
}

#[test]
fn shutdown_gives_all_out_and_takes_none_in() {
    let mut slots = Slots::default();
    let all: Vec<Slot> = (0..200).map(|_| slots.insert(io()).unwrap()).collect();
    slots.remove(all[7]);
    assert_eq!(slots.shut_down().len(), 199);
    assert!(slots.insert(io()).is_none());
    assert!(all.iter().all(|slot| slots.remove(*slot).is_none()));
}

proptest! {
    /// Whatever comes and goes, a token names its own registration or nothing.
    #[test]
    fn a_token_names_its_own_or_nothing(steps in prop::collection::vec((0..3, 0..400_usize), 1..600)) {
        let mut slots = Slots::default();
        let mut known: Vec<(Slot, Option<Arc<ScheduledIo>>)> = Vec::new();
        for (what, which) in steps {
            if what > 0 || known.is_empty() {
                let io = io();
                known.push((slots.insert(io.clone()).unwrap(), Some(io)));
            } else {
                let at = which % known.len();
                let (slot, io) = &mut known[at];
                let gone = slots.remove(*slot);
                prop_assert_eq!(gone.as_ref().map(Arc::as_ptr), io.as_ref().map(Arc::as_ptr));
                *io = None;
            }
        }
        for (slot, io) in &known {
            let found = slots.get(*slot);
            prop_assert_eq!(found.map(Arc::as_ptr), io.as_ref().map(Arc::as_ptr));
        }
        let left = known.iter().filter(|(_, io)| io.is_some()).count();
        prop_assert_eq!(slots.shut_down().len(), left);
    }
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
