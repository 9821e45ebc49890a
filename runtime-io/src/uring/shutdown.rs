//! The end of a ring that may have operations in flight.
//!
//! Whoever shuts down has taken queues and slots out of the ring, so they are nobody else's (others may be in
//! `io_uring_enter` still, which touches neither). Then: cancel what may be cancelled, and wait until the
//! kernel has given back every operation. Almost always that is a matter of microseconds. An operation that
//! waits for a disk that does not answer cannot be cancelled: after a grace period, a thread of its own waits
//! for the rest, so that shutting down does not hang and nothing is freed too early.

use super::ring::{cancel, complete, push};
use super::slots::{Key, OnComplete, Slots};
use io_uring::IoUring;
use io_uring::squeue::Entry;
use std::collections::VecDeque;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long shutting down waits for the kernel.
const GRACE: Duration = Duration::from_millis(500);
/// First pause before cancelling once more; it doubles.
const RETRY: Duration = Duration::from_millis(5);

pub(super) fn end(uring: Arc<IoUring>, mut slots: Slots, backlog: &VecDeque<Entry>, keys: &[Key]) {
    for entry in backlog {
        // The kernel never saw these.
        dispose([slots.complete(Key(entry.get_user_data()), -libc::ECANCELED)]);
    }
    cancel_all(&uring, keys);
    if wait(&uring, &mut slots, Some(Instant::now() + GRACE)) {
        return;
    }
    let rest = std::thread::Builder::new()
        .name("io-uring-shutdown".to_owned())
        .spawn(move || wait(&uring, &mut slots, None));
    // Without a thread, the closure is dropped: `Slots` then keeps what the kernel has.
    drop(rest);
}

/// Asks the kernel to give up what may be given up. It may miss an operation that a thread of its own is about
/// to start, so this is repeated.
fn cancel_all(uring: &IoUring, keys: &[Key]) {
    for &key in keys {
        let entry = cancel(key);
        if !push(uring, &entry) {
            let _ = uring.submit();
            let _ = push(uring, &entry);
        }
    }
}

/// Waits until nothing is in flight; false if that is not so at `deadline`.
fn wait(uring: &IoUring, slots: &mut Slots, deadline: Option<Instant>) -> bool {
    let mut pause = RETRY;
    loop {
        // An error leaves entries in the queue, and the next round tries again.
        let _ = uring.submit();
        let mut completed = Vec::new();
        complete(uring, slots, &mut completed);
        let is_idle = completed.is_empty();
        dispose(completed);
        if slots.in_flight() == 0 {
            return true;
        }
        if !is_idle {
            continue;
        }
        let left = match deadline {
            Some(deadline) => match deadline.checked_duration_since(Instant::now()) {
                Some(left) if !left.is_zero() => left,
                _ => return false,
            },
            None => GRACE,
        };
        if !sleep(uring, left.min(pause)) {
            pause = (pause * 2).min(GRACE);
            let (_, keys) = slots.interrupt();
            cancel_all(uring, &keys);
        }
    }
}

/// Sleeps until something completes, or for that long and gives false.
fn sleep(uring: &IoUring, most: Duration) -> bool {
    let mut poll = libc::pollfd {
        fd: uring.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let most = most.as_millis().clamp(1, 1000) as i32;
    // SAFETY: one descriptor is given, and `poll` describes it. Whatever the answer, the caller looks again.
    unsafe { libc::poll(&mut poll, 1, most) != 0 }
}

fn dispose(completed: impl IntoIterator<Item = OnComplete>) {
    for completion in completed {
        if let OnComplete::Dispose(request, result) = completion {
            drop(request.finish(result));
        }
    }
}
