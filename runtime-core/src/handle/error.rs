//! Why there is no current runtime.

use std::fmt;

/// `Handle::try_current` found no runtime.
///
/// ```
/// use selvedge::runtime::Handle;
/// let error = Handle::try_current().unwrap_err();
/// assert!(error.is_missing_context() && !error.is_thread_local_destroyed());
/// ```
#[derive(PartialEq, Eq)]
pub struct TryCurrentError {
    destroyed: bool,
}

impl TryCurrentError {
    pub(crate) fn no_context() -> Self {
        TryCurrentError { destroyed: false }
    }

    pub(crate) fn thread_local_destroyed() -> Self {
        TryCurrentError { destroyed: true }
    }

    /// No runtime has been entered on this thread.
    ///
    /// ```
    /// assert!(selvedge::runtime::Handle::try_current().unwrap_err().is_missing_context());
    /// ```
    pub fn is_missing_context(&self) -> bool {
        !self.destroyed
    }

    /// The thread is ending: its thread-locals are gone.
    ///
    /// ```
    /// let error = selvedge::runtime::Handle::try_current().unwrap_err();
    /// assert!(!error.is_thread_local_destroyed()); // this thread goes on
    /// ```
    pub fn is_thread_local_destroyed(&self) -> bool {
        self.destroyed
    }
}

impl fmt::Display for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.destroyed {
            false => {
                "there is no reactor running, must be called from the context of a Tokio 1.x runtime: from a function under \
                 `#[tokio::main]` (`#[selvedge::main]`), from a task, or while a guard of `Handle::enter` lives"
            }
            true => "The Tokio context thread-local variable has been destroyed.",
        })
    }
}

impl fmt::Debug for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.destroyed {
            false => "NoContext",
            true => "ThreadLocalDestroyed",
        })
    }
}

impl std::error::Error for TryCurrentError {}
