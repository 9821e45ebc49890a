//! The end of a ring that may have operations in flight.
//!
//! The thread that shuts down has taken queues and slots out of the ring, so it has them to itself (other threads
//! may still be in `io_uring_enter`, which touches neither). It cancels what may be cancelled, and waits until the
//! kernel has given back every operation. That mostly takes microseconds. An operation that waits for a disk that
//! does not answer cannot be cancelled: after a grace period, a separate thread waits for the rest, so that the
//! shutdown does not hang and no memory is freed too early.

use super::kernel::{self, Entry, Kernel};
use super::ring::{complete, push};
use super::slots::{Key, OnComplete, Slots};
use runtime_core::base::shim::thread;
use runtime_core::base::wake_batch::WakeBatch;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// How long the shutdown waits for the kernel: the sum of its pauses in which nothing completes.
const GRACE: Duration = Duration::from_millis(500);
/// First pause before cancelling once more; it doubles.
const RETRY: Duration = Duration::from_millis(5);

pub(super) fn end(kernel: Arc<Kernel>, mut slots: Slots, backlog: &VecDeque<Entry>, keys: &[Key]) {
    for entry in backlog {
        // The kernel never saw these.
        dispose([slots.complete(kernel::key(entry), -libc::ECANCELED)]);
    }
    cancel_all(&kernel, keys);
    if wait(&kernel, &mut slots, Some(GRACE)) {
        return;
    }
    // Without a thread, the closure is dropped: `Slots` then keeps the memory that the kernel may use.
    let _ = thread::Builder::new()
        .name("io-uring-shutdown".to_owned())
        .spawn(move || wait(&kernel, &mut slots, None));
}

/// Asks the kernel to cancel the operations. It may miss one that a thread of its own is about to start, so this
/// is repeated.
fn cancel_all(kernel: &Kernel, keys: &[Key]) {
    for &key in keys {
        let entry = kernel::cancel(key);
        if !push(kernel, &entry) {
            let _ = kernel.submit();
            let _ = push(kernel, &entry);
        }
    }
}

/// Waits until nothing is in flight; false if that is not so after `grace`.
fn wait(kernel: &Kernel, slots: &mut Slots, mut grace: Option<Duration>) -> bool {
    let mut pause = RETRY;
    loop {
        // An error leaves entries in the queue, and the next round tries again.
        let is_refused = kernel.submit().is_err();
        let mut completed = Vec::new();
        complete(kernel, slots, &mut completed);
        dispose(completed);
        if slots.in_flight() == 0 {
            return true;
        }
        if is_refused {
            // Completions that the kernel could not hand over keep the ring readable, so a wait would not sleep.
            kernel.rest(pause);
        } else if kernel.wait(pause) {
            continue;
        }
        if let Some(grace) = &mut grace {
            *grace = grace.saturating_sub(pause);
            if grace.is_zero() {
                return false;
            }
        }
        pause = (pause * 2).min(GRACE);
        let mut nobody = WakeBatch::new();
        cancel_all(kernel, &slots.interrupt(&mut nobody));
    }
}

fn dispose(completed: impl IntoIterator<Item = OnComplete>) {
    for completion in completed {
        if let OnComplete::Dispose(request, result) = completion {
            drop(request.finish(result));
        }
    }
}
