//! Memory of a recording: words of 64 bits, on the heap or in a file that is mapped.
//!
//! A file's pages are the system's: what was written to them is in the file however the process ends.
//!
//! I1: the pointer is to `len` words that live as long as the owner, are zero at first, and are only touched as atomics.

use crate::base::shim::sync::atomic::AtomicU64;
use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;
use std::ptr::NonNull;

/// See the module's page.
pub(super) struct Words {
    first: NonNull<AtomicU64>,
    len: usize,
    owner: Owner,
}

enum Owner {
    /// A boxed slice, leaked into the pointer.
    Heap,
    /// A mapping of a file.
    #[cfg(all(unix, not(runtime_loom)))]
    File,
}

// SAFETY: atomics may be shared and sent; the memory belongs to no thread.
unsafe impl Send for Words {}
// SAFETY: as above.
unsafe impl Sync for Words {}

impl Words {
    pub(super) fn on_heap(len: usize) -> Words {
        let words: Box<[AtomicU64]> = (0..len).map(|_| AtomicU64::new(0)).collect();
        Words {
            first: NonNull::from(Box::leak(words)).cast(),
            len,
            owner: Owner::Heap,
        }
    }

    /// Appends `len` words, a multiple of a page, to a file and maps them. The space is taken from the disk at once: a page that
    /// finds no space later would end the process.
    #[cfg(all(unix, not(runtime_loom)))]
    pub(super) fn at_end_of(file: &std::fs::File, len: usize) -> io::Result<Words> {
        use std::os::fd::AsRawFd;

        let old = file.metadata()?.len();
        let bytes = len * size_of::<AtomicU64>();
        let new = old + bytes as u64;
        reserve(file, old, bytes)?;
        file.set_len(new)?;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at an address of the system's choice touches no memory of ours.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                access,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                old as libc::off_t,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let first = NonNull::new(start.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Words {
            first,
            len,
            owner: Owner::File,
        })
    }
}

/// Takes the space from the disk, where the system has a call for that.
#[cfg(all(unix, not(runtime_loom)))]
fn reserve(file: &std::fs::File, from: u64, bytes: usize) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    {
        use std::os::fd::AsRawFd;

        let (from, bytes) = (from as libc::off_t, bytes as libc::off_t);
        // SAFETY: takes numbers; the descriptor is open.
        match unsafe { libc::posix_fallocate(file.as_raw_fd(), from, bytes) } {
            // A file system without that call.
            0 | libc::EOPNOTSUPP | libc::EINVAL => {}
            error => return Err(io::Error::from_raw_os_error(error)),
        }
    }
    let _ = (file, from, bytes);
    Ok(())
}

impl Deref for Words {
    type Target = [AtomicU64];

    #[inline]
    fn deref(&self) -> &[AtomicU64] {
        // SAFETY: by I1.
        unsafe { std::slice::from_raw_parts(self.first.as_ptr(), self.len) }
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        match self.owner {
            Owner::Heap => {
                let words = std::ptr::slice_from_raw_parts_mut(self.first.as_ptr(), self.len);
                // SAFETY: made by `on_heap` from a box of this length; nobody has the memory any more.
                drop(unsafe { Box::from_raw(words) });
            }
            #[cfg(all(unix, not(runtime_loom)))]
            Owner::File => {
                let bytes = self.len * size_of::<AtomicU64>();
                // SAFETY: mapped by `at_end_of` with this length; nobody has the memory any more.
                unsafe { libc::munmap(self.first.as_ptr().cast(), bytes) };
            }
        }
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Words").field("len", &self.len).finish()
    }
}

/// Where the memory of a recording comes from.
#[derive(Debug)]
pub(super) enum Source {
    Heap,
    #[cfg(all(unix, not(runtime_loom)))]
    File(std::fs::File),
}

impl Source {
    /// Memory of `len` words, all zero.
    pub(super) fn words(&self, len: usize) -> io::Result<Words> {
        match self {
            Source::Heap => Ok(Words::on_heap(len)),
            #[cfg(all(unix, not(runtime_loom)))]
            Source::File(file) => Words::at_end_of(file, len),
        }
    }
}

/// Makes a new file. A process that records to the file that had the path before is not disturbed.
#[cfg(unix)]
pub(super) fn create(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;

    if let Err(error) = std::fs::remove_file(path) {
        if error.kind() != io::ErrorKind::NotFound {
            return Err(error);
        }
    }
    let mut options = File::options();
    options.read(true).write(true).create_new(true).mode(0o600);
    options.open(path)
}

#[cfg(not(unix))]
pub(super) fn create(path: &Path) -> io::Result<File> {
    File::create(path)
}
