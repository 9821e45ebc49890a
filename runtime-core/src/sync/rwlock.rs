//! The async reader-writer lock: a semaphore of `max_readers` permits beside the value.
//!
//! A reader holds one permit, a writer all of them; the semaphore's order makes it fair, so a
//! waiting writer is not overtaken by later readers.
//!
//! - I1: a holder of one permit may read the value, a holder of all permits may change it.
//! - I2: a guard gives back what it stands for exactly once; mapping moves that into the new
//!   guard, downgrading gives back all but one.

use super::batch::BatchSemaphore;
use super::mutex::TryLockError;
use crate::base::waits::WaitKind;
use crate::instrument::{ENABLED, resource, state_told, state_update, wait_on};
use crate::task::block_on_current_thread;
use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::ptr;
use std::sync::Arc;

const MAX_READERS: u32 = u32::MAX >> 3;

/// A lock for many readers or one writer, which may be held across `.await`.
///
/// ```
/// use runtime_core::sync::RwLock;
/// let lock = RwLock::new(1);
/// {
///     let (a, b) = (lock.try_read().unwrap(), lock.try_read().unwrap());
///     assert_eq!(*a + *b, 2);
///     assert!(lock.try_write().is_err());
/// }
/// *lock.try_write().unwrap() = 2;
/// ```
///
/// Several threads may read at once, so the value must be `Sync`:
///
/// ```compile_fail,E0277
/// # use runtime_core::sync::RwLock;
/// let lock = RwLock::new(std::cell::Cell::new(1));
/// std::thread::scope(|scope| {
///     scope.spawn(|| lock.blocking_read().set(2));
/// });
/// ```
pub struct RwLock<T: ?Sized> {
    max_readers: u32,
    turn: BatchSemaphore,
    value: UnsafeCell<T>,
}

// SAFETY: owning the lock is owning the value.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: by I1 the value is shared among readers (Sync) and moved between writers (Send).
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

/// The lock, held for reading.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::sync::{RwLock, RwLockReadGuard};
/// let lock = RwLock::new(1);
/// let first: RwLockReadGuard<'_, i32> = lock.read().await;
/// let second = lock.read().await; // readers share
/// assert_eq!(*first + *second, 2);
/// # }
/// ```
#[must_use = "dropping the guard unlocks at once"]
#[clippy::has_significant_drop]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    turn: &'a BatchSemaphore,
    value: *const T,
    _borrow: PhantomData<&'a T>,
}

/// The lock, held for writing.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::sync::{RwLock, RwLockWriteGuard};
/// let lock = RwLock::new(1);
/// let mut guard: RwLockWriteGuard<'_, i32> = lock.write().await;
/// *guard = 2;
/// drop(guard);
/// assert_eq!(*lock.read().await, 2);
/// # }
/// ```
#[must_use = "dropping the guard unlocks at once"]
#[clippy::has_significant_drop]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    turn: &'a BatchSemaphore,
    permits: u32,
    value: *mut T,
    _borrow: PhantomData<&'a mut T>,
}

/// The lock, held for writing and narrowed to a part of the value.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::sync::{RwLock, RwLockMappedWriteGuard, RwLockWriteGuard};
/// let lock = RwLock::new((1, "one"));
/// let guard = lock.write().await;
/// let mut number: RwLockMappedWriteGuard<'_, i32> =
///     RwLockWriteGuard::map(guard, |pair| &mut pair.0);
/// *number = 2;
/// drop(number);
/// assert_eq!(lock.into_inner(), (2, "one"));
/// # }
/// ```
#[must_use = "dropping the guard unlocks at once"]
#[clippy::has_significant_drop]
pub struct RwLockMappedWriteGuard<'a, T: ?Sized> {
    turn: &'a BatchSemaphore,
    permits: u32,
    value: *mut T,
    _borrow: PhantomData<&'a mut T>,
}

/// The lock of an `Arc<RwLock>`, held for reading.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::sync::Arc;
/// use selvedge::sync::{OwnedRwLockReadGuard, RwLock};
/// let lock = Arc::new(RwLock::new(1));
/// let guard: OwnedRwLockReadGuard<i32> = lock.read_owned().await;
/// let task = selvedge::spawn(async move { *guard });
/// assert_eq!(task.await.unwrap(), 1);
/// # }
/// ```
#[must_use = "dropping the guard unlocks at once"]
#[clippy::has_significant_drop]
pub struct OwnedRwLockReadGuard<T: ?Sized, U: ?Sized = T> {
    lock: Arc<RwLock<T>>,
    value: *const U,
    _lock: PhantomData<T>,
}

/// The lock of an `Arc<RwLock>`, held for writing.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::sync::Arc;
/// use selvedge::sync::{OwnedRwLockWriteGuard, RwLock};
/// let lock = Arc::new(RwLock::new(1));
/// let mut guard: OwnedRwLockWriteGuard<i32> = lock.clone().write_owned().await;
/// selvedge::spawn(async move { *guard = 2 }).await.unwrap();
/// assert_eq!(*lock.read().await, 2);
/// # }
/// ```
#[must_use = "dropping the guard unlocks at once"]
#[clippy::has_significant_drop]
pub struct OwnedRwLockWriteGuard<T: ?Sized> {
    lock: Arc<RwLock<T>>,
    value: *mut T,
    _lock: PhantomData<T>,
}

