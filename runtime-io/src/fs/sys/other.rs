//! Systems that cannot look up or read without waiting: nothing is known here.

use super::Cached;
use std::fs::{File, Metadata};
use std::mem::MaybeUninit;
use std::path::Path;

/// Does nothing.
pub(in crate::fs) fn read_cached(_: &File, _: &mut [MaybeUninit<u8>]) -> Cached {
    Cached::Unsupported
}

pub(in crate::fs) fn open_cached(_: &Path) -> Option<File> {
    None
}

pub(in crate::fs) fn metadata_cached(_: &Path, _follow: bool) -> Option<Metadata> {
    None
}

pub(in crate::fs) fn metadata_of_local(_: &File) -> Option<Metadata> {
    None
}

pub(in crate::fs) fn exists_cached(_: &Path) -> bool {
    false
}
