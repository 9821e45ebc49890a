//! Errors of timers and time-outs.

use std::fmt;
use std::io;

/// A time-out ran out before its future ended.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::time::Duration;
/// use selvedge::time::timeout;
/// let late = timeout(Duration::from_secs(1), std::future::pending::<()>()).await;
/// assert_eq!(late.unwrap_err().to_string(), "deadline has elapsed");
/// # }
/// ```
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
///
/// ```
/// use selvedge::time::error::Error;
/// fn is_fatal(error: &Error) -> bool {
///     error.is_shutdown()
/// }
/// assert!(is_fatal(&Error::shutdown()) && !is_fatal(&Error::invalid()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error(Kind);

impl Error {
    /// The time driver has shut down.
    ///
    /// ```
    /// use selvedge::time::error::Error;
    /// assert!(Error::shutdown().is_shutdown());
    /// ```
    pub fn shutdown() -> Error {
        Error(Kind::Shutdown)
    }

    /// Did the time driver shut down?
    ///
    /// ```
    /// use selvedge::time::error::Error;
    /// assert!(Error::shutdown().is_shutdown() && !Error::invalid().is_shutdown());
    /// ```
    pub fn is_shutdown(&self) -> bool {
        self.0 == Kind::Shutdown
    }

    /// The timer has no room for another sleep. Nothing here gives it: wheels do not fill up.
    ///
    /// ```
    /// use selvedge::time::error::Error;
    /// assert!(Error::at_capacity().is_at_capacity());
    /// ```
    pub fn at_capacity() -> Error {
        Error(Kind::AtCapacity)
    }

    /// Had the timer no room?
    ///
    /// ```
    /// use selvedge::time::error::Error;
    /// assert!(Error::at_capacity().is_at_capacity() && !Error::invalid().is_at_capacity());
    /// ```
    pub fn is_at_capacity(&self) -> bool {
        self.0 == Kind::AtCapacity
    }

    /// The timer was misconfigured. Nothing here gives it.
    ///
    /// ```
    /// use selvedge::time::error::Error;
    /// assert!(Error::invalid().is_invalid());
    /// ```
    pub fn invalid() -> Error {
        Error(Kind::Invalid)
    }

    /// Was the timer misconfigured?
    ///
    /// ```
    /// use selvedge::time::error::Error;
    /// assert!(Error::invalid().is_invalid() && !Error::shutdown().is_invalid());
    /// ```
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