/// The lock of an `Arc<RwLock>`, held for writing and narrowed to a part of the value.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::sync::Arc;
/// use selvedge::sync::{OwnedRwLockMappedWriteGuard, OwnedRwLockWriteGuard, RwLock};
/// let lock = Arc::new(RwLock::new((1, "one")));
/// let guard = lock.clone().write_owned().await;
/// let mut number: OwnedRwLockMappedWriteGuard<(i32, &str), i32> =
///     OwnedRwLockWriteGuard::map(guard, |pair| &mut pair.0);
/// *number = 2;
/// drop(number);
/// assert_eq!(*lock.read().await, (2, "one"));
/// # }
/// ```
#[must_use = "dropping the guard unlocks at once"]
#[clippy::has_significant_drop]
pub struct OwnedRwLockMappedWriteGuard<T: ?Sized, U: ?Sized = T> {
    lock: Arc<RwLock<T>>,
    value: *mut U,
    _lock: PhantomData<T>,
}

// SAFETY: a read guard is a `&T` (I1).
unsafe impl<T: ?Sized + Sync> Send for RwLockReadGuard<'_, T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLockReadGuard<'_, T> {}
// SAFETY: a write guard is a `&mut T` (I1).
unsafe impl<T: ?Sized + Send + Sync> Send for RwLockWriteGuard<'_, T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLockWriteGuard<'_, T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync> Send for RwLockMappedWriteGuard<'_, T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLockMappedWriteGuard<'_, T> {}
// SAFETY: an `Arc<RwLock<T>>` and a `&U` (I1).
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Sync> Send for OwnedRwLockReadGuard<T, U> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Sync for OwnedRwLockReadGuard<T, U> {}
// SAFETY: an `Arc<RwLock<T>>` and a `&mut T` (I1).
unsafe impl<T: ?Sized + Send + Sync> Send for OwnedRwLockWriteGuard<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync> Sync for OwnedRwLockWriteGuard<T> {}
// SAFETY: an `Arc<RwLock<T>>` and a `&mut U` (I1).
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Send
    for OwnedRwLockMappedWriteGuard<T, U>
{
}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Sync
    for OwnedRwLockMappedWriteGuard<T, U>
{
}

impl<T: ?Sized> RwLock<T> {
    /// An unlocked lock.
    ///
    /// ```
    /// use selvedge::sync::RwLock;
    /// let lock = RwLock::new(5);
    /// assert_eq!(*lock.try_read().unwrap(), 5);
    /// ```
    #[track_caller]
    pub fn new(value: T) -> Self
    where
        T: Sized,
    {
        RwLock {
            max_readers: MAX_READERS,
            turn: Self::new_turn(MAX_READERS),
            value: UnsafeCell::new(value),
        }
    }

    /// An unlocked lock for at most `max_readers` readers at a time.
    ///
    /// # Panics
    /// If that is 0 or more than `u32::MAX >> 3`.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::RwLock;
    /// let lock = RwLock::with_max_readers(5, 1);
    /// let reader = lock.try_read().unwrap();
    /// assert!(lock.try_read().is_err()); // one at a time
    /// # drop(reader);
    /// ```
    #[track_caller]
    pub fn with_max_readers(value: T, max_readers: u32) -> Self
    where
        T: Sized,
    {
        RwLock {
            max_readers,
            turn: Self::new_turn(max_readers),
            value: UnsafeCell::new(value),
        }
    }

    #[track_caller]
    fn new_turn(max_readers: u32) -> BatchSemaphore {
        check_max_readers(max_readers);
        if !ENABLED {
            return BatchSemaphore::new(max_readers as usize);
        }
        let owner = resource!("tokio::sync::rwlock", "RwLock", "Sync", Location::caller());
        owner.scope(|| {
            state_told!(max_readers = max_readers);
            state_told!(write_locked = false);
            state_told!(current_readers = 0);
        });
        BatchSemaphore::owned_by(owner, max_readers as usize, || ())
    }

    const_fn! {
        /// [`new`](Self::new), in a constant.
        ///
        /// ```
        /// # #[selvedge::main(flavor = "current_thread")]
        /// # async fn main() {
        /// use selvedge::sync::RwLock;
        /// static LIMIT: RwLock<u32> = RwLock::const_new(10);
        ///
        /// *LIMIT.write().await = 20;
        /// assert_eq!(*LIMIT.read().await, 20);
        /// # }
        /// ```
        pub const fn const_new(value: T) -> Self
        where
            T: Sized,
        {
            Self::const_with_max_readers(value, MAX_READERS)
        }
    }

