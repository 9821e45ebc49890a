//! Task-locals: values that a future finds under a static key while it is polled.
//!
//! A key refers to a thread-local slot. A scope holds the value and exchanges it with the slot during each
//! poll, and while its future is dropped. So scopes nest, and the value moves with its task.
//!
//! I1: the slot is borrowed only inside of `with`'s closure, and for the exchange.
//! A guard undoes the exchange, also when the future panics.

use pin_project_lite::pin_project;
use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

/// A key to a task-local value; declared by `task_local!`.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// selvedge::task_local! {
///     static USER: String;
/// }
/// let greet = async { USER.with(|user| format!("hello, {user}")) };
/// assert_eq!(USER.scope("Ada".into(), greet).await, "hello, Ada");
/// # }
/// ```
pub struct LocalKey<T: 'static> {
    #[doc(hidden)]
    pub slot: &'static thread::LocalKey<RefCell<Option<T>>>,
}

/// The key has no value here: no scope of it surrounds the caller.
///
/// ```
/// selvedge::task_local! {
///     static USER: String;
/// }
/// let error = USER.try_with(|_| ()).unwrap_err();
/// assert_eq!(error.to_string(), "task-local value not set");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AccessError {
    _private: (),
}

impl fmt::Debug for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessError").finish()
    }
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("task-local value not set")
    }
}

impl std::error::Error for AccessError {}

/// Exchanges the slot's value with `ours` now, and back when dropped.
struct Exchange<'a, T: 'static> {
    key: &'static LocalKey<T>,
    ours: &'a mut Option<T>,
}

impl<'a, T: 'static> Exchange<'a, T> {
    #[track_caller]
    fn new(key: &'static LocalKey<T>, ours: &'a mut Option<T>) -> Self {
        match key.exchange(ours) {
            Ok(()) => Exchange { key, ours },
            Err(Refused::Borrowed) => {
                panic!("cannot enter a task-local scope while the task-local storage is borrowed")
            }
            Err(Refused::Destroyed) => panic!(
                "cannot enter a task-local scope during or after destruction of the underlying thread-local"
            ),
        }
    }
}

impl<T: 'static> Drop for Exchange<'_, T> {
    fn drop(&mut self) {
        // It cannot fail: borrows made in the scope have ended, and the thread-local was alive when the scope began.
        let _ = self.key.exchange(self.ours);
    }
}

enum Refused {
    Borrowed,
    Destroyed,
}

