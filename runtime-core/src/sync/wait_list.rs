//! Intrusive queue of waiting futures, and the batch of wakers taken from it.
//!
//! Every primitive of this room that lets several futures wait keeps a [`WaitList`] inside its
//! lock. The nodes live in the futures themselves, so waiting allocates nothing.
//!
//! ```text
//!  future ── Waiter { signal | fields: waker, links, payload }
//!                      │            └── only under the owner's lock      (I1)
//!                      └── set once by whoever detaches the node         (I2)
//! ```
//!
//! - I1: `fields` is touched only under the lock of the primitive the list belongs to, or by the
//!   future after it has seen `signal` set, or while the node was never queued.
//! - I2: `signal` goes from 0 to a code once per wait, with Release, as the *last* access of the
//!   detaching thread; so a woken future finishes without taking the lock.
//! - I3: a queued node is detached before its future is dropped (the future's drop does it).
//! - I4: no waker is cloned, dropped or woken under the lock: clones are made before, replaced
//!   ones are handed out, woken ones go through [`WakeBatch`] after the lock is released.

use crate::audit;
use crate::shim::sync::atomic::{AtomicUsize, Ordering};
use std::cell::UnsafeCell;
use std::marker::PhantomPinned;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::task::Waker;

/// What the lock of the primitive protects in a node.
pub(crate) struct Fields<P> {
    prev: Option<NonNull<Waiter<P>>>,
    next: Option<NonNull<Waiter<P>>>,
    queued: bool,
    pub(crate) waker: Option<Waker>,
    pub(crate) payload: P,
}

/// One waiting future's node.
pub(crate) struct Waiter<P> {
    signal: AtomicUsize,
    fields: UnsafeCell<Fields<P>>,
    /// Touched with `fields`, so that the model checker sees who breaks I1.
    #[cfg(runtime_loom)]
    watched: crate::shim::cell::UnsafeCell<()>,
    _pinned: PhantomPinned,
}

// SAFETY: by I1 the fields are reached under a lock or by the owner alone.
unsafe impl<P: Send> Send for Waiter<P> {}
// SAFETY: as above; shared references reach only the atomic.
unsafe impl<P: Send> Sync for Waiter<P> {}

impl<P> Waiter<P> {
    pub(crate) fn new(payload: P) -> Self {
        Waiter {
            signal: AtomicUsize::new(0),
            fields: UnsafeCell::new(Fields {
                prev: None,
                next: None,
                queued: false,
                waker: None,
                payload,
            }),
            #[cfg(runtime_loom)]
            watched: crate::shim::cell::UnsafeCell::new(()),
            _pinned: PhantomPinned,
        }
    }

    /// The code given by whoever detached this node; 0 while there is none.
    #[inline]
    pub(crate) fn signal(&self) -> usize {
        // Ordering: Acquire; pairs with the Release in `set_signal`; the detaching thread is
        // done with the fields, and what it did before the wake is visible.
        self.signal.load(Ordering::Acquire)
    }

    /// Ends the wait. The caller has detached the node and will not touch it again.
    #[inline]
    pub(crate) fn set_signal(&self, code: usize) {
        // Ordering: Release; pairs with the Acquire in `signal`.
        self.signal.store(code, Ordering::Release);
    }

    /// The fields.
    ///
    /// # Safety
    /// The caller meets I1 and holds no other reference to them.
    #[inline]
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn fields(&self) -> &mut Fields<P> {
        #[cfg(runtime_loom)]
        self.watched.with_mut(|_| ());
        // SAFETY: the caller's promise.
        unsafe { &mut *self.fields.get() }
    }
}

impl<P> Fields<P> {
    /// In the list now?
    #[inline]
    pub(crate) fn is_queued(&self) -> bool {
        self.queued
    }
}

/// A queue of nodes, oldest first. Lives inside the lock that protects their fields.
pub(crate) struct WaitList<P> {
    head: Option<NonNull<Waiter<P>>>,
    tail: Option<NonNull<Waiter<P>>>,
}

// SAFETY: the list only points at nodes; whoever holds the lock may reach them (I1).
unsafe impl<P: Send> Send for WaitList<P> {}

