//! A driver's turns and the sources of its reactor and of all.

use super::driver;
use crate::reactor::registration::Registration;
use crate::reactor::sources::{Changes, Known, Sources};
use crate::reactor::{Direction, Interest, Ready, Source, Turn, add_to_all};
use runtime_core::driver::{IoDriver, Unpark};
use std::cell::Cell;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// Has waits end at once, and counts.
#[derive(Default)]
struct Impatient {
    waits: AtomicUsize,
    events: AtomicUsize,
    shutdowns: AtomicUsize,
}

impl Source for Impatient {
    fn before_wait(&self, _: &Turn<'_>, _: Option<Duration>) -> Option<Duration> {
        self.waits.fetch_add(1, Ordering::Relaxed);
        Some(Duration::ZERO)
    }

    fn deliver(&self, turn: &Turn<'_>) {
        assert!(!turn.is_users_thread);
        self.events.fetch_add(1, Ordering::Relaxed);
    }

    fn shut_down(&self) {
        self.shutdowns.fetch_add(1, Ordering::Relaxed);
    }
}

impl Impatient {
    fn counts(&self) -> [usize; 3] {
        [&self.waits, &self.events, &self.shutdowns].map(|count| count.load(Ordering::Relaxed))
    }
}

#[test]
fn each_turn_asks_a_source_and_the_shutdown_tells_it() {
    let (mut driver, reactor) = driver();
    let source = reactor.source::<Impatient>().unwrap();
    assert!(Arc::ptr_eq(&source, &reactor.source().unwrap()));
    driver.park(None);
    driver.turn();
    assert_eq!(source.counts(), [2, 0, 0]);
    driver.shutdown();
    assert_eq!(source.counts(), [2, 0, 1]);
    assert!(Arc::ptr_eq(&source, &reactor.source().unwrap()));
}

#[test]
fn no_source_is_added_after_the_shutdown() {
    let (mut driver, reactor) = super::driver();
    driver.shutdown();
    assert!(crate::is_shutdown_error(
        &reactor.source::<Impatient>().err().unwrap()
    ));
    assert!(crate::is_shutdown_error(
        &reactor.watch::<Impatient>(0).unwrap_err()
    ));
}

/// Source and descriptor come during the wait, and its event still reaches the source.
#[test]
fn a_descriptor_that_is_watched_from_during_a_wait_wakes_its_source() {
    let (mut driver, reactor) = driver();
    let (near, far) = UnixStream::pair().unwrap();
    let waits = thread::spawn(move || driver.park(Some(Duration::from_secs(20))));
    thread::sleep(Duration::from_millis(20));
    let source = reactor.source::<Impatient>().unwrap();
    reactor.watch::<Impatient>(near.as_raw_fd()).unwrap();
    (&far).write_all(b"now").unwrap();
    waits.join().unwrap();
    assert_eq!(source.counts()[1], 1);
}

#[test]
fn a_wait_under_way_learns_of_a_source_by_an_unpark() {
    let (mut driver, reactor) = driver();
    let waits = thread::spawn(move || {
        driver.park(Some(Duration::from_secs(20)));
        let begin = Instant::now();
        driver.park(Some(Duration::from_secs(20)));
        begin.elapsed()
    });
    thread::sleep(Duration::from_millis(20));
    let source = reactor.source::<Impatient>().unwrap();
    reactor.unpark();
    assert!(waits.join().unwrap() < Duration::from_secs(10));
    assert_ne!(source.counts()[0], 0);
}

/// A driver has a turn all the time: it copies the lists when they have changed, and only then.
#[test]
fn the_lists_are_copied_once_for_each_change() {
    let (list, changes) = (Sources::default(), Changes::new());
    let (mut known, copies) = (Known::new(), Cell::new(0));
    let mut renewed = || {
        let all = || {
            copies.set(copies.get() + 1);
            list.all()
        };
        let known = known.renewed(&changes, all).to_vec();
        (known, copies.get())
    };
    assert_eq!(renewed(), (vec![], 0));
    for n in 1..4 {
        list.find_or_add(|known| (*known == n).then_some(()), || n, &changes);
        // There already.
        list.find_or_add(|known| (*known == n).then_some(()), || 0, &changes);
        let all: Vec<i32> = (1..=n).collect();
        for _ in 0..3 {
            assert_eq!(renewed(), (all.clone(), n));
        }
    }
}

/// Counts the turns and ends of the reactors of its test.
#[derive(Default)]
struct Everywhere;

static TURNS: AtomicUsize = AtomicUsize::new(0);

impl Source for Everywhere {
    fn before_wait(&self, turn: &Turn<'_>, timeout: Option<Duration>) -> Option<Duration> {
        if turn.is_users_thread {
            TURNS.fetch_add(1, Ordering::Relaxed);
        }
        timeout
    }
}

#[test]
fn a_source_of_all_reactors_is_asked_by_old_and_new_ones() {
    let (mut old, _reactor) = super::driver_of(true);
    old.turn();
    add_to_all::<Everywhere>();
    add_to_all::<Everywhere>();
    old.turn();
    let (mut new, _reactor) = super::driver_of(true);
    new.turn();
    assert_eq!(TURNS.load(Ordering::Relaxed), 2);
}

/// A second source beside [`Impatient`]; counts deliveries.
#[derive(Default)]
struct Counts(AtomicUsize);

impl Source for Counts {
    fn deliver(&self, _: &Turn<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Not of another source's events, nor of a registration's.
#[test]
fn a_source_is_told_of_its_own_events_only() {
    let (mut driver, reactor) = driver();
    let (first, second) = (
        reactor.source::<Counts>().unwrap(),
        reactor.source::<Impatient>().unwrap(),
    );
    let (near, far) = UnixStream::pair().unwrap();
    reactor.watch::<Impatient>(near.as_raw_fd()).unwrap();
    (&far).write_all(b"now").unwrap();
    driver.turn();
    assert_eq!(
        (first.0.load(Ordering::Relaxed), second.counts()[1]),
        (0, 1)
    );
    let (near, far) = UnixStream::pair().unwrap();
    let (ready, io) = (Ready::EMPTY, Interest::READABLE);
    let registration = Registration::on(reactor.clone(), near.as_raw_fd(), io, ready);
    let mut cx = Context::from_waker(Waker::noop());
    let asked = registration.poll_ready(&mut cx, Direction::Read);
    assert!(asked.is_pending());
    (&far).write_all(b"now").unwrap();
    driver.turn();
    assert!(registration.poll_ready(&mut cx, Direction::Read).is_ready());
    assert_eq!(
        (first.0.load(Ordering::Relaxed), second.counts()[1]),
        (0, 1)
    );
}