impl<T: 'static> LocalKey<T> {
    fn exchange(&'static self, ours: &mut Option<T>) -> Result<(), Refused> {
        self.slot
            .try_with(|slot| match slot.try_borrow_mut() {
                Ok(mut theirs) => {
                    mem::swap(&mut *theirs, ours);
                    Ok(())
                }
                Err(_) => Err(Refused::Borrowed),
            })
            .unwrap_or(Err(Refused::Destroyed))
    }

    /// Gives `f` the value for as long as it is polled.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// selvedge::task_local! {
    ///     static DEPTH: u32;
    /// }
    /// let inner = async { DEPTH.scope(2, async { DEPTH.get() }).await + DEPTH.get() };
    /// assert_eq!(DEPTH.scope(1, inner).await, 3);
    /// # }
    /// ```
    #[track_caller]
    pub fn scope<F>(&'static self, value: T, f: F) -> TaskLocalFuture<T, F>
    where
        F: Future,
    {
        TaskLocalFuture {
            key: self,
            value: Some(value),
            future: Some(f),
        }
    }

    /// Runs the closure with the value set.
    ///
    /// ```
    /// selvedge::task_local! {
    ///     static DEPTH: u32;
    /// }
    /// assert_eq!(DEPTH.sync_scope(1, || DEPTH.get()), 1);
    /// ```
    #[track_caller]
    pub fn sync_scope<F, R>(&'static self, value: T, f: F) -> R
    where
        F: FnOnce() -> R,
    {
        let mut value = Some(value);
        let _exchange = Exchange::new(self, &mut value);
        f()
    }

    /// Runs the closure on the value.
    ///
    /// # Panics
    /// Outside of a scope of this key.
    ///
    /// # Examples
    /// ```
    /// selvedge::task_local! {
    ///     static NAME: String;
    /// }
    /// let length = || NAME.with(|name| name.len());
    /// assert_eq!(NAME.sync_scope("Ada".into(), length), 3);
    /// ```
    #[track_caller]
    pub fn with<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        match self.try_with(f) {
            Ok(result) => result,
            Err(_) => panic!("cannot access a task-local storage value without setting it first"),
        }
    }

    /// Runs the closure on the value.
    ///
    /// # Errors
    /// Outside of a scope of this key.
    ///
    /// # Examples
    /// ```
    /// selvedge::task_local! {
    ///     static NAME: String;
    /// }
    /// assert!(NAME.try_with(|name| name.len()).is_err()); // outside of any scope
    /// ```
    pub fn try_with<F, R>(&'static self, f: F) -> Result<R, AccessError>
    where
        F: FnOnce(&T) -> R,
    {
        self.slot
            .try_with(|slot| {
                slot.try_borrow()
                    .ok()
                    .and_then(|value| value.as_ref().map(f))
            })
            .ok()
            .flatten()
            .ok_or(AccessError { _private: () })
    }
}

impl<T: Clone + 'static> LocalKey<T> {
    /// A copy of the value.
    ///
    /// # Panics
    /// Outside of a scope of this key.
    ///
    /// # Examples
    /// ```
    /// selvedge::task_local! {
    ///     static DEPTH: u32;
    /// }
    /// assert_eq!(DEPTH.sync_scope(7, || DEPTH.get()), 7);
    /// ```
    #[track_caller]
    pub fn get(&'static self) -> T {
        self.with(T::clone)
    }

    /// A copy of the value.
    ///
    /// # Errors
    /// Outside of a scope of this key.
    ///
    /// # Examples
    /// ```
    /// selvedge::task_local! {
    ///     static DEPTH: u32;
    /// }
    /// assert!(DEPTH.try_get().is_err());
    /// assert_eq!(DEPTH.sync_scope(7, || DEPTH.try_get().unwrap()), 7);
    /// ```
    pub fn try_get(&'static self) -> Result<T, AccessError> {
        self.try_with(T::clone)
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

pin_project! {
    /// A future with a task-local value; made by [`LocalKey::scope`].
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// selvedge::task_local! {
    ///     static DEPTH: u32;
    /// }
    /// let future = DEPTH.scope(1, async { DEPTH.get() });
    /// assert_eq!(future.await, 1);
    /// # }
    /// ```
    #[project(!Unpin)]
    pub struct TaskLocalFuture<T, F>
    where
        T: 'static,
    {
        key: &'static LocalKey<T>,
        value: Option<T>,
        #[pin]
        future: Option<F>,
    }

    impl<T: 'static, F> PinnedDrop for TaskLocalFuture<T, F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                // If the slot is borrowed, or destroyed as its thread ends, the future is dropped without its value.
                if this.key.exchange(this.value).is_ok() {
                    let _exchange = Exchange { key: *this.key, ours: this.value };
                    this.future.set(None);
                }
            }
        }
    }
}

impl<T: 'static, F> TaskLocalFuture<T, F> {
    /// Takes the value out, if it is still there.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::pin::pin;
    /// selvedge::task_local! {
    ///     static NAME: String;
    /// }
    /// let mut future = pin!(NAME.scope("Ada".into(), async {}));
    /// assert_eq!(future.as_mut().take_value(), Some("Ada".into()));
    /// assert_eq!(future.as_mut().take_value(), None);
    /// # }
    /// ```
    pub fn take_value(self: Pin<&mut Self>) -> Option<T> {
        self.project().value.take()
    }
}

impl<T: 'static, F: Future> Future for TaskLocalFuture<T, F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let _exchange = Exchange::new(this.key, this.value);
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            panic!("`TaskLocalFuture` polled after completion");
        };
        let poll = future.poll(cx);
        if poll.is_ready() {
            // Dropped while its value is set.
            this.future.set(None);
        }
        poll
    }
}

impl<T: fmt::Debug + 'static, F> fmt::Debug for TaskLocalFuture<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskLocalFuture")
            .field("value", &self.value)
            .finish_non_exhaustive()
    }
}
