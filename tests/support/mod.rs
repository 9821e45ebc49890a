//! Helpers of the integration tests: a watchdog, runtimes of both kinds, process figures, processes for one test, and
//! futures that are polled by hand.
#![allow(dead_code)]

pub mod steps;
pub mod waits;

use std::sync::mpsc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

/// Runs `f` on a thread of its own and fails when it has not come back after `seconds`: a hang is a
/// failure with a name, not a test run that never ends.
#[track_caller]
pub fn within<T: Send + 'static>(seconds: u64, f: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, finished) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let value = f();
        let _ = done.send(());
        value
    });
    if let Err(mpsc::RecvTimeoutError::Timeout) =
        finished.recv_timeout(Duration::from_secs(seconds))
    {
        panic!("not done after {seconds} s");
    }
    match thread.join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

pub fn multi(workers: usize) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .unwrap()
}

pub fn current() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// One runtime of each kind.
pub fn both() -> [Runtime; 2] {
    [current(), multi(2)]
}

pub fn open_fds() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

pub fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// Runs a closure when dropped.
pub struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> OnDrop<F> {
    pub fn new(f: F) -> Self {
        OnDrop(Some(f))
    }
}

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

/// Runs the body of the test `name` in a process of its own: true there. In the test's process it waits for that
/// process, and gives false; a failure or a hang there is one here.
#[track_caller]
pub fn is_own_process(name: &str) -> bool {
    const VARIABLE: &str = "TEST_IN_ITS_OWN_PROCESS";
    if std::env::var(VARIABLE).is_ok_and(|n| n == name) {
        return true;
    }
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(VARIABLE, name)
        .spawn()
        .unwrap();
    let end = std::time::Instant::now() + Duration::from_secs(300);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{name}: {status}");
            return false;
        }
        if std::time::Instant::now() > end {
            let _ = child.kill();
            panic!("{name} hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
