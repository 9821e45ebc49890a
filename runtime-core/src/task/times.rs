//! The age of tasks and the time they spend in polls, where that is kept.
//!
//! It costs two clock reads for each poll, so it is off unless a builder (`task_times`) or the inspector asks for it. The switch holds for the
//! whole process and stays on. A task that was spawned before has no times.
//!
//! T1: only the permit's holder writes (for a `block_on`, its thread); a reader may see words of two different moments.

use crate::base::clock;
use crate::base::told::Told;
use std::fmt;
// Not part of the task's protocol: std's atomic under the model checker too.
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

static KEPT: AtomicBool = AtomicBool::new(false);

/// Keeps the times of the tasks that are spawned from now on.
pub fn keep() {
    // Ordering: Relaxed; a switch.
    KEPT.store(true, Ordering::Relaxed);
}

/// Are the times of new tasks kept?
#[inline(always)]
pub(crate) fn are_kept() -> bool {
    // Ordering: Relaxed; a switch.
    cfg!(all(feature = "insight", not(runtime_loom))) && KEPT.load(Ordering::Relaxed)
}

/// In nanoseconds of the process's clock.
#[derive(Debug, Default)]
pub(super) struct Times {
    spawned: Told,
    /// 0: it is not being polled.
    began: Told,
    busy: Told,
    longest: Told,
    /// 0: no poll has ended.
    ended: Told,
}

impl Times {
    pub(super) fn new() -> Times {
        let times = Times::default();
        times.spawned.set(clock::nanos());
        times
    }

    /// Starts anew, for another future.
    pub(super) fn restart(&self) {
        self.spawned.set(clock::nanos());
        for word in [&self.began, &self.busy, &self.longest, &self.ended] {
            word.set(0);
        }
    }

    pub(super) fn poll_begins(&self) {
        self.began.set(clock::nanos().max(1));
    }

    /// The current poll ends, and the task has not ended.
    pub(super) fn poll_ends(&self) {
        // A poll that began before the times were kept does not count.
        if let begin @ 1.. = self.began.get() {
            let now = clock::nanos();
            let took = now.saturating_sub(begin);
            self.busy.set(self.busy.get() + took);
            self.longest.set(self.longest.get().max(took));
            self.ended.set(now.max(1));
            self.began.set(0);
        }
    }

    pub(super) fn seen(&self) -> TaskTimes {
        let (began, ended) = (self.began.get(), self.ended.get());
        self.seen_at(clock::nanos(), began, ended)
    }

    fn seen_at(&self, now: u64, began: u64, ended: u64) -> TaskTimes {
        let since = |at: u64| Duration::from_nanos(now.saturating_sub(at));
        let this_poll = match began {
            0 => Duration::ZERO,
            began => since(began),
        };
        TaskTimes {
            age: since(self.spawned.get()),
            busy: Duration::from_nanos(self.busy.get()) + this_poll,
            longest_poll: Duration::from_nanos(self.longest.get()).max(this_poll),
            since_poll: match (began, ended) {
                (0, 0) => None,
                (0, ended) => Some(since(ended)),
                _ => Some(Duration::ZERO),
            },
        }
    }
}

/// How old a task is, and how much time it spent in polls.
///
/// ```
/// # let runtime = selvedge::runtime::Builder::new_current_thread().task_times(true).build().unwrap();
/// # runtime.block_on(async {
/// use selvedge::runtime::tasks::TaskTimes;
/// let task = selvedge::spawn(std::future::pending::<()>());
/// selvedge::task::yield_now().await;
/// let tasks = selvedge::runtime::Handle::current().tasks();
/// let times: TaskTimes = tasks.get(task.id()).unwrap().times().unwrap();
/// println!("{times}"); // 1.2s old, 3.1ms in polls, longest 2ms, last 400ms ago
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskTimes {
    age: Duration,
    busy: Duration,
    longest_poll: Duration,
    since_poll: Option<Duration>,
}

impl TaskTimes {
    /// The time since it was spawned.
    ///
    /// ```
    /// # let runtime = selvedge::runtime::Builder::new_current_thread().task_times(true).build().unwrap();
    /// # runtime.block_on(async {
    /// let task = selvedge::spawn(std::future::pending::<()>());
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// let times = tasks.get(task.id()).unwrap().times().unwrap();
    /// assert!(times.age() < std::time::Duration::from_secs(3600));
    /// # });
    /// ```
    pub fn age(&self) -> Duration {
        self.age
    }

    /// The total time of its polls, including one that goes on.
    ///
    /// ```
    /// # let runtime = selvedge::runtime::Builder::new_current_thread().task_times(true).build().unwrap();
    /// # runtime.block_on(async {
    /// let task = selvedge::spawn(std::future::pending::<()>());
    /// selvedge::task::yield_now().await;
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// let times = tasks.get(task.id()).unwrap().times().unwrap();
    /// assert!(times.busy() <= times.age());
    /// # });
    /// ```
    pub fn busy(&self) -> Duration {
        self.busy
    }

    /// Its longest poll, including one that goes on.
    ///
    /// ```
    /// # let runtime = selvedge::runtime::Builder::new_current_thread().task_times(true).build().unwrap();
    /// # runtime.block_on(async {
    /// let task = selvedge::spawn(std::future::pending::<()>());
    /// selvedge::task::yield_now().await;
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// let times = tasks.get(task.id()).unwrap().times().unwrap();
    /// assert!(times.longest_poll() <= times.busy());
    /// # });
    /// ```
    pub fn longest_poll(&self) -> Duration {
        self.longest_poll
    }

    /// The time since the end of its last poll: zero while it is polled, `None` if it was never polled.
    ///
    /// ```
    /// # let runtime = selvedge::runtime::Builder::new_current_thread().task_times(true).build().unwrap();
    /// # runtime.block_on(async {
    /// let task = selvedge::spawn(std::future::pending::<()>());
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// assert_eq!(tasks.get(task.id()).unwrap().times().unwrap().since_poll(), None);
    /// # });
    /// ```
    pub fn since_poll(&self) -> Option<Duration> {
        self.since_poll
    }
}

impl fmt::Display for TaskTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1?} old", self.age)?;
        match self.since_poll {
            None => f.write_str(", never polled"),
            Some(since) => write!(
                f,
                ", {:.1?} in polls, longest {:.1?}, last {since:.1?} ago",
                self.busy, self.longest_poll
            ),
        }
    }
}

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/times.rs"]
mod tests;
