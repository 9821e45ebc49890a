//! A time limit for a test: when the time is over, the test fails and reports what its tasks wait for.
//!
//! A thread of its own keeps the time, because the test's thread may be blocked. When the time is over, it lists the runtime's tasks and wakes
//! the test's future, which panics with the list. If the test still does not end (its thread is blocked, or the runtime waits for a task that is
//! blocked), the process exits.
//!
//! ```text
//! before the future is polled ──▶ watched ──▶ time is over, report ──▶ panics with it
//!                                    └──▶ the test ends                └──▶ neither ends: the process does
//! ```

use super::Handle;
use crate::base::clock;
use crate::base::parker::ThreadParker;
use crate::base::shim::sync::Mutex;
use crate::base::shim::thread::{Builder, JoinHandle};
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

const VARIABLE: &str = "SELVEDGE_TEST_TIMEOUT";
/// How long a test may take to end once it has been woken to fail.
const GRACE: Duration = Duration::from_secs(5);

/// Made before the test's runtime, and dropped after it.
#[derive(Debug)]
pub struct Limit(Option<Watch>);

#[derive(Debug)]
struct Watch {
    test: Arc<Test>,
    thread: Option<JoinHandle<()>>,
}

/// Shared by the test's thread and the thread that keeps the time.
#[derive(Debug)]
struct Test {
    parker: ThreadParker,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    watched: Option<(Handle, Waker)>,
    report: Option<Arc<str>>,
    has_ended: bool,
}

/// A limit, what sets it, and for which test.
#[derive(Clone, Copy, Debug)]
struct Allowed {
    time: Duration,
    by: &'static str,
    test: &'static Location<'static>,
}

impl Limit {
    /// `argument` is the attribute's, in milliseconds; without it `SELVEDGE_TEST_TIMEOUT` is read. 0: no limit.
    ///
    /// # Panics
    /// If the variable is no time, or the system gives no thread.
    #[track_caller]
    pub fn new(argument: Option<u64>) -> Limit {
        let allowed = match argument {
            Some(millis) => Some(Allowed {
                time: Duration::from_millis(millis),
                by: "the attribute's `timeout`",
                test: Location::caller(),
            }),
            None => of_environment(),
        };
        Limit(allowed.filter(|allowed| !allowed.time.is_zero()).map(start))
    }