    const_fn! {
        /// [`with_max_readers`](Self::with_max_readers), in a constant.
        ///
        /// # Panics
        /// If `max_readers` is 0 or more than `u32::MAX >> 3`.
        ///
        /// # Examples
        /// ```
        /// use selvedge::sync::RwLock;
        /// static LIMIT: RwLock<u32> = RwLock::const_with_max_readers(10, 2);
        ///
        /// let (first, second) = (LIMIT.try_read().unwrap(), LIMIT.try_read().unwrap());
        /// assert!(LIMIT.try_read().is_err());
        /// # drop((first, second));
        /// ```
        #[track_caller]
        pub const fn const_with_max_readers(value: T, max_readers: u32) -> Self
        where
            T: Sized,
        {
            check_max_readers(max_readers);
            RwLock {
                max_readers,
                turn: BatchSemaphore::new(max_readers as usize),
                value: UnsafeCell::new(value),
            }
        }
    }

    async fn take_turn(&self, kind: WaitKind) {
        let permits = match kind {
            WaitKind::Read => 1,
            _ => self.max_readers as usize,
        };
        if !self.turn.acquire_at_once(permits) && self.turn.acquire(kind, permits).await.is_err() {
            unreachable!("a lock's semaphore is never closed");
        }
        self.turn.note_holder();
    }

    fn try_turn(&self, permits: u32) -> Result<(), TryLockError> {
        self.turn
            .try_acquire(permits as usize)
            .map_err(|_| TryLockError(()))?;
        self.turn.note_holder();
        Ok(())
    }

