//! Wakers that call back into the resource that wakes or drops them: no lock is held then, and the order is kept.

use super::driver;
use crate::reactor::registration::Registration;
use crate::reactor::scheduled::ScheduledIo;
use crate::reactor::{Direction, Interest, Ready, Source, Turn};
use runtime_core::driver::IoDriver;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

/// Takes the lock of the waiters when it is woken or dropped.
struct Returns(
    Arc<ScheduledIo>,
    Arc<Mutex<Vec<&'static str>>>,
    &'static str,
);

impl Returns {
    fn take_the_lock(&self) {
        self.0.unlist(&mut Some(u64::MAX));
    }
}

impl Wake for Returns {
    fn wake(self: Arc<Self>) {
        self.take_the_lock();
        self.1.lock().unwrap().push(self.2);
    }
}

impl Drop for Returns {
    fn drop(&mut self) {
        self.take_the_lock();
    }
}

/// A resource with a waiter in each slot and two in the list, and the names of the wakers that were woken.
struct Scene {
    io: Arc<ScheduledIo>,
    woken: Arc<Mutex<Vec<&'static str>>>,
    keys: [Option<u64>; 2],
}

impl Scene {
    fn new() -> Scene {
        let mut scene = Scene {
            io: Arc::new(ScheduledIo::new(-1, Ready::EMPTY)),
            woken: Arc::default(),
            keys: [None; 2],
        };
        scene.wait();
        scene
    }

    fn waker(&self, name: &'static str) -> Waker {
        Waker::from(Arc::new(Returns(self.io.clone(), self.woken.clone(), name)))
    }

    /// The list is filled first. A waiter that waits already has its waker replaced.
    fn wait(&mut self) {
        let interests = [Interest::READABLE, Interest::WRITABLE];
        for (at, name) in ["first", "second"].into_iter().enumerate() {
            let (waker, key) = (self.waker(name), &mut self.keys[at]);
            let mut cx = Context::from_waker(&waker);
            let polled = self.io.poll_listed(&mut cx, interests[at], key);
            assert!(polled.is_pending());
        }
        for (direction, name) in [(Direction::Read, "reader"), (Direction::Write, "writer")] {
            let waker = self.waker(name);
            let polled = self
                .io
                .poll_look(&mut Context::from_waker(&waker), direction);
            assert!(polled.is_pending());
        }
    }

    fn woken(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.woken.lock().unwrap())
    }
}

#[test]
fn those_in_the_slots_are_woken_before_those_in_the_list() {
    let mut scene = Scene::new();
    scene.io.deliver(Ready::READABLE);
    assert_eq!(scene.woken(), ["reader", "first"]);
    scene.io.deliver(Ready::WRITABLE);
    assert_eq!(scene.woken(), ["writer", "second"]);
    let all = Interest::READABLE | Interest::WRITABLE;
    scene.io.clear(&scene.io.look_for(all));
    scene.wait();
    scene.wait();
    scene.io.deliver(Ready::ALL);
    assert_eq!(scene.woken(), ["reader", "writer", "first", "second"]);
    scene.io.clear(&scene.io.look_for(all));
    scene.wait();
    scene.io.shut_down();
    assert_eq!(scene.woken(), ["reader", "writer", "first", "second"]);
}

#[test]
fn those_in_the_slots_alone_are_woken_the_reader_first() {
    let mut scene = Scene::new();
    for at in 0..2 {
        scene.io.unlist(&mut scene.keys[at]);
    }
    scene.io.deliver(Ready::ALL);
    assert_eq!(scene.woken(), ["reader", "writer"]);
}

#[test]
fn wakers_that_are_given_back_may_come_back() {
    let mut scene = Scene::new();
    scene.io.forget_wakers();
    for at in 0..2 {
        scene.io.unlist(&mut scene.keys[at]);
        assert_eq!(scene.keys[at], None);
    }
    scene.io.deliver(Ready::ALL);
    assert_eq!(scene.woken(), [""; 0]);
    assert_eq!(Arc::strong_count(&scene.io), 1);
}

/// Notes deliveries and wakes.
#[derive(Default)]
struct Told(Mutex<Vec<&'static str>>);

impl Source for Told {
    fn deliver(&self, _: &Turn<'_>) {
        self.0.lock().unwrap().push("source");
    }
}

impl Wake for Told {
    fn wake(self: Arc<Self>) {
        self.0.lock().unwrap().push("waiter");
    }
}

#[test]
fn registrations_are_told_of_a_turns_events_before_sources() {
    let (mut driver, reactor) = driver();
    let told = reactor.source::<Told>().unwrap();
    let sockets = [(); 2].map(|()| UnixStream::pair().unwrap());
    reactor.watch::<Told>(sockets[0].0.as_raw_fd()).unwrap();
    let fd = sockets[1].0.as_raw_fd();
    let registration = Registration::on(reactor, fd, Interest::READABLE, Ready::EMPTY);
    let waker = Waker::from(told.clone());
    let mut cx = Context::from_waker(&waker);
    assert!(
        registration
            .poll_ready(&mut cx, Direction::Read)
            .is_pending()
    );
    for (_, far) in &sockets {
        (&*far).write_all(b"now").unwrap();
    }
    driver.turn();
    assert_eq!(*told.0.lock().unwrap(), ["waiter", "source"]);
    assert!(matches!(
        registration.poll_ready(&mut cx, Direction::Read),
        Poll::Ready(Ok(_))
    ));
}
