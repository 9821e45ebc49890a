//! The async mutex: a semaphore of one permit beside the value.
//!
//! - I1: the permit's holder, and nobody else, reaches the value; a guard is the permit.
//! - I2: mapping a guard moves the permit into the new guard; it is given back exactly once.
//!
//! Unlocking is one `fetch_add` while nobody waits. Not poisoned by panics.

use super::batch::BatchSemaphore;
use crate::base::waits::WaitKind;
use crate::instrument::{resource, state_told, state_update, wait_on};
use crate::task::block_on_current_thread;
use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::ptr;
use std::sync::Arc;

/// A lock that may be held across `.await`. Tasks get it in the order they asked.
///
/// ```
/// use runtime_core::sync::Mutex;
/// let mutex = Mutex::new(1);
/// *mutex.try_lock().unwrap() += 1;
/// assert_eq!(mutex.into_inner(), 2);
/// ```
///
/// Each holder may be on another thread, so the value must be `Send`:
///
/// ```compile_fail,E0277
/// # use runtime_core::sync::Mutex;
/// let mutex = Mutex::new(std::rc::Rc::new(1));
/// std::thread::scope(|scope| {
///     scope.spawn(|| mutex.blocking_lock().clone());
/// });
/// ```
pub struct Mutex<T: ?Sized> {
    turn: BatchSemaphore,
    value: UnsafeCell<T>,
}

// SAFETY: by I1 the value is reached by one holder at a time.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

/// The lock is held already.
///
/// ```
/// use selvedge::sync::Mutex;
/// let mutex = Mutex::new(0);
/// let held = mutex.try_lock().unwrap();
/// assert_eq!(mutex.try_lock().unwrap_err().to_string(), "operation would block");
/// # drop(held);
/// ```
#[derive(Debug)]
pub struct TryLockError(pub(super) ());

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("operation would block")
    }
}

impl std::error::Error for TryLockError {}

/// The held lock.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::sync::{Mutex, MutexGuard};
/// let mutex = Mutex::new(vec![1]);
/// let mut guard: MutexGuard<'_, Vec<i32>> = mutex.lock().await;
/// guard.push(2);
/// drop(guard); // the next in line has it now
/// assert_eq!(mutex.into_inner(), [1, 2]);
/// # }
/// ```
#[must_use = "dropping the guard unlocks at once"]
#[clippy::has_significant_drop]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
}

// SAFETY: a shared guard gives `&T` only. (Sending one is fine as is: `&Mutex<T>` is Send.)
unsafe impl<T: ?Sized + Send + Sync> Sync for MutexGuard<'_, T> {}

/// The held lock of an `Arc<Mutex>`.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::sync::Arc;
/// use selvedge::sync::{Mutex, OwnedMutexGuard};
/// let mutex = Arc::new(Mutex::new(1));
/// let guard: OwnedMutexGuard<i32> = mutex.lock_owned().await;
/// // It borrows nothing, so a task may take it along.
/// let task = selvedge::spawn(async move { *guard });
/// assert_eq!(task.await.unwrap(), 1);
/// # }
/// ```
#[must_use = "dropping the guard unlocks at once"]
#[clippy::has_significant_drop]
pub struct OwnedMutexGuard<T: ?Sized> {
    mutex: Arc<Mutex<T>>,
}

// SAFETY: a shared guard gives `&T` only.
unsafe impl<T: ?Sized + Send + Sync> Sync for OwnedMutexGuard<T> {}

/// The held lock, narrowed to a part of the value.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::sync::{MappedMutexGuard, Mutex, MutexGuard};
/// let mutex = Mutex::new((1, "one"));
/// let guard = mutex.lock().await;
/// let mut number: MappedMutexGuard<'_, i32> = MutexGuard::map(guard, |pair| &mut pair.0);
/// *number = 2;
/// drop(number);
/// assert_eq!(mutex.into_inner(), (2, "one"));
/// # }
/// ```
#[must_use = "dropping the guard unlocks at once"]
#[clippy::has_significant_drop]
pub struct MappedMutexGuard<'a, T: ?Sized> {
    turn: &'a BatchSemaphore,
    value: *mut T,
    _borrow: PhantomData<&'a mut T>,
}

// SAFETY: the guard stands for a `&mut T` (I1).
unsafe impl<T: ?Sized + Send> Send for MappedMutexGuard<'_, T> {}
// SAFETY: a shared guard gives `&T` only.
unsafe impl<T: ?Sized + Sync> Sync for MappedMutexGuard<'_, T> {}

