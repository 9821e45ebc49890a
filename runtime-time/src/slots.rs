//! A wheel for each worker, and one for foreign threads. `driver` has the calls for the schedulers.
//!
//! A worker arms timers in its own slot, and looks at the slot before it parks: so arming wakes no thread. The
//! slot's lock is contended only if another thread drops or rescues a timer. Threads that are not workers arm in
//! the *foreign* slot, which is served by the thread that parks on the driver.
//!
//! Foreign handshake: the parker stores until when it will sleep (`parked_until`), fences, then reads the
//! foreign slot's `next`. The registrar stores `next`, fences, then reads `parked_until`, and unparks the driver
//! if that is later than its deadline. Each fence orders a store before a load: one thread sees the other's store.
//!
//! I1: a slot's `next` is at most its wheel's earliest deadline; it is written under the slot's lock.
//! I2: wakers are collected under the lock, a `WakeBatch` at a time, and woken outside of it.
//! Shutdown: every slot fails its timers (or fires them, if the runtime is made so) and refuses new ones. The
//! sleepers are woken; a failed timer's sleeper panics.

#[cfg(all(test, runtime_loom))]
#[path = "tests/loom.rs"]
mod loom;
#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/slot.rs"]
mod slot;

use crate::clock::Clock;
use crate::due::{Due, Ticks};
use crate::entry::{Entry, Phase};
use crate::wheel::Wheel;
use runtime_core::base::handshake;
use runtime_core::base::shim::sync::Mutex;
use runtime_core::base::shim::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use runtime_core::base::wake_batch::WakeBatch;
use runtime_core::base::waker_slot::{Look, WakerSlot, register};
use runtime_core::driver::{DriverParams, Unpark};
use runtime_core::record;
use runtime_core::with_current;
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::Waker;

/// "No deadline"; also "not parked".
pub(crate) const NEVER: u64 = u64::MAX;

/// All of a runtime's wheels.
pub struct TimeHandle {
    pub(crate) common: Arc<Common>,
    pub(crate) slots: Box<[Arc<Slot>]>,
    fire_at_shutdown: bool,
}

/// What the slots share.
pub(crate) struct Common {
    pub(crate) clock: Clock,
    /// Until which tick the thread on the driver sleeps; 0 while none does.
    parked_until: AtomicU64,
    pub(crate) unpark: Arc<dyn Unpark>,
    /// Set before the wheels shut down, each under its lock; stays false if timers fire at the shutdown.
    has_ended: AtomicBool,
}

/// One wheel.
#[repr(align(128))]
pub(crate) struct Slot {
    wheel: Mutex<Wheel>,
    next: AtomicU64,
    /// The foreign slot, unless this is it.
    pub(crate) foreign: Option<Arc<Slot>>,
    pub(crate) common: Arc<Common>,
}

/// Runs `f` on the current runtime's wheels, if it has any.
pub(crate) fn with_time<R>(f: impl FnOnce(&TimeHandle) -> R) -> Option<R> {
    with_current(|handle| {
        let time = handle.time_driver()?;
        time.downcast_ref::<TimeHandle>().map(f)
    })
    .flatten()
}

impl TimeHandle {
    /// The earliest published deadline of all slots.
    pub(crate) fn next(&self) -> u64 {
        self.slots
            .iter()
            .map(|slot| slot.next())
            .min()
            .unwrap_or(NEVER)
    }

    pub(crate) fn new(params: &DriverParams, driver_unpark: Arc<dyn Unpark>) -> TimeHandle {
        let common = Arc::new(Common {
            clock: Clock::new(
                Ticks::new(params.timer_resolution),
                params.start_paused,
                params.may_pause,
            ),
            parked_until: AtomicU64::new(0),
            unpark: driver_unpark,
            has_ended: AtomicBool::new(false),
        });
        let slot = |foreign: Option<Arc<Slot>>| {
            Arc::new(Slot {
                wheel: Mutex::new(Wheel::new()),
                next: AtomicU64::new(NEVER),
                foreign,
                common: common.clone(),
            })
        };
        let foreign = slot(None);
        let workers = (0..params.workers).map(|_| slot(Some(foreign.clone())));
        let slots = workers.chain([foreign.clone()]).collect();
        TimeHandle {
            common,
            slots,
            fire_at_shutdown: params.fire_at_shutdown,
        }
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.common.clock
    }

