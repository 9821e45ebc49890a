//! The listings of the guides for those who come from elsewhere.

pub mod smol;
pub mod threads;
