//! A cell that is initialised once, by the first task that succeeds.
//!
//! - I1: `ready` is set after `value` is written and cleared only through `&mut`.
//! - I2: only the holder of the semaphore's single permit writes the value. A successful
//!   initialisation closes the semaphore, which ends every other wait; a failed or cancelled one
//!   gives the permit back, and the next in line tries with its own function.

use super::batch::{BatchSemaphore, TryAcquireError};
use crate::base::shim::cell::UnsafeCell;
use crate::base::shim::sync::atomic::{AtomicBool, Ordering};
use crate::base::waits::WaitKind;
use std::fmt;
use std::future::Future;
use std::mem::MaybeUninit;

/// A value that is set at most once, also by an async function.
///
/// ```
/// use runtime_core::sync::OnceCell;
/// let cell = OnceCell::new();
/// cell.set(3).unwrap();
/// assert_eq!(cell.get(), Some(&3));
/// assert!(cell.set(4).is_err());
/// ```
pub struct OnceCell<T> {
    ready: AtomicBool,
    value: UnsafeCell<MaybeUninit<T>>,
    turn: BatchSemaphore,
}

// SAFETY: by I1 and I2 the value is written once, before anyone can read it.
unsafe impl<T: Sync + Send> Sync for OnceCell<T> {}
// SAFETY: owning the cell is owning the value.
unsafe impl<T: Send> Send for OnceCell<T> {}

/// Why [`OnceCell::set`] did not set.
///
/// ```
/// use selvedge::sync::{OnceCell, SetError};
/// let cell = OnceCell::new();
/// cell.set(1).unwrap();
/// // The value that found no room comes back.
/// assert_eq!(cell.set(2).unwrap_err(), SetError::AlreadyInitializedError(2));
/// ```
#[derive(Debug, PartialEq, Eq)]
pub enum SetError<T> {
    /// There is a value already.
    AlreadyInitializedError(T),
    /// Another caller is initialising the cell right now.
    InitializingError(T),
}

/// Gives the permit back unless the value was set.
struct Turn<'a>(Option<&'a BatchSemaphore>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(turn) = self.0 {
            turn.release(1);
        }
    }
}

impl<T> OnceCell<T> {
    /// An empty cell.
    ///
    /// ```
    /// use selvedge::sync::OnceCell;
    /// let cell = OnceCell::<u32>::new();
    /// assert!(!cell.initialized());
    /// ```
    pub fn new() -> Self {
        Self::const_new()
    }

    const_fn! {
        /// [`new`](Self::new), in a constant.
        ///
        /// ```
        /// # #[selvedge::main(flavor = "current_thread")]
        /// # async fn main() {
        /// use selvedge::sync::OnceCell;
        /// static PORT: OnceCell<u16> = OnceCell::const_new();
        ///
        /// assert_eq!(*PORT.get_or_init(|| async { 8080 }).await, 8080);
        /// # }
        /// ```
        pub const fn const_new() -> Self {
            OnceCell {
                ready: AtomicBool::new(false),
                value: UnsafeCell::new(MaybeUninit::uninit()),
                turn: BatchSemaphore::new(1),
            }
        }
    }

    const_fn! {
        /// A cell that holds `value`, in a constant.
        ///
        /// ```
        /// use selvedge::sync::OnceCell;
        /// static PORT: OnceCell<u16> = OnceCell::const_new_with(8080);
        /// assert_eq!(PORT.get(), Some(&8080));
        /// ```
        pub const fn const_new_with(value: T) -> Self {
            OnceCell {
                ready: AtomicBool::new(true),
                value: UnsafeCell::new(MaybeUninit::new(value)),
                turn: BatchSemaphore::new_closed(),
            }
        }
    }

    /// A cell that holds `value`, if there is one.
    ///
    /// ```
    /// use selvedge::sync::OnceCell;
    /// assert_eq!(OnceCell::new_with(Some(1)).get(), Some(&1));
    /// assert_eq!(OnceCell::<u32>::new_with(None).get(), None);
    /// ```
    pub fn new_with(value: Option<T>) -> Self {
        match value {
            Some(value) => Self::const_new_with(value),
            None => Self::const_new(),
        }
    }

