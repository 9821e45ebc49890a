//! `Interest`: which kinds of readiness a waiter waits for.
//!
//! A non-empty set of four flags. mio has no interest in errors (the OS always reports them), so
//! an error-only interest registers for reading and its mask hides the read events.

use super::Ready;
use std::fmt;
use std::ops;

const READABLE: u8 = 0b0001;
const WRITABLE: u8 = 0b0010;
const PRIORITY: u8 = 0b0100;
const ERROR: u8 = 0b1000;

/// A non-empty set of readiness kinds to wait for.
///
/// ```
/// use runtime_io::io::Interest;
/// let both = Interest::READABLE | Interest::WRITABLE;
/// assert_eq!(both.remove(Interest::WRITABLE), Some(Interest::READABLE));
/// assert_eq!(both.remove(both), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Interest(u8);

impl Interest {
    /// Data to read, or the end of it.
    ///
    /// ```
    /// use selvedge::io::Interest;
    /// assert!(Interest::READABLE.is_readable() && !Interest::READABLE.is_writable());
    /// ```
    pub const READABLE: Interest = Interest(READABLE);
    /// Room to write, or no reader left.
    ///
    /// ```
    /// use selvedge::io::Interest;
    /// assert!(Interest::WRITABLE.is_writable());
    /// ```
    pub const WRITABLE: Interest = Interest(WRITABLE);
    /// Out-of-band data (Linux and Android).
    ///
    /// ```
    /// use selvedge::io::Interest;
    /// assert!(Interest::PRIORITY.is_priority());
    /// ```
    pub const PRIORITY: Interest = Interest(PRIORITY);
    /// An error condition.
    ///
    /// ```
    /// use selvedge::io::Interest;
    /// assert!(Interest::ERROR.is_error());
    /// ```
    pub const ERROR: Interest = Interest(ERROR);

    /// Transfers both ways. Urgent data is not waited for, but changes what a short read means.
    pub(crate) const TRANSFERS: Interest = Interest(READABLE | WRITABLE | PRIORITY);

    /// Does the set have `READABLE`?
    ///
    /// ```
    /// use selvedge::io::Interest;
    /// assert!((Interest::READABLE | Interest::WRITABLE).is_readable());
    /// ```
    pub const fn is_readable(self) -> bool {
        self.0 & READABLE != 0
    }

    /// Does the set have `WRITABLE`?
    ///
    /// ```
    /// use selvedge::io::Interest;
    /// assert!((Interest::READABLE | Interest::WRITABLE).is_writable());
    /// ```
    pub const fn is_writable(self) -> bool {
        self.0 & WRITABLE != 0
    }

    /// Does the set have `PRIORITY`?
    ///
    /// ```
    /// use selvedge::io::Interest;
    /// assert!(!Interest::READABLE.is_priority());
    /// ```
    pub const fn is_priority(self) -> bool {
        self.0 & PRIORITY != 0
    }

    /// Does the set have `ERROR`?
    ///
    /// ```
    /// use selvedge::io::Interest;
    /// assert!(!Interest::READABLE.is_error());
    /// ```
    pub const fn is_error(self) -> bool {
        self.0 & ERROR != 0
    }

    /// The union of both sets.
    ///
    /// ```
    /// use selvedge::io::Interest;
    /// let both = Interest::READABLE.add(Interest::WRITABLE);
    /// assert_eq!(both, Interest::READABLE | Interest::WRITABLE);
    /// ```
    #[must_use = "the sets are Copy: neither is changed"]
    pub const fn add(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }

    /// What is left without `other`; `None` if that is nothing.
    ///
    /// ```
    /// use selvedge::io::Interest;
    /// let both = Interest::READABLE | Interest::WRITABLE;
    /// assert_eq!(both.remove(Interest::WRITABLE), Some(Interest::READABLE));
    /// assert_eq!(both.remove(both), None); // an interest in nothing is none
    /// ```
    #[must_use = "the sets are Copy: neither is changed"]
    pub fn remove(self, other: Interest) -> Option<Interest> {
        let left = self.0 & !other.0;
        (left != 0).then_some(Interest(left))
    }

    /// The readiness that satisfies this interest.
    pub(crate) fn mask(self) -> Ready {
        let mut ready = Ready::EMPTY;
        if self.is_readable() {
            ready |= Ready::READABLE | Ready::READ_CLOSED;
        }
        if self.is_writable() {
            ready |= Ready::WRITABLE | Ready::WRITE_CLOSED;
        }
        if self.is_priority() {
            ready |= Ready::PRIORITY | Ready::READ_CLOSED;
        }
        if self.is_error() {
            ready |= Ready::ERROR;
        }
        ready
    }

    pub(crate) fn to_mio(self) -> mio::Interest {
        let mut all: Option<mio::Interest> = None;
        let mut join = |one: mio::Interest| all = Some(all.map_or(one, |sum| sum.add(one)));
        if self.is_readable() || self.is_error() {
            join(mio::Interest::READABLE);
        }
        if self.is_writable() {
            join(mio::Interest::WRITABLE);
        }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if self.is_priority() {
            join(mio::Interest::PRIORITY);
        }
        all.unwrap_or(mio::Interest::READABLE)
    }
}

impl ops::BitOr for Interest {
    type Output = Interest;
    fn bitor(self, other: Interest) -> Interest {
        self.add(other)
    }
}

impl ops::BitOrAssign for Interest {
    fn bitor_assign(&mut self, other: Interest) {
        *self = self.add(other);
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (self.is_readable(), "READABLE"),
            (self.is_writable(), "WRITABLE"),
            (self.is_priority(), "PRIORITY"),
            (self.is_error(), "ERROR"),
        ];
        let mut separator = "";
        for (_, name) in names.iter().filter(|(set, _)| *set) {
            write!(f, "{separator}{name}")?;
            separator = " | ";
        }
        Ok(())
    }
}
