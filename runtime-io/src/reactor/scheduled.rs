//! `ScheduledIo`: the readiness of one I/O resource and those who wait for it.
//!
//! Waiting is "announce, then look again": a waiter puts its waker in under the lock and looks at
//! the words before it leaves the lock; the driver changes the words first and takes the lock
//! after. Whichever comes second sees the other.
//!
//! I1: wakers are cloned, run and dropped outside of the lock.
//! I2: after `shut_down` every look is settled, so no waker stays behind.
//!
//! The `poll_*` methods have one waker slot per direction (the last caller's); futures of
//! `ready().await` enter the list, and are woken in the order in which they came, the slots first. The list is a
//! queue sorted by key: there are rarely more than two waiters, and it needs no unsafe code, unlike a list through
//! pinned futures. What a crowd of waiters grew is given back.

use super::readiness::{Direction, Readiness, ReadyEvent};
use super::{Interest, Ready};
use runtime_core::base::contain;
use runtime_core::base::lock_audit;
use runtime_core::base::shim::sync::Mutex;
use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::task::{Context, Poll, Waker};

#[derive(Default)]
struct Waiters {
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// By rising keys.
    list: VecDeque<Waiter>,
    next_key: u64,
}

struct Waiter {
    key: u64,
    interest: Interest,
    waker: Waker,
}

/// Shared by a registration and the driver.
pub(crate) struct ScheduledIo {
    readiness: Readiness,
    waiters: Mutex<Waiters>,
}

/// What `wake` carries out of the lock in one go.
const WAKE_BATCH: usize = 16;

impl ScheduledIo {
    pub(crate) fn new(assumed: Ready) -> ScheduledIo {
        ScheduledIo {
            readiness: Readiness::new(assumed),
            waiters: Mutex::new(Waiters::default()),
        }
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
        let (reader, writer) = {
            let mut waiters = self.waiters.lock();
            (waiters.reader.take(), waiters.writer.take())
        };
        lock_audit::user_code();
        drop(reader);
        drop(writer);
    }

    fn wake(&self, ready: Ready) {
        let (reader, writer, limit) = {
            let mut waiters = self.waiters.lock();
            let reader = match ready.is_readable() {
                true => waiters.reader.take(),
                false => None,
            };
            let writer = match ready.is_writable() {
                true => waiters.writer.take(),
                false => None,
            };
            let limit = (!waiters.list.is_empty()).then_some(waiters.next_key);
            (reader, writer, limit)
        };
        lock_audit::user_code();
        // A waker that panics must not cost the others their wake-up; the panic hook has told of it.
        for waker in [reader, writer].into_iter().flatten() {
            contain::contain(|| waker.wake());
        }
        if let Some(limit) = limit {
            self.wake_listed(ready, limit);
        }
    }

    /// Wakes those in the list that came before `limit`: who comes later looks for itself.
    #[inline(never)]
    fn wake_listed(&self, ready: Ready, limit: u64) {
        let mut from = 0;
        loop {
            let mut batch = [const { None::<Waker> }; WAKE_BATCH];
            {
                let mut waiters = self.waiters.lock();
                from = waiters.take(ready, from..limit, &mut batch);
            }
            lock_audit::user_code();
            for waker in batch.into_iter().flatten() {
                contain::contain(|| waker.wake());
            }
            if from == limit {
                return;
            }
        }
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
        let is_ours = {
            let mut waiters = self.waiters.lock();
            let held = waiters.slot(direction).as_ref();
            held.is_some_and(|waker| waker.will_wake(cx.waker()))
        };
        if !is_ours {
            let waker = cx.waker().clone();
            let old = self.waiters.lock().slot(direction).replace(waker);
            lock_audit::user_code();
            drop(old);
        }
        // The look again, after the lock: a delivery before our announcement is visible here
        // (its waker sweep released the lock), one after it finds our waker.
        let event = self.look(direction);
        match event.is_settled() {
            true => Poll::Ready(event),
            false => Poll::Pending,
        }
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
        let waker = cx.waker().clone();
        let old = {
            let mut waiters = self.waiters.lock();
            let at = key.and_then(|key| waiters.find(key));
            match at {
                Some(at) => Some(std::mem::replace(&mut waiters.list[at].waker, waker)),
                None => {
                    let new = waiters.next_key;
                    waiters.next_key += 1;
                    waiters.list.push_back(Waiter {
                        key: new,
                        interest,
                        waker,
                    });
                    *key = Some(new);
                    None
                }
            }
        };
        lock_audit::user_code();
        drop(old);
        let event = self.look_for(interest);
        if event.is_settled() {
            self.unlist(key);
            return Poll::Ready(event);
        }
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
        let gone = {
            let mut waiters = self.waiters.lock();
            let at = waiters.find(key);
            let gone = at.and_then(|at| waiters.list.remove(at));
            waiters.shrink();
            gone
        };
        lock_audit::user_code();
        drop(gone);
    }
}

impl Waiters {
    fn find(&self, key: u64) -> Option<usize> {
        self.list.binary_search_by_key(&key, |w| w.key).ok()
    }

    /// Takes the wakers that `ready` concerns, of those with a key in `keys`, until there are none or `batch` is full.
    /// Gives the key to go on from.
    fn take(&mut self, ready: Ready, keys: Range<u64>, batch: &mut [Option<Waker>]) -> u64 {
        let mut at = self.list.partition_point(|w| w.key < keys.start);
        let mut places = batch.iter_mut();
        while let Some(waiter) = self.list.get(at).filter(|w| w.key < keys.end) {
            if (waiter.interest.mask() & ready).is_empty() {
                at += 1;
                continue;
            }
            let key = waiter.key;
            let Some(place) = places.next() else {
                return key;
            };
            *place = self.list.remove(at).map(|w| w.waker);
        }
        self.shrink();
        keys.end
    }

    /// Gives back what a crowd has left.
    fn shrink(&mut self) {
        if self.list.capacity() > 64 && self.list.len() < self.list.capacity() / 4 {
            self.list.shrink_to(self.list.len() * 2);
        }
    }

    fn slot(&mut self, direction: Direction) -> &mut Option<Waker> {
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
