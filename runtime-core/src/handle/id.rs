//! Runtime identifiers.

use crate::base::shim::atomic64::AtomicU64;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::Ordering;

/// Identifies a runtime among those of this process, living or ended.
///
/// ```
/// use selvedge::runtime::{Id, Runtime};
/// let (first, second) = (Runtime::new().unwrap(), Runtime::new().unwrap());
/// let (a, b): (Id, Id) = (first.handle().id(), second.handle().id());
/// assert_ne!(a, b);
/// ```
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct Id(NonZeroU64);

impl Id {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        loop {
            // Ordering: Relaxed; a counter, only its uniqueness matters.
            if let Some(id) = NonZeroU64::new(NEXT.fetch_add(1, Ordering::Relaxed)) {
                return Id(id);
            }
        }
    }

    /// The number, for tables keyed by runtime.
    ///
    /// ```
    /// let runtime = selvedge::runtime::Runtime::new().unwrap();
    /// assert!(runtime.handle().id().as_u64() > 0);
    /// ```
    pub fn as_u64(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
