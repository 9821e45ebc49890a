//! Files and folders: what `std::fs` has, without blocking a worker.
//!
//! ```text
//! path functions ──────────────▶ one task on the blocking pool each (paths.rs, dir.rs)
//!   └─ only a look? ───────────▶ no task, if the kernel has the path in memory (at_once.rs, sys/)
//! File ──▶ Engine (file/) ─────▶ one task at a time: read, write, seek, set_len
//!  └─▶ Handle (handle/) ─────▶ closed on the pool, unless that is known not to wait
//! ```
//! An operating system offers no readiness for files, so the room knows nothing of the reactor: every call that
//! may wait for a disk is a closure on the blocking pool. With the feature `io-uring`, opening, `read`, `write`,
//! `rename`, `try_exists` and the reads of a `File` are operations of the runtime's ring instead, where it has
//! one (`ring.rs`; `docs/io_uring.md`).
//!
//! I1: a path function is at most one task (read_dir: one for each chunk of entries).
//! I2: `write`, and the writes of a `File`, are mandatory tasks: a runtime that shuts down still runs those that
//!     are queued (but it ends a `write` through a ring where it stands). Every other task is cancelled with the
//!     pool's queue and then reports "background task failed".
//! I3: no path function touches the file system before its first poll. If its future is dropped while its task
//!     runs, the task finishes.
//! I4: a worker does nothing that may wait: for a disk, a server, a task of this runtime that serves a file system,
//!     a listener that grants permissions. A call that is not known to return at once is the pool's.

mod at_once;
mod dir;
mod file;
mod handle;
mod paths;
#[cfg(all(
    feature = "io-uring",
    target_os = "linux",
    target_pointer_width = "64",
    target_endian = "little"
))]
mod ring;
#[cfg(not(all(
    feature = "io-uring",
    target_os = "linux",
    target_pointer_width = "64",
    target_endian = "little"
)))]
#[path = "no_ring.rs"]
mod ring;
mod sys;

pub use dir::{DirBuilder, DirEntry, ReadDir, read_dir};
pub use file::{File, FileTimes, OpenOptions};
#[allow(unused_imports)] // For the ring, where there is one.
pub(crate) use handle::Handle;
pub use paths::{
    canonicalize, copy, create_dir, create_dir_all, hard_link, metadata, read, read_link,
    read_to_string, remove_dir, remove_dir_all, remove_file, rename, set_permissions, symlink,
    symlink_metadata, try_exists, write,
};

use runtime_core::spawn::{spawn_mandatory_blocking, try_spawn_blocking};
use std::io;

/// Runs `f` on the pool; cancelled if the runtime shuts down first.
async fn on_pool<T: Send + 'static>(
    f: impl FnMut() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    try_spawn_blocking(move || uninterrupted(f))?
        .await
        .unwrap_or_else(|_| Err(lost_task()))
}

/// Repeats a system call while a signal interrupts it: std does so for some calls only.
fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            answer => return answer,
        }
    }
}

/// Runs `f` on the pool even if the runtime shuts down first (I2).
async fn on_pool_for_sure<T: Send + 'static>(
    f: impl FnMut() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match spawn_mandatory_blocking(move || uninterrupted(f))? {
        Some(task) => task.await.unwrap_or_else(|_| Err(lost_task())),
        None => Err(lost_task()),
    }
}

/// The pool refused the task, or cancelled it.
fn lost_task() -> io::Error {
    io::Error::other("background task failed")
}
