//! The reactor, the io traits and utilities, `net`, `fs`, `signal` and `process`.
#[cfg(feature = "fs")]
pub mod fs;
pub mod io;
#[cfg(feature = "net")]
pub mod net;
#[cfg(feature = "process")]
pub mod process;
#[cfg(any(
    feature = "net",
    feature = "signal",
    feature = "process",
    feature = "io-uring"
))]
pub mod reactor;
mod shutdown;
#[cfg(any(feature = "signal", feature = "process"))]
pub mod signal;
#[cfg(all(
    feature = "io-uring",
    feature = "fs",
    target_os = "linux",
    target_pointer_width = "64",
    target_endian = "little"
))]
mod uring;

pub use shutdown::is_shutdown_error;
