//! Systems that cannot read without waiting.

use super::Cached;
use std::fs::File;
use std::mem::MaybeUninit;

/// Does nothing.
pub(in crate::fs) fn read_cached(_: &File, _: &mut [MaybeUninit<u8>]) -> Cached {
    Cached::Unsupported
}