    fn read_guard(&self) -> RwLockReadGuard<'_, T> {
        let guard = RwLockReadGuard {
            turn: &self.turn,
            value: self.value.get(),
            _borrow: PhantomData,
        };
        tell_readers_one_more(&self.turn);
        guard
    }

    fn write_guard(&self) -> RwLockWriteGuard<'_, T> {
        let guard = RwLockWriteGuard {
            turn: &self.turn,
            permits: self.max_readers,
            value: self.value.get(),
            _borrow: PhantomData,
        };
        tell_write_locked(&self.turn, true);
        guard
    }

    fn owned_read_guard(self: Arc<Self>) -> OwnedRwLockReadGuard<T> {
        let value = self.value.get();
        let guard = OwnedRwLockReadGuard {
            lock: self,
            value,
            _lock: PhantomData,
        };
        tell_readers_one_more(&guard.lock.turn);
        guard
    }

    fn owned_write_guard(self: Arc<Self>) -> OwnedRwLockWriteGuard<T> {
        let value = self.value.get();
        let guard = OwnedRwLockWriteGuard {
            lock: self,
            value,
            _lock: PhantomData,
        };
        tell_write_locked(&guard.lock.turn, true);
        guard
    }

    /// Waits until it may read.
    ///
    /// # Cancel safety
    /// Dropping it gives up the place in the queue.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::RwLock;
    /// let lock = RwLock::new(vec![1, 2]);
    /// assert_eq!(lock.read().await.len(), 2);
    /// # }
    /// ```
    pub async fn read(&self) -> RwLockReadGuard<'_, T> {
        wait_on!(self.turn.owner, "RwLock::read", {
            self.take_turn(WaitKind::Read).await;
            self.read_guard()
        })
    }

    /// Waits until it may write.
    ///
    /// # Cancel safety
    /// Dropping it gives up the place in the queue.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::RwLock;
    /// let lock = RwLock::new(vec![1, 2]);
    /// lock.write().await.push(3);
    /// assert_eq!(*lock.read().await, [1, 2, 3]);
    /// # }
    /// ```
    pub async fn write(&self) -> RwLockWriteGuard<'_, T> {
        wait_on!(self.turn.owner, "RwLock::write", {
            self.take_turn(WaitKind::Write).await;
            self.write_guard()
        })
    }

    /// [`read`](Self::read), with a guard that keeps the lock alive.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::RwLock;
    /// let lock = Arc::new(RwLock::new(1));
    /// let guard = lock.clone().read_owned().await;
    /// assert!(lock.try_write().is_err());
    /// assert_eq!(selvedge::spawn(async move { *guard }).await.unwrap(), 1);
    /// # }
    /// ```
    pub async fn read_owned(self: Arc<Self>) -> OwnedRwLockReadGuard<T> {
        let owner = self.turn.owner.clone();
        wait_on!(owner, "RwLock::read_owned", {
            self.take_turn(WaitKind::Read).await;
            self.owned_read_guard()
        })
    }

    /// [`write`](Self::write), with a guard that keeps the lock alive.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::RwLock;
    /// let lock = Arc::new(RwLock::new(1));
    /// let mut guard = lock.clone().write_owned().await;
    /// selvedge::spawn(async move { *guard += 1 }).await.unwrap();
    /// assert_eq!(*lock.read().await, 2);
    /// # }
    /// ```
    pub async fn write_owned(self: Arc<Self>) -> OwnedRwLockWriteGuard<T> {
        let owner = self.turn.owner.clone();
        wait_on!(owner, "RwLock::write_owned", {
            self.take_turn(WaitKind::Write).await;
            self.owned_write_guard()
        })
    }

    /// [`read`](Self::read) for threads outside of async code.
    ///
    /// # Panics
    /// In async code.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::RwLock;
    /// let lock = RwLock::new(1);
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| assert_eq!(*lock.blocking_read(), 1));
    /// });
    /// ```
    #[track_caller]
    pub fn blocking_read(&self) -> RwLockReadGuard<'_, T> {
        block_on_current_thread(self.read())
    }

    /// [`write`](Self::write) for threads outside of async code.
    ///
    /// # Panics
    /// In async code.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::RwLock;
    /// let lock = RwLock::new(1);
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| *lock.blocking_write() += 1);
    /// });
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    #[track_caller]
    pub fn blocking_write(&self) -> RwLockWriteGuard<'_, T> {
        block_on_current_thread(self.write())
    }

    /// Reads if it may do so at once.
    ///
    /// # Errors
    /// If there is a writer, or one waits.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::RwLock;
    /// let lock = RwLock::new(1);
    /// let writer = lock.try_write().unwrap();
    /// assert!(lock.try_read().is_err());
    /// drop(writer);
    /// assert_eq!(*lock.try_read().unwrap(), 1);
    /// ```
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        self.try_turn(1)?;
        Ok(self.read_guard())
    }

    /// Writes if it may do so at once.
    ///
    /// # Errors
    /// If anyone holds the lock or waits for it.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::RwLock;
    /// let lock = RwLock::new(1);
    /// let reader = lock.try_read().unwrap();
    /// assert!(lock.try_write().is_err());
    /// drop(reader);
    /// *lock.try_write().unwrap() = 2;
    /// ```
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        self.try_turn(self.max_readers)?;
        Ok(self.write_guard())
    }

    /// [`try_read`](Self::try_read), with a guard that keeps the lock alive.
    ///
    /// # Errors
    /// If there is a writer, or one waits.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use selvedge::sync::RwLock;
    /// let lock = Arc::new(RwLock::new(1));
    /// let guard = lock.clone().try_read_owned().unwrap();
    /// assert_eq!(*guard, 1);
    /// assert!(lock.try_write_owned().is_err());
    /// ```
    pub fn try_read_owned(self: Arc<Self>) -> Result<OwnedRwLockReadGuard<T>, TryLockError> {
        self.try_turn(1)?;
        Ok(self.owned_read_guard())
    }

    /// [`try_write`](Self::try_write), with a guard that keeps the lock alive.
    ///
    /// # Errors
    /// If anyone holds the lock or waits for it.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use selvedge::sync::RwLock;
    /// let lock = Arc::new(RwLock::new(1));
    /// *lock.clone().try_write_owned().unwrap() = 2;
    /// assert_eq!(*lock.try_read_owned().unwrap(), 2);
    /// ```
    pub fn try_write_owned(self: Arc<Self>) -> Result<OwnedRwLockWriteGuard<T>, TryLockError> {
        self.try_turn(self.max_readers)?;
        Ok(self.owned_write_guard())
    }

    /// The value, by exclusive borrow.
    ///
    /// ```
    /// use selvedge::sync::RwLock;
    /// let mut lock = RwLock::new(1);
    /// *lock.get_mut() = 2; // nobody else can hold it: no waiting
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// The value, out of the lock.
    ///
    /// ```
    /// use selvedge::sync::RwLock;
    /// assert_eq!(RwLock::new("value").into_inner(), "value");
    /// ```
    pub fn into_inner(self) -> T
    where
        T: Sized,
    {
        self.value.into_inner()
    }
}

#[track_caller]
const fn check_max_readers(max_readers: u32) {
    assert!(
        max_readers > 0,
        "a RwLock may not be created with 0 readers"
    );
    assert!(
        max_readers <= MAX_READERS,
        "a RwLock may not be created with more than u32::MAX >> 3 readers"
    );
}

fn tell_readers_one_more(turn: &BatchSemaphore) {
    state_update!(turn.owner, current_readers = 1, current_readers.op = "add");
}

fn tell_readers_one_less(turn: &BatchSemaphore) {
    state_update!(turn.owner, current_readers = 1, current_readers.op = "sub");
}

#[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
fn tell_write_locked(turn: &BatchSemaphore, is: bool) {
    state_update!(turn.owner, write_locked = is, write_locked.op = "override");
}

fn tell_not_write_locked(turn: &BatchSemaphore) {
    tell_write_locked(turn, false);
}

fn tell_downgraded(turn: &BatchSemaphore) {
    tell_write_locked(turn, false);
    tell_readers_one_more(turn);
}

