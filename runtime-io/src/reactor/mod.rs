//! The reactor: OS readiness in, wake-ups out.
//!
//! Owns the wait on the OS (`mio::Poll`), the registrations and their readiness, and the public
//! types made of just that: [`Interest`], [`Ready`] and [`AsyncFd`](unix::AsyncFd). `net`,
//! `process` and `signal` build on [`PollEvented`]. What another room has to do around a wait goes through a
//! `Source`. It knows only descriptors, not sockets, signals, processes or rings. Of the runtime it knows the `driver`
//! contract and the current handle. `docs/reactor.md` describes the protocol.
//!
//! | file | owns |
//! |---|---|
//! | `readiness` | the readiness words: a state machine, model-checked; `interest` and `ready` are their sets of flags |
//! | `scheduled` | readiness and waiters of one resource |
//! | `slots` | which registration an event's token names |
//! | `sources` | the list of sources: what other rooms do in turns |
//! | `driver` | the wait (to microseconds by `precise`), delivery, shutdown; the `Source` contract |
//! | `registration` | from the first assumption to deregistration; the retry loops; `needed` panics if there is no reactor |
//! | `poll_evented` | a resource together with its registration |
//! | `async_fd` | the same for any file descriptor, as public API |

mod async_fd;
// Which parts of the `Source` contract are used depends on the rooms above that are built.
#[cfg_attr(
    not(all(
        feature = "process",
        feature = "io-uring",
        feature = "fs",
        target_os = "linux",
        target_pointer_width = "64",
        target_endian = "little"
    )),
    allow(dead_code)
)]
mod driver;
mod interest;
#[cfg(any(feature = "net", feature = "signal", feature = "process"))]
mod needed;
mod poll_evented;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod precise;
mod readiness;
mod ready;
mod registration;
mod scheduled;
mod slots;
#[cfg_attr(
    not(all(
        feature = "process",
        feature = "io-uring",
        feature = "fs",
        target_os = "linux",
        target_pointer_width = "64",
        target_endian = "little"
    )),
    allow(dead_code)
)]
mod sources;
#[cfg(test)]
mod tests;

pub(crate) use crate::shutdown::shutdown_error;
#[allow(unused_imports)] // As for `driver`.
pub(crate) use driver::{Reactor, Source, Turn, add_to_all};
pub use interest::Interest;
#[cfg(any(feature = "net", feature = "signal", feature = "process"))]
pub(crate) use needed::on_reactor;
pub use poll_evented::PollEvented;
#[cfg(feature = "net")]
pub(crate) use poll_evented::read_uninit;
pub use readiness::{Direction, ReadyEvent};
pub use ready::Ready;
#[cfg(feature = "net")]
pub(crate) use registration::Progress;
pub use registration::Registration;
#[cfg(any(feature = "net", feature = "signal", feature = "process"))]
pub(crate) use registration::current_reactor;
#[cfg(feature = "process")]
pub(crate) use registration::try_current_reactor;
use scheduled::ScheduledIo;

use runtime_core::driver::{DriverParams, IoParts};
use std::io;

/// Readiness of any file descriptor.
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
