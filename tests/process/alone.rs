//! Tests that change what belongs to the whole process (limits, filters, signal actions) run in a process of their own:
//! this binary once more, with only that test.

use std::process::Command;
use std::time::{Duration, Instant};

const IS_CHILD: &str = "SELVEDGE_TEST_ALONE";

/// Runs `test`, which is the test called `name`, in a process of its own, and fails if that fails or hangs.
pub fn alone(name: &str, test: impl FnOnce()) {
    if std::env::var_os(IS_CHILD).is_some() {
        return test();
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(IS_CHILD, "1")
        .spawn()
        .unwrap();
    let start = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if start.elapsed() > Duration::from_secs(60) => {
                let _ = child.kill();
                panic!("{name} hangs");
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    assert!(status.success(), "{name}: {status}");
}

/// Leaves this process no descriptor to open; the limit goes back, and those that fill it up close, with the result.
pub struct NoDescriptor {
    old: libc::rlimit,
    fill: Vec<std::fs::File>,
}

impl NoDescriptor {
    pub fn left() -> NoDescriptor {
        NoDescriptor::but(0)
    }

    /// But `room`.
    pub fn but(room: usize) -> NoDescriptor {
        let mut old = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: both calls read or write a limit of ours.
        unsafe {
            assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut old), 0);
            let few = libc::rlimit {
                rlim_cur: 256,
                ..old
            };
            assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &few), 0);
        }
        let open = || std::fs::File::open("/dev/null").ok();
        let mut fill: Vec<_> = std::iter::from_fn(open).collect();
        assert!(fill.len() > room, "the limit is too low for this test");
        fill.truncate(fill.len() - room);
        NoDescriptor { old, fill }
    }

    /// Gives that many back.
    pub fn free(&mut self, room: usize) {
        self.fill.truncate(self.fill.len() - room);
    }
}

impl Drop for NoDescriptor {
    fn drop(&mut self) {
        // SAFETY: a limit of ours is read.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &self.old) };
    }
}
