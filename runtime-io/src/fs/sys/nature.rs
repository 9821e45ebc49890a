//! What is known of an open file without asking its file system.

/// Can operations on a file wait?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    /// A file or folder on a disk of this machine: its length and position are in memory, and closing it asks
    /// nobody.
    Ordinary,
    /// A pipe, a socket, a terminal or another device of characters.
    Stream,
    /// Any operation may have to wait: for a disk, a server, or a task of this runtime.
    Unknown,
}
