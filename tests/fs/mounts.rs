//! Mounts that only the test's own threads see.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Gives this thread, and threads that it starts, mounts of their own. False, with the reason printed, where that is forbidden.
pub fn have_own() -> bool {
    // SAFETY: a call without memory arguments.
    let unshared = unsafe { libc::unshare(libc::CLONE_NEWNS) } == 0;
    let private = libc::MS_REC | libc::MS_PRIVATE;
    let none = std::ptr::null();
    // SAFETY: the path is a string; nothing else is given.
    if unshared && unsafe { libc::mount(none, c"/".as_ptr(), none, private, none.cast()) } == 0 {
        return true;
    }
    let error = io::Error::last_os_error();
    eprintln!("not tested: no mounts of one's own ({error})");
    false
}

/// Mounts a file system of a kind.
pub fn mount(kind: &str, place: &Path, options: &str) -> io::Result<()> {
    let kind = CString::new(kind).unwrap();
    let place = CString::new(place.as_os_str().as_bytes()).unwrap();
    let options = CString::new(options).unwrap();
    // SAFETY: all arguments are strings that live for the call.
    let result = unsafe {
        libc::mount(
            kind.as_ptr(),
            place.as_ptr(),
            kind.as_ptr(),
            0,
            options.as_ptr().cast(),
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Detaches a mount.
pub fn unmount(place: &Path) {
    let place = CString::new(place.as_os_str().as_bytes()).unwrap();
    // SAFETY: the path is a string.
    unsafe { libc::umount2(place.as_ptr(), libc::MNT_DETACH) };
}
