//! `Ready`: what the OS said about an I/O resource.
//!
//! Six flags. The two `CLOSED` ones stay until an attempt shows that they are no longer true.

use std::fmt;
use std::ops;

const READABLE: u8 = 1;
const WRITABLE: u8 = 1 << 1;
const READ_CLOSED: u8 = 1 << 2;
const WRITE_CLOSED: u8 = 1 << 3;
const PRIORITY: u8 = 1 << 4;
const ERROR: u8 = 1 << 5;

/// A set of readiness flags, possibly empty.
///
/// ```
/// use runtime_io::io::Ready;
/// let ready = Ready::READABLE | Ready::WRITE_CLOSED;
/// assert!(ready.is_readable() && ready.is_writable() && !ready.is_read_closed());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ready(u8);

impl Ready {
    /// No flag.
    ///
    /// ```
    /// use selvedge::io::Ready;
    /// assert!(Ready::EMPTY.is_empty());
    /// ```
    pub const EMPTY: Ready = Ready(0);
    /// There is something to read.
    ///
    /// ```
    /// use selvedge::io::Ready;
    /// assert!(Ready::READABLE.is_readable());
    /// ```
    pub const READABLE: Ready = Ready(READABLE);
    /// There is room to write.
    ///
    /// ```
    /// use selvedge::io::Ready;
    /// assert!(Ready::WRITABLE.is_writable());
    /// ```
    pub const WRITABLE: Ready = Ready(WRITABLE);
    /// The read side has ended.
    ///
    /// ```
    /// use selvedge::io::Ready;
    /// // What is closed does not make a reader wait.
    /// assert!(Ready::READ_CLOSED.is_read_closed() && Ready::READ_CLOSED.is_readable());
    /// ```
    pub const READ_CLOSED: Ready = Ready(READ_CLOSED);
    /// The write side has ended.
    ///
    /// ```
    /// use selvedge::io::Ready;
    /// assert!(Ready::WRITE_CLOSED.is_write_closed() && Ready::WRITE_CLOSED.is_writable());
    /// ```
    pub const WRITE_CLOSED: Ready = Ready(WRITE_CLOSED);
    /// Out-of-band data has come (Linux and Android).
    ///
    /// ```
    /// use selvedge::io::Ready;
    /// assert!(Ready::PRIORITY.is_priority());
    /// ```
    pub const PRIORITY: Ready = Ready(PRIORITY);
    /// An error is pending.
    ///
    /// ```
    /// use selvedge::io::Ready;
    /// assert!(Ready::ERROR.is_error());
    /// ```
    pub const ERROR: Ready = Ready(ERROR);
    /// Every flag.
    ///
    /// ```
    /// use selvedge::io::Ready;
    /// assert!(Ready::ALL.is_readable() && Ready::ALL.is_writable());
    /// ```
    pub const ALL: Ready =
        Ready(READABLE | WRITABLE | READ_CLOSED | WRITE_CLOSED | PRIORITY | ERROR);

    /// The flags that concern the read side.
    pub(crate) const READ_SIDE: Ready = Ready(READABLE | READ_CLOSED | PRIORITY | ERROR);
    /// The flags that concern the write side.
    pub(crate) const WRITE_SIDE: Ready = Ready(WRITABLE | WRITE_CLOSED | ERROR);
    /// The flags of a side that has ended: of most resources for good, but not of all.
    pub(crate) const CLOSED: Ready = Ready(READ_CLOSED | WRITE_CLOSED);

    /// Is the set empty?
    ///
    /// ```
    /// use selvedge::io::Ready;
    /// assert!((Ready::READABLE - Ready::READABLE).is_empty());
    /// ```
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Would a read not block? True at the end of the data, too.
    ///
    /// ```
    /// use selvedge::io::Ready;
    /// assert!((Ready::READABLE | Ready::ERROR).is_readable());
    /// ```
    pub fn is_readable(self) -> bool {
        self.0 & (READABLE | READ_CLOSED) != 0
    }

    /// Would a write not block? True when nobody reads any more, too.
    ///
    /// ```
    /// use selvedge::io::Ready;
    /// assert!(!Ready::READABLE.is_writable());
    /// ```
    pub fn is_writable(self) -> bool {
        self.0 & (WRITABLE | WRITE_CLOSED) != 0
    }

    /// Has the read side ended?
    ///
    /// ```
    /// use selvedge::io::Ready;
    /// assert!(!Ready::READABLE.is_read_closed());
    /// ```
    pub fn is_read_closed(self) -> bool {
        self.0 & READ_CLOSED != 0
    }

    /// Has the write side ended?
    ///
    /// ```
    /// use selvedge::io::Ready;
    /// assert!(!Ready::WRITABLE.is_write_closed());
    /// ```
    pub fn is_write_closed(self) -> bool {
        self.0 & WRITE_CLOSED != 0
    }

    /// Is there out-of-band data?
    ///
    /// ```
    /// use selvedge::io::Ready;
    /// assert!(!Ready::READABLE.is_priority());
    /// ```
    pub fn is_priority(self) -> bool {
        self.0 & PRIORITY != 0
    }

    /// Is an error pending?
    ///
    /// ```
    /// use selvedge::io::Ready;
    /// assert!(!Ready::READABLE.is_error());
    /// ```
    pub fn is_error(self) -> bool {
        self.0 & ERROR != 0
    }

    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u8) -> Ready {
        Ready(bits & Ready::ALL.0)
    }

    pub(crate) fn from_mio(event: &mio::event::Event) -> Ready {
        let mut ready = Ready::EMPTY;
        let mut note = |is: bool, flag: Ready| {
            if is {
                ready |= flag;
            }
        };
        // The next read returns a pending error (a refused datagram, say), so the reader must try.
        note(event.is_readable() || event.is_error(), Ready::READABLE);
        note(event.is_writable(), Ready::WRITABLE);
        note(event.is_read_closed(), Ready::READ_CLOSED);
        note(event.is_write_closed(), Ready::WRITE_CLOSED);
        note(event.is_error(), Ready::ERROR);
        note(event.is_priority(), Ready::PRIORITY);
        ready
    }
}

impl ops::BitOr for Ready {
    type Output = Ready;
    fn bitor(self, other: Ready) -> Ready {
        Ready(self.0 | other.0)
    }
}

impl ops::BitOrAssign for Ready {
    fn bitor_assign(&mut self, other: Ready) {
        self.0 |= other.0;
    }
}

impl ops::BitAnd for Ready {
    type Output = Ready;
    fn bitand(self, other: Ready) -> Ready {
        Ready(self.0 & other.0)
    }
}

impl ops::Sub for Ready {
    type Output = Ready;
    fn sub(self, other: Ready) -> Ready {
        Ready(self.0 & !other.0)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut s = f.debug_struct("Ready");
        s.field("is_readable", &self.is_readable())
            .field("is_writable", &self.is_writable())
            .field("is_read_closed", &self.is_read_closed())
            .field("is_write_closed", &self.is_write_closed())
            .field("is_error", &self.is_error())
            .field("is_priority", &self.is_priority());
        s.finish()
    }
}
