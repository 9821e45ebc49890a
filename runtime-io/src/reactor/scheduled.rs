//! `ScheduledIo`: the readiness of one I/O resource, and its waiters.
//!
//! Waiting is "announce, then look again": a waiter stores its waker under the lock, and looks at
//! the words again after it has released the lock. The driver changes the words first, and then
//! takes the lock. The second to take the lock sees what the first one did.
//!
//! I1: wakers are cloned, run and dropped outside of the lock (`WakerSlot`, `WakeBatch`).
//! I2: after `shut_down` every look is settled, so no waker stays behind.
//!
//! The `poll_*` methods have one waker slot per direction (the last caller's); futures of
//! `ready().await` enter the list. The slots are woken first, then the list, in the order of arrival. The list is a
//! queue sorted by key: there are rarely more than two waiters, and it needs no unsafe code, unlike a list through
//! pinned futures. A list that has become short gives its memory back.

use super::readiness::{Direction, Readiness, ReadyEvent};
use super::{Interest, Ready};
use runtime_core::base::shim::sync::{Mutex, MutexGuard};
use runtime_core::base::waits::{self, WaitKind};
use runtime_core::base::wake_batch::WakeBatch;
use runtime_core::base::waker_slot::{Look, Taken, WakerSlot, register};
use std::collections::VecDeque;
use std::fmt;
use std::os::fd::RawFd;
use std::task::{Context, Poll};

#[derive(Default)]
struct Waiters {
    reader: WakerSlot,
    writer: WakerSlot,
    /// By rising keys.
    list: VecDeque<Waiter>,
    next_key: u64,
}

struct Waiter {
    key: u64,
    interest: Interest,
    waker: WakerSlot,
}

/// Shared by a registration and the driver.
pub(crate) struct ScheduledIo {
    /// For the recorder.
    fd: RawFd,
    readiness: Readiness,
    waiters: Mutex<Waiters>,
}

impl ScheduledIo {
    pub(crate) fn new(fd: RawFd, assumed: Ready) -> ScheduledIo {
        ScheduledIo {
            fd,
            readiness: Readiness::new(assumed),
            waiters: Mutex::new(Waiters::default()),
        }
    }

    pub(super) fn fd(&self) -> RawFd {
        self.fd
    }

    /// The driver saw an event.
    pub(crate) fn deliver(&self, ready: Ready) {
        self.readiness.deliver(ready);
        self.wake(ready);
    }

    /// The driver is gone.
    pub(crate) fn shut_down(&self) {
        self.readiness.shut_down();
        self.wake(Ready::ALL);
    }

    /// Forgets the waker slots: their registration is going away.
    pub(crate) fn forget_wakers(&self) {
        let mut waiters = self.waiters.lock();
        let (reader, writer) = (waiters.reader.take(), waiters.writer.take());
        reader.drop_after(waiters);
        writer.drop_after(());
    }

    /// Wakes the waiters that `ready` concerns. A waker's panic harms neither the other waiters nor the driver.
    fn wake(&self, ready: Ready) {
        let mut waiters = self.waiters.lock();
        let reader = match ready.is_readable() {
            true => waiters.reader.take(),
            false => Taken::default(),
        };
        let writer = match ready.is_writable() {
            true => waiters.writer.take(),
            false => Taken::default(),
        };
        if !waiters.list.is_empty() {
            return Waiters::wake_with_list(waiters, ready, [reader, writer]);
        }
        reader.wake_contained_after(waiters);
        writer.wake_contained_after(());
    }

    pub(crate) fn look_for(&self, interest: Interest) -> ReadyEvent {
        self.readiness.look_for(interest)
    }

    pub(crate) fn look(&self, direction: Direction) -> ReadyEvent {
        self.readiness.look(direction)
    }

    pub(crate) fn is_urgent(&self) -> bool {
        self.readiness.is_urgent()
    }

    pub(crate) fn clear(&self, event: &ReadyEvent) {
        self.readiness.clear(event);
    }

    /// Waits in the slot of `direction`; a later caller takes the slot over.
    pub(crate) fn poll_look(&self, cx: &mut Context<'_>, direction: Direction) -> Poll<ReadyEvent> {
        let event = self.look(direction);
        if event.is_settled() {
            return Poll::Ready(event);
        }
        self.leave_waker_and_look(cx, direction)
    }