    /// The slot this thread arms timers in.
    pub(crate) fn own_slot(&self) -> &Arc<Slot> {
        let foreign = self.slots.len() - 1;
        &self.slots[runtime_core::worker_index().unwrap_or(foreign).min(foreign)]
    }

    pub(crate) fn foreign(&self) -> &Slot {
        &self.slots[self.slots.len() - 1]
    }

    /// Fails all timers, or fires them if the runtime is made so; refuses later ones.
    pub(crate) fn end_all(&self) {
        let phase = match self.fire_at_shutdown {
            true => Phase::Fired,
            false => Phase::Failed,
        };
        // Ordering: Relaxed; the wheels' locks publish it to a thread that finds a wheel shut down.
        self.common
            .has_ended
            .store(!self.fire_at_shutdown, Ordering::Relaxed);
        for slot in &self.slots {
            slot.drain(|wheel, wakers| wheel.end_all(phase, wakers));
        }
    }
}

/// The slot of a runtime that no thread runs.
#[cfg(all(test, not(runtime_loom)))]
pub(crate) fn single_slot() -> Arc<Slot> {
    struct Nobody;
    impl Unpark for Nobody {
        fn unpark(&self) {}
    }
    let params = DriverParams {
        fire_at_shutdown: false,
        timer_resolution: std::time::Duration::from_millis(1),
        workers: 1,
        nevents: 1,
        start_paused: false,
        may_pause: false,
    };
    TimeHandle::new(&params, Arc::new(Nobody)).slots[0].clone()
}

/// The outcome of arming. A timer that was not armed gives its waker back.
pub(crate) enum Armed {
    Pending,
    Elapsed(WakerSlot),
    Shutdown(WakerSlot),
}

/// Takes an armed entry out of its wheel, with its waker.
///
/// # Safety
/// The entry is linked into `wheel`, whose lock the caller holds.
unsafe fn unlink(wheel: &mut Wheel, entry: &Entry) -> WakerSlot {
    // SAFETY: the caller's promise.
    unsafe { wheel.remove(NonNull::from(entry)) };
    entry.set(Phase::Idle);
    // SAFETY: in no wheel now, so the node belongs to its owner, the caller.
    std::mem::take(unsafe { &mut (*entry.node()).waker })
}

impl Slot {
    /// Arms an entry that is in no wheel.
    ///
    /// # Safety
    /// The entry is pinned, and `disarm`ed on this slot before it goes.
    pub(crate) unsafe fn arm(&self, entry: &Entry, due: Due, waker: WakerSlot) -> Armed {
        let now = self.common.clock.now_tick();
        let deadline = due.tick;
        if deadline <= now {
            // Ordering: Relaxed; a shutdown at this moment counts as a later one.
            return match self.common.has_ended.load(Ordering::Relaxed) {
                false => Armed::Elapsed(waker),
                true => Armed::Shutdown(waker),
            };
        }
        let mut wheel = self.wheel.lock();
        if wheel.shutdown {
            return Armed::Shutdown(waker);
        }
        // SAFETY: in no wheel, so the node is ours.
        unsafe { (*entry.node()).waker = waker };
        entry.set(Phase::Armed);
        // SAFETY: the caller's promise.
        if !unsafe { wheel.insert(NonNull::from(entry), due, now) } {
            entry.set(Phase::Idle);
            // SAFETY: in no wheel.
            return Armed::Elapsed(std::mem::take(unsafe { &mut (*entry.node()).waker }));
        }
        // Ordering: Relaxed; written under the lock, and before the fence of `call_parked`.
        let is_earliest = deadline < self.next.load(Ordering::Relaxed);
        if is_earliest {
            // Ordering: Relaxed; as above.
            self.next.store(deadline, Ordering::Relaxed);
        }
        drop(wheel);
        if is_earliest && self.foreign.is_none() {
            self.call_parked(deadline);
        }
        Armed::Pending
    }

    /// The parker's side of the foreign handshake, on the foreign slot. The thread that holds the driver means to sleep
    /// until `next`, and may sleep until the deadline returned.
    pub(crate) fn announce_park(&self, next: u64) -> u64 {
        // Ordering: Relaxed; before the fence.
        self.common.parked_until.store(next, Ordering::Relaxed);
        // Handshake with `call_parked`.
        handshake::store_load();
        next.min(self.next())
    }

    /// Ends what `announce_park` announced.
    pub(crate) fn end_park(&self) {
        // Ordering: Relaxed; a registrar that misses it only unparks for nothing.
        self.common.parked_until.store(0, Ordering::Relaxed);
    }

