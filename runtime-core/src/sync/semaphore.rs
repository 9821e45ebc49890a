//! The public semaphore: [`BatchSemaphore`] plus permits that give themselves back on drop.
//!
//! Invariant: a permit object stands for exactly `permits` taken from its semaphore; `forget`
//! and `split` move that number, they never make or lose any. Cancelling an acquire gives back
//! what it had gathered. Nothing here blocks or locks by itself.

use super::batch::{AcquireError, BatchSemaphore, TryAcquireError};
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
#[must_use = "the permit is given back when this is dropped"]
pub struct SemaphorePermit<'a> {
    semaphore: &'a Semaphore,
    permits: usize,
}

/// Permits of an `Arc<Semaphore>`; given back on drop.
#[must_use = "the permit is given back when this is dropped"]
pub struct OwnedSemaphorePermit {
    semaphore: Arc<Semaphore>,
    permits: usize,
}

impl Semaphore {
    /// The largest number of permits a semaphore can have.
    pub const MAX_PERMITS: usize = BatchSemaphore::MAX_PERMITS;

    /// A semaphore with `permits` free permits.
    ///
    /// # Panics
    /// If that is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
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
        #[track_caller]
        pub const fn const_new(permits: usize) -> Self {
            Semaphore { inner: BatchSemaphore::new(permits) }
        }
    }

    /// Permits free right now.
    pub fn available_permits(&self) -> usize {
        self.inner.available_permits()
    }

    /// Adds `n` permits, for waiting tasks first.
    ///
    /// # Panics
    /// If the total would exceed [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[track_caller]
    pub fn add_permits(&self, n: usize) {
        self.inner.release(n);
    }

    /// Removes up to `n` free permits for good and says how many.
    pub fn forget_permits(&self, n: usize) -> usize {
        self.inner.forget(n)
    }

    async fn take(&self, n: usize) -> Result<(), AcquireError> {
        match self.inner.acquire_at_once(n) {
            true => Ok(()),
            false => self.inner.acquire(n).await,
        }
    }

    /// Waits for a permit.
    ///
    /// # Errors
    /// Once the semaphore is closed.
    ///
    /// # Cancel safety
    /// Dropping it gives up the place in the queue and loses nothing.
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
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes `n` permits if they are free and nobody waits.
    ///
    /// # Errors
    /// Says whether the semaphore is closed or has too few permits.
    pub fn try_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.inner.try_acquire(n as usize)?;
        Ok(SemaphorePermit {
            semaphore: self,
            permits: n as usize,
        })
    }

    /// [`acquire`](Self::acquire), with a permit that keeps the semaphore alive.
    ///
    /// # Errors
    /// Once the semaphore is closed.
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
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// [`try_acquire_many`](Self::try_acquire_many), with a permit that keeps the semaphore alive.
    ///
    /// # Errors
    /// Says whether the semaphore is closed or has too few permits.
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.inner.try_acquire(n as usize)?;
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
    #[track_caller]
    pub fn blocking_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        block_on_current_thread(self.acquire_many_owned(n))
    }

    /// Gives out no more permits; those waiting get an error.
    pub fn close(&self) {
        self.inner.close();
    }

    /// Has [`close`](Self::close) been called?
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }
}

impl<'a> SemaphorePermit<'a> {
    /// Never gives the permits back.
    pub fn forget(mut self) {
        self.permits = 0;
    }

    /// Takes over the permits of `other`.
    ///
    /// # Panics
    /// If `other` is of another semaphore.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            std::ptr::eq(self.semaphore, other.semaphore),
            "merging permits from different semaphore instances"
        );
        self.permits += std::mem::take(&mut other.permits);
    }

    /// Moves `n` of the permits into an object of their own; `None` if there are fewer.
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.permits = self.permits.checked_sub(n)?;
        Some(SemaphorePermit {
            semaphore: self.semaphore,
            permits: n,
        })
    }

    /// How many permits this stands for.
    pub fn num_permits(&self) -> usize {
        self.permits
    }

    /// The semaphore they are of.
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
    pub fn forget(mut self) {
        self.permits = 0;
    }

    /// Takes over the permits of `other`.
    ///
    /// # Panics
    /// If `other` is of another semaphore.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            Arc::ptr_eq(&self.semaphore, &other.semaphore),
            "merging permits from different semaphore instances"
        );
        self.permits += std::mem::take(&mut other.permits);
    }

    /// Moves `n` of the permits into an object of their own; `None` if there are fewer.
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.permits = self.permits.checked_sub(n)?;
        Some(OwnedSemaphorePermit {
            semaphore: self.semaphore.clone(),
            permits: n,
        })
    }

    /// How many permits this stands for.
    pub fn num_permits(&self) -> usize {
        self.permits
    }

    /// The semaphore they are of.
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