macro_rules! borrowed_map {
    ($(#[$doc:meta])* $map:ident, $try_map:ident, $from:ident -> $to:ident { $($field:ident),* },
     $arg:ty => $ret:ty, $ptr:ty) => {
        $(#[$doc])*
        pub fn $map<F, U: ?Sized>(#[allow(unused_mut)] mut this: Self, f: F) -> $to<'a, U>
        where
            F: FnOnce($arg) -> $ret,
        {
            let value: $ptr = f(&mut this);
            let this = ManuallyDrop::new(this);
            $to { $($field: this.$field,)* value, _borrow: PhantomData }
        }

        /// Like [`map`](Self::map), with a function that may find nothing.
        ///
        /// # Errors
        /// The guard as it was.
        ///
        /// ```
        /// # #[selvedge::main(flavor = "current_thread")]
        /// # async fn main() {
        /// use selvedge::sync::{RwLock, RwLockMappedWriteGuard, RwLockWriteGuard};
        /// let lock = RwLock::new(vec![1]);
        /// let first = RwLockWriteGuard::try_map(lock.write().await, |all| all.first_mut());
        /// let first: RwLockMappedWriteGuard<'_, i32> = first.unwrap();
        /// assert_eq!(*first, 1);
        /// # }
        /// ```
        pub fn $try_map<F, U: ?Sized>(
            #[allow(unused_mut)] mut this: Self,
            f: F,
        ) -> Result<$to<'a, U>, Self>
        where
            F: FnOnce($arg) -> Option<$ret>,
        {
            let Some(value) = f(&mut this).map(|v| v as $ptr) else { return Err(this) };
            let this = ManuallyDrop::new(this);
            Ok($to { $($field: this.$field,)* value, _borrow: PhantomData })
        }
    };
}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    /// Narrows the guard to a part of the value.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::{RwLock, RwLockReadGuard};
    /// let lock = RwLock::new((1, 2));
    /// let second = RwLockReadGuard::map(lock.read().await, |pair| &pair.1);
    /// assert_eq!(*second, 2);
    /// # }
    /// ```
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> RwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let value: *const U = f(&this);
        let this = ManuallyDrop::new(this);
        RwLockReadGuard {
            turn: this.turn,
            value,
            _borrow: PhantomData,
        }
    }

    /// Like [`map`](Self::map), with a function that may find nothing.
    ///
    /// # Errors
    /// The guard as it was.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::{RwLock, RwLockReadGuard};
    /// let lock = RwLock::new(vec![1]);
    /// let second = RwLockReadGuard::try_map(lock.read().await, |all| all.get(1));
    /// assert_eq!(*second.unwrap_err(), [1]); // the guard comes back
    /// # }
    /// ```
    pub fn try_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        let Some(value) = f(&this).map(|v| v as *const U) else {
            return Err(this);
        };
        let this = ManuallyDrop::new(this);
        Ok(RwLockReadGuard {
            turn: this.turn,
            value,
            _borrow: PhantomData,
        })
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    borrowed_map!(
        /// Narrows the guard to a part of the value.
        ///
        /// ```
        /// # #[selvedge::main(flavor = "current_thread")]
        /// # async fn main() {
        /// use selvedge::sync::{RwLock, RwLockWriteGuard};
        /// let lock = RwLock::new((1, 2));
        /// *RwLockWriteGuard::map(lock.write().await, |pair| &mut pair.1) = 3;
        /// assert_eq!(lock.into_inner(), (1, 3));
        /// # }
        /// ```
        map, try_map, RwLockWriteGuard -> RwLockMappedWriteGuard { turn, permits },
        &mut T => &mut U, *mut U
    );

    /// The same guard, as a mapped guard.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::{RwLock, RwLockMappedWriteGuard, RwLockWriteGuard};
    /// let lock = RwLock::new(1);
    /// let guard: RwLockMappedWriteGuard<'_, i32> =
    ///     RwLockWriteGuard::into_mapped(lock.write().await);
    /// assert_eq!(*guard, 1);
    /// # }
    /// ```
    pub fn into_mapped(this: Self) -> RwLockMappedWriteGuard<'a, T> {
        RwLockWriteGuard::map(this, |value| value)
    }

    /// Keeps the lock for reading, and lets other readers in.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::RwLock;
    /// let lock = RwLock::new(1);
    /// let mut writer = lock.write().await;
    /// *writer = 2;
    /// // No other writer comes in between.
    /// let reader = writer.downgrade();
    /// assert_eq!((*reader, *lock.read().await), (2, 2));
    /// # }
    /// ```
    pub fn downgrade(self) -> RwLockReadGuard<'a, T> {
        RwLockWriteGuard::downgrade_map(self, |value| value)
    }

    /// [`downgrade`](Self::downgrade), narrowed to a part of the value.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::{RwLock, RwLockWriteGuard};
    /// let lock = RwLock::new((1, 2));
    /// let first = RwLockWriteGuard::downgrade_map(lock.write().await, |pair| &pair.0);
    /// assert_eq!((*first, *lock.read().await), (1, (1, 2)));
    /// # }
    /// ```
    pub fn downgrade_map<F, U: ?Sized>(this: Self, f: F) -> RwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let value: *const U = f(&this);
        let this = ManuallyDrop::new(this);
        // The guard is made first: its permit comes back even if the waker of a waiting reader panics.
        let guard = RwLockReadGuard {
            turn: this.turn,
            value,
            _borrow: PhantomData,
        };
        this.turn.release(this.permits as usize - 1);
        tell_downgraded(this.turn);
        guard
    }

    /// Like [`downgrade_map`](Self::downgrade_map), with a function that may find nothing.
    ///
    /// # Errors
    /// The guard as it was.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::{RwLock, RwLockWriteGuard};
    /// let lock = RwLock::new(vec![1]);
    /// let first = RwLockWriteGuard::try_downgrade_map(lock.write().await, |all| all.first());
    /// assert_eq!(*first.unwrap(), 1);
    /// # }
    /// ```
    pub fn try_downgrade_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        let Some(value) = f(&this).map(|v| v as *const U) else {
            return Err(this);
        };
        let this = ManuallyDrop::new(this);
        // The guard is made first: its permit comes back even if the waker of a waiting reader panics.
        let guard = RwLockReadGuard {
            turn: this.turn,
            value,
            _borrow: PhantomData,
        };
        this.turn.release(this.permits as usize - 1);
        tell_downgraded(this.turn);
        Ok(guard)
    }
}

