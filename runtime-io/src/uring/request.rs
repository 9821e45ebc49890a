//! The operations that a ring can be asked for. A [`Request`] owns every byte that the kernel reads or writes for it.
//!
//! I1: the pointers that `entry` gives out are null or lead into heap memory of the request. That memory stays in
//! place when the request is moved, and nothing else refers to it until the request is taken apart.
//! I2: a request's descriptor stays open for as long as the request lives.

use crate::fs::Handle;
use io_uring::opcode::{OpenAt, Read, RenameAt, Statx, Write};
use io_uring::squeue::{Entry, Flags};
use io_uring::types::{Fd, statx};
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

/// A read goes on where the last one of the file ended.
const AT_POSITION: u64 = u64::MAX;
/// The most bytes that the kernel moves in one operation.
const MOST: usize = 0x7fff_f000;

#[derive(Debug)]
pub(crate) enum Request {
    Open {
        path: CString,
        flags: i32,
        mode: u32,
    },
    /// The status of what `path` leads to, or of `file` if the path is empty.
    Stat {
        path: CString,
        file: Option<Arc<Handle>>,
        answer: StatBuf,
    },
    Rename(Paths),
    /// Appends to `buf` at most `most` bytes, and no more than fit without growing it. Reads from `at` on if the file
    /// has a position: the kernel does not move it after a read that failed half-way. `None`: at the kernel's position.
    Read {
        file: Arc<Handle>,
        buf: Vec<u8>,
        most: usize,
        at: Option<u64>,
    },
    /// Writes `data` from `from` on, to the same offset in the file. The file's position could be wrong, see `Read`.
    Write {
        file: Arc<Handle>,
        data: Arc<[u8]>,
        from: usize,
    },
    /// A request of the models.
    #[cfg(all(test, runtime_loom))]
    Watched(super::memory::Memory),
}

/// From where to where.
#[derive(Debug)]
pub(crate) struct Paths {
    pub(crate) from: CString,
    pub(crate) to: CString,
}

impl Request {
    pub(crate) const OPEN: u8 = OpenAt::CODE;
    pub(crate) const STAT: u8 = Statx::CODE;
    pub(crate) const RENAME: u8 = RenameAt::CODE;
    pub(crate) const READ: u8 = Read::CODE;
    pub(crate) const WRITE: u8 = Write::CODE;

    /// The request in the kernel's terms, always to be done by a thread of the kernel's own.
    ///
    /// Otherwise the kernel first tries in the thread that submits. That attempt does not wait for a disk, but it does
    /// wait for the server of a file system, or for a listener that must permit an open or a read. These may be tasks
    /// that only this thread can run.
    pub(super) fn entry(&mut self) -> Entry {
        self.plain_entry().flags(Flags::ASYNC)
    }

    fn plain_entry(&mut self) -> Entry {
        let here = Fd(libc::AT_FDCWD);
        match self {
            Request::Open { path, flags, mode } => OpenAt::new(here, path.as_ptr())
                .flags(*flags)
                .mode(*mode)
                .build(),
            Request::Stat { path, file, answer } => {
                let (at, flags) = match file {
                    Some(file) => (Fd(file.as_raw_fd()), libc::AT_EMPTY_PATH),
                    None => (here, 0),
                };
                Statx::new(at, path.as_ptr(), answer.as_mut_ptr())
                    .flags(flags)
                    .mask(libc::STATX_TYPE | libc::STATX_SIZE)
                    .build()
            }
            Request::Rename(Paths { from, to }) => {
                RenameAt::new(here, from.as_ptr(), here, to.as_ptr()).build()
            }
            Request::Read {
                file,
                buf,
                most,
                at,
            } => {
                let space = buf.spare_capacity_mut();
                let len = (*most).min(space.len()).min(MOST);
                Read::new(Fd(file.as_raw_fd()), space.as_mut_ptr().cast(), len as u32)
                    .offset(at.unwrap_or(AT_POSITION))
                    .build()
            }
            Request::Write { file, data, from } => {
                let data = &data[*from..];
                let len = data.len().min(MOST);
                Write::new(Fd(file.as_raw_fd()), data.as_ptr(), len as u32)
                    .offset(*from as u64)
                    .build()
            }
            #[cfg(all(test, runtime_loom))]
            Request::Watched(_) => unreachable!("the kernel's model makes an entry of its own"),
        }
    }

