//! A reactor in a forked child: it shares the epoll instance and the eventfd with its parent's, and leaves both alone.

use super::{alone, driver};
use crate::reactor::registration::Registration;
use crate::reactor::{Direction, Interest, Ready, Source};
use runtime_core::driver::{IoDriver, Unpark};
use std::io::Write;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, Waker};

/// Runs `f` in a forked child, which must not panic, and waits for its end.
#[track_caller]
fn in_child(f: impl FnOnce()) {
    let _alone = alone();
    // SAFETY: the child has this thread only, and leaves by `_exit`. That it may allocate is the C library's promise.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let status = i32::from(catch_unwind(AssertUnwindSafe(f)).is_err());
        // SAFETY: ends the child without running what the parent registered.
        unsafe { libc::_exit(status) };
    }
    let mut status = 0;
    // SAFETY: `status` is valid; the child is ours.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0, "the child failed");
}

/// Is there an event that nobody has waited for yet? The system can be asked about an epoll instance as about a socket.
fn has_event(epoll: RawFd) -> bool {
    let mut asked = libc::pollfd {
        fd: epoll,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one entry is passed, which lives for the call.
    let count = unsafe { libc::poll(&mut asked, 1, 0) };
    assert!(count >= 0);
    count == 1
}

fn poll(registration: &Registration) -> Poll<std::io::Result<()>> {
    let mut cx = Context::from_waker(Waker::noop());
    let polled = registration.poll_ready(&mut cx, Direction::Read);
    polled.map_ok(|_event| ())
}

fn is_refused(answer: std::io::Result<()>) -> bool {
    answer.is_err_and(|error| error.to_string().contains("fork"))
}

#[test]
fn an_unpark_in_the_child_does_not_reach_the_parent() {
    let (mut driver, reactor) = driver();
    in_child(|| reactor.unpark());
    assert!(!has_event(driver.fd()));
    reactor.unpark();
    assert!(has_event(driver.fd()));
    driver.park(None);
    assert!(!has_event(driver.fd()));
}

#[test]
fn a_registration_is_refused_in_the_child_and_stays_the_parents() {
    let (mut driver, reactor) = driver();
    let (near, mut far) = UnixStream::pair().unwrap();
    let on = |assumed| {
        let (fd, interest) = (near.as_raw_fd(), Interest::READABLE);
        Some(Registration::on(reactor.clone(), fd, interest, assumed))
    };
    let (mut registered, mut assumed) = (on(Ready::EMPTY), on(Ready::READABLE));
    assert!(poll(registered.as_ref().unwrap()).is_pending());
    in_child(|| {
        for registration in [registered.take(), assumed.take(), on(Ready::EMPTY)] {
            let registration = registration.unwrap();
            match poll(&registration) {
                Poll::Ready(answer) => assert!(is_refused(answer)),
                Poll::Pending => panic!("it waits for ever"),
            }
        }
    });
    far.write_all(b"now").unwrap();
    driver.turn();
    assert!(poll(registered.as_ref().unwrap()).is_ready());
}

#[derive(Default)]
struct Nothing;

impl Source for Nothing {}

#[test]
fn no_source_is_added_in_the_child() {
    let (mut driver, reactor) = driver();
    let source = || reactor.source::<Nothing>().map(drop);
    in_child(|| assert!(is_refused(source())));
    source().unwrap();
    in_child(|| assert!(is_refused(source())));
    driver.shutdown();
}

/// It would take the parent's events.
#[test]
fn the_driver_does_not_wait_in_the_child() {
    let (mut driver, _reactor) = driver();
    in_child(|| {
        let turned = catch_unwind(AssertUnwindSafe(|| driver.turn()));
        let said = turned.unwrap_err().downcast::<String>();
        assert!(said.unwrap().contains("fork"));
    });
    driver.turn();
}
