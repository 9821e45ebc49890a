//! For a ring: does opening a path wait for the other side of a pipe, or for a device? Asked of the kernel's memory,
//! like all lookups here.

use super::lookup::lookup;
use super::mount::is_local;
use crate::uring::opens_at_once;
use std::ffi::CStr;
use std::os::unix::fs::MetadataExt;

/// True if the path is known to lead to something that opens at once.
pub(in crate::fs) fn opens_at_once_cached(path: &CStr) -> bool {
    lookup(path, libc::O_PATH)
        .filter(is_local)
        .and_then(|place| place.metadata().ok())
        .is_some_and(|seen| opens_at_once(seen.mode(), libc::major(seen.rdev())))
}
