//! `WaitQueue`: the futures that wait for one thing, oldest first.
//!
//! A [`Place`] is part of a waiting future; what it waits with (its waker slot, how much it wants) is a value `T`, which
//! the queue holds while the place is queued. The queue lives inside a lock; its methods take `&mut self`, so that
//! holding the lock is what gives access to the queued values, and no caller needs unsafe code.
//!
//! ```text
//!            enqueue(value)                release(signal) -> value
//!   outside ───────────────▶ queued ─────────────────────────────────▶ released, signal set
//!                               └── withdraw() -> value ──▶ outside
//! ```
//! I1: `value` is present exactly while the place is queued, and reached only through `&mut` of that queue. A place is
//!     queued in the queue that `queue` names, while `signal` is 0.
//! I2: `signal` is set, with Release, as the last touch of the place by the releasing thread: a future that has seen
//!     it may go, without taking the lock.
//! I3: a queued place is withdrawn before it is freed. A place that is dropped while queued ends the process: the
//!     queue would point into freed memory, and the place cannot reach the lock.

use super::list::{Linked, Links, List};
use super::shim::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomPinned;
use std::mem::MaybeUninit;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::ptr::{self, NonNull};

/// One future's place in a queue.
pub struct Place<T> {
    /// Why it was released; 0 while it was not.
    signal: AtomicUsize,
    /// The queue it was put into last, for comparing only; null once it was withdrawn.
    queue: AtomicPtr<WaitQueue<T>>,
    /// Written when it is queued.
    links: UnsafeCell<MaybeUninit<Links<Place<T>>>>,
    value: UnsafeCell<MaybeUninit<T>>,
    /// Touched with `value`, so that the model checker notices a breach of I1.
    #[cfg(runtime_loom)]
    watched: crate::base::shim::cell::UnsafeCell<()>,
    _pinned: PhantomPinned,
}

// SAFETY: by I1 the value is reached only by the thread that holds the queue's lock.
unsafe impl<T: Send> Send for Place<T> {}
// SAFETY: shared references reach the atomics alone; the rest as above.
unsafe impl<T: Send> Sync for Place<T> {}

// SAFETY: the links are a field.
unsafe impl<T> Linked for Place<T> {
    fn links(node: NonNull<Self>) -> NonNull<Links<Self>> {
        // SAFETY: the field's address is within the node.
        let links = unsafe { &raw mut (*node.as_ptr()).links };
        // `UnsafeCell` and `MaybeUninit` have their value at their own address.
        // SAFETY: a field's address is not null.
        unsafe { NonNull::new_unchecked(links.cast()) }
    }
}

impl<T> Place<T> {
    /// A place outside of any queue.
    pub fn new() -> Place<T> {
        Place {
            signal: AtomicUsize::new(0),
            queue: AtomicPtr::new(ptr::null_mut()),
            links: UnsafeCell::new(MaybeUninit::uninit()),
            value: UnsafeCell::new(MaybeUninit::uninit()),
            #[cfg(runtime_loom)]
            watched: crate::base::shim::cell::UnsafeCell::new(()),
            _pinned: PhantomPinned,
        }
    }

    /// The signal it was released with, if it was. What the releasing thread did before is visible then.
    #[inline]
    pub fn signal(&self) -> Option<NonZeroUsize> {
        // Ordering: Acquire; pairs with the Release in `release` (I2).
        NonZeroUsize::new(self.signal.load(Ordering::Acquire))
    }

    /// Was it queued, and neither withdrawn nor released since? For its owner. Once this is false, no other thread touches
    /// the place any more (I2).
    #[inline]
    pub fn is_queued(&self) -> bool {
        // Ordering: Relaxed; the owner wrote it.
        !self.queue.load(Ordering::Relaxed).is_null() && self.signal().is_none()
    }

    /// Where the value is, while there is one (I1). A caller that follows the pointer has exclusive use of the queue.
    fn value(&self) -> *mut T {
        #[cfg(runtime_loom)]
        self.watched.with_mut(|_| ());
        self.value.get().cast()
    }
}

impl<T> Default for Place<T> {
    fn default() -> Self {
        Place::new()
    }
}

impl<T> Drop for Place<T> {
    #[inline]
    fn drop(&mut self) {
        if self.is_queued() {
            // I3.
            std::process::abort();
        }
    }
}