impl<'a, T: ?Sized> RwLockMappedWriteGuard<'a, T> {
    borrowed_map!(
        /// Narrows the guard further.
        ///
        /// ```
        /// # #[selvedge::main(flavor = "current_thread")]
        /// # async fn main() {
        /// use selvedge::sync::{RwLock, RwLockMappedWriteGuard, RwLockWriteGuard};
        /// let lock = RwLock::new(((1, 2), 3));
        /// let inner = RwLockWriteGuard::map(lock.write().await, |all| &mut all.0);
        /// *RwLockMappedWriteGuard::map(inner, |pair| &mut pair.1) = 5;
        /// assert_eq!(lock.into_inner(), ((1, 5), 3));
        /// # }
        /// ```
        map, try_map, RwLockMappedWriteGuard -> RwLockMappedWriteGuard { turn, permits },
        &mut T => &mut U, *mut U
    );
}

macro_rules! into_lock {
    () => {
        fn into_lock(self) -> Arc<RwLock<T>> {
            let this = ManuallyDrop::new(self);
            // SAFETY: `this` is never used again.
            unsafe { ptr::read(&this.lock) }
        }
    };
}

impl<T: ?Sized, U: ?Sized> OwnedRwLockReadGuard<T, U> {
    into_lock!();

    /// Narrows the guard to a part of the value.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::{OwnedRwLockReadGuard, RwLock};
    /// let lock = Arc::new(RwLock::new((1, 2)));
    /// let second = OwnedRwLockReadGuard::map(lock.read_owned().await, |pair| &pair.1);
    /// assert_eq!(*second, 2);
    /// # }
    /// ```
    pub fn map<F, V: ?Sized>(this: Self, f: F) -> OwnedRwLockReadGuard<T, V>
    where
        F: FnOnce(&U) -> &V,
    {
        let value: *const V = f(&this);
        OwnedRwLockReadGuard {
            lock: this.into_lock(),
            value,
            _lock: PhantomData,
        }
    }

    /// Like [`map`](Self::map), with a function that may find nothing.
    ///
    /// # Errors
    /// The guard as it was.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::{OwnedRwLockReadGuard, RwLock};
    /// let lock = Arc::new(RwLock::new(vec![1]));
    /// let second = OwnedRwLockReadGuard::try_map(lock.read_owned().await, |all| all.get(1));
    /// assert_eq!(*second.unwrap_err(), [1]);
    /// # }
    /// ```
    pub fn try_map<F, V: ?Sized>(this: Self, f: F) -> Result<OwnedRwLockReadGuard<T, V>, Self>
    where
        F: FnOnce(&U) -> Option<&V>,
    {
        let Some(value) = f(&this).map(|v| v as *const V) else {
            return Err(this);
        };
        Ok(OwnedRwLockReadGuard {
            lock: this.into_lock(),
            value,
            _lock: PhantomData,
        })
    }

    /// The lock that the guard holds.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::{OwnedRwLockReadGuard, RwLock};
    /// let lock = Arc::new(RwLock::new(1));
    /// let guard = lock.clone().read_owned().await;
    /// assert!(Arc::ptr_eq(OwnedRwLockReadGuard::rwlock(&guard), &lock));
    /// # }
    /// ```
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.lock
    }
}

impl<T: ?Sized> OwnedRwLockWriteGuard<T> {
    into_lock!();

