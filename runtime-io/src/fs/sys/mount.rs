//! Is a file on a disk of this machine? Found out without asking the file system, which may have to wait.
//!
//! `fstatfs` would do, but it asks: a network's file system sends a request to the server, and one of user space to a
//! process, which may be this one: the calling thread could wait for itself. `statx` asks too, whatever its mask, and
//! some file systems ignore the flag that it must not wait.
//!
//! ```text
//! name_to_handle_at, without room for a name ─▶ the mount's id ─▶ known? ─▶ else statmount: the magic number
//! ```
//! - I1: ids are the unique ones, which no later mount gets, so what is known of a mount holds for ever.
//! - I2: every doubt counts as "not local": a kernel before 6.12, which does not give unique ids this way, a filter
//!   that forbids the call, a mount of another namespace.
//! - I3: a file system stacked on others (overlayfs, eCryptfs) is not local, as those may be anywhere; nor is one that
//!   asks other machines or processes (NFS, FUSE, 9p), nor one of the kernel itself (procfs), whose files may do
//!   anything.

use runtime_core::base::shim::atomic64::AtomicU64;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};

/// Magic numbers of file systems that ask nobody about inodes in memory: ext2 to ext4, xfs, btrfs, f2fs, tmpfs.
const LOCAL: [u64; 5] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x0102_1994];

/// The call's number on all but one architecture, where it is another's and refused.
const SYS_STATMOUNT: libc::c_long = 457;
const AT_HANDLE_MNT_ID_UNIQUE: libc::c_int = 1;
const STATMOUNT_SB_BASIC: u64 = 1;

/// The last mounts asked for, by the low digits of their ids: each the id, with "is local" as the lowest bit.
static KNOWN: [AtomicU64; 16] = [const { AtomicU64::new(0) }; 16];

/// The kernel lacks a call: no place will be found to be local.
static UNSUPPORTED: AtomicBool = AtomicBool::new(false);

/// False if no place will be found to be local.
pub(super) fn can_tell() -> bool {
    // Ordering: Relaxed; a hint that guards nothing.
    !UNSUPPORTED.load(Ordering::Relaxed)
}

pub(super) fn is_local(place: &File) -> bool {
    if !can_tell() {
        return false;
    }
    let Some(mount) = mount_of(place) else {
        return false;
    };
    let known = &KNOWN[mount as usize % KNOWN.len()];
    // Ordering: Relaxed; the word is all there is to know.
    let last = known.load(Ordering::Relaxed);
    if last >> 1 == mount {
        return last & 1 == 1;
    }
    let is_local = magic_of(mount).is_some_and(|magic| LOCAL.contains(&magic));
    // Ordering: Relaxed; as above.
    known.store(mount << 1 | u64::from(is_local), Ordering::Relaxed);
    is_local
}

/// The unique id of the mount that a file was found through; none for one that cannot be named, like a pipe.
fn mount_of(place: &File) -> Option<u64> {
    // `struct file_handle`: the room for the name, and the name's type. No name fits, which is an error, but the
    // kernel fills the id in all the same.
    let (mut handle, mut mount) = ([0_u32; 2], 0_u64);
    // SAFETY: the path is empty, the handle says that nothing follows it, and the id has 64 bits with this flag.
    let result = unsafe {
        libc::syscall(
            libc::SYS_name_to_handle_at,
            place.as_raw_fd(),
            c"".as_ptr(),
            handle.as_mut_ptr(),
            &mut mount,
            libc::AT_EMPTY_PATH | AT_HANDLE_MNT_ID_UNIQUE,
        )
    };
    if result == 0 {
        return Some(mount);
    }
    match io::Error::last_os_error().raw_os_error() {
        Some(libc::EOVERFLOW) => Some(mount),
        Some(libc::EINVAL | libc::ENOSYS | libc::EPERM) => {
            // Ordering: Relaxed, as for the load.
            UNSUPPORTED.store(true, Ordering::Relaxed);
            None
        }
        _ => None,
    }
}

/// What kind of file system is mounted there.
fn magic_of(mount: u64) -> Option<u64> {
    /// The offset of `sb_magic` in `struct statmount`, in units of 64 bits.
    const MAGIC_AT: usize = 24 / 8;
    // `struct mnt_id_req`: its size, the mount, what is asked for.
    let request = [
        u64::from_ne_bytes(size_first(24)),
        mount,
        STATMOUNT_SB_BASIC,
    ];
    let mut answer = [0_u64; 64];
    // SAFETY: the request has the size that it says, and the answer the size that is given.
    let result = unsafe {
        libc::syscall(
            SYS_STATMOUNT,
            request.as_ptr(),
            answer.as_mut_ptr(),
            size_of_val(&answer),
            0,
        )
    };
    if result != 0 && io::Error::last_os_error().raw_os_error() == Some(libc::ENOSYS) {
        // Ordering: Relaxed, as for the load.
        UNSUPPORTED.store(true, Ordering::Relaxed);
    }
    // The second word says what was answered.
    (result == 0 && answer[1] & STATMOUNT_SB_BASIC != 0).then_some(answer[MAGIC_AT])
}

/// A `u32` followed by a `u32` that is 0.
fn size_first(size: u32) -> [u8; 8] {
    let [a, b, c, d] = size.to_ne_bytes();
    [a, b, c, d, 0, 0, 0, 0]
}
