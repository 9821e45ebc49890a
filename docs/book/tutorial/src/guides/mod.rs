//! The listings of the guides for users of threads and of smol.

pub mod smol;
pub mod threads;
