//! std and parking_lot, in the shape the runtime uses them.

/// Locks, shared ownership and atomics.
pub mod sync {
    use crate::base::lock_audit;
    use std::fmt;
    use std::mem::ManuallyDrop;
    use std::ops::{Deref, DerefMut};
    use std::time::Duration;

    pub use std::sync::Arc;

    /// Atomics and fences.
    pub mod atomic {
        pub use std::sync::atomic::*;
    }

    /// A lock without poisoning, counted by the lock-depth audit.
    #[derive(Default)]
    pub struct Mutex<T: ?Sized>(parking_lot::Mutex<T>);

    /// Unlocks on drop.
    pub struct MutexGuard<'a, T: ?Sized>(ManuallyDrop<parking_lot::MutexGuard<'a, T>>);

    impl<T> Mutex<T> {
        /// A new, unlocked lock.
        pub const fn new(value: T) -> Self {
            Mutex(parking_lot::Mutex::new(value))
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
            let guard = self.0.lock();
            lock_audit::locked();
            MutexGuard(ManuallyDrop::new(guard))
        }

        /// Takes the lock if it is free.
        #[inline]
        pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            let guard = self.0.try_lock()?;
            lock_audit::locked();
            Some(MutexGuard(ManuallyDrop::new(guard)))
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
            &self.0
        }
    }

    impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
        #[inline]
        fn deref_mut(&mut self) -> &mut T {
            &mut self.0
        }
    }

    impl<T: ?Sized> Drop for MutexGuard<'_, T> {
        #[inline]
        fn drop(&mut self) {
            // SAFETY: the inner guard is dropped only here, once.
            unsafe { ManuallyDrop::drop(&mut self.0) };
            lock_audit::unlocked();
        }
    }

    impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            (**self).fmt(f)
        }
    }

    /// Waits on a condition guarded by a [`Mutex`].
    #[derive(Debug, Default)]
    pub struct Condvar(parking_lot::Condvar);

    impl Condvar {
        /// A condition nobody waits on.
        pub const fn new() -> Self {
            Condvar(parking_lot::Condvar::new())
        }

        /// Unlocks, waits for a notification, locks again.
        pub fn wait<'a, T>(&self, mut guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
            self.0.wait(&mut guard.0);
            guard
        }

        /// Like `wait`, for at most `timeout`; the flag says whether the time ran out.
        pub fn wait_timeout<'a, T>(
            &self,
            mut guard: MutexGuard<'a, T>,
            timeout: Duration,
        ) -> (MutexGuard<'a, T>, bool) {
            let result = match std::time::Instant::now().checked_add(timeout) {
                Some(end) => self.0.wait_until(&mut guard.0, end).timed_out(),
                None => {
                    self.0.wait(&mut guard.0);
                    false
                }
            };
            (guard, result)
        }

        /// Wakes one waiter.
        pub fn notify_one(&self) {
            self.0.notify_one();
        }

        /// Wakes every waiter.
        pub fn notify_all(&self) {
            self.0.notify_all();
        }
    }
}

/// Work-stealing queues.
pub mod deque {
    pub use crossbeam_deque::{Injector, Steal, Stealer, Worker};
}

/// Interior mutability with loom's closure API.
pub mod cell {
    /// `std::cell::UnsafeCell` whose pointers are handed to closures, so loom can watch accesses.
    #[derive(Debug, Default)]
    pub struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        /// A cell holding `value`.
        pub const fn new(value: T) -> Self {
            UnsafeCell(std::cell::UnsafeCell::new(value))
        }

        /// Runs `f` on a pointer for reading.
        #[inline(always)]
        pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }

        /// Runs `f` on a pointer for writing.
        #[inline(always)]
        pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }

        /// The value inside.
        pub fn into_inner(self) -> T {
            self.0.into_inner()
        }
    }
}

pub use std::hint;
pub use std::thread;
