//! The checker's counterparts, in the same shape as `native`.
#![allow(missing_docs)] // As in `native`.

/// Locks, shared ownership and atomics.
pub mod sync {
    use crate::base::shim::{checker, mutant};
    use std::fmt;
    use std::ops::{Deref, DerefMut};
    use std::sync::{PoisonError, TryLockError};
    use std::time::Duration;

    pub use checker::sync::Arc;

    /// Atomics and fences.
    pub mod atomic {
        pub use crate::base::shim::model_atomic::*;
    }

    /// The checker's mutex without poisoning.
    pub struct Mutex<T>(checker::sync::Mutex<T>);

    /// Unlocks on drop.
    pub struct MutexGuard<'a, T>(checker::sync::MutexGuard<'a, T>, &'a Mutex<T>);

    impl<T> Mutex<T> {
        pub fn new(value: T) -> Self {
            Mutex(checker::sync::Mutex::new(value))
        }
        pub fn into_inner(self) -> T {
            self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
        }
        pub fn lock(&self) -> MutexGuard<'_, T> {
            MutexGuard(self.0.lock().unwrap_or_else(PoisonError::into_inner), self)
        }
        pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            match self.0.try_lock() {
                Ok(guard) => Some(MutexGuard(guard, self)),
                Err(TryLockError::Poisoned(error)) => Some(MutexGuard(error.into_inner(), self)),
                Err(TryLockError::WouldBlock) => None,
            }
        }
        pub fn get_mut(&mut self) -> &mut T {
            self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl<T: Default> Default for Mutex<T> {
        fn default() -> Self {
            Mutex::new(T::default())
        }
    }

    impl<T> fmt::Debug for Mutex<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Mutex { .. }")
        }
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;
        fn deref(&self) -> &T {
            &self.0
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            &mut self.0
        }
    }

    impl<T: fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            (**self).fmt(f)
        }
    }

    /// The checker's condition variable.
    pub struct Condvar {
        inner: checker::sync::Condvar,
        /// Do timed waits end by a time-out?
        is_time_up: checker::sync::atomic::AtomicBool,
    }

    impl fmt::Debug for Condvar {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Condvar")
        }
    }

    impl Default for Condvar {
        fn default() -> Self {
            Condvar::new()
        }
    }

    impl Condvar {
        pub fn new() -> Self {
            Condvar {
                inner: checker::sync::Condvar::new(),
                is_time_up: checker::sync::atomic::AtomicBool::new(false),
            }
        }
        pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
            let MutexGuard(guard, mutex) = guard;
            let guard = self
                .inner
                .wait(guard)
                .unwrap_or_else(PoisonError::into_inner);
            MutexGuard(guard, mutex)
        }
        /// A model has no clock: this ends by a time-out only once `time_is_up` was called.
        pub fn wait_timeout<'a, T>(
            &self,
            guard: MutexGuard<'a, T>,
            _timeout: Duration,
        ) -> (MutexGuard<'a, T>, bool) {
            // Ordering: Relaxed; time orders nothing.
            if self.is_time_up.load(std::sync::atomic::Ordering::Relaxed) {
                return (Self::pass_time(guard), true);
            }
            let guard = self.wait(guard);
            let timed_out = self.is_time_up.load(std::sync::atomic::Ordering::Relaxed);
            (guard, timed_out)
        }
        /// Lets other threads run: otherwise one of shuttle's schedulers would run a thread that ticks, and nothing else, for ever.
        fn pass_time<T>(guard: MutexGuard<'_, T>) -> MutexGuard<'_, T> {
            if !cfg!(runtime_shuttle) {
                return guard;
            }
            let mutex = guard.1;
            drop(guard);
            checker::thread::yield_now();
            mutex.lock()
        }
        /// From here on timed waits end by a time-out; those that wait now end.
        pub fn time_is_up(&self) {
            // Ordering: Relaxed; time orders nothing.
            self.is_time_up
                .store(true, std::sync::atomic::Ordering::Relaxed);
            self.inner.notify_all();
        }
        #[track_caller]
        pub fn notify_one(&self) {
            if !mutant::is_left_out() {
                self.inner.notify_one();
            }
        }
        #[track_caller]
        pub fn notify_all(&self) {
            if !mutant::is_left_out() {
                self.inner.notify_all();
            }
        }
    }
}

/// Work-stealing queues.
pub mod deque {
    pub use crate::base::shim::model_deque::*;
}

/// Interior mutability, which loom watches.
pub mod cell {
    #[cfg(runtime_shuttle)]
    pub use crate::base::shim::plain_cell::UnsafeCell;
    #[cfg(not(runtime_shuttle))]
    pub use loom::cell::UnsafeCell;
}

pub use super::checker::{hint, thread};