/// The held lock of an `Arc<Mutex>`, narrowed to a part of the value.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::sync::Arc;
/// use selvedge::sync::{Mutex, OwnedMappedMutexGuard, OwnedMutexGuard};
/// let mutex = Arc::new(Mutex::new((1, "one")));
/// let guard = mutex.clone().lock_owned().await;
/// let mut number: OwnedMappedMutexGuard<(i32, &str), i32> =
///     OwnedMutexGuard::map(guard, |pair| &mut pair.0);
/// *number = 2;
/// drop(number);
/// assert_eq!(*mutex.lock().await, (2, "one"));
/// # }
/// ```
#[must_use = "dropping the guard unlocks at once"]
#[clippy::has_significant_drop]
pub struct OwnedMappedMutexGuard<T: ?Sized, U: ?Sized = T> {
    mutex: Arc<Mutex<T>>,
    value: *mut U,
}

// SAFETY: the guard stands for a `&mut U` (I1) and an `Arc<Mutex<T>>`.
unsafe impl<T: ?Sized + Send, U: ?Sized + Send> Send for OwnedMappedMutexGuard<T, U> {}
// SAFETY: a shared guard gives `&U` only.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Sync for OwnedMappedMutexGuard<T, U> {}

impl<T: ?Sized> Mutex<T> {
    /// An unlocked mutex.
    ///
    /// ```
    /// use selvedge::sync::Mutex;
    /// let mutex = Mutex::new(5);
    /// assert_eq!(mutex.into_inner(), 5);
    /// ```
    #[track_caller]
    pub fn new(value: T) -> Self
    where
        T: Sized,
    {
        let owner = resource!("tokio::sync::mutex", "Mutex", "Sync", Location::caller());
        Mutex {
            turn: BatchSemaphore::owned_by(owner, 1, || state_told!(locked = false)),
            value: UnsafeCell::new(value),
        }
    }

    const_fn! {
        /// [`new`](Self::new), in a constant.
        ///
        /// ```
        /// # #[selvedge::main(flavor = "current_thread")]
        /// # async fn main() {
        /// use selvedge::sync::Mutex;
        /// static NAMES: Mutex<Vec<String>> = Mutex::const_new(Vec::new());
        ///
        /// NAMES.lock().await.push("first".into());
        /// assert_eq!(NAMES.lock().await.len(), 1);
        /// # }
        /// ```
        pub const fn const_new(value: T) -> Self
        where
            T: Sized,
        {
            Mutex { turn: BatchSemaphore::new(1), value: UnsafeCell::new(value) }
        }
    }

    async fn take_turn(&self) {
        if !self.turn.acquire_at_once(1) && self.turn.acquire(WaitKind::Mutex, 1).await.is_err() {
            unreachable!("a mutex's semaphore is never closed");
        }
        self.turn.note_holder();
    }

