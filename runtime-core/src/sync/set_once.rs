//! A cell that is set once and can be waited for.
//!
//! Phases: EMPTY -> WRITING (the CAS that wins) -> SET. I1: the value is written by the winner
//! between the two, and never again while shared. Waiters queue in a [`Notify`] and check again
//! after taking their place, so a set in between is not missed.

use super::notify::Notify;
use crate::base::shim::cell::UnsafeCell;
use crate::base::shim::sync::atomic::{AtomicUsize, Ordering};
use crate::base::waits::WaitKind;
use std::fmt;
use std::mem::MaybeUninit;

const EMPTY: usize = 0;
const WRITING: usize = 1;
const SET: usize = 2;

/// A value set once, by one task, and awaited by others.
///
/// ```
/// use runtime_core::sync::SetOnce;
/// let once = SetOnce::new();
/// once.set("ready").unwrap();
/// assert_eq!(once.get(), Some(&"ready"));
/// ```
pub struct SetOnce<T> {
    phase: AtomicUsize,
    value: UnsafeCell<MaybeUninit<T>>,
    waiting: Notify,
}

// SAFETY: by I1 the value is written once, before anyone can read it.
unsafe impl<T: Sync + Send> Sync for SetOnce<T> {}
// SAFETY: owning the cell is owning the value.
unsafe impl<T: Send> Send for SetOnce<T> {}

/// There was a value already; this is the value that was not stored.
///
/// ```
/// use selvedge::sync::{SetOnce, SetOnceError};
/// let cell = SetOnce::new();
/// cell.set(1).unwrap();
/// assert_eq!(cell.set(2), Err(SetOnceError(2)));
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct SetOnceError<T>(pub T);

impl<T> SetOnce<T> {
    /// An empty cell.
    ///
    /// ```
    /// use selvedge::sync::SetOnce;
    /// assert!(!SetOnce::<u32>::new().initialized());
    /// ```
    pub fn new() -> Self {
        Self::const_new()
    }

    const_fn! {
        /// [`new`](Self::new), in a constant.
        ///
        /// ```
        /// use selvedge::sync::SetOnce;
        /// static ADDRESS: SetOnce<String> = SetOnce::const_new();
        /// ADDRESS.set("localhost".into()).unwrap();
        /// assert_eq!(ADDRESS.get().unwrap(), "localhost");
        /// ```
        pub const fn const_new() -> Self {
            SetOnce {
                phase: AtomicUsize::new(EMPTY),
                value: UnsafeCell::new(MaybeUninit::uninit()),
                waiting: Notify::of(WaitKind::SetOnce),
            }
        }
    }

    const_fn! {
        /// A cell that holds `value`, in a constant.
        ///
        /// ```
        /// use selvedge::sync::SetOnce;
        /// static PORT: SetOnce<u16> = SetOnce::const_new_with(8080);
        /// assert_eq!(PORT.get(), Some(&8080));
        /// ```
        pub const fn const_new_with(value: T) -> Self {
            SetOnce {
                phase: AtomicUsize::new(SET),
                value: UnsafeCell::new(MaybeUninit::new(value)),
                waiting: Notify::of(WaitKind::SetOnce),
            }
        }
    }

    /// A cell that holds `value`, if there is one.
    ///
    /// ```
    /// use selvedge::sync::SetOnce;
    /// assert_eq!(SetOnce::new_with(Some(1)).get(), Some(&1));
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
    /// use selvedge::sync::SetOnce;
    /// let cell = SetOnce::new();
    /// assert!(!cell.initialized());
    /// cell.set(1).unwrap();
    /// assert!(cell.initialized());
    /// ```
    pub fn initialized(&self) -> bool {
        // Ordering: Acquire; pairs with the Release in `set`.
        self.phase.load(Ordering::Acquire) == SET
    }

    /// The value, if there is one.
    ///
    /// ```
    /// use selvedge::sync::SetOnce;
    /// let cell = SetOnce::new();
    /// assert_eq!(cell.get(), None);
    /// cell.set(1).unwrap();
    /// assert_eq!(cell.get(), Some(&1));
    /// ```
    pub fn get(&self) -> Option<&T> {
        if !self.initialized() {
            return None;
        }
        // SAFETY: I1; SET was seen.
        Some(self.value.with(|v| unsafe { (*v).assume_init_ref() }))
    }

    /// Sets the value and wakes all tasks that wait for it.
    ///
    /// # Errors
    /// Gives `value` back if there is a value already, or another task is just storing one.
    ///
    /// # Examples
    /// ```
    /// use selvedge::sync::SetOnce;
    /// let cell = SetOnce::new();
    /// assert!(cell.set(1).is_ok());
    /// assert!(cell.set(2).is_err());
    /// ```
    pub fn set(&self, value: T) -> Result<(), SetOnceError<T>> {
        // Ordering: Relaxed; it only picks the writer.
        if self
            .phase
            .compare_exchange(EMPTY, WRITING, Ordering::Relaxed, Ordering::Relaxed)
            .is_err()
        {
            return Err(SetOnceError(value));
        }
        // SAFETY: I1, we won.
        self.value
            .with_mut(|v| unsafe { (*v).as_mut_ptr().write(value) });
        // Ordering: Release; pairs with the Acquire in `initialized`.
        self.phase.store(SET, Ordering::Release);
        self.waiting.notify_waiters();
        Ok(())
    }

    /// Waits for the value.
    ///
    /// # Cancel safety
    /// Dropping it changes nothing.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use selvedge::sync::SetOnce;
    /// let cell = Arc::new(SetOnce::new());
    /// let waiter = cell.clone();
    /// let task = selvedge::spawn(async move { *waiter.wait().await });
    /// cell.set(5).unwrap();
    /// assert_eq!(task.await.unwrap(), 5);
    /// # }
    /// ```
    pub async fn wait(&self) -> &T {
        loop {
            // A `set` from here on ends it.
            let notified = self.waiting.notified();
            if let Some(value) = self.get() {
                return value;
            }
            notified.await;
        }
    }

    /// The value, out of the cell.
    ///
    /// ```
    /// use selvedge::sync::SetOnce;
    /// assert_eq!(SetOnce::from(1).into_inner(), Some(1));
    /// ```
    pub fn into_inner(self) -> Option<T> {
        if !self.initialized() {
            return None;
        }
        // Ordering: Relaxed; we own the cell.
        self.phase.store(EMPTY, Ordering::Relaxed);
        // SAFETY: it was set, and drop will not see it again.
        Some(self.value.with(|v| unsafe { (*v).assume_init_read() }))
    }
}

impl<T> Drop for SetOnce<T> {
    fn drop(&mut self) {
        if self.initialized() {
            // SAFETY: I1; nobody else has the cell.
            self.value.with_mut(|v| unsafe { (*v).assume_init_drop() });
        }
    }
}

impl<T> Default for SetOnce<T> {
    fn default() -> Self {
        SetOnce::new()
    }
}

impl<T: Clone> Clone for SetOnce<T> {
    fn clone(&self) -> Self {
        SetOnce::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for SetOnce<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for SetOnce<T> {}

impl<T> From<T> for SetOnce<T> {
    fn from(value: T) -> Self {
        SetOnce::const_new_with(value)
    }
}

impl<T: fmt::Debug> fmt::Debug for SetOnce<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetOnce")
            .field("value", &self.get())
            .finish()
    }
}

impl<T> fmt::Display for SetOnceError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value is set already")
    }
}

impl<T: fmt::Debug> std::error::Error for SetOnceError<T> {}