    /// Narrows the guard to a part of the value.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::{OwnedRwLockWriteGuard, RwLock};
    /// let lock = Arc::new(RwLock::new((1, 2)));
    /// let guard = lock.clone().write_owned().await;
    /// *OwnedRwLockWriteGuard::map(guard, |pair| &mut pair.1) = 3;
    /// assert_eq!(*lock.read().await, (1, 3));
    /// # }
    /// ```
    pub fn map<F, U: ?Sized>(mut this: Self, f: F) -> OwnedRwLockMappedWriteGuard<T, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let value: *mut U = f(&mut this);
        OwnedRwLockMappedWriteGuard {
            lock: this.into_lock(),
            value,
            _lock: PhantomData,
        }
    }

    /// Like [`map`](Self::map), with a function that may find nothing.
    ///
    /// # Errors
    /// The guard as it was.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::{OwnedRwLockWriteGuard, RwLock};
    /// let lock = Arc::new(RwLock::new(vec![1]));
    /// let guard = lock.write_owned().await;
    /// let second = OwnedRwLockWriteGuard::try_map(guard, |all| all.get_mut(1));
    /// assert_eq!(*second.unwrap_err(), [1]);
    /// # }
    /// ```
    pub fn try_map<F, U: ?Sized>(
        mut this: Self,
        f: F,
    ) -> Result<OwnedRwLockMappedWriteGuard<T, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Some(value) = f(&mut this).map(|v| v as *mut U) else {
            return Err(this);
        };
        Ok(OwnedRwLockMappedWriteGuard {
            lock: this.into_lock(),
            value,
            _lock: PhantomData,
        })
    }

    /// The same guard, as a mapped guard.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::{OwnedRwLockMappedWriteGuard, OwnedRwLockWriteGuard, RwLock};
    /// let lock = Arc::new(RwLock::new(1));
    /// let guard: OwnedRwLockMappedWriteGuard<i32> =
    ///     OwnedRwLockWriteGuard::into_mapped(lock.write_owned().await);
    /// assert_eq!(*guard, 1);
    /// # }
    /// ```
    pub fn into_mapped(this: Self) -> OwnedRwLockMappedWriteGuard<T> {
        OwnedRwLockWriteGuard::map(this, |value| value)
    }

    /// Keeps the lock for reading, and lets other readers in.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::RwLock;
    /// let lock = Arc::new(RwLock::new(1));
    /// let mut writer = lock.clone().write_owned().await;
    /// *writer = 2;
    /// let reader = writer.downgrade();
    /// assert_eq!((*reader, *lock.read().await), (2, 2));
    /// # }
    /// ```
    pub fn downgrade(self) -> OwnedRwLockReadGuard<T> {
        OwnedRwLockWriteGuard::downgrade_map(self, |value| value)
    }

    /// [`downgrade`](Self::downgrade), narrowed to a part of the value.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::{OwnedRwLockWriteGuard, RwLock};
    /// let lock = Arc::new(RwLock::new((1, 2)));
    /// let guard = lock.clone().write_owned().await;
    /// let first = OwnedRwLockWriteGuard::downgrade_map(guard, |pair| &pair.0);
    /// assert_eq!((*first, *lock.read().await), (1, (1, 2)));
    /// # }
    /// ```
    pub fn downgrade_map<F, U: ?Sized>(this: Self, f: F) -> OwnedRwLockReadGuard<T, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let value: *const U = f(&this);
        // The guard is made first: its permit comes back even if the waker of a waiting reader panics.
        let guard = OwnedRwLockReadGuard {
            lock: this.into_lock(),
            value,
            _lock: PhantomData,
        };
        guard.lock.turn.release(guard.lock.max_readers as usize - 1);
        tell_downgraded(&guard.lock.turn);
        guard
    }

    /// Like [`downgrade_map`](Self::downgrade_map), with a function that may find nothing.
    ///
    /// # Errors
    /// The guard as it was.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::{OwnedRwLockWriteGuard, RwLock};
    /// let lock = Arc::new(RwLock::new(vec![1]));
    /// let guard = lock.write_owned().await;
    /// let first = OwnedRwLockWriteGuard::try_downgrade_map(guard, |all| all.first());
    /// assert_eq!(*first.unwrap(), 1);
    /// # }
    /// ```
    pub fn try_downgrade_map<F, U: ?Sized>(
        this: Self,
        f: F,
    ) -> Result<OwnedRwLockReadGuard<T, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        let Some(value) = f(&this).map(|v| v as *const U) else {
            return Err(this);
        };
        // The guard is made first: its permit comes back even if the waker of a waiting reader panics.
        let guard = OwnedRwLockReadGuard {
            lock: this.into_lock(),
            value,
            _lock: PhantomData,
        };
        guard.lock.turn.release(guard.lock.max_readers as usize - 1);
        tell_downgraded(&guard.lock.turn);
        Ok(guard)
    }

    /// The lock that the guard holds.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::{OwnedRwLockWriteGuard, RwLock};
    /// let lock = Arc::new(RwLock::new(1));
    /// let guard = lock.clone().write_owned().await;
    /// assert!(Arc::ptr_eq(OwnedRwLockWriteGuard::rwlock(&guard), &lock));
    /// # }
    /// ```
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.lock
    }
}

impl<T: ?Sized, U: ?Sized> OwnedRwLockMappedWriteGuard<T, U> {
    into_lock!();

