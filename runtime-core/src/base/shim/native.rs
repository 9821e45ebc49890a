//! std and parking_lot, in the shape the runtime uses them.
//!
//! The feature `parking_lot` chooses the mutex. The condition variable is std's in either case: parking_lot keeps all
//! sleepers of the process in one table, which a forked child inherits with the parent's threads in it, though these
//! threads do not exist there. The child would hang or worse at its own first sleeper. So nothing sleeps in that
//! table for longer than it takes to get a lock.

/// Locks, shared ownership and atomics.
pub mod sync {
    use crate::base::shim::lock;
    use crate::base::shim::lock_audit;
    use std::fmt;
    use std::mem::ManuallyDrop;
    use std::ops::{Deref, DerefMut};
    use std::sync::PoisonError;
    use std::time::Duration;

    pub use std::sync::Arc;

    /// Atomics and fences.
    pub mod atomic {
        #[cfg(not(target_has_atomic = "64"))]
        pub use crate::base::shim::atomic64::AtomicU64;
        pub use std::sync::atomic::*;

        /// A fence for ThreadSanitizer, which does not know fences: an access to one word that all fences share. It orders
        /// more than a fence does, so it may hide a race, but no false race is reported.
        #[cfg(runtime_tsan)]
        pub fn fence(order: Ordering) {
            static WORD: AtomicUsize = AtomicUsize::new(0);
            // Ordering: AcqRel, at least what was asked for; pairs with itself in all other fences.
            WORD.fetch_add(1, Ordering::AcqRel);
            std::sync::atomic::fence(order);
        }
    }

    /// A lock without poisoning, counted by the lock-depth audit.
    #[derive(Default)]
    pub struct Mutex<T: ?Sized>(lock::Mutex<T>);

    /// Unlocks on drop.
    pub struct MutexGuard<'a, T: ?Sized> {
        guard: ManuallyDrop<lock::MutexGuard<'a, T>>,
        mutex: &'a Mutex<T>,
    }

    impl<T> Mutex<T> {
        /// A new, unlocked lock.
        pub const fn new(value: T) -> Self {
            Mutex(lock::Mutex::new(value))
        }

        /// The value inside.
        pub fn into_inner(self) -> T {
            self.0.into_inner()
        }
    }

    impl<T: ?Sized> Mutex<T> {
        /// Blocks until the lock is held.
        #[inline]
        pub fn lock(&self) -> MutexGuard<'_, T> {
            self.locked(self.0.lock())
        }

        /// Takes the lock if it is free.
        #[inline]
        pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            self.0.try_lock().map(|guard| self.locked(guard))
        }

        #[inline]
        fn locked<'a>(&'a self, guard: lock::MutexGuard<'a, T>) -> MutexGuard<'a, T> {
            lock_audit::locked();
            MutexGuard {
                guard: ManuallyDrop::new(guard),
                mutex: self,
            }
        }

        /// The value, by exclusive borrow.
        pub fn get_mut(&mut self) -> &mut T {
            self.0.get_mut()
        }
    }

    impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.fmt(f)
        }
    }

    impl<T: ?Sized> Deref for MutexGuard<'_, T> {
        type Target = T;
        #[inline]
        fn deref(&self) -> &T {
            &self.guard
        }
    }

    impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
        #[inline]
        fn deref_mut(&mut self) -> &mut T {
            &mut self.guard
        }
    }

    impl<T: ?Sized> Drop for MutexGuard<'_, T> {
        #[inline]
        fn drop(&mut self) {
            // SAFETY: the inner guard is dropped only here, once.
            unsafe { ManuallyDrop::drop(&mut self.guard) };
            lock_audit::unlocked();
        }
    }

    impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            (**self).fmt(f)
        }
    }

    /// Waits on a condition guarded by a [`Mutex`].
    ///
    /// I1: a waiter takes `waiters` before it lets go of the mutex, and lets go of `waiters` only in std's wait. So
    ///     a thread that changes the condition under the mutex and notifies afterwards finds the waiter counted and waiting.
    #[derive(Debug, Default)]
    pub struct Condvar {
        /// How many wait: without any, a notification costs no system call.
        waiters: std::sync::Mutex<usize>,
        condvar: std::sync::Condvar,
    }

    impl Condvar {
        /// A condition nobody waits on.
        pub const fn new() -> Self {
            Condvar {
                waiters: std::sync::Mutex::new(0),
                condvar: std::sync::Condvar::new(),
            }
        }

        /// Unlocks, waits for a notification, locks again. It may end without one.
        pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
            self.wait_for(guard, None).0
        }

        /// Like `wait`, for at most `timeout`; the flag says whether the time ran out.
        pub fn wait_timeout<'a, T>(
            &self,
            guard: MutexGuard<'a, T>,
            timeout: Duration,
        ) -> (MutexGuard<'a, T>, bool) {
            self.wait_for(guard, Some(timeout))
        }

        fn wait_for<'a, T>(
            &self,
            guard: MutexGuard<'a, T>,
            timeout: Option<Duration>,
        ) -> (MutexGuard<'a, T>, bool) {
            let mutex = guard.mutex;
            let mut waiters = self.waiters();
            *waiters += 1;
            drop(guard); // I1
            let timed_out;
            (waiters, timed_out) = match timeout {
                None => {
                    let waited = self.condvar.wait(waiters);
                    (waited.unwrap_or_else(PoisonError::into_inner), false)
                }
                Some(timeout) => {
                    let waited = self.condvar.wait_timeout(waiters, timeout);
                    let (waiters, result) = waited.unwrap_or_else(PoisonError::into_inner);
                    (waiters, result.timed_out())
                }
            };
            *waiters -= 1;
            drop(waiters);
            (mutex.lock(), timed_out)
        }

        /// Wakes one waiter.
        pub fn notify_one(&self) {
            if self.has_waiters() {
                self.condvar.notify_one();
            }
        }

        /// Wakes every waiter.
        pub fn notify_all(&self) {
            if self.has_waiters() {
                self.condvar.notify_all();
            }
        }

        fn has_waiters(&self) -> bool {
            *self.waiters() > 0
        }

        fn waiters(&self) -> std::sync::MutexGuard<'_, usize> {
            self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }
}

/// Work-stealing queues.
pub mod deque {
    pub use crossbeam_deque::{Injector, Steal, Stealer, Worker};
}

/// Interior mutability with loom's closure API.
pub mod cell {
    pub use crate::base::shim::plain_cell::UnsafeCell;
}

pub use std::hint;
pub use std::thread;
