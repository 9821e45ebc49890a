//! `ProcessMutex`: a lock of the whole process, which no forked child finds taken.
//!
//! A fork copies each lock as it is, but not the thread that holds it. So the thread that forks takes all locks of this
//! kind before the fork, and releases them after it, in the parent and in the child (`pthread_atfork`).
//!
//! P1: a lock is in `LIST` before anybody takes it, and `LIST` is locked across a fork too. So nobody takes a lock that
//!     the forking thread does not hold.
//! P2: a thread that holds a lock takes another one only if that has a greater rank. The forking thread takes all of them by
//!     rank. So they never wait for each other in a circle.
//! P3: nobody forks under such a lock, nor runs user code there, which could fork. If a signal handler forks in a thread that
//!     holds such a lock, no lock is held across that fork.
//!
//! The lock is std's with every feature: parking_lot keeps its sleepers in a table, and the child inherits sleepers in it
//! that do not exist there (see `shim::native`).

use super::fork::Watch;
use super::shim::lock_audit;
use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
// Not a protocol of threads that a model could run: forks are part of it.
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The order in which locks of the process may be taken, one under the other (P2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Held while a value that the process has only once is made.
    Setup,
    /// The recording.
    Session,
    /// Taken under any of the others; nothing is taken under it.
    Leaf,
}

/// See the module's page.
pub struct ProcessMutex<T: 'static> {
    rank: Rank,
    value: Mutex<T>,
    is_listed: AtomicBool,
    /// Taken for a fork. Only the thread that has locked `LIST` touches it.
    held: UnsafeCell<Option<MutexGuard<'static, T>>>,
}

// SAFETY: the value is protected by its mutex, `held` by `LIST`'s lock.
unsafe impl<T: Send> Sync for ProcessMutex<T> {}

/// Releases the lock on drop.
pub struct ProcessMutexGuard<T: 'static> {
    guard: ManuallyDrop<MutexGuard<'static, T>>,
    /// What this thread held before.
    before: Option<Rank>,
}

std::thread_local! {
    /// The greatest rank this thread holds.
    static HELD: Cell<Option<Rank>> = const { Cell::new(None) };
}

impl<T: Send> ProcessMutex<T> {
    /// A new, unlocked lock.
    pub const fn new(rank: Rank, value: T) -> ProcessMutex<T> {
        ProcessMutex {
            rank,
            value: Mutex::new(value),
            is_listed: AtomicBool::new(false),
            held: UnsafeCell::new(None),
        }
    }

    /// Blocks until the lock is held. A fork under way counts as a holder.
    pub fn lock(&'static self) -> ProcessMutexGuard<T> {
        let before = HELD.get();
        debug_assert!(before < Some(self.rank), "{self:?} under {before:?}");
        // Before `LIST` is locked: a signal handler that forks meanwhile must not wait for this thread (P3).
        HELD.set(Some(self.rank));
        // Ordering: Relaxed; `LIST`'s lock orders the list itself (P1).
        if !self.is_listed.load(Ordering::Relaxed) {
            enlist(self);
        }
        let guard = unpoisoned(&self.value);
        #[cfg(not(runtime_loom))]
        lock_audit::locked();
        ProcessMutexGuard {
            guard: ManuallyDrop::new(guard),
            before,
        }
    }
}

/// Puts a lock into `LIST`, if it is not there. Not a method, so that the program has it once.
#[cold]
#[inline(never)]
fn enlist(lock: &'static dyn Held) {
    static FORKS: Watch = Watch::around(hold_all, release_all);
    FORKS.begin();
    let mut list = unpoisoned(&LIST.locks);
    // Ordering: Relaxed; under `LIST`'s lock.
    if !lock.is_listed().swap(true, Ordering::Relaxed) {
        let at = list.partition_point(|other| other.rank() <= lock.rank());
        list.insert(at, lock);
    }
    show_sanitizer();
}

fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    let guard = mutex.lock().unwrap_or_else(PoisonError::into_inner);
    show_sanitizer();
    guard
}

/// To be called after each lock and before each unlock. ThreadSanitizer does not see how a contended lock of std orders threads, as std is
/// not instrumented; it sees this.
#[inline(always)]
fn show_sanitizer() {
    // Ordering: AcqRel fence, only for the sanitizer; pairs with itself.
    #[cfg(runtime_tsan)]
    super::shim::sync::atomic::fence(Ordering::AcqRel);
}

impl<T> Deref for ProcessMutexGuard<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for ProcessMutexGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

impl<T> Drop for ProcessMutexGuard<T> {
    fn drop(&mut self) {
        show_sanitizer();
        // SAFETY: the inner guard is dropped only here, once.
        unsafe { ManuallyDrop::drop(&mut self.guard) };
        HELD.set(self.before);
        #[cfg(not(runtime_loom))]
        lock_audit::unlocked();
    }
}

impl<T> fmt::Debug for ProcessMutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessMutex")
            .field("rank", &self.rank)
            .finish_non_exhaustive()
    }
}

impl<T: fmt::Debug> fmt::Debug for ProcessMutexGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A `ProcessMutex` of any type.
trait Held: Sync {
    fn rank(&self) -> Rank;
    /// Is it in `LIST`?
    fn is_listed(&self) -> &AtomicBool;
    /// # Safety
    /// The caller has locked `LIST`.
    unsafe fn hold(&'static self);
    /// # Safety
    /// The caller has locked `LIST`, and holds this.
    unsafe fn release(&self);
}

impl<T: Send> Held for ProcessMutex<T> {
    fn rank(&self) -> Rank {
        self.rank
    }

    fn is_listed(&self) -> &AtomicBool {
        &self.is_listed
    }

    unsafe fn hold(&'static self) {
        let guard = unpoisoned(&self.value);
        // SAFETY: the caller's promise.
        unsafe { *self.held.get() = Some(guard) };
    }

    unsafe fn release(&self) {
        show_sanitizer();
        // SAFETY: the caller's promise.
        drop(unsafe { (*self.held.get()).take() });
    }
}

/// The locks that were taken at least once, sorted by rank.
struct List {
    locks: Mutex<Vec<&'static dyn Held>>,
    /// Taken for a fork. Only the thread that has locked `locks` touches it.
    held: UnsafeCell<Option<MutexGuard<'static, Vec<&'static dyn Held>>>>,
}

// SAFETY: `held` is protected by `locks`.
unsafe impl Sync for List {}

static LIST: List = List {
    locks: Mutex::new(Vec::new()),
    held: UnsafeCell::new(None),
};

/// Before a fork.
unsafe extern "C" fn hold_all() {
    if HELD.get().is_some() {
        return; // P3
    }
    let list = unpoisoned(&LIST.locks);
    for lock in list.iter() {
        // SAFETY: `LIST` is locked.
        unsafe { lock.hold() };
    }
    // SAFETY: as above.
    unsafe { *LIST.held.get() = Some(list) };
}

/// After a fork, in both processes.
unsafe extern "C" fn release_all() {
    if HELD.get().is_some() {
        return;
    }
    // SAFETY: `LIST` is locked since `hold_all`, by this thread.
    let list = unsafe { (*LIST.held.get()).take() };
    for lock in list.iter().flat_map(|list| list.iter().rev()) {
        // SAFETY: as above; `hold_all` has taken it, as the list has not changed since.
        unsafe { lock.release() };
    }
    show_sanitizer();
}

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/process_mutex.rs"]
mod tests;
