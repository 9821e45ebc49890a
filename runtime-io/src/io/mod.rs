//! The io traits, and the utilities over them.
//!
//! Owns the four traits, `ReadBuf`, everything generic over them (`io-util`) and the standard streams
//! (`io-std`). Knows nothing of the reactor or of sockets; readiness types are only re-exported here.

#[cfg(any(feature = "fs", feature = "io-std"))]
pub(crate) mod patient;
mod read_buf;
#[cfg(feature = "io-std")]
mod stdio;
mod traits;
#[cfg(feature = "io-util")]
mod util;

pub use read_buf::ReadBuf;
pub use std::io::{Error, ErrorKind, Result, SeekFrom};
#[cfg(feature = "io-std")]
pub use stdio::{Stderr, Stdin, Stdout, stderr, stdin, stdout};
pub use traits::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};
#[cfg(feature = "io-util")]
pub use util::*;

#[cfg(any(feature = "net", feature = "signal", feature = "process"))]
pub use crate::reactor::{Interest, Ready, unix};
