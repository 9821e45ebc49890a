//! io
#[cfg(any(feature = "net", feature = "signal", feature = "process"))]
pub use crate::reactor::{Interest, Ready, unix};
