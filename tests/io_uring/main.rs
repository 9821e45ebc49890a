//! File operations through io_uring: many cancellations, comparison with the standard library, shutdown in
//! mid-flight, kernels that refuse. One test runs at a time, as descriptors are counted per process.
#![cfg(all(
    feature = "io-uring",
    target_os = "linux",
    target_pointer_width = "64",
    target_endian = "little"
))]

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/system.rs"]
mod system;

mod answers;
mod dropped;
#[cfg(target_arch = "x86_64")]
mod refused;

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use system::make_fifo;
use tokio::runtime::Handle;

/// A folder for one test, and the lock that lets one test run at a time.
struct Folder {
    path: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

impl Folder {
    fn new(name: &str) -> Folder {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(|poison| poison.into_inner());
        let path = std::env::temp_dir().join(format!("io-uring-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Folder { path, _turn: turn }
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn fifo(&self, name: &str) -> PathBuf {
        let path = self.path.join(name);
        make_fifo(&path);
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Does this machine have io_uring? If not, tests that need a ring are skipped.
fn has_rings() -> bool {
    // SAFETY: a call that is refused for its arguments, or as a whole.
    let answer = unsafe { libc::syscall(libc::SYS_io_uring_setup, 0, std::ptr::null::<u8>()) };
    let code = io::Error::last_os_error().raw_os_error();
    answer == -1 && ![Some(libc::ENOSYS), Some(libc::EPERM)].contains(&code)
}

fn bytes(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i * 31 + i / 251) as u8).collect()
}

/// Asserts that the process soon has as few descriptors as before.
fn assert_fds_come_down_to(before: usize) {
    let start = Instant::now();
    while support::open_fds() > before {
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{} descriptors, {before} before",
            support::open_fds()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Asserts that the pool has no thread: operations that may block for ever must not use it.
fn assert_pool_unused() {
    assert_eq!(Handle::current().metrics().num_blocking_threads(), 0);
}
