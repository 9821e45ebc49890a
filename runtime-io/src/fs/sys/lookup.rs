//! Path lookups that the kernel answers from memory: `openat2` with `RESOLVE_CACHED`.
//!
//! ```text
//! lookup   O_PATH: no file system code runs that may wait, nothing is opened  ─▶ a place
//! kind     the mount of the place: on a disk of this machine?  ─▶ else the pool
//! then     its metadata
//! ```
//!
//! - I1: no file system is asked for anything unless it is known to be local (`mount`): a network's could wait for
//!   its server, and one of user space for this very thread.
//! - I2: nothing is opened. Opening a pipe or a device has effects on it. Opening any file asks listeners for
//!   permission (fanotify; a virus scanner), and so may reading; the listeners cannot be known beforehand, and may be
//!   tasks of this runtime. A path lookup or a query for metadata needs no such permission.
//! - I3: any doubt or error gives `None`: the pool's answer is the one that counts.

use super::mount::{can_tell, is_local};
use std::ffi::{CStr, CString};
use std::fs::{File, Metadata};
use std::io;
use std::mem;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// The kernel has no `openat2`, or does not know the flag, or a filter forbids the call.
static UNSUPPORTED: AtomicBool = AtomicBool::new(false);

/// The metadata of a path; of a symbolic link itself unless `follow`.
pub(crate) fn metadata_cached(path: &Path, follow: bool) -> Option<Metadata> {
    let follow = if follow { 0 } else { libc::O_NOFOLLOW };
    let path = in_c(path).filter(|_| can_tell())?;
    let place = lookup(&path, libc::O_PATH | follow)?;
    if !is_local(&place) {
        return None;
    }
    place.metadata().ok()
}

/// The metadata of an open file.
pub(crate) fn metadata_of_local(file: &File) -> Option<Metadata> {
    if !can_tell() || !is_local(file) {
        return None;
    }
    file.metadata().ok()
}

/// True if the path leads to something in memory.
pub(crate) fn exists_cached(path: &Path) -> bool {
    in_c(path).is_some_and(|path| lookup(&path, libc::O_PATH).is_some())
}

fn in_c(path: &Path) -> Option<CString> {
    // Ordering: Relaxed; a hint that guards nothing.
    if UNSUPPORTED.load(Ordering::Relaxed) {
        return None;
    }
    CString::new(path.as_os_str().as_bytes()).ok()
}

pub(super) fn lookup(path: &CStr, flags: libc::c_int) -> Option<File> {
    // SAFETY: `open_how` is three numbers; zero is good for each.
    let mut how: libc::open_how = unsafe { mem::zeroed() };
    how.flags = (flags | libc::O_CLOEXEC) as u64;
    how.resolve = libc::RESOLVE_CACHED;
    // SAFETY: path and `how` live for the call, and the size is `how`'s.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_openat2,
            libc::AT_FDCWD,
            path.as_ptr(),
            &how,
            mem::size_of_val(&how),
        )
    };
    if let Ok(fd @ 0..) = i32::try_from(fd) {
        // SAFETY: the kernel has just given us this descriptor.
        return Some(File::from(unsafe { OwnedFd::from_raw_fd(fd) }));
    }
    if let Some(libc::ENOSYS | libc::EINVAL | libc::EPERM) =
        io::Error::last_os_error().raw_os_error()
    {
        // Ordering: Relaxed, as for the load.
        UNSUPPORTED.store(true, Ordering::Relaxed);
    }
    None
}
