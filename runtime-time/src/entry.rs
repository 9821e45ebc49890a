//! A timer as the wheels know it: intrusive, pinned inside its `Sleep`.
//!
//! | state | meaning |
//! |---|---|
//! | IDLE | in no wheel |
//! | ARMED | linked into its slot's wheel |
//! | FIRED | taken out because its time came |
//! | FAILED | taken out because the runtime shut down |
//!
//! I1: all fields but `state` are only touched under the lock of the slot the entry was armed in, or by the
//!     owner while the state is not ARMED (and then no wheel knows it).
//! I2: ARMED -> FIRED/FAILED happens under the slot's lock; the store is the wheel's last access to the
//!     entry, so an owner that has loaded either state with Acquire may free it.

use crate::due::Due;
use runtime_core::base::list::{Linked, Links};
use runtime_core::base::shim::sync::atomic::{AtomicU32, Ordering};
use runtime_core::base::waker_slot::WakerSlot;
use std::cell::UnsafeCell;
use std::marker::PhantomPinned;
use std::ptr::NonNull;

const IDLE: u32 = 0;
const ARMED: u32 = 1;
const FIRED: u32 = 2;
const FAILED: u32 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Idle,
    Armed,
    Fired,
    Failed,
}

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Entry {
    state: AtomicU32,
    node: UnsafeCell<Node>,
    /// Its neighbours in the wheel's list.
    links: UnsafeCell<Links<Entry>>,
    /// Touched with `node`, so that the model checker sees an access that breaks I1.
    #[cfg(runtime_loom)]
    watched: runtime_core::base::shim::cell::UnsafeCell<()>,
    _pin: PhantomPinned,
}

/// The part guarded by the slot's lock.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// The tick at which it is filed; at most `deadline`.
    pub(crate) filed: u64,
    /// The tick at which it is due; past `filed` after a reset to a later time.
    pub(crate) deadline: u64,
    /// Where in its tick it is due, in nanoseconds.
    within: u32,
    /// Index of the list it is in.
    pub(crate) list: u32,
    /// How many timers of the wheel were armed before it.
    armed: u64,
    pub(crate) waker: WakerSlot,
}

impl Node {
    pub(crate) fn set_due(&mut self, due: Due, armed: u64) {
        self.deadline = due.tick;
        self.within = due.within;
        self.armed = armed;
    }

    /// In what order timers of one tick fire.
    pub(crate) fn order(&self) -> (u32, u64) {
        (self.within, self.armed)
    }
}

// SAFETY: the links are a field of the entry.
unsafe impl Linked for Entry {
    fn links(entry: NonNull<Self>) -> NonNull<Links<Self>> {
        // SAFETY: the field's address is within the entry.
        let links = unsafe { &raw mut (*entry.as_ptr()).links };
        // `UnsafeCell` has its value at its own address.
        // SAFETY: a field's address is not null.
        unsafe { NonNull::new_unchecked(links.cast()) }
    }
}

// SAFETY: by I1 the node is guarded by a lock or owned.
unsafe impl Send for Entry {}
// SAFETY: as above.
unsafe impl Sync for Entry {}

impl Entry {
    pub(crate) fn new() -> Self {
        Entry {
            state: AtomicU32::new(IDLE),
            node: UnsafeCell::new(Node::default()),
            links: UnsafeCell::new(Links::new()),
            #[cfg(runtime_loom)]
            watched: runtime_core::base::shim::cell::UnsafeCell::new(()),
            _pin: PhantomPinned,
        }
    }

    /// The guarded part. I1 says who may follow the pointer.
    #[inline]
    pub(crate) fn node(&self) -> *mut Node {
        #[cfg(runtime_loom)]
        self.watched.with_mut(|_| ());
        self.node.get()
    }

    pub(crate) fn phase(&self) -> Phase {
        // Ordering: Acquire; pairs with the Release in `set` (I2).
        match self.state.load(Ordering::Acquire) {
            IDLE => Phase::Idle,
            ARMED => Phase::Armed,
            FIRED => Phase::Fired,
            _ => Phase::Failed,
        }
    }

    pub(crate) fn set(&self, phase: Phase) {
        let state = match phase {
            Phase::Idle => IDLE,
            Phase::Armed => ARMED,
            Phase::Fired => FIRED,
            Phase::Failed => FAILED,
        };
        // Ordering: Release; pairs with the Acquire in `phase`: the wheel's accesses are over (I2).
        self.state.store(state, Ordering::Release);
    }
}