impl<T> fmt::Debug for Place<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("signal", &self.signal())
            .finish_non_exhaustive()
    }
}

/// See the module's page.
pub struct WaitQueue<T> {
    places: List<Place<T>>,
}

impl<T> WaitQueue<T> {
    /// A queue in which nobody waits.
    pub const fn new() -> WaitQueue<T> {
        WaitQueue {
            places: List::new(),
        }
    }

    /// Does nobody wait?
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The caller holds the lock around this queue, so that nobody releases a place of this queue meanwhile.
    fn is_in(&self, place: &Place<T>) -> bool {
        // Ordering: Relaxed; the pointer is this queue's only if it was written under this queue's lock.
        ptr::eq(place.queue.load(Ordering::Relaxed), self) && place.signal().is_none()
    }

    /// Queues `place` behind the others, with `value`.
    ///
    /// # Panics
    /// If the place is queued already.
    #[inline]
    pub fn enqueue(&mut self, place: Pin<&Place<T>>, value: T) {
        let place = place.get_ref();
        assert!(!place.is_queued(), "a place is queued once at a time");
        // Ordering: Relaxed, both; in no queue, the place is its owner's alone.
        place.signal.store(0, Ordering::Relaxed);
        place.queue.store(ptr::from_mut(self), Ordering::Relaxed);
        // SAFETY: in no queue until the next statement (I1), and only its owner queues it.
        unsafe { place.value().write(value) };
        // SAFETY: it is in no list; pinned, and by I3 not freed while it is queued.
        unsafe { self.places.push_back(NonNull::from(place)) };
    }

    /// The value of a place, if it is in this queue.
    #[inline]
    pub fn get_mut(&mut self, place: Pin<&Place<T>>) -> Option<&mut T> {
        if !self.is_in(&place) {
            return None;
        }
        // SAFETY: by I1, it is in this queue, of which we have exclusive use.
        Some(unsafe { &mut *place.get_ref().value() })
    }

    /// The value of the oldest place.
    #[inline]
    pub fn front_mut(&mut self) -> Option<&mut T> {
        let place = self.places.front()?;
        // SAFETY: queued here, so alive (I3), and by I1 ours.
        Some(unsafe { &mut *place.as_ref().value() })
    }

    /// Takes `place` out of this queue without a signal; `None` if it is not in it.
    #[inline]
    #[must_use = "what it waited with would be dropped under the lock"]
    pub fn withdraw(&mut self, place: Pin<&Place<T>>) -> Option<T> {
        if !self.is_in(&place) {
            return None;
        }
        let place = place.get_ref();
        // SAFETY: it is in this queue.
        unsafe { self.places.remove(NonNull::from(place)) };
        // SAFETY: by I1, it was in this queue, of which we have exclusive use.
        let value = unsafe { place.value().read() };
        // Ordering: Relaxed; only the owner relies on it, and the owner is the caller.
        place.queue.store(ptr::null_mut(), Ordering::Relaxed);
        Some(value)
    }

    /// Ends the wait of the oldest place with `signal`; returns what it waited with.
    #[inline]
    #[must_use = "what it waited with would be dropped under the lock"]
    pub fn release_front(&mut self, signal: NonZeroUsize) -> Option<T> {
        let place = self.places.pop_front()?;
        Some(self.release(place, signal))
    }

    /// Ends the wait of the newest place with `signal`; returns what it waited with.
    #[inline]
    #[must_use = "what it waited with would be dropped under the lock"]
    pub fn release_back(&mut self, signal: NonZeroUsize) -> Option<T> {
        let place = self.places.pop_back()?;
        Some(self.release(place, signal))
    }

    #[inline]
    fn release(&mut self, place: NonNull<Place<T>>, signal: NonZeroUsize) -> T {
        // SAFETY: it was queued here until now, so alive (I3) until it sees the signal (I2).
        let place = unsafe { place.as_ref() };
        // SAFETY: by I1, it was in this queue, of which we have exclusive use.
        let value = unsafe { place.value().read() };
        // Ordering: Release; pairs with the Acquire in `Place::signal` (I2).
        place.signal.store(signal.get(), Ordering::Release);
        value
    }
}

impl<T> Default for WaitQueue<T> {
    fn default() -> Self {
        WaitQueue::new()
    }
}

impl<T> fmt::Debug for WaitQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitQueue")
            .field("is_empty", &self.is_empty())
            .finish()
    }
}