    /// Waits for the lock.
    ///
    /// # Cancel safety
    /// Dropping it gives up the place in the queue.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::Mutex;
    /// let mutex = Mutex::new(1);
    /// *mutex.lock().await += 1;
    /// assert_eq!(*mutex.lock().await, 2);
    /// # }
    /// ```
    pub async fn lock(&self) -> MutexGuard<'_, T> {
        let guard = wait_on!(self.turn.owner, "Mutex::lock", {
            self.take_turn().await;
            MutexGuard { mutex: self }
        });
        state_update!(self.turn.owner, locked = true);
        guard
    }

    /// [`lock`](Self::lock) for threads outside of async code.
    ///
    /// # Panics
    /// In async code.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use selvedge::sync::Mutex;
    /// let mutex = Arc::new(Mutex::new(1));
    /// let shared = mutex.clone();
    /// // A thread that is not the runtime's may block.
    /// std::thread::spawn(move || *shared.blocking_lock() += 1).join().unwrap();
    /// assert_eq!(*mutex.blocking_lock(), 2);
    /// ```
    #[track_caller]
    pub fn blocking_lock(&self) -> MutexGuard<'_, T> {
        block_on_current_thread(self.lock())
    }

    /// [`lock_owned`](Self::lock_owned) for threads outside of async code.
    ///
    /// # Panics
    /// In async code.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use selvedge::sync::Mutex;
    /// let mutex = Arc::new(Mutex::new(1));
    /// let guard = mutex.blocking_lock_owned();
    /// assert_eq!(*guard, 1);
    /// ```
    #[track_caller]
    pub fn blocking_lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        block_on_current_thread(self.lock_owned())
    }

    /// [`lock`](Self::lock), with a guard that keeps the mutex alive.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::Mutex;
    /// let mutex = Arc::new(Mutex::new(1));
    /// let mut guard = mutex.clone().lock_owned().await;
    /// selvedge::spawn(async move { *guard += 1 }).await.unwrap();
    /// assert_eq!(*mutex.lock().await, 2);
    /// # }
    /// ```
    pub async fn lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        let owner = self.turn.owner.clone();
        let guard = wait_on!(owner, "Mutex::lock_owned", {
            self.take_turn().await;
            OwnedMutexGuard { mutex: self }
        });
        state_update!(owner, locked = true);
        guard
    }

    /// Takes the lock if it is free.
    ///
    /// # Errors
    /// If it is held.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::Mutex;
    /// let mutex = Mutex::new(1);
    /// let guard = mutex.try_lock().unwrap();
    /// assert!(mutex.try_lock().is_err());
    /// drop(guard);
    /// assert!(mutex.try_lock().is_ok());
    /// ```
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        match self.turn.try_acquire(1) {
            Ok(()) => {
                let guard = MutexGuard { mutex: self };
                guard.mutex.turn.note_holder();
                state_update!(guard.mutex.turn.owner, locked = true);
                Ok(guard)
            }
            Err(_) => Err(TryLockError(())),
        }
    }

    /// [`try_lock`](Self::try_lock), with a guard that keeps the mutex alive.
    ///
    /// # Errors
    /// If it is held.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use selvedge::sync::Mutex;
    /// let mutex = Arc::new(Mutex::new(1));
    /// let guard = mutex.clone().try_lock_owned().unwrap();
    /// assert!(mutex.clone().try_lock_owned().is_err());
    /// drop(guard);
    /// assert!(mutex.try_lock_owned().is_ok());
    /// ```
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        match self.turn.try_acquire(1) {
            Ok(()) => {
                let guard = OwnedMutexGuard { mutex: self };
                guard.mutex.turn.note_holder();
                state_update!(guard.mutex.turn.owner, locked = true);
                Ok(guard)
            }
            Err(_) => Err(TryLockError(())),
        }
    }

    /// The value, by exclusive borrow.
    ///
    /// ```
    /// use selvedge::sync::Mutex;
    /// let mut mutex = Mutex::new(1);
    /// *mutex.get_mut() = 2; // nobody else can hold it: no waiting
    /// assert_eq!(mutex.into_inner(), 2);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// The value, out of the mutex.
    ///
    /// ```
    /// use selvedge::sync::Mutex;
    /// let mutex = Mutex::new(String::from("value"));
    /// assert_eq!(mutex.into_inner(), "value");
    /// ```
    pub fn into_inner(self) -> T
    where
        T: Sized,
    {
        self.value.into_inner()
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// Narrows the guard to a part of the value.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::{Mutex, MutexGuard};
    /// let mutex = Mutex::new((1, 2));
    /// *MutexGuard::map(mutex.lock().await, |pair| &mut pair.1) = 3;
    /// assert_eq!(mutex.into_inner(), (1, 3));
    /// # }
    /// ```
    pub fn map<U, F>(mut this: Self, f: F) -> MappedMutexGuard<'a, U>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> &mut U,
    {
        let value: *mut U = f(&mut this);
        let this = ManuallyDrop::new(this);
        MappedMutexGuard {
            turn: &this.mutex.turn,
            value,
            _borrow: PhantomData,
        }
    }

    /// Like [`map`](Self::map); the guard comes back if `f` finds nothing.
    ///
    /// # Errors
    /// The guard as it was.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::{Mutex, MutexGuard};
    /// let mutex = Mutex::new(vec![1]);
    /// let second = MutexGuard::try_map(mutex.lock().await, |all| all.get_mut(1));
    /// // There is none: the guard comes back.
    /// assert_eq!(*second.unwrap_err(), [1]);
    /// # }
    /// ```
    pub fn try_map<U, F>(mut this: Self, f: F) -> Result<MappedMutexGuard<'a, U>, Self>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Some(value) = f(&mut this).map(|v| v as *mut U) else {
            return Err(this);
        };
        let this = ManuallyDrop::new(this);
        Ok(MappedMutexGuard {
            turn: &this.mutex.turn,
            value,
            _borrow: PhantomData,
        })
    }

    /// The mutex that the guard has locked.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::{Mutex, MutexGuard};
    /// let mutex = Mutex::new(1);
    /// let guard = mutex.lock().await;
    /// assert!(std::ptr::eq(MutexGuard::mutex(&guard), &mutex));
    /// # }
    /// ```
    pub fn mutex(this: &Self) -> &'a Mutex<T> {
        this.mutex
    }
}

