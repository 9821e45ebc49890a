//! Stand-ins for crossbeam's deques, which support neither loom nor shuttle: rings that do not grow.
//!
//! Their orderings are those of crossbeam-deque 0.8, access by access: a push publishes with a Release fence before a Relaxed
//! store, a thief's read of `back` comes after a SeqCst fence, an owner's pop has none. A queue behind a lock would supply
//! orders that the real one lacks. `tests/loom_deque.rs` models the rings by themselves.

#![allow(missing_docs, missing_debug_implementations)] // As in `native`.

use super::checker::{sync::Arc, thread};
use super::model_atomic::{AtomicUsize, Ordering, fence};
pub use crossbeam_deque::Steal;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;

/// Elements a ring has room for at a time.
const ROOM: usize = if cfg!(runtime_shuttle) { 16 } else { 4 };
/// Elements that an injector takes in its life.
const INJECTED: usize = if cfg!(runtime_shuttle) { 512 } else { 8 };

struct Ring {
    front: AtomicUsize,
    back: AtomicUsize,
    slots: [AtomicUsize; ROOM],
}

impl Ring {
    fn slot(&self, at: usize) -> &AtomicUsize {
        &self.slots[at % ROOM]
    }
}

/// Elements are stored as words. The thread that takes a slot, by moving an index past it, makes the element from its word.
fn to_word<T>(element: T) -> usize {
    const { assert!(size_of::<T>() == size_of::<usize>()) };
    let element = ManuallyDrop::new(element);
    // SAFETY: of one size, and a word has no invalid values.
    unsafe { std::mem::transmute_copy(&element) }
}

/// # Safety
/// `word` came from `to_word` of this type, and is taken back once.
unsafe fn from_word<T>(word: usize) -> T {
    // SAFETY: the caller's promise.
    unsafe { std::mem::transmute_copy(&word) }
}

/// The owner's end.
pub struct Worker<T>(Arc<Ring>, PhantomData<*mut T>);

/// A thief's end.
pub struct Stealer<T>(Arc<Ring>, PhantomData<*mut T>);

// SAFETY: the words stand for values that are sent.
unsafe impl<T: Send> Send for Worker<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Stealer<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Stealer<T> {}

impl<T> Worker<T> {
    pub fn new_fifo() -> Self {
        let ring = Ring {
            front: AtomicUsize::new(0),
            back: AtomicUsize::new(0),
            slots: std::array::from_fn(|_| AtomicUsize::new(0)),
        };
        Worker(Arc::new(ring), PhantomData)
    }

    pub fn stealer(&self) -> Stealer<T> {
        Stealer(self.0.clone(), PhantomData)
    }

    pub fn push(&self, element: T) {
        let back = self.0.back.load(Ordering::Relaxed);
        let front = self.0.front.load(Ordering::Acquire);
        assert!(back.wrapping_sub(front) < ROOM, "a model's ring is full");
        self.0.slot(back).store(to_word(element), Ordering::Relaxed);
        fence(Ordering::Release);
        self.0.back.store(back + 1, Ordering::Relaxed);
    }

    pub fn pop(&self) -> Option<T> {
        let back = self.0.back.load(Ordering::Relaxed);
        let front = self.0.front.load(Ordering::Relaxed);
        if back <= front {
            return None;
        }
        let front = self.0.front.fetch_add(1, Ordering::SeqCst);
        if back <= front {
            self.0.front.store(front, Ordering::Relaxed);
            return None;
        }
        let word = self.0.slot(front).load(Ordering::Relaxed);
        // SAFETY: the index was ours to move, so the element is.
        Some(unsafe { from_word(word) })
    }