    /// The registrar's side of the foreign handshake.
    fn call_parked(&self, deadline: u64) {
        // Handshake with `announce_park`.
        handshake::store_load();
        // Ordering: Relaxed; ordered by the fence.
        if self.common.parked_until.load(Ordering::Relaxed) > deadline {
            self.common.unpark.unpark();
        }
    }

    /// Takes an armed entry out, if the wheel has not.
    pub(crate) fn disarm(&self, entry: &Entry) {
        if entry.phase() != Phase::Armed {
            return;
        }
        let mut wheel = self.wheel.lock();
        if entry.phase() == Phase::Armed {
            // SAFETY: armed entries are linked into their slot's wheel, whose lock we hold.
            let waker = unsafe { unlink(&mut wheel, entry) };
            waker.drop_after(wheel);
        }
    }

    /// Takes an armed entry out with its waker; `None` if the wheel already has.
    pub(crate) fn take_waker(&self, entry: &Entry) -> Option<WakerSlot> {
        let mut wheel = self.wheel.lock();
        if entry.phase() != Phase::Armed {
            return None;
        }
        // SAFETY: armed entries are linked into their slot's wheel, whose lock we hold.
        Some(unsafe { unlink(&mut wheel, entry) })
    }

    /// Makes an armed entry wake `waker`; returns its phase.
    pub(crate) fn update_waker(&self, entry: &Entry, waker: &Waker) -> Phase {
        let ended = register(&self.wheel, waker, |_wheel| match entry.phase() {
            // SAFETY: under the lock, and armed.
            Phase::Armed => Look::Wait(unsafe { &mut (*entry.node()).waker }),
            phase => Look::Over(phase),
        });
        ended.unwrap_or(Phase::Armed)
    }

    /// Moves an armed entry's deadline on to a later tick, in place; false if that is not possible.
    pub(crate) fn postpone(&self, entry: &Entry, due: Due) -> bool {
        let mut wheel = self.wheel.lock();
        // SAFETY: armed entries are linked into their slot's wheel, whose lock we hold.
        entry.phase() == Phase::Armed && unsafe { wheel.postpone(NonNull::from(entry), due) }
    }

    /// Fires what is due at `now`.
    pub(crate) fn fire(&self, now: u64) -> usize {
        // Ordering: Relaxed; a slot's own worker wrote it, other threads accept a late value.
        if self.next.load(Ordering::Relaxed) > now {
            return 0;
        }
        self.drain(|wheel, wakers| wheel.advance(now, wakers))
    }

    fn drain(&self, mut step: impl FnMut(&mut Wheel, &mut WakeBatch) -> bool) -> usize {
        let mut fired = 0;
        let mut wakers = WakeBatch::new();
        loop {
            let mut wheel = self.wheel.lock();
            let more = step(&mut wheel, &mut wakers);
            let next = wheel.next_tick().unwrap_or(NEVER);
            // Ordering: Relaxed; written under the lock (I1).
            self.next.store(next, Ordering::Relaxed);
            fired += wakers.len();
            let due = wakers.len();
            if due != 0 {
                record::timers(due);
            }
            wakers.wake_contained_after(wheel);
            if !more {
                return fired;
            }
        }
    }

    pub(crate) fn next(&self) -> u64 {
        // Ordering: Relaxed; ordered by the caller's fence where it matters.
        self.next.load(Ordering::Relaxed)
    }

    /// `next`, made exact: cancelled timers leave an early value behind.
    pub(crate) fn exact_next(&self) -> u64 {
        if self.next() == NEVER {
            return NEVER;
        }
        let wheel = self.wheel.lock();
        let next = wheel.next_tick().unwrap_or(NEVER);
        // Ordering: Relaxed; written under the lock (I1).
        self.next.store(next, Ordering::Relaxed);
        next
    }
}

impl fmt::Debug for TimeHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeHandle")
            .field("slots", &self.slots.len())
            .finish()
    }
}

/// The slot for a new sleep on this thread.
///
/// # Panics
/// Outside of a runtime, or where time is not enabled.
#[track_caller]
pub(crate) fn current_slot() -> Arc<Slot> {
    match with_time(|time| time.own_slot().clone()) {
        Some(slot) => slot,
        None => {
            // Panics with a message of its own if there is no runtime at all.
            let _runtime = runtime_core::runtime::Handle::current();
            panic!(
                "A Tokio 1.x context was found, but timers are disabled. Call `enable_time` on \
                 the runtime builder to enable timers."
            );
        }
    }
}