impl<P> WaitList<P> {
    pub(crate) const fn new() -> Self {
        WaitList {
            head: None,
            tail: None,
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// Appends `node`.
    ///
    /// # Safety
    /// The lock is held; the node is pinned, not queued, and will be detached before it dies (I3).
    pub(crate) unsafe fn push_back(&mut self, node: &Waiter<P>) {
        let ptr = NonNull::from(node);
        // SAFETY: I1, the lock is held.
        let fields = unsafe { node.fields() };
        debug_assert!(!fields.queued);
        fields.queued = true;
        fields.prev = self.tail;
        fields.next = None;
        match self.tail {
            // SAFETY: I3, queued nodes are alive; I1, the lock is held.
            Some(tail) => unsafe { tail.as_ref().fields() }.next = Some(ptr),
            None => self.head = Some(ptr),
        }
        self.tail = Some(ptr);
    }

    /// The oldest node, left in place.
    ///
    /// # Safety
    /// The lock is held for as long as the reference is used.
    pub(crate) unsafe fn front<'a>(&self) -> Option<&'a Waiter<P>> {
        // SAFETY: I3, queued nodes are alive.
        self.head.map(|node| unsafe { node.as_ref() })
    }

    /// Detaches the oldest node.
    ///
    /// # Safety
    /// The lock is held; the reference is not used after `set_signal` on it.
    pub(crate) unsafe fn pop_front<'a>(&mut self) -> Option<&'a Waiter<P>> {
        // SAFETY: I3, queued nodes are alive.
        let node = self.head.map(|node| unsafe { node.as_ref() })?;
        // SAFETY: it is queued here, and the lock is held.
        unsafe { self.remove(node) };
        Some(node)
    }

    /// Detaches the newest node.
    ///
    /// # Safety
    /// As for `pop_front`.
    pub(crate) unsafe fn pop_back<'a>(&mut self) -> Option<&'a Waiter<P>> {
        // SAFETY: I3, queued nodes are alive.
        let node = self.tail.map(|node| unsafe { node.as_ref() })?;
        // SAFETY: it is queued here, and the lock is held.
        unsafe { self.remove(node) };
        Some(node)
    }

    /// Detaches `node`; does nothing to one that is not queued.
    ///
    /// # Safety
    /// The lock is held, and the node belongs to this list if it is queued at all.
    pub(crate) unsafe fn remove(&mut self, node: &Waiter<P>) {
        // SAFETY: I1, the lock is held.
        let fields = unsafe { node.fields() };
        if !fields.queued {
            return;
        }
        fields.queued = false;
        let (prev, next) = (fields.prev.take(), fields.next.take());
        match prev {
            // SAFETY: I3 and I1; a neighbour is another node than `node`.
            Some(prev) => unsafe { prev.as_ref().fields() }.next = next,
            None => self.head = next,
        }
        match next {
            // SAFETY: I3 and I1; a neighbour is another node than `node`.
            Some(next) => unsafe { next.as_ref().fields() }.prev = prev,
            None => self.tail = prev,
        }
    }
}

const INLINE: usize = 16;

/// Wakers taken under a lock, to be woken after it is released.
///
/// A panicking waker does not cost the others their wake-up: they are woken while unwinding.
pub(crate) struct WakeBatch {
    len: usize,
    taken: usize,
    inline: [MaybeUninit<Waker>; INLINE],
    spilled: Vec<Waker>,
}

impl WakeBatch {
    pub(crate) const fn new() -> Self {
        WakeBatch {
            len: 0,
            taken: 0,
            inline: [const { MaybeUninit::uninit() }; INLINE],
            spilled: Vec::new(),
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, waker: Option<Waker>) {
        let Some(waker) = waker else { return };
        if self.len < INLINE {
            self.inline[self.len].write(waker);
            self.len += 1;
        } else {
            self.spilled.push(waker);
        }
    }

    /// Wakes all. No runtime lock may be held.
    ///
    /// By reference: the batch is large, and moving it costs more than most wake-ups.
    #[inline]
    pub(crate) fn wake(&mut self) {
        if self.len == 0 {
            return;
        }
        while let Some(waker) = self.take() {
            audit::wake(waker);
        }
    }

    fn take(&mut self) -> Option<Waker> {
        if self.taken < self.len {
            let slot = &self.inline[self.taken];
            self.taken += 1;
            // SAFETY: slots below `len` are initialised; `taken` passes each once.
            Some(unsafe { slot.assume_init_read() })
        } else {
            self.spilled.pop()
        }
    }
}

impl Drop for WakeBatch {
    fn drop(&mut self) {
        while let Some(waker) = self.take() {
            // Reached only while a waker's panic unwinds; a second panic would abort.
            audit::contain(|| waker.wake());
        }
    }
}
