//! The public semaphore: [`BatchSemaphore`] plus permits that give themselves back on drop.
//!
//! Invariant: a permit object stands for exactly `permits` taken from its semaphore; `forget`
//! and `split` move that number, they never make or lose any. Cancelling an acquire gives back
//! what it had gathered. Nothing here blocks or locks by itself.

use super::batch::{AcquireError, BatchSemaphore, TryAcquireError};
use crate::base::waits::WaitKind;
use crate::instrument::{resource, wait_on};
use crate::task::block_on_current_thread;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// Bounds how many tasks do something at once; first come, first served.
///
/// ```
/// use runtime_core::sync::Semaphore;
/// let semaphore = Semaphore::new(2);
/// let one = semaphore.try_acquire().unwrap();
/// assert_eq!(semaphore.available_permits(), 1);
/// drop(one);
/// assert_eq!(semaphore.available_permits(), 2);
/// ```
pub struct Semaphore {
    pub(super) inner: BatchSemaphore,
}

/// Permits borrowed from a [`Semaphore`]; given back on drop.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::sync::{Semaphore, SemaphorePermit};
/// let semaphore = Semaphore::new(1);
/// let permit: SemaphorePermit<'_> = semaphore.acquire().await.unwrap();
/// assert_eq!(semaphore.available_permits(), 0);
/// drop(permit); // gives it back
/// assert_eq!(semaphore.available_permits(), 1);
/// # }
/// ```
#[must_use = "the permit is given back when this is dropped"]
pub struct SemaphorePermit<'a> {
    semaphore: &'a Semaphore,
    permits: usize,
}

/// Permits of an `Arc<Semaphore>`; given back on drop.
///
/// ```
/// # #[selvedge::main]
/// # async fn main() {
/// use std::sync::Arc;
/// use selvedge::sync::Semaphore;
/// // At most two of these tasks are past the gate at a time.
/// let gate = Arc::new(Semaphore::new(2));
/// for n in 0..5 {
///     let permit = gate.clone().acquire_owned().await.unwrap();
///     selvedge::spawn(async move {
///         let _permit = permit;
///         println!("{n} is past the gate");
///     });
/// }
/// # }
/// ```
#[must_use = "the permit is given back when this is dropped"]
pub struct OwnedSemaphorePermit {
    semaphore: Arc<Semaphore>,
    permits: usize,
}

impl Semaphore {
    /// The largest number of permits a semaphore can have.
    ///
    /// ```
    /// use selvedge::sync::Semaphore;
    /// let semaphore = Semaphore::new(Semaphore::MAX_PERMITS);
    /// assert_eq!(semaphore.available_permits(), usize::MAX >> 3);
    /// ```
    pub const MAX_PERMITS: usize = BatchSemaphore::MAX_PERMITS;

    /// A semaphore with `permits` free permits.
    ///
    /// # Panics
    /// If that is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::Semaphore;
    /// assert_eq!(Semaphore::new(3).available_permits(), 3);
    /// ```
    #[track_caller]
    pub fn new(permits: usize) -> Self {
        let owner = resource!(
            "tokio::sync::semaphore",
            "Semaphore",
            "Sync",
            Location::caller(),
            inherits_child_attrs = true,
        );
        Semaphore {
            inner: BatchSemaphore::owned_by(owner, permits, || ()),
        }
    }

    const_fn! {
        /// [`new`](Self::new), in a constant.
        ///
        /// ```
        /// use selvedge::sync::Semaphore;
        /// static GATE: Semaphore = Semaphore::const_new(2);
        /// assert!(GATE.try_acquire().is_ok());
        /// ```
        #[track_caller]
        pub const fn const_new(permits: usize) -> Self {
            Semaphore { inner: BatchSemaphore::new(permits) }
        }
    }

    /// Permits free right now.
    ///
    /// ```
    /// use selvedge::sync::Semaphore;
    /// let semaphore = Semaphore::new(3);
    /// let two = semaphore.try_acquire_many(2).unwrap();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// # drop(two);
    /// ```
    pub fn available_permits(&self) -> usize {
        self.inner.available_permits()
    }

    /// Adds `n` permits, for waiting tasks first.
    ///
    /// # Panics
    /// If the total would exceed [`MAX_PERMITS`](Self::MAX_PERMITS).
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::Semaphore;
    /// let semaphore = Semaphore::new(0);
    /// semaphore.add_permits(2);
    /// assert_eq!(semaphore.available_permits(), 2);
    /// ```
    #[track_caller]
    pub fn add_permits(&self, n: usize) {
        self.inner.release(n);
    }

