//! The watch's thread: it finds workers that are stuck in user code, and has their work taken over. `scheduler::watch` says why
//! and when.

use crate::base::shim::sync::atomic::Ordering;
use crate::base::shim::thread;
use crate::handle::{Handle, Policy};
use crate::record::{self, Queue};
use crate::scheduler::watch::{Look, Patience, STALL};
use std::sync::Arc;

/// A worker that was asleep has a task to run: the watch must not sleep either.
#[inline]
pub(super) fn attend(handle: &Handle) {
    if handle.shared.policy.multi_thread().watch.needs_call() {
        call(handle);
    }
}

/// For a thread that wants to know of stalls: ends the grace period once it is over. Workers that are all stuck do not end it.
pub(crate) fn end_grace(handle: &Handle) {
    if let Policy::MultiThread(policy) = &handle.shared.policy {
        policy.watch.grace_left(&policy.idle, || call(handle));
    }
}

/// Ends the watch's rest, and starts its thread the first time.
#[cold]
pub(super) fn call(handle: &Handle) {
    let policy = handle.shared.policy.multi_thread();
    if policy.remotes.len() < 2 || policy.is_shutdown() {
        return;
    }
    policy.watch.rest.call(|| {
        let shared = Arc::downgrade(&handle.shared);
        let thread = thread::Builder::new()
            .name("selvedge-watch".into())
            .stack_size(64 * 1024)
            .spawn(move || {
                let (mut seen, mut patience) = (Vec::new(), Patience::default());
                while let Some(shared) = shared.upgrade() {
                    let handle = Handle { shared };
                    let policy = handle.shared.policy.multi_thread();
                    let look = look(&handle, &mut seen);
                    let pause = patience.pause_after(look);
                    if !policy
                        .watch
                        .rest
                        .rest(&policy.idle, look.wants_another(), pause)
                    {
                        break;
                    }
                }
            });
        thread.ok()
    });
}

/// What was seen of a worker.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    is_awake: bool,
    pulse: u32,
}

/// One look: compares the pulses with those of the last look, and has the work of stuck workers taken over.
pub(super) fn look(handle: &Handle, last: &mut Vec<Option<Seen>>) -> Look {
    let policy = handle.shared.policy.multi_thread();
    last.resize(policy.remotes.len(), None);
    let mut look = Look::default();
    for (at, remote) in policy.remotes.iter().enumerate() {
        let now = Seen {
            is_awake: !policy.idle.is_asleep(at),
            // Ordering: Relaxed; a late value only delays the watch by a look.
            pulse: remote.pulse.load(Ordering::Relaxed),
        };
        let before = last[at].replace(now);
        look.any_awake |= now.is_awake;
        look.any_moved |= before.is_none_or(|before| before.pulse != now.pulse);
        if now.is_awake && before == Some(now) {
            look.any_stuck = true;
            let nanos = handle.shared.nanos();
            if remote.counters.stuck_since().is_none() {
                record::stuck(handle.shared.id.as_u64(), at);
                if policy.watch.tells_stalls() {
                    remote.counters.note_wait();
                }
            }
            if remote.counters.note_stuck(nanos, STALL) {
                policy.watch.tell_stall();
                record::stalls();
            }
            let task = match remote.has_lifo() {
                true => remote.take_lifo(),
                false => None,
            };
            if let Some(task) = task {
                look.any_rescued = true;
                record::queued(task.raw().header().id.as_u64(), Queue::Injector);
                policy.inject(&*handle.shared.unpark, task);
            }
        } else {
            remote.counters.note_moves();
        }
    }
    if look.any_stuck {
        look.any_rescued |= rescue(handle);
    }
    look
}

/// Wakes a sleeping sibling if stuck workers leave something undone. True if a sibling was woken.
fn rescue(handle: &Handle) -> bool {
    let policy = handle.shared.policy.multi_thread();
    let timers = handle.shared.timers.as_deref();
    let overdue = timers.is_some_and(|t| t.is_overdue());
    if overdue {
        policy.watch.note_overdue();
    }
    let is_undone = overdue || !policy.seat.is_taken() || policy.has_work();
    is_undone && policy.wake_a_sleeper(&*handle.shared.unpark)
}
