//! Answers from the kernel's memory: what needs neither a disk nor a thread.
//!
//! A hop to the pool and back costs more than most of what is asked of files, so whatever the kernel can tell
//! without waiting is asked for on the spot; a `None` here means that the pool is to do it all.
//!
//! I1: an answer is one that the pool could have given.
//! I2: each costs a unit of the cooperative budget, and copies at most [`MOST_AT_ONCE`] bytes.
//! I3: only within a runtime that runs: what happens without one, or after its end, is the pool's to say.

use super::sys::{self, Cached};
use runtime_core::{context, coop};
use std::fs::{File, Metadata};
use std::future::poll_fn;
use std::path::Path;

/// Most bytes copied on the spot; more is left to the pool, so that a worker is not held up.
pub(super) const MOST_AT_ONCE: usize = 128 * 1024;

/// Runs `ask`, once there is budget for it.
async fn budgeted<T>(ask: impl FnOnce() -> Option<T>) -> Option<T> {
    if context::with_current(|runtime| runtime.is_shutdown())? {
        return None;
    }
    let coop = poll_fn(coop::poll_proceed).await;
    let answer = ask();
    if answer.is_some() {
        coop.made_progress();
    }
    answer
}

pub(super) async fn metadata(path: &Path) -> Option<Metadata> {
    budgeted(|| sys::metadata_cached(path, true)).await
}

pub(super) async fn symlink_metadata(path: &Path) -> Option<Metadata> {
    budgeted(|| sys::metadata_cached(path, false)).await
}

pub(super) async fn metadata_of(file: &File) -> Option<Metadata> {
    budgeted(|| sys::metadata_of_local(file)).await
}

pub(super) async fn try_exists(path: &Path) -> Option<bool> {
    budgeted(|| sys::exists_cached(path).then_some(true)).await
}

pub(super) async fn open(path: &Path) -> Option<File> {
    budgeted(|| sys::open_cached(path)).await
}

pub(super) async fn read(path: &Path) -> Option<Vec<u8>> {
    budgeted(|| read_whole(&sys::open_cached(path)?)).await
}

pub(super) async fn read_to_string(path: &Path) -> Option<String> {
    budgeted(|| String::from_utf8(read_whole(&sys::open_cached(path)?)?).ok()).await
}

/// The file's bytes as of now, if they are few and all in memory.
fn read_whole(file: &File) -> Option<Vec<u8>> {
    let size = usize::try_from(file.metadata().ok()?.len()).ok()?;
    if size > MOST_AT_ONCE {
        return None;
    }
    let mut bytes = Vec::with_capacity(size);
    while bytes.len() < size {
        let missing = size - bytes.len();
        let Cached::Read(n) = sys::read_cached(file, &mut bytes.spare_capacity_mut()[..missing])
        else {
            return None;
        };
        // SAFETY: the kernel has written the next `n` bytes, which are within the capacity.
        unsafe { bytes.set_len(bytes.len() + n) };
    }
    Some(bytes)
}
