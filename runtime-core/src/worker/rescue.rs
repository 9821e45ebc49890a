//! The watch's thread: it finds workers that are stuck in user code, and has their work taken over. Why and when is told in
//! `scheduler::watch`.

use crate::base::shim::sync::atomic::Ordering;
use crate::base::shim::thread;
use crate::handle::Handle;
use std::sync::Arc;

/// A worker that was asleep has a task to run: the watch must not sleep either.
#[inline]
pub(super) fn attend(handle: &Handle) {
    if handle.shared.policy.multi_thread().watch.needs_call() {
        call(handle);
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
                let mut pulses = Vec::new();
                while let Some(shared) = shared.upgrade() {
                    let handle = Handle { shared };
                    let policy = handle.shared.policy.multi_thread();
                    tick(&handle, &mut pulses);
                    if !policy.watch.rest.rest(&policy.idle) {
                        break;
                    }
                }
            });
        thread.ok()
    });
}

/// One tick: compares the pulses with those of the last. `None`: the worker sleeps.
pub(super) fn tick(handle: &Handle, last: &mut Vec<Option<u32>>) {
    let policy = handle.shared.policy.multi_thread();
    last.resize(policy.remotes.len(), None);
    let mut any_is_stuck = false;
    for (at, remote) in policy.remotes.iter().enumerate() {
        let is_awake = !policy.idle.is_asleep(at);
        // Ordering: Relaxed; a late value only delays the watch by a tick.
        let pulse = is_awake.then(|| remote.pulse.load(Ordering::Relaxed));
        let before = std::mem::replace(&mut last[at], pulse);
        if pulse.is_some() && pulse == before {
            any_is_stuck = true;
            let task = match remote.has_lifo() {
                true => remote.take_lifo(),
                false => None,
            };
            if let Some(task) = task {
                policy.inject(&*handle.shared.unpark, task);
            }
        }
    }
    if any_is_stuck {
        rescue(handle);
    }
}

/// Wakes a sleeping sibling if stuck workers leave something undone.
fn rescue(handle: &Handle) {
    let policy = handle.shared.policy.multi_thread();
    let timers = handle.shared.timers.as_deref();
    let overdue = timers.is_some_and(|t| t.is_overdue());
    if overdue {
        policy.watch.note_overdue();
    }
    if overdue || !policy.seat.is_taken() || policy.has_work() {
        policy.wake_a_sleeper(&*handle.shared.unpark);
    }
}
