//! Errors of timers and time-outs.

use std::fmt;
use std::io;

/// A time-out ran out before its future ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Elapsed(());

impl Elapsed {
    pub(crate) fn new() -> Self {
        Elapsed(())
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline has elapsed")
    }
}

impl std::error::Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(_: Elapsed) -> io::Error {
        io::ErrorKind::TimedOut.into()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Shutdown,
    AtCapacity,
    Invalid,
}

/// Why a timer could not do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error(Kind);

impl Error {
    /// The time driver has shut down.
    pub fn shutdown() -> Error {
        Error(Kind::Shutdown)
    }

    /// Did the time driver shut down?
    pub fn is_shutdown(&self) -> bool {
        self.0 == Kind::Shutdown
    }

    /// The timer has no room for another sleep. Nothing here gives it: wheels do not fill up.
    pub fn at_capacity() -> Error {
        Error(Kind::AtCapacity)
    }

    /// Had the timer no room?
    pub fn is_at_capacity(&self) -> bool {
        self.0 == Kind::AtCapacity
    }

    /// The timer was misconfigured. Nothing here gives it.
    pub fn invalid() -> Error {
        Error(Kind::Invalid)
    }

    /// Was the timer misconfigured?
    pub fn is_invalid(&self) -> bool {
        self.0 == Kind::Invalid
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Shutdown => "the time driver has shut down with its runtime",
            Kind::AtCapacity => "the timer has no room for another sleep",
            Kind::Invalid => "the timer was set to a duration it cannot keep",
        })
    }
}

impl std::error::Error for Error {}
