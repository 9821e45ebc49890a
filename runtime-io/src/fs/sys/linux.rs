//! `preadv2` with `RWF_NOWAIT`: the kernel copies what is in memory, or says that it would have to wait.

use super::Cached;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;

/// Reads at the position of `file` without waiting. On `Read(n)` the first `n` bytes of `space` are initialised.
pub(in crate::fs) fn read_cached(file: &File, space: &mut [MaybeUninit<u8>]) -> Cached {
    let part = libc::iovec {
        iov_base: space.as_mut_ptr().cast(),
        iov_len: space.len(),
    };
    // SAFETY: `part` describes `space`, which is borrowed for the call, and the kernel writes nowhere else.
    // The offset -1 stands for the position of the file.
    let n = unsafe { libc::preadv2(file.as_raw_fd(), &part, 1, -1, libc::RWF_NOWAIT) };
    match usize::try_from(n) {
        // Some kernels say 0 where they would have to wait; the pool tells the end for certain.
        Ok(0) => Cached::Unknown,
        Ok(n) => Cached::Read(n),
        Err(_) => match io::Error::last_os_error().raw_os_error() {
            Some(libc::EAGAIN | libc::EINTR) => Cached::Unknown,
            _ => Cached::Unsupported,
        },
    }
}
