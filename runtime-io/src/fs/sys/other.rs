//! Systems other than Linux: which calls answer without waiting is not known there, so the pool does all.

use super::Nature;
use std::fs::{File, Metadata};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

pub(crate) fn metadata_cached(_: &Path, _follow: bool) -> Option<Metadata> {
    None
}

pub(crate) fn metadata_of_local(_: &File) -> Option<Metadata> {
    None
}

pub(crate) fn exists_cached(_: &Path) -> bool {
    false
}

/// Pipes and their kin are known as streams; an ordinary file is never known to be local.
pub(crate) fn nature(file: &File) -> Nature {
    let kind = file.metadata().map(|seen| seen.file_type());
    match kind {
        Ok(kind) if kind.is_fifo() || kind.is_socket() || kind.is_char_device() => Nature::Stream,
        _ => Nature::Unknown,
    }
}

pub(crate) fn has_name(_: &Metadata) -> bool {
    true
}
