//! The reactor: OS readiness in, wake-ups out.
//!
//! Owns the wait on the OS (`mio::Poll`), the registrations and their readiness, and the public
//! types made of just that: [`Interest`], [`Ready`] and [`AsyncFd`](unix::AsyncFd). `net`,
//! `process` and `signal` build on [`PollEvented`]. It knows nothing of sockets or protocols, and
//! of the runtime only the `driver` contract. The protocol is told in `docs/reactor.md`.
//!
//! | file | owns |
//! |---|---|
//! | `readiness` | the readiness words: a state machine, model-checked |
//! | `scheduled` | readiness and waiters of one resource |
//! | `slots` | which registration an event's token names |
//! | `driver` | the wait, delivery, shutdown |
//! | `ring` | the io_uring, another source of events |
//! | `registration` | from the first assumption to deregistration; the retry loops |
//! | `poll_evented` | a resource together with its registration |
//! | `async_fd` | the same for any file descriptor, as public API |

mod async_fd;
mod driver;
mod interest;
mod poll_evented;
mod readiness;
mod ready;
mod registration;
#[cfg(all(feature = "io-uring", feature = "fs", target_os = "linux"))]
mod ring;
#[cfg(not(all(feature = "io-uring", feature = "fs", target_os = "linux")))]
#[path = "no_ring.rs"]
mod ring;
mod scheduled;
mod slots;
#[cfg(test)]
mod tests;

pub(crate) use crate::shutdown::shutdown_error;
#[cfg(any(
    feature = "signal",
    feature = "process",
    all(feature = "io-uring", feature = "fs", target_os = "linux")
))]
pub(crate) use driver::Reactor;
pub use interest::Interest;
pub use poll_evented::PollEvented;
#[cfg(feature = "net")]
pub(crate) use poll_evented::read_uninit;
pub use readiness::{Direction, ReadyEvent};
pub use ready::Ready;
#[cfg(feature = "net")]
pub(crate) use registration::Progress;
pub use registration::Registration;
#[cfg(any(feature = "signal", feature = "process"))]
pub(crate) use registration::current_reactor;
#[cfg(feature = "process")]
pub(crate) use registration::try_current_reactor;
use scheduled::ScheduledIo;

use runtime_core::driver::{DriverParams, IoParts};
use std::io;

/// File descriptors of one's own making.
pub mod unix {
    pub use super::async_fd::{
        AsyncFd, AsyncFdReadyGuard, AsyncFdReadyMutGuard, AsyncFdRegisterError, TryIoError,
    };
}

/// Makes a reactor for one runtime.
///
/// # Errors
/// When the OS gives no epoll instance or eventfd.
pub fn create(params: &DriverParams) -> io::Result<IoParts> {
    let (driver, reactor) = driver::Driver::new(params)?;
    Ok(IoParts {
        driver: Box::new(driver),
        unpark: reactor.clone(),
        counters: reactor.counters.clone(),
        handle: Some(reactor),
    })
}
