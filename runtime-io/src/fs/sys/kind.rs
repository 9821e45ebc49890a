//! For a ring: does opening a path wait for anybody? Asked of the kernel's memory, like all lookups here.

use super::lookup::{is_local, lookup};
use std::ffi::CStr;

/// True of what is known to be a file or a folder.
pub(in crate::fs) fn is_ordinary_cached(path: &CStr) -> bool {
    lookup(path, libc::O_PATH)
        .filter(is_local)
        .and_then(|place| place.metadata().ok())
        .is_some_and(|seen| seen.is_file() || seen.is_dir())
}