    /// Out of line, so that an attempt that succeeds does not pay for it.
    #[inline(never)]
    fn leave_waker_and_look(&self, cx: &Context<'_>, direction: Direction) -> Poll<ReadyEvent> {
        register(&self.waiters, cx.waker(), |waiters| {
            Look::<()>::Wait(waiters.slot(direction))
        });
        // Look again, after the lock: if a delivery took the lock before us, its flags are visible
        // here (it has released the lock since); if it takes the lock later, it finds our waker.
        let event = self.look(direction);
        if event.is_settled() {
            return Poll::Ready(event);
        }
        let kind = match direction {
            Direction::Read => WaitKind::Readable,
            Direction::Write => WaitKind::Writable,
        };
        waits::note(kind, self.fd as u64);
        Poll::Pending
    }

    /// Waits in the list; `key` is the waiter's place in it.
    pub(crate) fn poll_listed(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        key: &mut Option<u64>,
    ) -> Poll<ReadyEvent> {
        let event = self.look_for(interest);
        if event.is_settled() {
            self.unlist(key);
            return Poll::Ready(event);
        }
        register(&self.waiters, cx.waker(), |waiters| {
            Look::<()>::Wait(waiters.place(interest, key))
        });
        let event = self.look_for(interest);
        if event.is_settled() {
            self.unlist(key);
            return Poll::Ready(event);
        }
        let kind = match (interest.is_readable(), interest.is_writable()) {
            (true, false) => WaitKind::Readable,
            (false, true) => WaitKind::Writable,
            _ => WaitKind::Ready,
        };
        waits::note(kind, self.fd as u64);
        Poll::Pending
    }

    /// How many waiters the list has memory for.
    #[cfg(all(test, not(runtime_loom)))]
    pub(super) fn room(&self) -> usize {
        self.waiters.lock().list.capacity()
    }

    /// Leaves the list, if still in it.
    pub(crate) fn unlist(&self, key: &mut Option<u64>) {
        let Some(key) = key.take() else { return };
        let mut waiters = self.waiters.lock();
        let at = waiters.find(key);
        let gone = at.and_then(|at| waiters.list.remove(at));
        waiters.shrink();
        if let Some(mut gone) = gone {
            gone.waker.take().drop_after(waiters);
        }
    }
}

impl Waiters {
    fn find(&self, key: u64) -> Option<usize> {
        self.list.binary_search_by_key(&key, |w| w.key).ok()
    }

    /// The slot of the waiter with that key. If it is not in the list, it enters at the end, with a new key.
    fn place(&mut self, interest: Interest, key: &mut Option<u64>) -> &mut WakerSlot {
        let at = key.and_then(|key| self.find(key)).unwrap_or_else(|| {
            *key = Some(self.next_key);
            self.list.push_back(Waiter {
                key: self.next_key,
                interest,
                waker: WakerSlot::new(),
            });
            self.next_key += 1;
            self.list.len() - 1
        });
        &mut self.list[at].waker
    }

    /// Unlocks; wakes the waiters from the slots, then the waiters in the list that `ready` concerns.
    #[inline(never)]
    fn wake_with_list(mut waiters: MutexGuard<'_, Waiters>, ready: Ready, slots: [Taken; 2]) {
        let mut wakers = WakeBatch::new();
        for taken in slots {
            wakers.push(taken);
        }
        // Once around: waiters that stay go to the end, in the same order. There is room, as each was popped before.
        for _ in 0..waiters.list.len() {
            let Some(mut waiter) = waiters.list.pop_front() else {
                break;
            };
            match (waiter.interest.mask() & ready).is_empty() {
                true => waiters.list.push_back(waiter),
                false => wakers.push(waiter.waker.take()),
            }
        }
        waiters.shrink();
        wakers.wake_contained_after(waiters);
    }

    /// Gives memory back when most waiters have left.
    fn shrink(&mut self) {
        if self.list.capacity() > 64 && self.list.len() < self.list.capacity() / 4 {
            self.list.shrink_to(self.list.len() * 2);
        }
    }

    fn slot(&mut self, direction: Direction) -> &mut WakerSlot {
        match direction {
            Direction::Read => &mut self.reader,
            Direction::Write => &mut self.writer,
        }
    }
}

impl fmt::Debug for ScheduledIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScheduledIo")
            .field("readiness", &self.readiness)
            .finish_non_exhaustive()
    }
}
