//! What differs from system to system: reading what the page cache holds.
//!
//! The contract: `read_cached` reads from the file's position, moves it, and never waits for a disk.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(super) use linux::read_cached;

#[cfg(not(target_os = "linux"))]
mod other;
#[cfg(not(target_os = "linux"))]
pub(super) use other::read_cached;

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
