//! What differs from system to system: looking up and reading what the kernel has in memory.
//!
//! The contract: nothing here waits for a disk, a server or another thread. `read_cached` reads from the file's
//! position and moves it; the others say `None` when they do not know.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod lookup;
#[cfg(target_os = "linux")]
mod mount;
#[cfg(target_os = "linux")]
pub(super) use {
    linux::read_cached,
    lookup::{exists_cached, metadata_cached, metadata_of_local, open_cached},
};

#[cfg(all(feature = "io-uring", target_os = "linux"))]
mod kind;
#[cfg(all(feature = "io-uring", target_os = "linux"))]
pub(super) use kind::{is_ordinary, opens_at_once_cached};

#[cfg(not(target_os = "linux"))]
mod other;
#[cfg(not(target_os = "linux"))]
pub(super) use other::{
    exists_cached, metadata_cached, metadata_of_local, open_cached, read_cached,
};

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Cached {
    /// That many bytes; at least one, perhaps fewer than asked for.
    Read(usize),
    /// It would have had to wait, or it is the end, or an error: ask on the pool.
    Unknown,
    /// This file, or this system, cannot do it: do not try again.
    Unsupported,
}
