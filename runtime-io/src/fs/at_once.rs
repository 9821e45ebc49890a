//! Answers from the kernel's memory, for operations that need neither a disk nor a thread, nor a permission.
//!
//! A hop to the pool and back costs more than a look at a path, so a worker asks the kernel directly where it can answer
//! without waiting. `None` here means that the pool does the whole operation.
//!
//! I1: an answer is one that the pool could have given.
//! I2: each costs a unit of the cooperative budget.
//! I3: only within a runtime that runs: without a runtime, or after its end, the pool decides.
//!
//! Rejected: opening and reading what the kernel has in memory. Both ask listeners for permission (`sys/lookup.rs`),
//! which can neither be seen nor be told to answer later. And a read that must not wait waits all the same if the file
//! bypasses the page cache (`O_DIRECT`), or if the place of its blocks must first be read.

use super::sys;
use runtime_core::{coop, with_current};
use std::fs::{File, Metadata};
use std::future::poll_fn;
use std::path::Path;

/// Runs `ask`, once there is budget for it.
async fn budgeted<T>(ask: impl FnOnce() -> Option<T>) -> Option<T> {
    if with_current(|runtime| runtime.is_shutdown())? {
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
