//! The list of blocks under both mpsc channels: many producers, one consumer.
//!
//! ```text
//!  head (consumer)                       tail = index << 1 | CLOSED   (one CAS claims a slot)
//!    │                                     │
//!    ▼                                     ▼
//!  [ 31 slots | next ] ──▶ [ 31 slots | next ] ◀── tail_block
//! ```
//!
//! An index counts laps of 32: 31 slots and one step that stands for "next block on its way".
//!
//! - I1: a slot is claimed by the CAS on `tail`; its claimer alone writes it, then swaps READY
//!   into its state as its last access to the block.
//! - I2: the claimer of a block's last slot links the next block before it writes its slot. So
//!   when the consumer has read all 31 slots nobody will touch the block again, and it may be
//!   reused or freed; and the consumer's block is never null.
//! - I3: the consumer sleeps on the slot at `head` and marks it WAITING. The producer whose swap
//!   finds the mark wakes the consumer; other producers touch no shared waker at all.
//! - I4: `head` is the consumer's (one `&mut Receiver`, or the last owner's drop).
//!
//! At most one spare block is kept. Rejected: a reference count or epoch for blocks (I2 is
//! enough), and a flag word per block (a swap per slot stays on the line being written anyway).

use crate::base::shim::cell::UnsafeCell;
use crate::base::shim::hint;
use crate::base::shim::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use crate::base::shim::watched::Watched;
use std::mem::MaybeUninit;
use std::ptr;

#[cfg(not(runtime_loom))]
const LAP: usize = 32;
#[cfg(runtime_loom)]
const LAP: usize = 4;
const SLOTS: usize = LAP - 1;

const CLOSED: usize = 1;
const STEP: usize = 2;

const EMPTY: usize = 0;
const WAITING: usize = 1;
const READY: usize = 2;

struct Slot<T> {
    state: AtomicUsize,
    value: UnsafeCell<MaybeUninit<T>>,
}

struct Block<T> {
    next: AtomicPtr<Block<T>>,
    slots: [Slot<T>; SLOTS],
    _watched: Watched,
}

impl<T> Block<T> {
    fn boxed() -> *mut Self {
        // Made in place: a block of large values might not fit on the stack.
        let block = Box::into_raw(Box::<Self>::new_uninit()).cast::<Self>();
        // SAFETY: the box has room for a block.
        unsafe { (&raw mut (*block).next).write(AtomicPtr::new(ptr::null_mut())) };
        for n in 0..SLOTS {
            // SAFETY: as above; only an address is computed.
            let slot = unsafe { &raw mut (*block).slots[n] };
            // SAFETY: as above.
            unsafe { (&raw mut (*slot).state).write(AtomicUsize::new(EMPTY)) };
            // An empty cell needs no writing, but the model checker's does.
            #[cfg(runtime_loom)]
            // SAFETY: as above.
            unsafe {
                (&raw mut (*slot).value).write(UnsafeCell::new(MaybeUninit::uninit()));
            }
        }
        // SAFETY: as above.
        unsafe { (&raw mut (*block)._watched).write(Watched::new()) };
        block
    }
}

/// The consumer's position.
struct Head<T> {
    index: usize,
    block: *mut Block<T>,
}

pub(super) struct Queue<T> {
    tail: AtomicUsize,
    tail_block: AtomicPtr<Block<T>>,
    spare: AtomicPtr<Block<T>>,
    head: UnsafeCell<Head<T>>,
}

/// A claimed slot (I1), to be filled.
#[must_use]
pub(super) struct Claim<T>(*const Slot<T>);

/// What a pop found.
pub(super) enum Popped<T> {
    Value(T),
    /// A slot is claimed but not yet written.
    Busy,
    Empty,
}