    /// Is there a value?
    ///
    /// ```
    /// use selvedge::sync::OnceCell;
    /// let cell = OnceCell::new();
    /// assert!(!cell.initialized());
    /// cell.set(1).unwrap();
    /// assert!(cell.initialized());
    /// ```
    pub fn initialized(&self) -> bool {
        // Ordering: Acquire; pairs with the Release in `fill`.
        self.ready.load(Ordering::Acquire)
    }

    /// The value, if there is one.
    ///
    /// ```
    /// use selvedge::sync::OnceCell;
    /// let cell = OnceCell::new();
    /// assert_eq!(cell.get(), None);
    /// cell.set(1).unwrap();
    /// assert_eq!(cell.get(), Some(&1));
    /// ```
    pub fn get(&self) -> Option<&T> {
        // SAFETY: I1; shared references only from now on.
        self.initialized().then(|| unsafe { self.filled() })
    }

    /// The value, for changing it.
    ///
    /// ```
    /// use selvedge::sync::OnceCell;
    /// let mut cell = OnceCell::from(1);
    /// *cell.get_mut().unwrap() += 1;
    /// assert_eq!(cell.get(), Some(&2));
    /// ```
    pub fn get_mut(&mut self) -> Option<&mut T> {
        if !self.initialized() {
            return None;
        }
        // SAFETY: I1, and `&mut self` excludes others.
        Some(self.value.with_mut(|v| unsafe { (*v).assume_init_mut() }))
    }

    /// # Safety
    /// `ready` was seen set.
    unsafe fn filled(&self) -> &T {
        // SAFETY: I1, the caller saw `ready`.
        self.value.with(|v| unsafe { (*v).assume_init_ref() })
    }

    /// Writes the value; the caller holds the permit, which `turn` stands for.
    fn fill(&self, value: T, mut turn: Turn<'_>) -> &T {
        // SAFETY: I2, we hold the permit and `ready` is not set.
        self.value
            .with_mut(|v| unsafe { (*v).as_mut_ptr().write(value) });
        // Ordering: Release; pairs with the Acquire in `initialized`.
        self.ready.store(true, Ordering::Release);
        turn.0 = None;
        self.turn.close();
        // SAFETY: it was just written.
        unsafe { self.filled() }
    }

