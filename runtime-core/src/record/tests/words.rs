//! Tests of memory on the heap and in a file.

use crate::record::words::{Source, Words};
use std::ffi::CStr;
use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;

/// A file in no folder.
pub(super) fn file() -> File {
    file_called(c"recording", libc::MFD_ALLOW_SEALING)
}

fn file_called(name: &CStr, flags: libc::c_uint) -> File {
    // SAFETY: a name and flags; the descriptor is new, and nobody else's.
    unsafe {
        let fd = libc::memfd_create(name.as_ptr(), flags);
        assert!(fd >= 0);
        File::from_raw_fd(fd)
    }
}

#[test]
fn memory_is_zero_and_has_the_length_asked_for() {
    let words = Source::Heap.words(100).unwrap();
    assert_eq!(words.len(), 100);
    assert!(words.iter().all(|word| word.load(Ordering::Relaxed) == 0));
}

#[test]
fn a_file_grows_by_what_is_asked_for_and_has_what_was_written() {
    let file = file();
    let parts = [512, 1_024].map(|len| Words::at_end_of(&file, len).unwrap());
    assert_eq!(file.metadata().unwrap().len(), (512 + 1_024) * 8);
    for (part, first) in parts.iter().zip([1, 1_000]) {
        assert!(part.iter().all(|word| word.load(Ordering::Relaxed) == 0));
        for (word, value) in part.iter().zip(first..) {
            word.store(value, Ordering::Relaxed);
        }
    }
    // The words stay in the file without the mapping.
    drop(parts);
    let mut bytes = vec![0; (512 + 1_024) * 8];
    file.read_exact_at(&mut bytes, 0).unwrap();
    let words = bytes
        .chunks(8)
        .map(|w| u64::from_ne_bytes(w.try_into().unwrap()));
    assert!(words.eq((1..513).chain(1_000..2_024)));
}

#[test]
fn a_file_that_may_not_grow_is_an_error() {
    let file = file();
    seal(&file, libc::F_SEAL_GROW);
    assert!(Words::at_end_of(&file, 512).is_err());
    assert_eq!(file.metadata().unwrap().len(), 0);
    // A file that cannot be written to at all.
    let read_only = File::open("/proc/self/exe").unwrap();
    assert!(Source::File(read_only).words(512).is_err());
}

fn seal(file: &File, seal: libc::c_int) {
    // SAFETY: a number is passed for an open descriptor.
    let sealed = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seal) };
    assert_eq!(sealed, 0);
}

#[test]
fn a_file_that_may_not_be_mapped_is_an_error() {
    let file = file();
    seal(&file, libc::F_SEAL_WRITE);
    let error = Words::at_end_of(&file, 512).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EPERM));
}

/// A file of huge pages, of which the system has reserved none: its size could still grow, as that of a file on a full disk can.
#[test]
fn a_full_disk_is_an_error_before_the_file_grows() {
    let are_none = |name| {
        let count = std::fs::read_to_string(format!("/proc/sys/vm/{name}"));
        count.is_ok_and(|count| count.trim() == "0")
    };
    if !are_none("nr_hugepages") || !are_none("nr_overcommit_hugepages") {
        return;
    }
    let file = file_called(c"full", libc::MFD_HUGETLB);
    let error = Words::at_end_of(&file, 1 << 18).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENOSPC));
    assert_eq!(file.metadata().unwrap().len(), 0);
}

#[test]
fn a_files_memory_is_given_back() {
    let is_mapped = || {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        maps.contains("memfd:given-back")
    };
    let file = file_called(c"given-back", 0);
    let words = Words::at_end_of(&file, 4 * 512).unwrap();
    assert!(is_mapped());
    drop(words);
    assert!(!is_mapped());
}
