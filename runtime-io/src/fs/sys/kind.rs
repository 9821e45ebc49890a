//! For a ring: does opening a path wait for the other side of a pipe, or for a device? Answered from the kernel's
//! memory, like all lookups here.

use super::lookup::lookup;
use super::mount::is_local;
use std::ffi::CStr;
use std::os::unix::fs::MetadataExt;

/// True if the path is known to lead to something that opens at once.
pub(crate) fn opens_at_once_cached(path: &CStr) -> bool {
    lookup(path, libc::O_PATH)
        .filter(is_local)
        .and_then(|place| place.metadata().ok())
        .is_some_and(|seen| opens_at_once(seen.mode(), libc::major(seen.rdev())))
}

/// Does opening a file of that mode never wait? Pipes wait for their other side, and a device may wait for anything;
/// but not `/dev/null` and its kin, which have the major number 1.
pub(crate) fn opens_at_once(mode: u32, device_major: u32) -> bool {
    match mode & libc::S_IFMT {
        libc::S_IFREG | libc::S_IFDIR => true,
        libc::S_IFCHR => device_major == 1,
        _ => false,
    }
}
