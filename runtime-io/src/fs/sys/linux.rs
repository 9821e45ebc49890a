//! The nature of an open file on Linux: a stream, an ordinary file on a local disk, or unknown.

use super::Nature;
use super::mount::is_local;
use std::fs::{File, Metadata};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;

/// Does not wait (but see `kind_of`).
pub(crate) fn nature(file: &File) -> Nature {
    let is_local = is_local(file);
    let kind = match is_local {
        true => file.metadata().ok().map(|seen| seen.mode() & libc::S_IFMT),
        false => kind_of(file),
    };
    match kind {
        // Kind 0: an eventfd or one of its kin.
        Some(libc::S_IFIFO | libc::S_IFCHR | libc::S_IFSOCK | 0) => Nature::Stream,
        Some(libc::S_IFREG | libc::S_IFDIR) if is_local => Nature::Ordinary,
        _ => Nature::Unknown,
    }
}

/// The kind as the kernel remembers it. File systems of clusters (GFS2, OCFS2) and 9p ask their server all the same; but
/// no pipe or terminal is on one of these.
fn kind_of(file: &File) -> Option<u32> {
    /// The offset of `stx_mode` in `struct statx`.
    const MODE_AT: usize = 28;
    let mut answer = [0_u64; 32];
    // SAFETY: the path is empty, and the answer has the 256 bytes of a `struct statx`.
    let result = unsafe {
        libc::syscall(
            libc::SYS_statx,
            file.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC,
            libc::STATX_TYPE,
            answer.as_mut_ptr(),
        )
    };
    let word = answer[MODE_AT / 8].to_ne_bytes();
    let mode = u16::from_ne_bytes([word[MODE_AT % 8], word[MODE_AT % 8 + 1]]);
    (result == 0).then_some(u32::from(mode) & libc::S_IFMT)
}

/// Is there a path that leads to the file?
pub(crate) fn has_name(seen: &Metadata) -> bool {
    seen.nlink() > 0
}