    pub fn len(&self) -> usize {
        let back = self.0.back.load(Ordering::Relaxed);
        let front = self.0.front.load(Ordering::SeqCst);
        back.saturating_sub(front)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Stealer<T> {
    pub fn len(&self) -> usize {
        let front = self.0.front.load(Ordering::Acquire);
        fence(Ordering::SeqCst);
        let back = self.0.back.load(Ordering::Acquire);
        back.saturating_sub(front)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn steal(&self) -> Steal<T> {
        self.take(|_| 1, |_| unreachable!("one is asked for"))
    }

    pub fn steal_batch_with_limit_and_pop(&self, to: &Worker<T>, limit: usize) -> Steal<T> {
        let share = |len: usize| ((len - 1) / 2 + 1).min(limit);
        self.take(share, |element| to.push(element))
    }

    /// Takes as many of the elements as `share` says: the first is returned, the others go to `rest`.
    fn take(&self, share: impl FnOnce(usize) -> usize, rest: impl Fn(T)) -> Steal<T> {
        let front = self.0.front.load(Ordering::Acquire);
        fence(Ordering::SeqCst);
        let back = self.0.back.load(Ordering::Acquire);
        if back <= front {
            return Steal::Empty;
        }
        let count = share(back - front);
        let words: Vec<_> = (front..front + count)
            .map(|at| self.0.slot(at).load(Ordering::Relaxed))
            .collect();
        let moved = self.0.front.compare_exchange(
            front,
            front + count,
            Ordering::SeqCst,
            Ordering::Relaxed,
        );
        if moved.is_err() {
            return Steal::Retry;
        }
        // SAFETY: the indices were ours to move, so the elements are.
        let mut taken = words.into_iter().map(|word| unsafe { from_word(word) });
        let first = taken.next().expect("a share is not empty");
        taken.for_each(rest);
        Steal::Success(first)
    }
}

/// The queue that all threads push to.
pub struct Injector<T> {
    head: AtomicUsize,
    tail: AtomicUsize,
    slots: Box<[(AtomicUsize, AtomicUsize)]>,
    _elements: PhantomData<*mut T>,
}

// SAFETY: the words stand for values that are sent.
unsafe impl<T: Send> Send for Injector<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Injector<T> {}

impl<T> Injector<T> {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Injector {
            head: AtomicUsize::new(0),
            tail: AtomicUsize::new(0),
            slots: (0..INJECTED).map(|_| Default::default()).collect(),
            _elements: PhantomData,
        }
    }

    pub fn push(&self, element: T) {
        let mut tail = self.tail.load(Ordering::Acquire);
        loop {
            assert!(tail < INJECTED, "a model's injector is used up");
            match self.tail.compare_exchange_weak(
                tail,
                tail + 1,
                Ordering::SeqCst,
                Ordering::Acquire,
            ) {
                Ok(_) => break,
                Err(other) => tail = other,
            }
        }
        let (word, is_written) = &self.slots[tail];
        word.store(to_word(element), Ordering::Relaxed);
        is_written.fetch_or(1, Ordering::Release);
    }

    pub fn len(&self) -> usize {
        let head = self.head.load(Ordering::SeqCst);
        let tail = self.tail.load(Ordering::SeqCst);
        tail.saturating_sub(head)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn steal(&self) -> Steal<T> {
        self.take(1, |_| unreachable!("one is asked for"))
    }

    pub fn steal_batch_with_limit_and_pop(&self, to: &Worker<T>, limit: usize) -> Steal<T> {
        self.take(limit, |element| to.push(element))
    }

    fn take(&self, limit: usize, rest: impl Fn(T)) -> Steal<T> {
        let head = self.head.load(Ordering::Acquire);
        fence(Ordering::SeqCst);
        let tail = self.tail.load(Ordering::Relaxed);
        if tail <= head {
            return Steal::Empty;
        }
        let count = limit.min(tail - head);
        let moved = self.head.compare_exchange_weak(
            head,
            head + count,
            Ordering::SeqCst,
            Ordering::Acquire,
        );
        if moved.is_err() {
            return Steal::Retry;
        }
        let mut taken = (head..head + count).map(|at| {
            let (word, is_written) = &self.slots[at];
            while is_written.load(Ordering::Acquire) == 0 {
                thread::yield_now();
            }
            // SAFETY: the index was ours to move, so the element is.
            unsafe { from_word(word.load(Ordering::Relaxed)) }
        });
        let first = taken.next().expect("there is one");
        taken.for_each(rest);
        Steal::Success(first)
    }
}