    /// May it be stopped half-way when nobody waits for it any more? A request that changes files must finish.
    pub(super) fn may_cancel(&self) -> bool {
        match self {
            Request::Open { .. } | Request::Stat { .. } | Request::Read { .. } => true,
            Request::Rename(_) | Request::Write { .. } => false,
            #[cfg(all(test, runtime_loom))]
            Request::Watched(memory) => memory.may_cancel,
        }
    }

    /// The outcome, from the kernel's result.
    pub(super) fn finish(self, result: i32) -> io::Result<Done> {
        let Ok(n) = usize::try_from(result) else {
            return Err(io::Error::from_raw_os_error(-result));
        };
        Ok(match self {
            Request::Open { .. } => {
                // SAFETY: the kernel has just given us this descriptor, and nobody else knows of it.
                let file = unsafe { OwnedFd::from_raw_fd(result) };
                Done::Opened(Handle::opened(file.into()))
            }
            Request::Stat { answer, .. } => Done::Stat(answer),
            Request::Rename(_) => Done::Renamed,
            Request::Read { mut buf, .. } => {
                // SAFETY: the kernel has written `n` bytes behind what was there, and was given no more
                // space than there is (`entry`).
                unsafe { buf.set_len(buf.len() + n) };
                Done::Read(buf, n)
            }
            Request::Write { .. } => Done::Wrote(n),
            #[cfg(all(test, runtime_loom))]
            Request::Watched(_) => Done::Wrote(n),
        })
    }
}

/// The outcome of a request.
#[derive(Debug)]
pub(crate) enum Done {
    Opened(Handle),
    Stat(StatBuf),
    Renamed,
    /// The buffer, and how many bytes were read into it.
    Read(Vec<u8>, usize),
    Wrote(usize),
}

/// A path for the kernel; none if there is a zero byte in it.
pub(crate) fn c_path(path: &Path) -> Option<CString> {
    CString::new(path.as_os_str().as_bytes()).ok()
}

/// Where the kernel writes a `struct statx`. (A vector, as a `Box` must not be moved while another pointer to
/// its content is in use.)
#[derive(Debug)]
pub(crate) struct StatBuf(Vec<u64>);

impl StatBuf {
    const BYTES: usize = 256;
    /// The offset of `stx_mode`, 16 bits.
    const MODE_AT: usize = 28;
    /// The offset of `stx_size`, 64 bits.
    const SIZE_AT: usize = 40;
    /// The offset of `stx_rdev_major`, 32 bits.
    const DEVICE_AT: usize = 128;

    pub(crate) fn new() -> StatBuf {
        StatBuf(vec![0; Self::BYTES / 8])
    }

    fn as_mut_ptr(&mut self) -> *mut statx {
        self.0.as_mut_ptr().cast()
    }

    /// Kind and permissions.
    pub(crate) fn mode(&self) -> u32 {
        u16::from_ne_bytes(self.bytes_at(Self::MODE_AT)).into()
    }

    /// The major number of a device.
    pub(crate) fn device_major(&self) -> u32 {
        u32::from_ne_bytes(self.bytes_at(Self::DEVICE_AT))
    }

    fn bytes_at<const N: usize>(&self, at: usize) -> [u8; N] {
        let word = self.0[at / 8].to_ne_bytes();
        std::array::from_fn(|i| word[at % 8 + i])
    }

    /// The length of the file.
    pub(crate) fn size(&self) -> u64 {
        self.0[Self::SIZE_AT / 8]
    }
}
