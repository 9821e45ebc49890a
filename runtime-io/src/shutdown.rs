//! The error of operations that outlive their runtime, and how to recognise it.

use std::fmt;
use std::io;

const SHUTDOWN: &str = "A Tokio 1.x context was found, but it is being shutdown.";

#[cfg(any(
    feature = "net",
    feature = "signal",
    feature = "process",
    feature = "io-std",
    feature = "io-uring"
))]
/// The error of operations that outlive their runtime.
pub(crate) fn shutdown_error() -> io::Error {
    io::Error::other(Shutdown)
}

/// Is this the error of an operation whose runtime is gone?
///
/// ```
/// use selvedge::runtime::is_rt_shutdown_err;
/// fn is_worth_a_log(error: &std::io::Error) -> bool {
///     !is_rt_shutdown_err(error) // the program is ending anyway
/// }
/// assert!(is_worth_a_log(&std::io::Error::other("disk on fire")));
/// ```
pub fn is_shutdown_error(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Shutdown>())
}

#[derive(Debug)]
struct Shutdown;

impl fmt::Display for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SHUTDOWN)
    }
}

impl std::error::Error for Shutdown {}