    /// Sets the value.
    ///
    /// # Errors
    /// Gives `value` back if there is a value already, or another caller is about to set one.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::OnceCell;
    /// let cell = OnceCell::new();
    /// assert!(cell.set(1).is_ok());
    /// assert!(cell.set(2).unwrap_err().is_already_init_err());
    /// assert_eq!(cell.get(), Some(&1));
    /// ```
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        if self.initialized() {
            return Err(SetError::AlreadyInitializedError(value));
        }
        match self.turn.try_acquire(1) {
            Ok(()) => {
                self.fill(value, Turn(Some(&self.turn)));
                Ok(())
            }
            Err(TryAcquireError::NoPermits) => Err(SetError::InitializingError(value)),
            Err(TryAcquireError::Closed) => Err(SetError::AlreadyInitializedError(value)),
        }
    }

    /// The value; `init` makes it if there is none. Only one `init` runs at a time.
    ///
    /// # Cancel safety
    /// If the caller whose `init` runs is dropped, the next waiting caller runs its own `init`.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::OnceCell;
    /// let cell = OnceCell::new();
    /// // Whoever comes first makes the value, and the others wait for it.
    /// let (a, b) = selvedge::join!(
    ///     cell.get_or_init(|| async { 1 }),
    ///     cell.get_or_init(|| async { 2 }),
    /// );
    /// assert_eq!((a, b), (&1, &1));
    /// # }
    /// ```
    pub async fn get_or_init<F, Fut>(&self, init: F) -> &T
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        if let Some(value) = self.get() {
            return value;
        }
        match self.take_turn().await {
            Some(turn) => {
                let value = init().await;
                self.fill(value, turn)
            }
            // SAFETY: by `take_turn`.
            None => unsafe { self.filled() },
        }
    }

    /// Like [`get_or_init`](Self::get_or_init), with a function that may fail; the cell stays
    /// empty then.
    ///
    /// # Errors
    /// The error of `init`.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::sync::OnceCell;
    /// let cell = OnceCell::new();
    /// let failed = cell.get_or_try_init(|| async { "x".parse::<u32>() }).await;
    /// assert!(failed.is_err());
    /// // A failure leaves the cell empty: the next one tries again.
    /// let parsed = cell.get_or_try_init(|| async { "7".parse::<u32>() }).await;
    /// assert_eq!(parsed, Ok(&7));
    /// # }
    /// ```
    pub async fn get_or_try_init<E, F, Fut>(&self, init: F) -> Result<&T, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        if let Some(value) = self.get() {
            return Ok(value);
        }
        match self.take_turn().await {
            Some(turn) => {
                let value = init().await?;
                Ok(self.fill(value, turn))
            }
            // SAFETY: by `take_turn`.
            None => Ok(unsafe { self.filled() }),
        }
    }

    /// Waits for the turn to initialise; `None` if another caller has done it: the cell is filled, and this thread sees
    /// that. The semaphore is closed only after `ready` was set (I2), and its word orders the two.
    async fn take_turn(&self) -> Option<Turn<'_>> {
        if self.turn.acquire_at_once(1) || self.turn.acquire(WaitKind::OnceCell, 1).await.is_ok() {
            self.turn.note_holder();
            Some(Turn(Some(&self.turn)))
        } else {
            None
        }
    }

    /// The value, out of the cell.
    ///
    /// ```
    /// use selvedge::sync::OnceCell;
    /// assert_eq!(OnceCell::from(1).into_inner(), Some(1));
    /// ```
    pub fn into_inner(mut self) -> Option<T> {
        self.take()
    }

    /// Takes the value out; the cell is empty again.
    ///
    /// ```
    /// use selvedge::sync::OnceCell;
    /// let mut cell = OnceCell::from(1);
    /// assert_eq!(cell.take(), Some(1));
    /// assert!(!cell.initialized());
    /// ```
    pub fn take(&mut self) -> Option<T> {
        std::mem::take(self).extract()
    }

    fn extract(self) -> Option<T> {
        if !self.initialized() {
            return None;
        }
        // Ordering: Relaxed; we own the cell.
        self.ready.store(false, Ordering::Relaxed);
        // SAFETY: it was ready, and drop will not see it again.
        Some(self.value.with(|v| unsafe { (*v).assume_init_read() }))
    }
}

impl<T> Drop for OnceCell<T> {
    fn drop(&mut self) {
        if self.initialized() {
            // SAFETY: I1; nobody else has the cell.
            self.value.with_mut(|v| unsafe { (*v).assume_init_drop() });
        }
    }
}

impl<T> Default for OnceCell<T> {
    fn default() -> Self {
        OnceCell::new()
    }
}

impl<T: Clone> Clone for OnceCell<T> {
    fn clone(&self) -> Self {
        OnceCell::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for OnceCell<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceCell<T> {}

impl<T> From<T> for OnceCell<T> {
    fn from(value: T) -> Self {
        OnceCell::const_new_with(value)
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceCell")
            .field("value", &self.get())
            .finish()
    }
}

impl<T> SetError<T> {
    /// Was there a value already?
    ///
    /// ```
    /// use selvedge::sync::OnceCell;
    /// let cell = OnceCell::from(1);
    /// assert!(cell.set(2).unwrap_err().is_already_init_err());
    /// ```
    pub fn is_already_init_err(&self) -> bool {
        matches!(self, SetError::AlreadyInitializedError(_))
    }

    /// Was another caller about to set a value?
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::{pending, poll_fn};
    /// use std::task::Poll;
    /// use selvedge::sync::OnceCell;
    /// let cell = OnceCell::<u32>::new();
    /// let mut waits = Box::pin(cell.get_or_init(pending));
    /// poll_fn(|cx| Poll::Ready(waits.as_mut().poll(cx).is_pending())).await;
    /// // Somebody is making the value.
    /// assert!(cell.set(1).unwrap_err().is_initializing_err());
    /// # }
    /// ```
    pub fn is_initializing_err(&self) -> bool {
        matches!(self, SetError::InitializingError(_))
    }
}

impl<T> fmt::Display for SetError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SetError::AlreadyInitializedError(_) => "AlreadyInitializedError",
            SetError::InitializingError(_) => "InitializingError",
        })
    }
}

impl<T: fmt::Debug> std::error::Error for SetError<T> {}
