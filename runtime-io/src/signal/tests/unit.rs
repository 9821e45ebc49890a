//! Latches, self-pipes ("bells") and the signal's action, one thread at a time.

use crate::signal::latch::{KEPT, Latch};
use crate::signal::self_pipe::{SelfPipe, wake_all};
use crate::signal::{handler, latch::Switch};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::Mutex;

const KEPT_NANOS: u64 = KEPT.as_nanos() as u64;

#[test]
fn an_arrival_that_nobody_took_is_kept_for_a_while() {
    for (age, is_kept) in [
        (0, true),
        (1, true),
        (KEPT_NANOS - 1_000_000, true),
        (KEPT_NANOS, false),
        (KEPT_NANOS + 1, false),
    ] {
        let latch = Latch::new();
        latch.arrive(1000);
        latch.arrive(1000);
        let mut seen = latch.begin(1000 + age);
        assert_eq!(seen, 2 - usize::from(is_kept), "{age}");
        assert_eq!(latch.take(&mut seen), is_kept, "{age}");
        assert!(!latch.take(&mut seen));
        // What was taken is not given again.
        let mut next = latch.begin(1000);
        assert_eq!(latch.take(&mut next), !is_kept, "{age}");
    }
}

#[test]
fn an_arrival_after_the_look_at_the_clock_is_kept_and_times_may_wrap() {
    // As many milliseconds as do not fit into 32 bits.
    let wrap = (1 << 32) * 1_000_000;
    for (came, now, is_kept) in [
        (KEPT_NANOS, 0, true),
        (wrap - 1, wrap + KEPT_NANOS / 2, true),
        (wrap - 1, wrap + 2 * KEPT_NANOS, false),
    ] {
        let latch = Latch::new();
        latch.arrive(came);
        assert_eq!(latch.begin(now), 1 - usize::from(is_kept), "{came} {now}");
    }
}

#[test]
fn a_listener_from_before_the_last_arrival_is_not_given_it_twice() {
    let latch = Latch::new();
    assert_eq!((latch.arrivals(), latch.begin(0)), (0, 0));
    let (mut first, mut second) = (latch.begin(0), latch.begin(0));
    latch.arrive(5);
    assert!(latch.take(&mut first) && latch.take(&mut second));
    assert!(!latch.take(&mut first) && !latch.take(&mut second));
    assert_eq!((first, second, latch.begin(5)), (1, 1, 1));
    // A listener that looks late does not undo what another has taken.
    let mut slow = 0;
    latch.arrive(6);
    assert!(latch.take(&mut first) && latch.take(&mut slow));
    assert_eq!(latch.begin(6), 2);
}

#[test]
fn a_switch_is_off_until_it_is_turned_on() {
    let switch = Switch::new();
    assert!(switch.is_off());
    switch.turn_on();
    assert!(!switch.is_off());
    switch.turn_off();
    assert!(switch.is_off());
}

/// How often the pipe was rung since the last time: a byte each, but none if it was full.
fn rings(pipe: &SelfPipe) -> usize {
    // SAFETY: open as long as the pipe, and not closed here.
    let mut file = ManuallyDrop::new(unsafe { File::from_raw_fd(pipe.as_raw_fd()) });
    let mut count = 0;
    loop {
        match file.read(&mut [0; 64]) {
            Ok(read) => count += read,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                return count;
            }
        }
    }
}

/// Held by a test that takes self-pipes: they belong to the whole process.
pub(super) static LIST: Mutex<()> = Mutex::new(());

#[test]
fn bells_in_use_ring_and_others_wait_for_the_next_user() {
    let _list = LIST.lock().unwrap();
    let (first, second) = (SelfPipe::new().unwrap(), SelfPipe::new().unwrap());
    assert_ne!(first.as_raw_fd(), second.as_raw_fd());
    wake_all();
    assert_eq!((rings(&first), rings(&second)), (1, 1));
    assert_eq!((rings(&first), rings(&second)), (0, 0));

    let unused = first.as_raw_fd();
    drop(first);
    wake_all();
    assert_eq!(rings(&second), 1);
    let again = SelfPipe::new().unwrap();
    assert_eq!(again.as_raw_fd(), unused);
    assert_eq!(rings(&again), 0);
    let third = SelfPipe::new().unwrap();
    assert!(![unused, second.as_raw_fd()].contains(&third.as_raw_fd()));

    // More than it holds: no write waits for room.
    (0..5_000).for_each(|_| wake_all());
    for pipe in [&again, &second, &third] {
        let count = rings(pipe);
        assert!((1..=5_000).contains(&count), "{count}");
    }

    // The action counts an arrival once, however often it was asked for, and then rings.
    let signal = libc::SIGURG;
    let mut seen = handler::arrivals_before(signal).unwrap();
    handler::install(signal).unwrap();
    handler::install(signal).unwrap();
    let before = handler::arrivals(signal);
    // SAFETY: no memory is involved; the handler runs on this thread, before the call returns.
    assert_eq!(unsafe { libc::raise(signal) }, 0);
    assert_eq!(handler::arrivals(signal), before + 1);
    assert_eq!([&again, &second, &third].map(rings), [1; 3]);
    assert!(handler::take(signal, &mut seen) && !handler::take(signal, &mut seen));
    assert_eq!(seen, before + 1);
}

#[test]
fn numbers_that_are_no_signals_have_no_arrivals() {
    for signal in [i32::MIN, -1, 128, i32::MAX] {
        assert!(handler::arrivals_before(signal).is_err(), "{signal}");
        assert!(handler::install(signal).is_err(), "{signal}");
        assert_eq!(handler::arrivals(signal), 0);
        assert!(!handler::take(signal, &mut 0));
    }
    assert_eq!(handler::arrivals(127), 0);
    assert!(handler::take(127, &mut 1));
}

#[test]
fn the_time_of_an_arrival_is_that_of_the_monotonic_clock() {
    let clock = || {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: the pointer is to a `timespec` of ours.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
        std::time::Duration::new(time.tv_sec as u64, time.tv_nsec as u32).as_nanos()
    };
    let before = clock();
    let now = u128::from(handler::monotonic_nanos());
    assert!((before..=clock()).contains(&now));
}

#[test]
fn a_time_is_told_in_nanoseconds() {
    let time = libc::timespec {
        tv_sec: 2_000_000_007,
        tv_nsec: 999_999_999,
    };
    assert_eq!(handler::nanos(time), 2_000_000_007_999_999_999);
}

/// Another thread that is woken looks at the arrivals at once.
#[test]
fn an_arrival_is_counted_before_anybody_is_woken() {
    let latch = Latch::new();
    let mut counts = Vec::new();
    for _ in 0..2 {
        handler::note_arrival(&latch, || counts.push(latch.arrivals()));
    }
    assert_eq!((counts, latch.arrivals()), (vec![1, 2], 2));
}