impl<T: ?Sized> OwnedMutexGuard<T> {
    fn into_mutex(self) -> Arc<Mutex<T>> {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is never used again.
        unsafe { ptr::read(&this.mutex) }
    }

    /// Narrows the guard to a part of the value.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::{Mutex, OwnedMutexGuard};
    /// let mutex = Arc::new(Mutex::new((1, 2)));
    /// let guard = mutex.clone().lock_owned().await;
    /// *OwnedMutexGuard::map(guard, |pair| &mut pair.1) = 3;
    /// assert_eq!(*mutex.lock().await, (1, 3));
    /// # }
    /// ```
    pub fn map<U, F>(mut this: Self, f: F) -> OwnedMappedMutexGuard<T, U>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> &mut U,
    {
        let value: *mut U = f(&mut this);
        OwnedMappedMutexGuard {
            mutex: this.into_mutex(),
            value,
        }
    }

    /// Like [`map`](Self::map); the guard comes back if `f` finds nothing.
    ///
    /// # Errors
    /// The guard as it was.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::{Mutex, OwnedMutexGuard};
    /// let mutex = Arc::new(Mutex::new(vec![1]));
    /// let guard = mutex.lock_owned().await;
    /// let second = OwnedMutexGuard::try_map(guard, |all| all.get_mut(1));
    /// assert_eq!(*second.unwrap_err(), [1]);
    /// # }
    /// ```
    pub fn try_map<U, F>(mut this: Self, f: F) -> Result<OwnedMappedMutexGuard<T, U>, Self>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Some(value) = f(&mut this).map(|v| v as *mut U) else {
            return Err(this);
        };
        Ok(OwnedMappedMutexGuard {
            mutex: this.into_mutex(),
            value,
        })
    }

    /// The mutex that the guard has locked.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::{Mutex, OwnedMutexGuard};
    /// let mutex = Arc::new(Mutex::new(1));
    /// let guard = mutex.clone().lock_owned().await;
    /// assert!(Arc::ptr_eq(OwnedMutexGuard::mutex(&guard), &mutex));
    /// # }
    /// ```
    pub fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        &this.mutex
    }
}

impl<'a, T: ?Sized> MappedMutexGuard<'a, T> {
    /// Narrows the guard further.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::{MappedMutexGuard, Mutex, MutexGuard};
    /// let mutex = Mutex::new(((1, 2), 3));
    /// let inner = MutexGuard::map(mutex.lock().await, |all| &mut all.0);
    /// *MappedMutexGuard::map(inner, |pair| &mut pair.1) = 5;
    /// assert_eq!(mutex.into_inner(), ((1, 5), 3));
    /// # }
    /// ```
    pub fn map<U, F>(mut this: Self, f: F) -> MappedMutexGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let value: *mut U = f(&mut this);
        let this = ManuallyDrop::new(this);
        MappedMutexGuard {
            turn: this.turn,
            value,
            _borrow: PhantomData,
        }
    }

    /// Like [`map`](Self::map); the guard comes back if `f` finds nothing.
    ///
    /// # Errors
    /// The guard as it was.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::{MappedMutexGuard, Mutex, MutexGuard};
    /// let mutex = Mutex::new((vec![1], 3));
    /// let numbers = MutexGuard::map(mutex.lock().await, |all| &mut all.0);
    /// let first = MappedMutexGuard::try_map(numbers, |numbers| numbers.first_mut());
    /// assert_eq!(*first.unwrap(), 1);
    /// # }
    /// ```
    pub fn try_map<U, F>(mut this: Self, f: F) -> Result<MappedMutexGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Some(value) = f(&mut this).map(|v| v as *mut U) else {
            return Err(this);
        };
        let this = ManuallyDrop::new(this);
        Ok(MappedMutexGuard {
            turn: this.turn,
            value,
            _borrow: PhantomData,
        })
    }
}

