//! Answers from the kernel's memory: what needs neither a disk nor a thread, nor anybody's permission.
//!
//! A hop to the pool and back costs more than a look at a path, so what the kernel can tell of one without waiting is
//! asked for on the spot; a `None` here means that the pool is to do it all.
//!
//! I1: an answer is one that the pool could have given.
//! I2: each costs a unit of the cooperative budget.
//! I3: only within a runtime that runs: what happens without one, or after its end, is the pool's to say.
//!
//! Rejected: opening and reading what the kernel has in memory. Both ask listeners for permission (`sys/lookup.rs`),
//! who can neither be seen nor be told to answer later; and a read that is not to wait does so all the same where a
//! file bypasses the page cache (`O_DIRECT`) or the place of its blocks is yet to be read.

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
