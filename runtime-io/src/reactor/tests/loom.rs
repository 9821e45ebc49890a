//! Models of the readiness words, of announcing against delivering, and of sources that are added.

use crate::reactor::readiness::{Direction, Readiness};
use crate::reactor::scheduled::ScheduledIo;
use crate::reactor::sources::{Changes, Known, Sources};
use crate::reactor::{Interest, Ready};
use loom::future::block_on;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;
use std::future::poll_fn;

/// The kernel's buffer: bytes come in, then the event. A reader that finds nothing clears and
/// waits; it must get every byte. The data is a plain counter so that a lost event hangs.
#[test]
fn reader_never_misses_an_event() {
    loom::model(|| {
        let io = Arc::new(ScheduledIo::new(-1, Ready::READABLE));
        let bytes = Arc::new(AtomicUsize::new(0));
        let (io2, bytes2) = (io.clone(), bytes.clone());
        let driver = thread::spawn(move || {
            for _ in 0..2 {
                bytes2.fetch_add(1, Ordering::Relaxed);
                io2.deliver(Ready::READABLE);
            }
        });
        let mut got = 0;
        while got < 2 {
            let event = block_on(poll_fn(|cx| io.poll_look(cx, Direction::Read)));
            match bytes.swap(0, Ordering::Relaxed) {
                0 => io.clear(&event),
                n => got += n,
            }
        }
        driver.join().unwrap();
    });
}

/// A side that was closed and is open again, and then closes for good: the reader that found nothing in between
/// waits for the end, and gets it. `open` is what the kernel would say; the reader starts with the stale flag.
#[test]
fn an_end_is_seen_whatever_an_attempt_before_it_forgot() {
    loom::model(|| {
        let io = Arc::new(ScheduledIo::new(-1, Ready::READ_CLOSED));
        let open = Arc::new(AtomicUsize::new(1));
        let (io2, open2) = (io.clone(), open.clone());
        let driver = thread::spawn(move || {
            io2.deliver(Ready::WRITABLE);
            open2.store(0, Ordering::Relaxed);
            io2.deliver(Ready::READ_CLOSED);
        });
        let mut attempts = 0;
        loop {
            let event = block_on(poll_fn(|cx| io.poll_look(cx, Direction::Read)));
            attempts += 1;
            // Two events of the side at most, the assumed one included: more attempts would be a spin.
            assert!(attempts <= 3);
            match open.load(Ordering::Relaxed) {
                0 => break,
                _ => io.clear(&event),
            }
        }
        driver.join().unwrap();
    });
}

/// A clear by a look from before a delivery, against that delivery.
#[test]
fn stale_clear_against_delivery() {
    loom::model(|| {
        let words = Arc::new(Readiness::new(Ready::READABLE));
        let seen = words.look(Direction::Read);
        let words2 = words.clone();
        let driver = thread::spawn(move || words2.deliver(Ready::READABLE | Ready::WRITABLE));
        words.clear(&seen);
        driver.join().unwrap();
        assert!(words.look(Direction::Read).ready().is_readable());
        assert!(words.look(Direction::Write).ready().is_writable());
    });
}

/// A waiter in the list and one in the slot, against shutdown.
#[test]
fn shutdown_settles_every_waiter() {
    loom::model(|| {
        let io = Arc::new(ScheduledIo::new(-1, Ready::EMPTY));
        let io2 = io.clone();
        let listed = thread::spawn(move || {
            let mut key = None;
            let event = block_on(poll_fn(|cx| {
                io2.poll_listed(cx, Interest::WRITABLE, &mut key)
            }));
            assert!(event.is_shutdown);
        });
        let io3 = io.clone();
        let driver = thread::spawn(move || io3.shut_down());
        let event = block_on(poll_fn(|cx| io.poll_look(cx, Direction::Read)));
        assert!(event.is_shutdown);
        listed.join().unwrap();
        driver.join().unwrap();
    });
}

