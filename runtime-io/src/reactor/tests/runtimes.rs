//! A registration whose user changes runtimes: which reactor serves it, and when it moves.

use super::params;
use crate::reactor::driver::Reactor;
use crate::reactor::registration::{Registration, try_current_reactor};
use crate::reactor::{Direction, Interest, PollEvented, create, current_reactor, on_reactor};
use runtime_core::driver::Drivers;
use runtime_core::runtime::{Config, Core};
use std::fs::File;
use std::future::{Future, pending};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

fn runtime() -> Core {
    let drivers = Drivers {
        io: Some(create(&params(true)).unwrap()),
        time: None,
    };
    Core::start(Config::new(None, "test"), drivers).unwrap()
}

/// Its I/O driver is not enabled.
fn without_io() -> Core {
    Core::start(Config::new(None, "test"), Drivers::default()).unwrap()
}

fn reactor_of(runtime: &Core) -> Arc<Reactor> {
    let _entered = runtime.enter();
    current_reactor()
}

fn is(reactor: &Arc<Reactor>, of: &Core) -> bool {
    Arc::ptr_eq(reactor, &reactor_of(of))
}

#[test]
fn the_reactor_of_this_thread_is_that_of_a_runtime_that_runs() {
    let runtime = runtime();
    assert!(try_current_reactor().is_none());
    {
        let _entered = runtime.enter();
        assert!(is(&try_current_reactor().unwrap(), &runtime));
    }
    {
        let other = without_io();
        let _entered = other.enter();
        assert!(try_current_reactor().is_none());
    }
    let reactor = reactor_of(&runtime);
    assert!(!reactor.is_shutdown());
    let handle = runtime.handle().clone();
    drop(runtime);
    assert!(reactor.is_shutdown());
    let _entered = handle.enter();
    assert!(try_current_reactor().is_none());
    // A caller that must have a reactor gets it, and learns of the shutdown from it.
    assert!(Arc::ptr_eq(&current_reactor(), &reactor));
}

struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn a_registration_follows_to_another_runtime_that_runs() {
    let (first, second) = (runtime(), runtime());
    let (near, mut far) = UnixStream::pair().unwrap();
    let mut near = PollEvented::new_on(reactor_of(&first), near, Interest::READABLE).unwrap();
    let count = Arc::new(Nobody);
    let waker = Waker::from(count.clone());
    let poll = |registration: &Registration| {
        registration.poll_ready(&mut Context::from_waker(&waker), Direction::Read)
    };
    assert!(poll(near.registration()).is_pending());
    assert_eq!(Arc::strong_count(&count), 3);
    let mut follows = |to: Option<&runtime_core::runtime::Handle>| {
        let _entered = to.map(|runtime| runtime.enter());
        let elsewhere = near.registration().elsewhere();
        near.follow();
        (elsewhere.is_some(), near.registration().reactor().clone())
    };
    // No runtime, one that has no reactor, its own, and one that is gone.
    let gone = {
        let gone = runtime();
        gone.handle().clone()
    };
    let without_io = without_io();
    for to in [
        None,
        Some(without_io.handle()),
        Some(first.handle()),
        Some(&gone),
    ] {
        let (is_elsewhere, reactor) = follows(to);
        assert!(!is_elsewhere && is(&reactor, &first), "{to:?}");
    }
    assert_eq!(Arc::strong_count(&count), 3);
    let (is_elsewhere, reactor) = follows(Some(second.handle()));
    assert!(is_elsewhere && is(&reactor, &second));
    // The waiters at the first reactor are forgotten.
    assert_eq!(Arc::strong_count(&count), 2);
    assert!(poll(near.registration()).is_pending());
    far.write_all(b"now").unwrap();
    second.block_on(std::future::poll_fn(|cx| {
        near.registration()
            .poll_ready(cx, Direction::Read)
            .map(drop)
    }));
    drop(first);
    assert!(poll(near.registration()).is_ready());
}

#[test]
fn a_registration_that_the_other_runtime_refuses_stays() {
    let (first, second) = (runtime(), runtime());
    let (near, far) = UnixStream::pair().unwrap();
    let (fd, interest) = (near.as_raw_fd(), Interest::READABLE);
    let mut registration = Registration::new_on(reactor_of(&first), fd, interest).unwrap();
    // The first still watches the socket, but the number means a file, which no reactor watches.
    let kept = near.try_clone().unwrap();
    let file = File::open("/proc/self/exe").unwrap();
    // SAFETY: both are open descriptors of this test.
    assert_eq!(unsafe { libc::dup2(file.as_raw_fd(), fd) }, fd);
    let _entered = second.enter();
    assert!(registration.elsewhere().is_some());
    registration.follow();
    assert!(is(registration.reactor(), &first));
    drop((kept, far));
}

#[test]
fn a_future_that_needs_a_reactor_looks_for_one_at_its_first_poll_alone() {
    let runtime = runtime();
    let mut cx = Context::from_waker(Waker::noop());
    let mut future = pin!(on_reactor(pending::<()>()));
    {
        let _entered = runtime.enter();
        assert!(future.as_mut().poll(&mut cx).is_pending());
    }
    assert!(future.as_mut().poll(&mut cx).is_pending());
    let mut other = pin!(on_reactor(pending::<()>()));
    let polled = catch_unwind(AssertUnwindSafe(|| other.as_mut().poll(&mut cx)));
    assert!(polled.is_err());
}
