//! A wait for events that ends on time, to some microseconds.
//!
//! epoll waits for whole milliseconds, so mio rounds up. Here the thread first sleeps in `ppoll` on the epoll instance, which is
//! readable while it has an event, and then asks for the events without waiting. That is one system call more than with
//! `epoll_pwait2`; but `epoll_pwait2` would bypass mio, and older kernels and container profiles refuse it.
//!
//! Linux lets a poll end late by a thousandth of its time, to save interrupts. So a long sleep is split into parts, and the
//! last part is short.

use runtime_core::base::clock;
use std::os::fd::RawFd;
use std::time::Duration;

/// The longest last part, which may end 10 us late by that rule. Threads of a runtime with precise waits have no timer slack beside it.
const SHORT: Duration = Duration::from_millis(10);

/// Sleeps until the epoll instance has an event, a signal comes, or the time is over.
pub(super) fn sleep_until_event(epoll: RawFd, timeout: Duration) {
    let end = clock::now() + timeout;
    let mut left = timeout;
    while !left.is_zero() && !sleep(epoll, next_part(left)) {
        left = end.saturating_duration_since(clock::now());
    }
}

/// The next part of a sleep.
fn next_part(left: Duration) -> Duration {
    match left <= SHORT {
        true => left,
        false => left - left / 8,
    }
}

/// True if anything but the time has ended it.
fn sleep(epoll: RawFd, timeout: Duration) -> bool {
    let mut fd = libc::pollfd {
        fd: epoll,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: all zero is a time; the fields are set below.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    time.tv_sec = timeout.as_secs().try_into().unwrap_or(libc::time_t::MAX);
    time.tv_nsec = timeout.subsec_nanos() as _;
    // SAFETY: one descriptor and one time, both valid for the call; no signal mask.
    unsafe { libc::ppoll(&mut fd, 1, &time, std::ptr::null()) != 0 }
}

#[cfg(test)]
mod tests {
    use super::{next_part, sleep_until_event};
    use runtime_core::base::clock;
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    #[test]
    fn a_long_sleep_ends_with_a_short_part_before_it_is_over() {
        let mut left = Duration::from_secs(3600);
        let mut parts = Vec::new();
        while !left.is_zero() {
            // As late as the system may be: a thousandth, up to a tenth of a second.
            let part = next_part(left);
            let late = (part / 1000).min(Duration::from_millis(100));
            assert!(part == left || part + late < left);
            parts.push(part);
            left = left.saturating_sub(part + late);
        }
        assert!(parts.last().is_some_and(|last| *last <= super::SHORT));
        assert!(parts.len() < 120, "{}", parts.len());
    }

    #[test]
    fn it_sleeps_all_its_time_and_an_event_ends_it() {
        let (mut near, far) = UnixStream::pair().unwrap();
        let begin = clock::now();
        let time = Duration::from_micros(12_300);
        sleep_until_event(far.as_raw_fd(), time);
        assert!(begin.elapsed() >= time);
        near.write_all(b"x").unwrap();
        // It would not come back.
        sleep_until_event(far.as_raw_fd(), Duration::from_secs(1_000_000));
    }
}
