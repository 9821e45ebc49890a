//! What tests ask of the system: named pipes, system calls that fail, and a lack of descriptors or threads. A system call
//! fails for one thread and the threads that it starts; the lack is the whole process's.
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

/// Makes the system call `number` fail with `code` for this thread and the threads that it starts, by a seccomp filter.
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

/// Sets one of the process's soft limits to `to`, if that is given. Returns the limit before.
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
        // SAFETY: `limit` is valid.
        result |= unsafe { libc::setrlimit(resource, &limit) };
    }
    assert_eq!(result, 0);
    old
}

fn open() -> Option<File> {
    File::open("/dev/null").ok()
}

/// Opens every descriptor that is left.
pub fn all_descriptors() -> Vec<File> {
    std::iter::from_fn(open).collect()
}

/// Leaves this process no descriptor to open. The drop restores the limit, and closes the descriptors that fill it up.
pub struct NoDescriptor {
    old: libc::rlim_t,
    fill: Vec<File>,
}

impl NoDescriptor {
    pub fn left() -> NoDescriptor {
        NoDescriptor::but(0)
    }

    /// Leaves `room` descriptors to open.
    pub fn but(room: usize) -> NoDescriptor {
        let old = limit(libc::RLIMIT_NOFILE, Some(256));
        let mut none = NoDescriptor {
            old,
            fill: all_descriptors(),
        };
        none.free(room);
        none
    }

    /// Closes `room` of the descriptors that fill up the limit.
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

/// The size of a thread's stack that does not fit into the address space while a `NoThreads` lives.
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
