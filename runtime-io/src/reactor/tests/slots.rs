//! The reactor's slots, and registrations that the system refuses: nothing stays behind, and the next one succeeds.

use super::*;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

fn io() -> Arc<ScheduledIo> {
    Arc::new(ScheduledIo::new(Ready::EMPTY))
}

fn pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().unwrap()
}

fn driver() -> (Driver, Arc<Reactor>) {
    let params = DriverParams {
        fire_at_shutdown: false,
        workers: 1,
        nevents: 8,
        start_paused: false,
        may_pause: false,
    };
    Driver::new(&params).unwrap()
}

#[test]
fn what_comes_late_for_a_slot_finds_nothing() {
    let mut slots = Slots::default();
    let (first, second, third) = (io(), io(), io());
    let one = slots.insert(first.clone());
    let two = slots.insert(second.clone());
    assert_ne!(one.0, two.0);
    assert!(slots.get(one).is_some_and(|io| Arc::ptr_eq(io, &first)));
    assert!(slots.get(two).is_some_and(|io| Arc::ptr_eq(io, &second)));
    assert!(slots.remove(one).is_some_and(|io| Arc::ptr_eq(&io, &first)));
    assert!(slots.get(one).is_none() && slots.remove(one).is_none());
    assert_eq!(slots.free.len(), 1);
    // The slot is used again, its token is not.
    let three = slots.insert(third.clone());
    assert_eq!((slots.entries.len(), slots.free.len()), (2, 0));
    assert_ne!(three.0, one.0);
    assert!(slots.get(one).is_none() && slots.remove(one).is_none());
    assert!(slots.get(three).is_some_and(|io| Arc::ptr_eq(io, &third)));
    assert_eq!(Arc::strong_count(&first), 1);
    assert!(slots.get(Slot(99)).is_none());
}

#[test]
fn no_generation_makes_a_token_of_the_drivers_own() {
    let mut slots = Slots::default();
    let _ = slots.insert(io());
    let largest = (1 << INDEX_BITS) - 2;
    slots.entries[0].generation = largest;
    let last = Slot(largest << INDEX_BITS);
    assert!(slots.remove(last).is_some());
    assert_eq!(slots.entries[0].generation, 0);
    let all_ones = (1 << INDEX_BITS) - 1;
    assert_ne!((largest << INDEX_BITS) | all_ones, UNPARK.0);
    assert_ne!((largest << INDEX_BITS) | all_ones, RING.0);
}

#[test]
fn a_refused_registration_leaves_nothing_and_the_next_takes_its_slot() {
    let (mut driver, reactor) = driver();
    let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    let scheduled = io();
    for _ in 0..3 {
        // The system does not watch regular files.
        let refused = reactor.register(file.as_raw_fd(), Interest::READABLE, &scheduled);
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(Arc::strong_count(&scheduled), 1);
        let slots = reactor.slots.lock();
        assert_eq!((slots.entries.len(), slots.free.len()), (1, 1));
    }
    let (from, mut to) = pair();
    let slot = reactor
        .register(from.as_raw_fd(), Interest::READABLE, &scheduled)
        .unwrap();
    // A second registration of the same descriptor is refused, and does not cost the first its events.
    let other = io();
    assert!(
        reactor
            .register(from.as_raw_fd(), Interest::READABLE, &other)
            .is_err()
    );
    assert_eq!(
        (Arc::strong_count(&scheduled), Arc::strong_count(&other)),
        (2, 1)
    );
    to.write_all(b"x").unwrap();
    driver.park(Some(Duration::from_secs(5)));
    let both = Interest::READABLE | Interest::WRITABLE;
    assert!(scheduled.look_for(both).ready().is_readable());
    assert!(other.look_for(both).ready().is_empty());
    reactor.deregister(from.as_raw_fd(), slot).unwrap();
    assert_eq!(Arc::strong_count(&scheduled), 1);
}

#[test]
fn a_slot_is_freed_even_where_the_system_refuses_to_deregister() {
    let (_driver, reactor) = driver();
    let scheduled = io();
    let (from, _to) = pair();
    let fd = from.as_raw_fd();
    let slot = reactor
        .register(fd, Interest::READABLE, &scheduled)
        .unwrap();
    // Taken away behind the reactor's back.
    reactor.registry.deregister(&mut SourceFd(&fd)).unwrap();
    assert!(reactor.deregister(fd, slot).is_err());
    assert_eq!(Arc::strong_count(&scheduled), 1);
    assert_eq!(reactor.slots.lock().free.len(), 1);
    let again = reactor
        .register(fd, Interest::READABLE, &scheduled)
        .unwrap();
    reactor.deregister(fd, again).unwrap();
}

#[test]
fn after_shutdown_nothing_is_registered_and_what_was_is_told() {
    let (mut driver, reactor) = driver();
    let scheduled = io();
    let (from, _to) = pair();
    let fd = from.as_raw_fd();
    let slot = reactor
        .register(fd, Interest::READABLE, &scheduled)
        .unwrap();
    driver.shutdown();
    assert_eq!(Arc::strong_count(&scheduled), 1);
    let both = Interest::READABLE | Interest::WRITABLE;
    assert!(scheduled.look_for(both).is_shutdown);
    let late = io();
    assert!(reactor.register(fd, Interest::READABLE, &late).is_err());
    assert_eq!(Arc::strong_count(&late), 1);
    // The descriptor's own end comes after that.
    reactor.deregister(fd, slot).unwrap();
    assert!(reactor.slots.lock().entries.is_empty());
}

#[test]
fn an_event_for_a_description_that_lives_on_touches_nothing() {
    let (mut driver, reactor) = driver();
    let (gone, fresh) = (io(), io());
    let (from, mut to) = pair();
    let twin = from.try_clone().unwrap();
    let fd = from.as_raw_fd();
    let slot = reactor.register(fd, Interest::READABLE, &gone).unwrap();
    // Closed without having been deregistered: the system goes on reporting the duplicate's description.
    drop(from);
    assert!(reactor.deregister(fd, slot).is_err());
    let (other, _other_to) = pair();
    let taken = reactor
        .register(other.as_raw_fd(), Interest::READABLE, &fresh)
        .unwrap();
    to.write_all(b"x").unwrap();
    driver.park(Some(Duration::from_secs(5)));
    let both = Interest::READABLE | Interest::WRITABLE;
    assert!(gone.look_for(both).ready().is_empty());
    assert!(fresh.look_for(both).ready().is_empty());
    reactor.deregister(other.as_raw_fd(), taken).unwrap();
    drop(twin);
}