impl<T: ?Sized, U: ?Sized> OwnedMappedMutexGuard<T, U> {
    fn into_mutex(self) -> Arc<Mutex<T>> {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is never used again.
        unsafe { ptr::read(&this.mutex) }
    }

    /// Narrows the guard further.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::{Mutex, OwnedMappedMutexGuard, OwnedMutexGuard};
    /// let mutex = Arc::new(Mutex::new(((1, 2), 3)));
    /// let inner = OwnedMutexGuard::map(mutex.clone().lock_owned().await, |all| &mut all.0);
    /// *OwnedMappedMutexGuard::map(inner, |pair| &mut pair.1) = 5;
    /// assert_eq!(*mutex.lock().await, ((1, 5), 3));
    /// # }
    /// ```
    pub fn map<S, F>(mut this: Self, f: F) -> OwnedMappedMutexGuard<T, S>
    where
        F: FnOnce(&mut U) -> &mut S,
    {
        let value: *mut S = f(&mut this);
        OwnedMappedMutexGuard {
            mutex: this.into_mutex(),
            value,
        }
    }

    /// Like [`map`](Self::map); the guard comes back if `f` finds nothing.
    ///
    /// # Errors
    /// The guard as it was.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::{Mutex, OwnedMappedMutexGuard, OwnedMutexGuard};
    /// let mutex = Arc::new(Mutex::new((vec![1], 3)));
    /// let numbers = OwnedMutexGuard::map(mutex.lock_owned().await, |all| &mut all.0);
    /// let first = OwnedMappedMutexGuard::try_map(numbers, |numbers| numbers.first_mut());
    /// assert_eq!(*first.unwrap(), 1);
    /// # }
    /// ```
    pub fn try_map<S, F>(mut this: Self, f: F) -> Result<OwnedMappedMutexGuard<T, S>, Self>
    where
        F: FnOnce(&mut U) -> Option<&mut S>,
    {
        let Some(value) = f(&mut this).map(|v| v as *mut S) else {
            return Err(this);
        };
        Ok(OwnedMappedMutexGuard {
            mutex: this.into_mutex(),
            value,
        })
    }
}

macro_rules! guard_impls {
    ([$($gen:tt)*] $guard:ty, $target:ty, |$this:ident| $ptr:expr, $turn:expr) => {
        impl<$($gen)*> Deref for $guard {
            type Target = $target;
            fn deref(&self) -> &$target {
                let $this = self;
                // SAFETY: I1, the guard is the permit.
                unsafe { &*$ptr }
            }
        }
        impl<$($gen)*> DerefMut for $guard {
            fn deref_mut(&mut self) -> &mut $target {
                let $this = self;
                // SAFETY: I1, the guard is the permit, and it is borrowed exclusively.
                unsafe { &mut *$ptr }
            }
        }
        impl<$($gen)*> Drop for $guard {
            fn drop(&mut self) {
                let $this = self;
                $turn.release(1);
                state_update!($turn.owner, locked = false);
            }
        }
    };
}

guard_impls!(['a, T: ?Sized] MutexGuard<'a, T>, T, |g| g.mutex.value.get(), g.mutex.turn);
guard_impls!([T: ?Sized] OwnedMutexGuard<T>, T, |g| g.mutex.value.get(), g.mutex.turn);
guard_impls!(['a, T: ?Sized] MappedMutexGuard<'a, T>, T, |g| g.value, g.turn);
guard_impls!([T: ?Sized, U: ?Sized] OwnedMappedMutexGuard<T, U>, U, |g| g.value, g.mutex.turn);

macro_rules! guard_fmt {
    ([$($gen:tt)*] $guard:ty, $target:ty) => {
        impl<$($gen)*> fmt::Debug for $guard where $target: fmt::Debug {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&**self, f)
            }
        }
        impl<$($gen)*> fmt::Display for $guard where $target: fmt::Display {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&**self, f)
            }
        }
    };
}

pub(super) use guard_fmt;

guard_fmt!(['a, T: ?Sized] MutexGuard<'a, T>, T);
guard_fmt!([T: ?Sized] OwnedMutexGuard<T>, T);
guard_fmt!(['a, T: ?Sized] MappedMutexGuard<'a, T>, T);
guard_fmt!([T: ?Sized, U: ?Sized] OwnedMappedMutexGuard<T, U>, U);

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Mutex::new(value)
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => out.field("data", &&*guard),
            Err(_) => out.field("data", &format_args!("<locked>")),
        };
        out.finish()
    }
}