/// The consumer must be woken.
#[must_use]
pub(super) struct Wake(pub(super) bool);

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        let block = Block::boxed();
        Queue {
            tail: AtomicUsize::new(0),
            tail_block: AtomicPtr::new(block),
            spare: AtomicPtr::new(ptr::null_mut()),
            head: UnsafeCell::new(Head { index: 0, block }),
        }
    }

    fn take_block(&self) -> *mut Block<T> {
        // Ordering: Acquire; pairs with the Release in `recycle`: the block is reset.
        let spare = self.spare.swap(ptr::null_mut(), Ordering::Acquire);
        if spare.is_null() {
            Block::boxed()
        } else {
            spare
        }
    }

    /// Claims the next slot; `None` if the queue is closed. The caller fills it at once: the consumer waits for it.
    #[inline]
    pub(super) fn claim(&self) -> Option<Claim<T>> {
        // Ordering: Acquire; pairs with the Release of the block's change below: `tail_block` is at least
        // as new.
        let mut tail = self.tail.load(Ordering::Acquire);
        let mut next: *mut Block<T> = ptr::null_mut();
        let (block, offset) = loop {
            if tail & CLOSED != 0 {
                if !next.is_null() {
                    self.recycle(next);
                }
                return None;
            }
            let offset = (tail / STEP) % LAP;
            if offset == SLOTS {
                hint::spin_loop();
                #[cfg(runtime_loom)]
                crate::base::shim::thread::yield_now();
                tail = self.tail.load(Ordering::Acquire);
                continue;
            }
            // Ordering: Relaxed; the Acquire of `tail` makes the block at least as new as `tail`. A newer
            // block means that `tail` has moved on, and the CAS fails.
            let block = self.tail_block.load(Ordering::Relaxed);
            if offset + 1 == SLOTS && next.is_null() {
                next = self.take_block();
            }
            // Ordering: Relaxed on success; it claims a number, the slot's state publishes the value.
            // Acquire on failure; as the load above.
            match self.tail.compare_exchange_weak(
                tail,
                tail.wrapping_add(STEP),
                Ordering::Relaxed,
                Ordering::Acquire,
            ) {
                Ok(_) => break (block, offset),
                Err(now) => tail = now,
            }
        };
        // SAFETY: we claimed a slot of it and have not written it yet (I2).
        let block = unsafe { &*block };
        if offset + 1 == SLOTS {
            // Ordering: Release of `tail` publishes the fresh block to producers; the consumer gets it by
            // READY below, so the others are Relaxed.
            self.tail_block.store(next, Ordering::Relaxed);
            self.tail.fetch_add(STEP, Ordering::Release);
            block.next.store(next, Ordering::Relaxed);
        } else if !next.is_null() {
            self.recycle(next);
        }
        Some(Claim(&raw const block.slots[offset]))
    }

    /// Puts the value into a claimed slot. No copy of the value stays on the stack, and it does not pass through a result.
    #[inline]
    pub(super) fn fill(&self, claim: Claim<T>, value: T) -> Wake {
        // SAFETY: I1 and I2: the slot is ours, and its block stays at least until READY is set.
        let slot = unsafe { &*claim.0 };
        // SAFETY: I1, the slot is ours.
        slot.value
            .with_mut(|v| unsafe { (*v).as_mut_ptr().write(value) });
        // Ordering: AcqRel; Release publishes the value, Acquire the waker left before WAITING.
        Wake(slot.state.swap(READY, Ordering::AcqRel) == WAITING)
    }

    /// Keeps an unused or emptied block as the spare one, or frees it. Nobody else has it.
    #[cold] // once in 31 values
    fn recycle(&self, block: *mut Block<T>) {
        {
            // SAFETY: the caller owns the block.
            let fields = unsafe { &*block };
            // Ordering: Relaxed, all; published by the Release below.
            fields.next.store(ptr::null_mut(), Ordering::Relaxed);
            for slot in &fields.slots {
                slot.state.store(EMPTY, Ordering::Relaxed);
            }
        }
        // Ordering: AcqRel; Release pairs with `take_block`, Acquire with an earlier `recycle`.
        let old = self.spare.swap(block, Ordering::AcqRel);
        if !old.is_null() {
            // SAFETY: taken out of `spare`, so it is ours.
            drop(unsafe { Box::from_raw(old) });
        }
    }

    /// Takes the oldest value.
    ///
    /// # Safety
    /// The caller is the consumer (I4).
    pub(super) unsafe fn pop(&self) -> Popped<T> {
        // SAFETY: I4.
        self.head.with_mut(|head| {
            // SAFETY: I4.
            let head = unsafe { &mut *head };
            let offset = head.index % LAP;
            // SAFETY: I2, the consumer's block is alive.
            let slot = unsafe { &(*head.block).slots[offset] };
            // Ordering: Acquire; pairs with the swap in `fill`.
            if slot.state.load(Ordering::Acquire) != READY {
                // Ordering: Relaxed; a number. After the end was seen it is the last number.
                let tail = self.tail.load(Ordering::Relaxed) / STEP;
                return if tail == head.index & (usize::MAX / STEP) {
                    Popped::Empty
                } else {
                    Popped::Busy
                };
            }
            // SAFETY: READY was seen, the value is there and is read once.
            let value = slot.value.with(|v| unsafe { (*v).as_ptr().read() });
            if offset + 1 == SLOTS {
                // SAFETY: as above.
                // Ordering: Relaxed; set before READY (I2), which was acquired.
                let next = unsafe { (*head.block).next.load(Ordering::Relaxed) };
                self.recycle(std::mem::replace(&mut head.block, next));
                head.index = head.index.wrapping_add(2);
            } else {
                head.index = head.index.wrapping_add(1);
            }
            Popped::Value(value)
        })
    }

    /// Marks the slot at the head as waited for, unless it was filled meanwhile.
    ///
    /// # Safety
    /// The caller is the consumer (I4).
    pub(super) unsafe fn wait_on_head(&self) {
        self.head.with(|head| {
            // SAFETY: I4.
            let head = unsafe { &*head };
            // SAFETY: I2, the consumer's block is alive.
            let slot = unsafe { &(*head.block).slots[head.index % LAP] };
            // Ordering: Release; publishes the waker to the producer's swap. Relaxed on failure: `pop`
            // looks again.
            let _ =
                slot.state
                    .compare_exchange(EMPTY, WAITING, Ordering::Release, Ordering::Relaxed);
        })
    }

    /// Values in the queue, those being written included.
    pub(super) fn len(&self) -> usize {
        // SAFETY: I4; a shared receiver cannot pop.
        let head = self.head.with(|head| unsafe { (*head).index }) & (usize::MAX / STEP);
        // Ordering: Relaxed; a number.
        let tail = self.tail.load(Ordering::Relaxed) / STEP;
        let (head_lap, tail_lap) = (head / LAP, tail / LAP);
        let laps = tail_lap.wrapping_sub(head_lap) & (usize::MAX / STEP / LAP);
        (laps * SLOTS + tail % LAP) - head % LAP
    }

    /// Refuses later pushes.
    pub(super) fn close(&self) {
        // Ordering: Release; pairs with the Acquire in `is_closed` and `claim`. What was pushed is acquired by `pop`.
        self.tail.fetch_or(CLOSED, Ordering::Release);
    }

    pub(super) fn is_closed(&self) -> bool {
        // Ordering: Acquire; pairs with `close`.
        self.tail.load(Ordering::Acquire) & CLOSED != 0
    }
}

