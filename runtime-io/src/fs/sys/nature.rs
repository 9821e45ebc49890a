//! What is known of an open file without asking its file system.

/// How a file answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    /// A file or folder on a disk of this machine: what is in memory of it (its length, its position) needs nobody
    /// else, and closing it tells nobody.
    Ordinary,
    /// A pipe, a socket, a terminal or another device of characters.
    Stream,
    /// Anything may have to wait: for a disk, a server, or a task of this runtime.
    Unknown,
}