    /// Narrows the guard further.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::{OwnedRwLockMappedWriteGuard, OwnedRwLockWriteGuard, RwLock};
    /// let lock = Arc::new(RwLock::new(((1, 2), 3)));
    /// let guard = lock.clone().write_owned().await;
    /// let inner = OwnedRwLockWriteGuard::map(guard, |all| &mut all.0);
    /// *OwnedRwLockMappedWriteGuard::map(inner, |pair| &mut pair.1) = 5;
    /// assert_eq!(*lock.read().await, ((1, 5), 3));
    /// # }
    /// ```
    pub fn map<F, V: ?Sized>(mut this: Self, f: F) -> OwnedRwLockMappedWriteGuard<T, V>
    where
        F: FnOnce(&mut U) -> &mut V,
    {
        let value: *mut V = f(&mut this);
        OwnedRwLockMappedWriteGuard {
            lock: this.into_lock(),
            value,
            _lock: PhantomData,
        }
    }

    /// Like [`map`](Self::map), with a function that may find nothing.
    ///
    /// # Errors
    /// The guard as it was.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::{OwnedRwLockMappedWriteGuard, OwnedRwLockWriteGuard, RwLock};
    /// let lock = Arc::new(RwLock::new((vec![1], 3)));
    /// let guard = lock.write_owned().await;
    /// let numbers = OwnedRwLockWriteGuard::map(guard, |all| &mut all.0);
    /// let first = OwnedRwLockMappedWriteGuard::try_map(numbers, |numbers| numbers.first_mut());
    /// assert_eq!(*first.unwrap(), 1);
    /// # }
    /// ```
    pub fn try_map<F, V: ?Sized>(
        mut this: Self,
        f: F,
    ) -> Result<OwnedRwLockMappedWriteGuard<T, V>, Self>
    where
        F: FnOnce(&mut U) -> Option<&mut V>,
    {
        let Some(value) = f(&mut this).map(|v| v as *mut V) else {
            return Err(this);
        };
        Ok(OwnedRwLockMappedWriteGuard {
            lock: this.into_lock(),
            value,
            _lock: PhantomData,
        })
    }

    /// The lock that the guard holds.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::{OwnedRwLockMappedWriteGuard, OwnedRwLockWriteGuard, RwLock};
    /// let lock = Arc::new(RwLock::new(1));
    /// let guard = OwnedRwLockWriteGuard::into_mapped(lock.clone().write_owned().await);
    /// assert!(Arc::ptr_eq(OwnedRwLockMappedWriteGuard::rwlock(&guard), &lock));
    /// # }
    /// ```
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.lock
    }
}

macro_rules! guard_impls {
    ([$($gen:tt)*] $guard:ty, $target:ty, |$this:ident| $turn:expr, $permits:expr, $tell:expr) => {
        impl<$($gen)*> Deref for $guard {
            type Target = $target;
            fn deref(&self) -> &$target {
                // SAFETY: I1, the guard stands for a permit.
                unsafe { &*self.value }
            }
        }
        impl<$($gen)*> Drop for $guard {
            fn drop(&mut self) {
                let $this = self;
                $turn.release($permits as usize);
                $tell(&$turn);
            }
        }
        super::mutex::guard_fmt!([$($gen)*] $guard, $target);
    };
    (mut [$($gen:tt)*] $guard:ty, $target:ty, |$this:ident| $turn:expr, $permits:expr) => {
        guard_impls!([$($gen)*] $guard, $target, |$this| $turn, $permits, tell_not_write_locked);
        impl<$($gen)*> DerefMut for $guard {
            fn deref_mut(&mut self) -> &mut $target {
                // SAFETY: I1, the guard stands for all permits, and is borrowed exclusively.
                unsafe { &mut *self.value }
            }
        }
    };
}

guard_impls!(['a, T: ?Sized] RwLockReadGuard<'a, T>, T, |g| g.turn, 1_u32,
    tell_readers_one_less);
guard_impls!(mut ['a, T: ?Sized] RwLockWriteGuard<'a, T>, T, |g| g.turn, g.permits);
guard_impls!(mut ['a, T: ?Sized] RwLockMappedWriteGuard<'a, T>, T, |g| g.turn, g.permits);
guard_impls!([T: ?Sized, U: ?Sized] OwnedRwLockReadGuard<T, U>, U, |g| g.lock.turn, 1_u32,
    tell_readers_one_less);
guard_impls!(mut [T: ?Sized] OwnedRwLockWriteGuard<T>, T, |g| g.lock.turn, g.lock.max_readers);
guard_impls!(mut [T: ?Sized, U: ?Sized] OwnedRwLockMappedWriteGuard<T, U>, U, |g| g.lock.turn,
    g.lock.max_readers);

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        RwLock::new(value)
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        RwLock::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(guard) => out.field("data", &&*guard),
            Err(_) => out.field("data", &format_args!("<locked>")),
        };
        out.finish()
    }
}