#[cfg(all(test, not(runtime_loom)))]
impl<T> Queue<T> {
    fn push(&self, value: T) -> Option<Wake> {
        let claim = self.claim()?;
        Some(self.fill(claim, value))
    }

    /// A queue after `lap` laps. Laps beyond what `tail` can count are in the head alone.
    fn after_laps(lap: usize) -> Self {
        let mut queue = Self::new();
        let index = lap.wrapping_mul(LAP);
        *queue.tail.get_mut() = index.wrapping_mul(STEP);
        // SAFETY: nobody else has the queue yet.
        queue.head.with_mut(|head| unsafe { (*head).index = index });
        queue
    }
}

impl<T> Drop for Queue<T> {
    fn drop(&mut self) {
        // SAFETY: the last owner is the consumer now (I4).
        while let Popped::Value(value) = unsafe { self.pop() } {
            drop(value);
        }
        let block = self.head.with(|head| {
            // SAFETY: nobody else is left.
            unsafe { (*head).block }
        });
        // SAFETY: after the pops the head's block is the only linked one.
        drop(unsafe { Box::from_raw(block) });
        // Ordering: Relaxed; nobody else is left.
        let spare = self.spare.load(Ordering::Relaxed);
        if !spare.is_null() {
            // SAFETY: the spare block is the queue's.
            drop(unsafe { Box::from_raw(spare) });
        }
    }
}

#[cfg(all(test, not(runtime_loom)))]
mod tests {
    use super::*;

    /// Row 31 of the regressions: the producers' index wraps at half of what the consumer's does.
    #[test]
    fn indices_wrap_without_losing_or_repeating_a_value() {
        for lap in [usize::MAX / STEP / LAP - 1, usize::MAX / LAP - 1] {
            for held in [0, 1, SLOTS - 1, SLOTS, SLOTS + 1, 3 * SLOTS] {
                let queue = Queue::after_laps(lap);
                for i in 0..held {
                    let _ = queue.push(i);
                }
                for i in 0..5 * SLOTS {
                    assert_eq!(queue.len(), held, "lap {lap}, before {i}");
                    let _ = queue.push(held + i);
                    assert_eq!(queue.len(), held + 1, "lap {lap}, at {i}");
                    // SAFETY: this thread is the only consumer.
                    match unsafe { queue.pop() } {
                        Popped::Value(value) => assert_eq!(value, i),
                        _ => panic!("lap {lap}: nothing at {i}"),
                    }
                }
                for i in 0..held {
                    // SAFETY: as above.
                    let popped = unsafe { queue.pop() };
                    assert!(matches!(popped, Popped::Value(v) if v == 5 * SLOTS + i));
                }
                // SAFETY: as above.
                assert!(matches!(unsafe { queue.pop() }, Popped::Empty));
                assert!(!queue.is_closed());
                queue.close();
                assert!(queue.push(0).is_none());
            }
        }
    }
}