    /// The test's future, which panics when the time is over.
    pub async fn around<F: Future>(&self, future: F) -> F::Output {
        let Some(Watch { test, .. }) = &self.0 else {
            return future.await;
        };
        let mut future = pin!(future);
        poll_fn(|cx| {
            if let Some(report) = test.watch(cx.waker()) {
                panic!("{report}");
            }
            future.as_mut().poll(cx)
        })
        .await
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        let Some(watch) = &mut self.0 else {
            return;
        };
        {
            let mut state = watch.test.state.lock();
            state.has_ended = true;
            watch.test.parker.unpark();
        }
        // The thread holds a handle of the runtime, so it must not outlive the test.
        if let Some(thread) = watch.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Test {
    /// The report, if the time is over; else the waker is kept for that moment.
    fn watch(&self, waker: &Waker) -> Option<Arc<str>> {
        let fresh = Some((Handle::current(), waker.clone()));
        let mut state = self.state.lock();
        if state.report.is_some() {
            let report = state.report.clone();
            drop(state);
            return report;
        }
        let old = std::mem::replace(&mut state.watched, fresh);
        drop(state);
        drop(old);
        None
    }

    /// Sleeps until the test has ended (true) or the moment has come.
    fn waits_until(&self, end: Instant) -> bool {
        loop {
            if self.state.lock().has_ended {
                return true;
            }
            let left = end.saturating_duration_since(clock::now());
            if left.is_zero() {
                return false;
            }
            self.parker.park_timeout(left);
        }
    }

    fn keep_time(&self, allowed: Allowed) {
        if self.waits_until(clock::now() + allowed.time) {
            return;
        }
        let handle = {
            let state = self.state.lock();
            state.watched.as_ref().map(|(handle, _)| handle.clone())
        };
        let report: Arc<str> = Report(allowed, handle.as_ref()).to_string().into();
        // From here on a poll finds the report; the last poll before has left its waker.
        let watched = {
            let mut state = self.state.lock();
            state.report = Some(report.clone());
            state.watched.take()
        };
        if let Some((_, waker)) = watched {
            waker.wake();
        }
        if !self.waits_until(clock::now() + GRACE) {
            eprintln!(
                "{report}\nIt is {GRACE:?} over its time, as a thread of it is blocked: the process ends"
            );
            std::process::exit(101);
        }
    }
}

fn start(allowed: Allowed) -> Watch {
    let test = Arc::new(Test {
        parker: ThreadParker::default(),
        state: Mutex::new(State::default()),
    });
    let keeper = test.clone();
    let thread = Builder::new()
        .name("selvedge-limit".to_owned())
        .spawn(move || keeper.keep_time(allowed));
    match thread {
        Ok(thread) => Watch {
            test,
            thread: Some(thread),
        },
        Err(error) => panic!("OS can't spawn the thread that keeps a test's time: {error}"),
    }
}

#[track_caller]
fn of_environment() -> Option<Allowed> {
    let value = std::env::var_os(VARIABLE)?;
    let time = value.to_str().and_then(clock::parse_duration);
    match time {
        Some(time) => Some(Allowed {
            time,
            by: VARIABLE,
            test: Location::caller(),
        }),
        None => panic!(
            "{VARIABLE}={value:?} is no time: give seconds (`30`, `1.5`), or a unit with them (`500ms`, `2m`)"
        ),
    }
}

/// The message with which the test fails.
struct Report<'a>(Allowed, Option<&'a Handle>);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report(Allowed { time, by, test }, handle) = self;
        writeln!(
            f,
            "the test at {test} took longer than {time:?}, which {by} sets"
        )?;
        let Some(handle) = handle else {
            return write!(f, "its future was never polled");
        };
        write!(f, "{}", handle.tasks())?;
        let findings = handle.findings();
        findings
            .iter()
            .try_for_each(|finding| writeln!(f, "{finding}"))
    }
}

#[cfg(all(test, not(runtime_loom)))]
mod tests {
    use super::*;
    use crate::base::shim::lock_audit;
    use crate::driver::Drivers;
    use crate::runtime::{Config, Core};
    use std::task::Wake;

    const HOUR: u64 = 3_600_000;

    /// The thread does not go on after the test's end, and nothing holds the runtime.
    #[test]
    fn the_thread_that_keeps_the_time_ends_with_the_test() {
        for _ in 0..20 {
            let core = Core::start(Config::new(None, "test"), Drivers::default()).unwrap();
            let shared = Arc::downgrade(&core.handle().shared);
            let before = shared.strong_count();
            let limit = Limit::new(Some(HOUR));
            core.block_on(limit.around(async {}));
            // Meanwhile the thread may or may not have begun its sleep.
            std::thread::sleep(Duration::from_millis(1));
            drop(limit);
            assert_eq!(shared.strong_count(), before);
        }
    }

    struct Audits;

    impl Wake for Audits {
        fn wake(self: Arc<Self>) {}
    }

    impl Drop for Audits {
        fn drop(&mut self) {
            assert_eq!(lock_audit::depth(), 0);
        }
    }

    #[test]
    fn a_waker_that_is_replaced_goes_outside_of_the_lock() {
        let core = Core::start(Config::new(None, "test"), Drivers::default()).unwrap();
        core.block_on(async {
            let test = Test {
                parker: ThreadParker::default(),
                state: Mutex::new(State::default()),
            };
            assert!(test.watch(&Waker::from(Arc::new(Audits))).is_none());
            assert!(test.watch(Waker::noop()).is_none());
        });
    }

    #[test]
    fn a_time_is_seconds_or_has_a_unit() {
        for (text, millis) in [
            ("30", 30_000),
            ("1.5", 1500),
            (" 2s ", 2000),
            ("500ms", 500),
            ("2m", 120_000),
            ("0", 0),
        ] {
            assert_eq!(
                clock::parse_duration(text),
                Some(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for text in ["", "s", "-1", "1h", "ten", "1 s x", "NaN", "inf"] {
            assert_eq!(clock::parse_duration(text), None, "{text}");
        }
    }
}