    /// Removes up to `n` free permits for good and returns how many.
    ///
    /// ```
    /// use selvedge::sync::Semaphore;
    /// let semaphore = Semaphore::new(3);
    /// assert_eq!(semaphore.forget_permits(2), 2);
    /// assert_eq!(semaphore.forget_permits(2), 1); // there were no more
    /// assert_eq!(semaphore.available_permits(), 0);
    /// ```
    pub fn forget_permits(&self, n: usize) -> usize {
        self.inner.forget(n)
    }

    async fn take(&self, n: usize) -> Result<(), AcquireError> {
        if !self.inner.acquire_at_once(n) {
            self.inner.acquire(WaitKind::Semaphore, n).await?;
        }
        self.inner.note_holder();
        Ok(())
    }

    /// Waits for a permit.
    ///
    /// # Errors
    /// Once the semaphore is closed.
    ///
    /// # Cancel safety
    /// Dropping it gives up the place in the queue and loses nothing.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::Semaphore;
    /// let semaphore = Semaphore::new(1);
    /// let permit = semaphore.acquire().await.unwrap();
    /// assert!(semaphore.try_acquire().is_err());
    /// # drop(permit);
    /// # }
    /// ```
    pub async fn acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        wait_on!(self.inner.owner, "Semaphore::acquire", {
            self.take(1).await?;
            Ok(SemaphorePermit {
                semaphore: self,
                permits: 1,
            })
        })
    }

    /// Waits for `n` permits together; later requests, however small, wait behind it.
    ///
    /// # Errors
    /// Once the semaphore is closed.
    ///
    /// # Cancel safety
    /// Dropping it gives back what it had gathered.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::Semaphore;
    /// let semaphore = Semaphore::new(10);
    /// let permits = semaphore.acquire_many(7).await.unwrap();
    /// assert_eq!((permits.num_permits(), semaphore.available_permits()), (7, 3));
    /// # }
    /// ```
    pub async fn acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        wait_on!(self.inner.owner, "Semaphore::acquire_many", {
            self.take(n as usize).await?;
            Ok(SemaphorePermit {
                semaphore: self,
                permits: n as usize,
            })
        })
    }

    /// Takes a permit if one is free and nobody waits.
    ///
    /// # Errors
    /// Says whether the semaphore is closed or has no permit.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::{Semaphore, TryAcquireError};
    /// let semaphore = Semaphore::new(1);
    /// let permit = semaphore.try_acquire().unwrap();
    /// assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    /// # drop(permit);
    /// ```
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes `n` permits if they are free and nobody waits.
    ///
    /// # Errors
    /// Says whether the semaphore is closed or has too few permits.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::{Semaphore, TryAcquireError};
    /// let semaphore = Semaphore::new(3);
    /// // All of them or none.
    /// assert_eq!(semaphore.try_acquire_many(4).unwrap_err(), TryAcquireError::NoPermits);
    /// assert_eq!(semaphore.try_acquire_many(3).unwrap().num_permits(), 3);
    /// ```
    pub fn try_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.inner.try_acquire(n as usize)?;
        self.inner.note_holder();
        Ok(SemaphorePermit {
            semaphore: self,
            permits: n as usize,
        })
    }

    /// [`acquire`](Self::acquire), with a permit that keeps the semaphore alive.
    ///
    /// # Errors
    /// Once the semaphore is closed.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::Semaphore;
    /// let semaphore = Arc::new(Semaphore::new(1));
    /// let permit = semaphore.clone().acquire_owned().await.unwrap();
    /// selvedge::spawn(async move { drop(permit) }).await.unwrap();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// # }
    /// ```
    pub async fn acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        let owner = self.inner.owner.clone();
        wait_on!(owner, "Semaphore::acquire_owned", {
            self.take(1).await?;
            Ok(OwnedSemaphorePermit {
                semaphore: self,
                permits: 1,
            })
        })
    }

    /// [`acquire_many`](Self::acquire_many), with a permit that keeps the semaphore alive.
    ///
    /// # Errors
    /// Once the semaphore is closed.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::Semaphore;
    /// let semaphore = Arc::new(Semaphore::new(10));
    /// let permits = semaphore.clone().acquire_many_owned(7).await.unwrap();
    /// assert_eq!((permits.num_permits(), semaphore.available_permits()), (7, 3));
    /// # }
    /// ```
    pub async fn acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        let owner = self.inner.owner.clone();
        wait_on!(owner, "Semaphore::acquire_many_owned", {
            self.take(n as usize).await?;
            Ok(OwnedSemaphorePermit {
                semaphore: self,
                permits: n as usize,
            })
        })
    }

    /// [`try_acquire`](Self::try_acquire), with a permit that keeps the semaphore alive.
    ///
    /// # Errors
    /// Says whether the semaphore is closed or has no permit.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use selvedge::sync::Semaphore;
    /// let semaphore = Arc::new(Semaphore::new(1));
    /// let permit = semaphore.clone().try_acquire_owned().unwrap();
    /// assert!(semaphore.try_acquire_owned().is_err());
    /// # drop(permit);
    /// ```
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// [`try_acquire_many`](Self::try_acquire_many), with a permit that keeps the semaphore alive.
    ///
    /// # Errors
    /// Says whether the semaphore is closed or has too few permits.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use selvedge::sync::Semaphore;
    /// let semaphore = Arc::new(Semaphore::new(3));
    /// assert!(semaphore.clone().try_acquire_many_owned(4).is_err());
    /// assert_eq!(semaphore.try_acquire_many_owned(3).unwrap().num_permits(), 3);
    /// ```
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.inner.try_acquire(n as usize)?;
        self.inner.note_holder();
        Ok(OwnedSemaphorePermit {
            semaphore: self,
            permits: n as usize,
        })
    }

    /// [`acquire`](Self::acquire) for threads outside of async code.
    ///
    /// # Errors
    /// Once the semaphore is closed.
    ///
    /// # Panics
    /// In async code.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::Semaphore;
    /// let semaphore = Semaphore::new(1);
    /// let permit = semaphore.blocking_acquire().unwrap();
    /// assert_eq!(permit.num_permits(), 1);
    /// ```
    #[track_caller]
    pub fn blocking_acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        block_on_current_thread(self.acquire())
    }

    /// [`acquire_many`](Self::acquire_many) for threads outside of async code.
    ///
    /// # Errors
    /// Once the semaphore is closed.
    ///
    /// # Panics
    /// In async code.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::Semaphore;
    /// let semaphore = Semaphore::new(3);
    /// let permits = semaphore.blocking_acquire_many(2).unwrap();
    /// assert_eq!(permits.num_permits(), 2);
    /// ```
    #[track_caller]
    pub fn blocking_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        block_on_current_thread(self.acquire_many(n))
    }

    /// [`acquire_owned`](Self::acquire_owned) for threads outside of async code.
    ///
    /// # Errors
    /// Once the semaphore is closed.
    ///
    /// # Panics
    /// In async code.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use selvedge::sync::Semaphore;
    /// let semaphore = Arc::new(Semaphore::new(1));
    /// let permit = semaphore.clone().blocking_acquire_owned().unwrap();
    /// std::thread::spawn(move || drop(permit)).join().unwrap();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// ```
    #[track_caller]
    pub fn blocking_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        block_on_current_thread(self.acquire_owned())
    }

    /// [`acquire_many_owned`](Self::acquire_many_owned) for threads outside of async code.
    ///
    /// # Errors
    /// Once the semaphore is closed.
    ///
    /// # Panics
    /// In async code.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use selvedge::sync::Semaphore;
    /// let semaphore = Arc::new(Semaphore::new(3));
    /// let permits = semaphore.blocking_acquire_many_owned(2).unwrap();
    /// assert_eq!(permits.num_permits(), 2);
    /// ```
    #[track_caller]
    pub fn blocking_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        block_on_current_thread(self.acquire_many_owned(n))
    }

    /// Gives out no more permits; tasks that wait get an error.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::{Semaphore, TryAcquireError};
    /// let semaphore = Semaphore::new(1);
    /// semaphore.close();
    /// // Whoever waits, and whoever comes later, is told.
    /// assert!(semaphore.acquire().await.is_err());
    /// assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
    /// # }
    /// ```
    pub fn close(&self) {
        self.inner.close();
    }

    /// Has [`close`](Self::close) been called?
    ///
    /// ```
    /// use selvedge::sync::Semaphore;
    /// let semaphore = Semaphore::new(1);
    /// assert!(!semaphore.is_closed());
    /// semaphore.close();
    /// assert!(semaphore.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }
}

