//! A registration on a real driver, one thread: what is forgotten after an attempt, what stays, and when the system is asked.

use super::{driver, without_forks};
use crate::reactor::driver::{Driver, Reactor};
use crate::reactor::registration::{Progress, Registration, closed_now};
use crate::reactor::{Direction, Interest, Ready};
use runtime_core::coop;
use runtime_core::driver::IoDriver;
use std::fs::File;
use std::future::Future;
use std::io::{self, ErrorKind, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::thread::JoinHandleExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

const BOTH: Interest = Interest::TRANSFERS;

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// What the side has, as far as is known.
fn seen(registration: &Registration, direction: Direction) -> Ready {
    match registration.poll_ready(&mut cx(), direction) {
        Poll::Ready(Ok(event)) => event.ready(),
        Poll::Ready(Err(error)) => panic!("{error}"),
        Poll::Pending => Ready::EMPTY,
    }
}

fn clear(registration: &Registration, direction: Direction, gone: Ready) {
    match registration.poll_ready(&mut cx(), direction) {
        Poll::Ready(Ok(event)) => registration.clear_seen(&event, gone),
        other => panic!("{other:?}"),
    }
}

/// A registered socket whose other end is gone, with its closed flags delivered.
pub(super) fn hung_up(driver: &mut Driver, reactor: &Arc<Reactor>) -> (Registration, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    let registration = Registration::on(reactor.clone(), near.as_raw_fd(), BOTH, Ready::EMPTY);
    assert_eq!(seen(&registration, Direction::Read), Ready::EMPTY);
    drop(far);
    driver.turn();
    assert_eq!(seen(&registration, Direction::Read), Direction::Read.mask());
    assert_eq!(
        seen(&registration, Direction::Write),
        Direction::Write.mask()
    );
    (registration, near)
}

/// Has the number mean a socket that is open on both sides; gives the other end.
pub(super) fn open_again(near: &UnixStream) -> UnixStream {
    let (fresh, far) = UnixStream::pair().unwrap();
    assert_eq!(
        // SAFETY: both are open descriptors of this test.
        unsafe { libc::dup2(fresh.as_raw_fd(), near.as_raw_fd()) },
        near.as_raw_fd()
    );
    far
}

#[test]
fn a_closed_side_that_came_with_data_is_kept_while_the_system_confirms_it() {
    let _closes = without_forks();
    let sides = [
        (Direction::Read, Ready::READABLE, Ready::READ_CLOSED),
        (Direction::Write, Ready::WRITABLE, Ready::WRITE_CLOSED),
    ];
    for (at, (direction, data, closed)) in sides.into_iter().enumerate() {
        let (other, ..) = sides[1 - at];
        let (mut driver, reactor) = driver();
        let (registration, near) = hung_up(&mut driver, &reactor);
        clear(&registration, direction, data);
        assert_eq!(seen(&registration, direction), closed);
        // It came alone, and was tried.
        clear(&registration, direction, closed);
        assert_eq!(seen(&registration, direction), Ready::EMPTY);
        assert_eq!(seen(&registration, other), other.mask());

        let (registration, near_too) = hung_up(&mut driver, &reactor);
        // Flags that the look did not see are not cleared: nothing happens.
        clear(&registration, direction, other.mask());
        assert_eq!(seen(&registration, direction), direction.mask());
        clear(&registration, direction, Ready::PRIORITY);
        assert_eq!(seen(&registration, direction), direction.mask());
        let _far = open_again(&near_too);
        clear(&registration, direction, data);
        assert_eq!(seen(&registration, direction), Ready::EMPTY);
        assert_eq!(seen(&registration, other), other.mask());
        drop(near);
    }
}

#[test]
fn an_attempt_after_a_look_at_both_sides_leaves_what_is_closed_now() {
    let _closes = without_forks();
    let (mut driver, reactor) = driver();
    let blocks = || Err::<(), _>(io::Error::from(ErrorKind::WouldBlock));
    let interest = Interest::READABLE | Interest::WRITABLE;
    let (registration, near) = hung_up(&mut driver, &reactor);
    let error = registration.try_io(interest, blocks).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert_eq!(seen(&registration, Direction::Read), Ready::READ_CLOSED);
    assert_eq!(seen(&registration, Direction::Write), Ready::WRITE_CLOSED);
    let _far = open_again(&near);
    let _ = registration.try_io(interest, blocks);
    assert_eq!(seen(&registration, Direction::Read), Ready::EMPTY);
    assert_eq!(seen(&registration, Direction::Write), Ready::EMPTY);
    // A look at one side: the attempt was of that side, and refutes its flags whatever the system says.
    let (registration, _near) = hung_up(&mut driver, &reactor);
    let _ = registration.try_io(Interest::READABLE, blocks);
    assert_eq!(seen(&registration, Direction::Read), Ready::EMPTY);
    assert_eq!(
        seen(&registration, Direction::Write),
        Direction::Write.mask()
    );
}

/// Attempts until the wait is pending or done; the first `blocked` of them say "would block".
fn attempts(registration: &Registration, how: bool, blocked: u32) -> (u32, bool) {
    let mut count = 0;
    let f = || {
        count += 1;
        match count <= blocked {
            true => Err(io::Error::from(ErrorKind::WouldBlock)),
            false => Ok(()),
        }
    };
    let is_done = match how {
        true => registration
            .poll_io(&mut cx(), Direction::Read, f)
            .is_ready(),
        false => pin!(registration.async_io(Interest::READABLE, f))
            .poll(&mut cx())
            .is_ready(),
    };
    (count, is_done)
}

#[test]
fn a_closed_side_that_would_block_gets_one_more_attempt_while_the_system_says_that_it_is_closed() {
    let _closes = without_forks();
    for how in [true, false] {
        let (mut driver, reactor) = driver();
        let (registration, _near) = hung_up(&mut driver, &reactor);
        assert_eq!(attempts(&registration, how, 1), (2, true));
        assert_eq!(seen(&registration, Direction::Read), Direction::Read.mask());
        // One that always blocks is believed.
        assert_eq!(attempts(&registration, how, 9), (2, false));
        assert_eq!(seen(&registration, Direction::Read), Ready::EMPTY);

        let (registration, near) = hung_up(&mut driver, &reactor);
        let _far = open_again(&near);
        assert_eq!(attempts(&registration, how, 1), (1, false));

        // Nothing was closed.
        let (near, mut far) = UnixStream::pair().unwrap();
        let registration = Registration::on(reactor.clone(), near.as_raw_fd(), BOTH, Ready::EMPTY);
        assert_eq!(attempts(&registration, how, 0), (0, false));
        far.write_all(b"now").unwrap();
        driver.turn();
        assert_eq!(attempts(&registration, how, 1), (1, false));
    }
}

#[test]
fn an_attempt_is_made_only_where_something_is_ready() {
    let (mut driver, reactor) = driver();
    let (near, mut far) = UnixStream::pair().unwrap();
    let on = |assumed| Registration::on(reactor.clone(), near.as_raw_fd(), BOTH, assumed);
    let registration = on(Ready::EMPTY);
    let attempt = |registration: &Registration| registration.try_io(Interest::READABLE, || Ok(7));
    assert_eq!(
        attempt(&registration).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    // From now on the system reports.
    far.write_all(b"now").unwrap();
    driver.turn();
    assert_eq!(attempt(&registration).unwrap(), 7);
    drop(registration);
    // The assumed readiness is tried; when that blocks, the system is asked.
    let registration = on(Ready::READABLE);
    let blocked = registration.try_io(Interest::READABLE, || {
        Err::<(), _>(ErrorKind::WouldBlock.into())
    });
    assert_eq!(blocked.unwrap_err().kind(), ErrorKind::WouldBlock);
    driver.turn();
    assert_eq!(attempt(&registration).unwrap(), 7);
    // Another error is the attempt's own, and forgets nothing.
    let failed = registration.try_io(Interest::READABLE, || Err::<(), _>(ErrorKind::Other.into()));
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Other);
    assert_eq!(attempt(&registration).unwrap(), 7);
    let (_quiet, other) = UnixStream::pair().unwrap();
    let idle = Registration::on(reactor.clone(), other.as_raw_fd(), BOTH, Ready::EMPTY);
    assert!(attempt(&idle).is_err());
    driver.shutdown();
    let ended = attempt(&idle).unwrap_err();
    assert_ne!(ended.kind(), ErrorKind::WouldBlock);
    assert!(matches!(
        idle.poll_ready(&mut cx(), Direction::Write),
        Poll::Ready(Err(_))
    ));
}

#[test]
fn a_transfer_that_was_short_uses_the_readiness_up_but_not_the_end() {
    let (mut driver, reactor) = driver();
    let (near, mut far) = UnixStream::pair().unwrap();
    let registration = Registration::on(reactor, near.as_raw_fd(), BOTH, Ready::EMPTY);
    assert_eq!(seen(&registration, Direction::Read), Ready::EMPTY);
    far.write_all(b"some").unwrap();
    driver.turn();
    let poll = |f: &mut dyn FnMut() -> io::Result<Progress<u8>>| {
        registration.poll_progress(&mut cx(), Direction::Read, f)
    };
    assert!(matches!(
        poll(&mut || Ok(Progress::More(1))),
        Poll::Ready(Ok(1))
    ));
    // Interrupted, then short.
    let mut interrupts = 3;
    let short = poll(&mut || match interrupts {
        0 => Ok(Progress::Drained(2)),
        _ => {
            interrupts -= 1;
            Err(ErrorKind::Interrupted.into())
        }
    });
    assert!(matches!(short, Poll::Ready(Ok(2))));
    assert!(poll(&mut || panic!("nothing is ready")).is_pending());
    far.write_all(b"more").unwrap();
    far.shutdown(Shutdown::Write).unwrap();
    driver.turn();
    assert!(matches!(
        poll(&mut || Ok(Progress::Drained(3))),
        Poll::Ready(Ok(3))
    ));
    assert_eq!(seen(&registration, Direction::Read), Ready::READ_CLOSED);
    let mut attempts = 0;
    let blocked = poll(&mut || {
        attempts += 1;
        Err(ErrorKind::WouldBlock.into())
    });
    assert!(blocked.is_pending());
    assert_eq!(attempts, 2); // the side is closed: one more
    assert_eq!(seen(&registration, Direction::Read), Ready::EMPTY);
}

#[test]
fn the_system_says_which_sides_are_closed() {
    let _closes = without_forks();
    let (near, far) = UnixStream::pair().unwrap();
    let now = |socket: &UnixStream| closed_now(socket.as_raw_fd());
    assert_eq!((now(&near), now(&far)), (Ready::EMPTY, Ready::EMPTY));
    (&far).write_all(b"data").unwrap();
    assert_eq!(now(&near), Ready::EMPTY);
    far.shutdown(Shutdown::Write).unwrap();
    assert_eq!(now(&near), Ready::READ_CLOSED);
    drop(far);
    assert_eq!(now(&near), Ready::CLOSED);
    // A pipe that nobody reads: an error, and no end.
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    // SAFETY: both are new, and nobody else's.
    let [reader, writer] = ends.map(|fd| unsafe { File::from_raw_fd(fd) });
    assert_eq!(closed_now(writer.as_raw_fd()), Ready::EMPTY);
    drop(reader);
    assert_eq!(closed_now(writer.as_raw_fd()), Ready::WRITE_CLOSED);
    // Not known: a flag that is kept costs an attempt.
    assert_eq!(closed_now(i32::MAX), Ready::CLOSED);
}

/// I3: a call that asks for readiness registers first, whatever is assumed. The system refuses to watch a file.
#[test]
fn whoever_waits_or_goes_by_the_answer_is_registered_first() {
    let (_driver, reactor) = driver();
    let file = File::open("/proc/self/exe").unwrap();
    let on = |assumed| Registration::on(reactor.clone(), file.as_raw_fd(), BOTH, assumed);
    let is_refused = |error: &io::Error| error.raw_os_error() == Some(libc::EPERM);
    for assumed in [Ready::EMPTY, Ready::READABLE] {
        let registration = on(assumed);
        let answer = registration.poll_ready(&mut cx(), Direction::Read);
        assert!(matches!(answer, Poll::Ready(Err(error)) if is_refused(&error)));
        let answer = pin!(registration.readiness(Interest::READABLE)).poll(&mut cx());
        assert!(matches!(answer, Poll::Ready(Err(error)) if is_refused(&error)));
        // An attempt needs no registration, but a wait does.
        let mut attempts = 0;
        let io = registration.async_io(Interest::READABLE, || {
            attempts += 1;
            Err::<(), _>(ErrorKind::WouldBlock.into())
        });
        let answer = pin!(io).poll(&mut cx());
        assert!(matches!(answer, Poll::Ready(Err(error)) if is_refused(&error)));
        assert_eq!(attempts, u8::from(assumed == Ready::READABLE));
        let registration = on(assumed);
        attempts = 0;
        let answer = registration.poll_io(&mut cx(), Direction::Read, || {
            attempts += 1;
            Err::<(), _>(ErrorKind::WouldBlock.into())
        });
        assert!(matches!(answer, Poll::Ready(Err(error)) if is_refused(&error)));
        assert_eq!(attempts, u8::from(assumed == Ready::READABLE));
    }
    let assumed = on(Ready::READABLE);
    let answer = pin!(assumed.async_io(Interest::READABLE, || Ok(1))).poll(&mut cx());
    assert!(matches!(answer, Poll::Ready(Ok(1))));
    let blocks = || Err::<(), _>(io::Error::from(ErrorKind::WouldBlock));
    let error = on(Ready::READABLE)
        .try_io(Interest::READABLE, blocks)
        .unwrap_err();
    assert!(is_refused(&error), "an event could not come: {error}");
}

struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn a_wait_that_is_given_up_keeps_no_waker() {
    let (_driver, reactor) = driver();
    let (near, _far) = UnixStream::pair().unwrap();
    let registration = Registration::on(reactor, near.as_raw_fd(), BOTH, Ready::EMPTY);
    let count = Arc::new(Nobody);
    let waker = Waker::from(count.clone());
    let mut cx = Context::from_waker(&waker);
    {
        let mut wait = pin!(registration.readiness(Interest::READABLE));
        assert!(wait.as_mut().poll(&mut cx).is_pending());
        assert_eq!(Arc::strong_count(&count), 3);
    }
    assert_eq!(Arc::strong_count(&count), 2);
}

/// The system reports an error for a pipe whose reader is gone, and none for a pipe with room.
#[test]
fn an_error_is_told_where_there_is_one() {
    let _closes = without_forks();
    let (mut driver, reactor) = driver();
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    // SAFETY: both are new, and nobody else's.
    let [reader, writer] = ends.map(|fd| unsafe { File::from_raw_fd(fd) });
    let registration = Registration::on(reactor, writer.as_raw_fd(), BOTH, Ready::EMPTY);
    let mut flags = |interest| {
        driver.turn();
        match pin!(registration.readiness(interest)).poll(&mut cx()) {
            Poll::Ready(event) => event.unwrap().ready(),
            Poll::Pending => Ready::EMPTY,
        }
    };
    assert_eq!(flags(Interest::ERROR), Ready::EMPTY);
    assert_eq!(flags(Interest::ERROR | Interest::WRITABLE), Ready::WRITABLE);
    drop(reader);
    assert_eq!(flags(Interest::ERROR), Ready::ERROR);
    // A wait for reading sees the error too.
    assert!(flags(Interest::READABLE).is_readable());
}

/// A task whose attempts always succeed must still yield.
#[test]
fn every_kind_of_attempt_spends_budget() {
    let (mut driver, reactor) = driver();
    let (near, mut far) = UnixStream::pair().unwrap();
    let registration = Registration::on(reactor, near.as_raw_fd(), BOTH, Ready::EMPTY);
    assert_eq!(seen(&registration, Direction::Read), Ready::EMPTY);
    far.write_all(b"data").unwrap();
    driver.turn();
    let polls_until_pending = |poll: &mut dyn FnMut() -> bool| {
        coop::budget(|| (0..10_000).take_while(|_| poll()).count())
    };
    let most = polls_until_pending(&mut || {
        registration
            .poll_ready(&mut cx(), Direction::Read)
            .is_ready()
    });
    assert!((1..10_000).contains(&most), "{most}");
    let same = polls_until_pending(&mut || {
        let more = || Ok(Progress::More(()));
        registration
            .poll_progress(&mut cx(), Direction::Read, more)
            .is_ready()
    });
    assert_eq!(same, most);
    let same = polls_until_pending(&mut || {
        let io = registration.async_io(Interest::READABLE, || Ok(()));
        pin!(io).poll(&mut cx()).is_ready()
    });
    assert_eq!(same, most);
}

/// Each attempt has an event, and would block: the task must still yield.
#[test]
fn attempts_that_would_block_spend_budget() {
    let (mut driver, reactor) = driver();
    let (near, mut far) = UnixStream::pair().unwrap();
    let registration = Registration::on(reactor, near.as_raw_fd(), BOTH, Ready::EMPTY);
    assert_eq!(seen(&registration, Direction::Read), Ready::EMPTY);
    let mut attempts = 0;
    let mut attempt = || {
        attempts += 1;
        assert!(attempts < 1_000);
        far.write_all(b"x").unwrap();
        driver.turn();
        Err::<(), _>(io::Error::from(ErrorKind::WouldBlock))
    };
    // The first event.
    let _ = attempt();
    coop::budget(|| {
        let polled = registration.poll_io(&mut cx(), Direction::Read, &mut attempt);
        assert!(polled.is_pending());
    });
    coop::budget(|| {
        let io = registration.async_io(Interest::READABLE, &mut attempt);
        assert!(pin!(io).poll(&mut cx()).is_pending());
    });
    assert_ne!(attempts, 1);
}

/// A signal ends a wait without an error. Any other error of the system is a fault of ours.
#[test]
fn a_wait_that_a_signal_ends_is_over_and_one_that_is_refused_is_a_panic() {
    extern "C" fn nothing(_: libc::c_int) {}
    let handler: extern "C" fn(libc::c_int) = nothing;
    // SAFETY: the handler does nothing.
    unsafe { libc::signal(libc::SIGVTALRM, handler as libc::sighandler_t) };
    let (mut driver, _reactor) = driver();
    let waits = std::thread::spawn(move || {
        driver.park(None);
        driver
    });
    while !waits.is_finished() {
        // SAFETY: the thread has not been joined, and the signal is handled.
        unsafe { libc::pthread_kill(waits.as_pthread_t(), libc::SIGVTALRM) };
        std::thread::yield_now();
    }
    let mut driver = waits.join().unwrap();
    driver.turn();
    let (near, _far) = UnixStream::pair().unwrap();
    // SAFETY: both are open descriptors of this test.
    unsafe { libc::dup2(near.as_raw_fd(), driver.fd()) };
    let turned = catch_unwind(AssertUnwindSafe(|| driver.turn()));
    let said = turned.unwrap_err().downcast::<String>().unwrap();
    assert!(said.starts_with("waiting for I/O events failed"), "{said}");
}