/// A thread that sees the event sees what the driver did before it delivered.
#[test]
fn an_event_publishes() {
    loom::model(|| {
        let io = Arc::new((
            ScheduledIo::new(-1, Ready::EMPTY),
            loom::cell::UnsafeCell::new(0),
        ));
        let io2 = io.clone();
        let driver = thread::spawn(move || {
            // SAFETY: loom fails the model if this access races.
            io2.1.with_mut(|v| unsafe { *v = 1 });
            io2.0.deliver(Ready::READABLE);
        });
        block_on(poll_fn(|cx| io.0.poll_look(cx, Direction::Read)));
        // SAFETY: as above.
        io.1.with(|v| assert_eq!(1, unsafe { *v }));
        driver.join().unwrap();
    });
}

/// Events of both directions, a waiter for each, and one that gives up.
#[test]
fn every_direction_wakes_its_own() {
    loom::model(|| {
        let io = Arc::new(ScheduledIo::new(-1, Ready::EMPTY));
        let mut given_up = None;
        let noop = std::task::Waker::noop();
        let mut cx = std::task::Context::from_waker(noop);
        assert!(
            io.poll_listed(&mut cx, Interest::READABLE, &mut given_up)
                .is_pending()
        );
        let io2 = io.clone();
        let writer = thread::spawn(move || {
            let mut key = None;
            let event = block_on(poll_fn(|cx| {
                io2.poll_listed(cx, Interest::WRITABLE, &mut key)
            }));
            assert!(event.ready().is_writable());
            assert!(key.is_none());
        });
        let io3 = io.clone();
        let driver = thread::spawn(move || {
            io3.deliver(Ready::READABLE);
            io3.deliver(Ready::WRITABLE);
        });
        io.unlist(&mut given_up);
        let event = block_on(poll_fn(|cx| io.poll_look(cx, Direction::Read)));
        assert!(event.ready().is_readable());
        writer.join().unwrap();
        driver.join().unwrap();
    });
}

#[derive(Default)]
struct Eventfd {
    is_readable: Mutex<bool>,
    changed: Condvar,
}

impl Eventfd {
    fn unpark(&self) {
        *self.is_readable.lock().unwrap() = true;
        self.changed.notify_one();
    }

    fn wait(&self) {
        let mut is_readable = self.is_readable.lock().unwrap();
        while !std::mem::take(&mut *is_readable) {
            is_readable = self.changed.wait(is_readable).unwrap();
        }
    }
}

/// A source is added to one of the driver's two lists, and then the driver is unparked: it asks the source before it waits
/// again. Another source is added to the other list meanwhile.
#[test]
fn a_driver_that_is_unparked_knows_of_the_source_that_was_added_before() {
    loom::model(|| {
        let lists = [(); 2].map(|()| Sources::<usize>::default());
        let shared = Arc::new((lists, Changes::new(), Eventfd::default()));
        let others = [0, 1].map(|number| {
            let shared = shared.clone();
            thread::spawn(move || {
                let (lists, changes, eventfd) = &*shared;
                lists[number].find_or_add(|_| Some(()), || number, changes);
                if number == 0 {
                    eventfd.unpark();
                }
            })
        });
        let (lists, changes, eventfd) = &*shared;
        let all = || [lists[0].all(), lists[1].all()].concat();
        let mut known = Known::new();
        while !known.renewed(changes, all).contains(&0) {
            eventfd.wait();
        }
        others.map(|other| other.join().unwrap());
        assert_eq!(known.renewed(changes, all), [0, 1]);
    });
}

/// A source is refused, or it is shut down.
#[test]
fn no_source_outlives_the_shutdown_unnoticed() {
    loom::model(|| {
        let shared = Arc::new((Sources::<usize>::default(), Changes::new()));
        let other = shared.clone();
        let adder = thread::spawn(move || {
            let (sources, changes) = &*other;
            sources.find_or_add(|_| Some(()), || 0, changes).is_some()
        });
        let told = shared.0.shut_down();
        assert_eq!(adder.join().unwrap(), told == [0]);
    });
}
