//! What tests ask of the system: named pipes, calls that the kernel refuses, descriptors and threads that run out. What is
//! refused is refused to the process, or to a thread and those that it starts.
#![allow(dead_code)]

use std::fs::File;
use std::path::Path;

/// Makes a named pipe.
pub fn make_fifo(path: &Path) {
    use std::os::unix::ffi::OsStrExt;
    let name = std::ffi::CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: the name is a C string that lives for the call.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
}

/// Makes a system call fail with `code`, for this thread and those that it starts: a filter of seccomp.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub fn refuse(number: i64, code: i32) {
    let step = |code: u32, jump_true: u8, jump_false: u8, k: u32| libc::sock_filter {
        code: code as u16,
        jt: jump_true,
        jf: jump_false,
        k,
    };
    let is_call = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let answer = libc::SECCOMP_RET_ERRNO | code as u32;
    let mut program = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(is_call, 0, 1, number as u32),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, answer),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: both calls read their arguments only; the filter is a valid program of four steps.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let mode = libc::SECCOMP_MODE_FILTER;
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, mode, &filter), 0);
    }
}

/// One of the process's soft limits becomes `to`, if that is given; the one before.
#[cfg(target_os = "linux")]
pub fn limit(resource: libc::__rlimit_resource_t, to: Option<libc::rlim_t>) -> libc::rlim_t {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is valid.
    let mut result = unsafe { libc::getrlimit(resource, &mut limit) };
    let old = limit.rlim_cur;
    if let Some(to) = to {
        limit.rlim_cur = to;
        // SAFETY: as above.
        result |= unsafe { libc::setrlimit(resource, &limit) };
    }
    assert_eq!(result, 0);
    old
}

fn open() -> Option<File> {
    File::open("/dev/null").ok()
}

/// As many descriptors as there are left to open.
pub fn all_descriptors() -> Vec<File> {
    std::iter::from_fn(open).collect()
}

/// Leaves this process no descriptor to open; the limit goes back, and those that fill it up close, with the result.
pub struct NoDescriptor {
    old: libc::rlim_t,
    fill: Vec<File>,
}

impl NoDescriptor {
    pub fn left() -> NoDescriptor {
        NoDescriptor::but(0)
    }

    /// But `room`.
    pub fn but(room: usize) -> NoDescriptor {
        let old = limit(libc::RLIMIT_NOFILE, Some(256));
        let mut none = NoDescriptor {
            old,
            fill: all_descriptors(),
        };
        none.free(room);
        none
    }

    /// Gives that many back.
    pub fn free(&mut self, room: usize) {
        assert!(self.fill.len() > room, "the limit is too low for this test");
        self.fill.truncate(self.fill.len() - room);
    }
}

impl Drop for NoDescriptor {
    fn drop(&mut self) {
        limit(libc::RLIMIT_NOFILE, Some(self.old));
    }
}

/// A thread's stack as large as that cannot be made while little address space is left.
pub const STACK: usize = 1 << 30;

/// While this lives, no thread with a stack of `STACK` bytes can be made.
pub struct NoThreads(libc::rlim_t);

impl NoThreads {
    pub fn new() -> NoThreads {
        let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: libc::rlim_t = pages.split(' ').next().unwrap().parse().unwrap();
        let room = pages * 4096 + STACK as libc::rlim_t / 2;
        NoThreads(limit(libc::RLIMIT_AS, Some(room)))
    }
}

impl Drop for NoThreads {
    fn drop(&mut self) {
        limit(libc::RLIMIT_AS, Some(self.0));
    }
}