impl<'a> SemaphorePermit<'a> {
    /// Never gives the permits back.
    ///
    /// ```
    /// use selvedge::sync::Semaphore;
    /// let semaphore = Semaphore::new(2);
    /// semaphore.try_acquire().unwrap().forget();
    /// assert_eq!(semaphore.available_permits(), 1); // it does not come back
    /// ```
    pub fn forget(mut self) {
        self.permits = 0;
    }

    /// Takes over the permits of `other`.
    ///
    /// # Panics
    /// If `other` belongs to another semaphore.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::Semaphore;
    /// let semaphore = Semaphore::new(3);
    /// let mut permits = semaphore.try_acquire().unwrap();
    /// permits.merge(semaphore.try_acquire_many(2).unwrap());
    /// assert_eq!(permits.num_permits(), 3);
    /// ```
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            std::ptr::eq(self.semaphore, other.semaphore),
            "merging permits from different semaphore instances"
        );
        self.permits += std::mem::take(&mut other.permits);
    }

    /// Moves `n` of the permits into an object of their own; `None` if there are fewer.
    ///
    /// ```
    /// use selvedge::sync::Semaphore;
    /// let semaphore = Semaphore::new(3);
    /// let mut permits = semaphore.try_acquire_many(3).unwrap();
    /// let two = permits.split(2).unwrap();
    /// assert_eq!((permits.num_permits(), two.num_permits()), (1, 2));
    /// assert!(permits.split(2).is_none());
    /// ```
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.permits = self.permits.checked_sub(n)?;
        Some(SemaphorePermit {
            semaphore: self.semaphore,
            permits: n,
        })
    }

    /// How many permits this stands for.
    ///
    /// ```
    /// use selvedge::sync::Semaphore;
    /// let semaphore = Semaphore::new(3);
    /// assert_eq!(semaphore.try_acquire_many(2).unwrap().num_permits(), 2);
    /// ```
    pub fn num_permits(&self) -> usize {
        self.permits
    }

    /// The semaphore of these permits.
    ///
    /// ```
    /// use selvedge::sync::Semaphore;
    /// let semaphore = Semaphore::new(1);
    /// let permit = semaphore.try_acquire().unwrap();
    /// assert!(std::ptr::eq(permit.semaphore(), &semaphore));
    /// ```
    pub fn semaphore(&self) -> &Semaphore {
        self.semaphore
    }
}

