//! Helpers of the integration tests: a watchdog, runtimes of both kinds, counts of descriptors and threads, a process of
//! its own for a test, and futures that are polled by hand.
#![allow(dead_code)]
#![allow(unused_macros)]

pub mod waits;

use std::future::Future;
use std::panic::Location;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

/// Runs `f` on a thread of its own and panics if `f` has not returned after `seconds`: a hang is then the
/// failure of a named test, not a test run that never ends.
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

/// Runs the scenario on a runtime of each kind, with a watchdog.
pub fn on_both(scenario: impl Fn(Runtime) + Send + Sync + Copy + 'static) {
    for runtime in both() {
        within(30, move || scenario(runtime));
    }
}

/// Blocks on the future that `test` returns, in a runtime of each kind, with a watchdog.
pub fn each_blocks_on<F: Future<Output = ()>>(test: impl Fn() -> F + Send + 'static) {
    within(60, move || {
        for runtime in both() {
            runtime.block_on(test());
        }
    });
}

/// Awaits `future`, and panics if it takes more than 20 seconds.
#[track_caller]
pub fn soon<T>(what: &str, future: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = Location::caller();
    async move {
        match timeout(Duration::from_secs(20), future).await {
            Ok(value) => value,
            Err(_) => panic!("{what} hangs, {caller}"),
        }
    }
}

/// Checks that the runtime still works: its workers, its timers and its pool.
#[track_caller]
pub fn assert_works(runtime: &Runtime) {
    runtime.block_on(async {
        let tasks: Vec<_> = (0..64)
            .map(|i| {
                tokio::spawn(async move {
                    tokio::task::yield_now().await;
                    i
                })
            })
            .collect();
        for (i, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), i);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert_eq!(tokio::task::spawn_blocking(|| 5).await.unwrap(), 5);
    });
}

/// Runs `f`, which must panic, and returns the panic's message.
#[track_caller]
pub fn panic_message<T>(f: impl FnOnce() -> T) -> String {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("expected a panic"),
        Err(payload) => payload
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| payload.downcast_ref::<&str>().map(|s| s.to_string()))
            .unwrap_or_default(),
    }
}

pub fn open_fds() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

pub fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// How many threads have that name. The system keeps 15 letters of a name.
pub fn threads_named(name: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.map(|task| std::fs::read_to_string(task.path().join("comm")));
    names.flatten().filter(|comm| comm.trim() == name).count()
}

/// Waits until no thread has that name: the system lists a joined thread for a moment longer.
#[track_caller]
pub fn assert_ended(name: &str) {
    let end = Instant::now() + Duration::from_secs(20);
    while threads_named(name) != 0 {
        assert!(Instant::now() < end, "{name} is still there");
        std::thread::yield_now();
    }
}

/// Pseudo-random numbers. The same seed gives the same numbers.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        let mut numbers = Numbers(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        numbers.below(2);
        numbers
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) as usize % n
    }
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

/// The name of the test that uses this macro, as the harness knows it.
macro_rules! this_test {
    () => {{
        fn here() {}
        $crate::support::test_around(std::any::type_name_of_val(&here))
    }};
}

/// Runs the rest of a test in a child process, as the test changes state of its whole process. True in the child. In the
/// parent, waits for the child and is false; a failure or a hang of the child fails the test in the parent.
macro_rules! in_own_process {
    () => {
        $crate::support::is_own_process($crate::support::this_test!())
    };
}

#[allow(unused_imports)]
pub(crate) use {in_own_process, this_test};

/// The name of the test in a path such as `target::module::test::{{closure}}::here`.
pub fn test_around(place: &'static str) -> &'static str {
    let (_, path) = place.split_once("::").unwrap();
    let (mut test, _) = path.rsplit_once("::").unwrap();
    while let Some(outer) = test.strip_suffix("::{{closure}}") {
        test = outer;
    }
    test
}

const INNER: &str = "TEST_IN_ITS_OWN_PROCESS";

/// A command that runs this binary again, with one test only.
pub fn once_more(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test, "--include-ignored"])
        .args(["--nocapture", "--test-threads=1"])
        .env(INNER, test);
    command
}

/// Is this the process that `once_more` started?
pub fn is_inner(test: &str) -> bool {
    std::env::var(INNER).is_ok_and(|inner| inner == test)
}

#[track_caller]
pub fn is_own_process(test: &str) -> bool {
    if is_inner(test) {
        return true;
    }
    let mut child = once_more(test).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(300);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{test}: {status}");
            return false;
        }
        if Instant::now() > end {
            let _ = child.kill();
            panic!("{test} hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
