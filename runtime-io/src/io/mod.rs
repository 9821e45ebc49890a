//! The io traits, and the utilities over them.
//!
//! Owns the four traits and `ReadBuf` (`traits`, which the reactor builds on), everything generic over them
//! (`io-util`) and the standard streams (`io-std`). It knows nothing of the reactor, but re-exports its readiness
//! types.

#[cfg(any(feature = "fs", feature = "io-std"))]
pub(crate) mod patient;
#[cfg(feature = "io-std")]
mod stdio;
mod traits;
#[cfg(feature = "io-util")]
mod util;

pub use std::io::{Error, ErrorKind, Result, SeekFrom};
#[cfg(feature = "io-std")]
pub use stdio::{Stderr, Stdin, Stdout, stderr, stdin, stdout};
pub use traits::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};
#[cfg(feature = "io-util")]
pub use util::*;

#[cfg(any(feature = "net", feature = "signal", feature = "process"))]
pub use crate::reactor::{Interest, Ready, unix};