impl Drop for SemaphorePermit<'_> {
    fn drop(&mut self) {
        self.semaphore.inner.release(self.permits);
    }
}

impl OwnedSemaphorePermit {
    /// Never gives the permits back.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use selvedge::sync::Semaphore;
    /// let semaphore = Arc::new(Semaphore::new(2));
    /// semaphore.clone().try_acquire_owned().unwrap().forget();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// ```
    pub fn forget(mut self) {
        self.permits = 0;
    }

    /// Takes over the permits of `other`.
    ///
    /// # Panics
    /// If `other` belongs to another semaphore.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use selvedge::sync::Semaphore;
    /// let semaphore = Arc::new(Semaphore::new(3));
    /// let mut permits = semaphore.clone().try_acquire_owned().unwrap();
    /// permits.merge(semaphore.try_acquire_many_owned(2).unwrap());
    /// assert_eq!(permits.num_permits(), 3);
    /// ```
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            Arc::ptr_eq(&self.semaphore, &other.semaphore),
            "merging permits from different semaphore instances"
        );
        self.permits += std::mem::take(&mut other.permits);
    }

    /// Moves `n` of the permits into an object of their own; `None` if there are fewer.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use selvedge::sync::Semaphore;
    /// let semaphore = Arc::new(Semaphore::new(3));
    /// let mut permits = semaphore.try_acquire_many_owned(3).unwrap();
    /// let two = permits.split(2).unwrap();
    /// assert_eq!((permits.num_permits(), two.num_permits()), (1, 2));
    /// ```
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.permits = self.permits.checked_sub(n)?;
        Some(OwnedSemaphorePermit {
            semaphore: self.semaphore.clone(),
            permits: n,
        })
    }

    /// How many permits this stands for.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use selvedge::sync::Semaphore;
    /// let semaphore = Arc::new(Semaphore::new(3));
    /// assert_eq!(semaphore.try_acquire_many_owned(2).unwrap().num_permits(), 2);
    /// ```
    pub fn num_permits(&self) -> usize {
        self.permits
    }

    /// The semaphore of these permits.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use selvedge::sync::Semaphore;
    /// let semaphore = Arc::new(Semaphore::new(1));
    /// let permit = semaphore.clone().try_acquire_owned().unwrap();
    /// assert!(Arc::ptr_eq(permit.semaphore(), &semaphore));
    /// ```
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }
}

impl Drop for OwnedSemaphorePermit {
    fn drop(&mut self) {
        self.semaphore.inner.release(self.permits);
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("permits", &self.available_permits())
            .finish()
    }
}

impl fmt::Debug for SemaphorePermit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SemaphorePermit")
            .field("permits", &self.permits)
            .finish()
    }
}

impl fmt::Debug for OwnedSemaphorePermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedSemaphorePermit")
            .field("permits", &self.permits)
            .finish()
    }
}
