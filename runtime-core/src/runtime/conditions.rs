//! What is wrong with the runtime and its process, beside what is wrong with tasks: a worker that stands still, a full pool, late timers, too
//! few descriptors.
//!
//! All of it may pass by itself: whoever asks gets what is true at that moment.

use super::findings::{self, Finding, FindingKind};
use super::tasks::{TaskInfo, TaskList, TaskState};
use crate::handle::{Handle, Policy};
use crate::scheduler::counters::WorkerCounters;
use crate::scheduler::watch::STALL;
#[cfg(unix)]
use std::io;
use std::time::Duration;

/// Timers that are later than this are told of.
const LATE: Duration = Duration::from_millis(100);

/// How often the clock and what the system says of a thread are read until they agree.
const LOOKS: u32 = 8;

impl Handle {
    /// What is wrong at the moment: tasks that wait for each other in a circle, for a lock that was handed to a future of their own
    /// which they do not poll, or for nothing that could ever wake them; a worker that stands still in a poll, a full blocking pool, timers that
    /// are late, a process that has nearly no descriptors left.
    ///
    /// Tasks that seem to wait for each other are looked at twice: only what stands still is told. A poll that keeps its worker is known where there
    /// are two workers or more. [`Builder::on_finding`](../struct.Builder.html#method.on_finding) tells findings without being asked.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::runtime::Handle;
    /// use std::sync::Arc;
    ///
    /// let lock = Arc::new(selvedge::sync::Mutex::new(0));
    /// let task = selvedge::spawn(async move {
    ///     let _first = lock.lock().await;
    ///     let _second = lock.lock().await; // never
    /// });
    /// selvedge::task::yield_now().await;
    ///
    /// let findings = Handle::current().findings();
    /// assert_eq!(findings[0].tasks(), [task.id()]);
    /// println!("{}", findings[0]);
    /// # }
    /// ```
    pub fn findings(&self) -> Vec<Finding> {
        let tasks = self.tasks();
        let mut findings = findings::of(&tasks, || self.tasks());
        findings.extend(of(self));
        findings
    }
}

fn of(handle: &Handle) -> Vec<Finding> {
    let mut findings = stalls(handle);
    findings.extend(full_pool(handle));
    findings.extend(late_timers(handle));
    findings.extend(descriptors());
    findings
}

/// The workers that the watch has found stuck for long, each with the task that it polls.
fn stalls(handle: &Handle) -> Vec<Finding> {
    let Policy::MultiThread(policy) = &handle.shared.policy else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for (worker, remote) in policy.remotes.iter().enumerate() {
        let counters = &remote.counters;
        let Some((since, lasts)) = stall(counters, || handle.shared.nanos()) else {
            continue;
        };
        let tasks = handle.tasks();
        if counters.stuck_since() != Some(since) {
            // It has moved before its task was looked for.
            continue;
        }
        let runs = TaskState::Running {
            worker: Some(worker),
        };
        let polled: Vec<&TaskInfo> = tasks.iter().filter(|task| task.state() == runs).collect();
        let outside = match polled.is_empty() {
            true => ", outside of any poll: in a hook, a waker or a destructor",
            false => "",
        };
        let thread = thread_does(counters.system_thread.get());
        let evidence = format!("worker {worker} has stood still for {lasts:.1?}{outside}{thread}");
        let finding = Finding::with(FindingKind::Stall, &polled, &evidence);
        findings.push(finding.with_stack(stack_of(counters.system_thread.get())));
    }
    findings
}

/// Since when a worker stands still, and how long that is, if it is a stall. A thread that has no processor stands still, too, and nothing
/// that the program does would change it: that time does not count.
fn stall(counters: &WorkerCounters, nanos: impl Fn() -> u64) -> Option<(u64, Duration)> {
    let since = counters.stuck_since()?;
    let lasts = |now: u64| Duration::from_nanos(now.saturating_sub(since));
    for _ in 0..LOOKS {
        let (before, waited, after) = (lasts(nanos()), counters.waited_since(), lasts(nanos()));
        if is_stall(&before.saturating_sub(waited)) {
            return Some((since, before));
        }
        if !is_stall(&after.saturating_sub(waited)) {
            return None;
        }
        // Between the looks at the clock this thread had to wait, and the worker perhaps as well: neither figure is true.
    }
    None
}

/// The functions that a thread is in, if that was asked for.
#[cfg(all(feature = "taskdump", target_os = "linux"))]
fn stack_of(thread: u64) -> Vec<String> {
    super::stacks::of_thread(thread)
}

#[cfg(not(all(feature = "taskdump", target_os = "linux")))]
fn stack_of(_: u64) -> Vec<String> {
    Vec::new()
}

fn is_stall(lasts: &Duration) -> bool {
    *lasts >= STALL
}

/// What the system says of a thread; empty where it says nothing.
fn thread_does(id: u64) -> String {
    let place = std::fs::read_to_string(format!("/proc/self/task/{id}/wchan"));
    place.map_or_else(|_| String::new(), |place| thread_is_at(id, place.trim()))
}

/// `place`: where in the system; nowhere, if the thread is not in it or the system keeps that to itself.
fn thread_is_at(id: u64, place: &str) -> String {
    match place {
        "" | "0" => format!("; its thread {id} runs, or waits for a processor"),
        place => format!("; its thread {id} waits in the system ({place})"),
    }
}

fn full_pool(handle: &Handle) -> Option<Finding> {
    let (pool, cap) = (handle.pool(), handle.shared.config.max_blocking_threads);
    let (queued, threads, idle) = (
        pool.queue_depth(),
        pool.num_threads(),
        pool.num_idle_threads(),
    );
    is_full(queued, idle, threads, cap).then(|| {
        let evidence = format!(
            "all {threads} threads of the blocking pool are busy, and {queued} closures wait"
        );
        Finding::with(FindingKind::FullPool, &[], &evidence)
    })
}

/// Threads are on their way while there are fewer than there may be.
fn is_full(queued: usize, idle: usize, threads: usize, cap: usize) -> bool {
    queued > 0 && idle == 0 && threads >= cap
}

fn late_timers(handle: &Handle) -> Option<Finding> {
    let late = handle.shared.timers.as_deref()?.lateness();
    is_late(late).then(|| {
        let evidence = format!("a timer was due {late:?} ago, and has not been fired");
        Finding::with(FindingKind::LateTimers, &[], &evidence)
    })
}

fn is_late(late: Duration) -> bool {
    late >= LATE
}

/// Where the system lists a process's descriptors; `None`: nowhere, or on some machines only.
///
/// On the BSDs `/dev/fd` has the first three, unless a file system for the others is mounted there.
#[cfg(unix)]
const DESCRIPTORS: Option<&str> = if cfg!(any(target_os = "linux", target_os = "android")) {
    Some("/proc/self/fd")
} else if cfg!(target_vendor = "apple") {
    Some("/dev/fd")
} else {
    None
};

/// Where the system lists and limits them.
#[cfg(unix)]
fn descriptors() -> Option<Finding> {
    let folder = DESCRIPTORS?;
    let limit = descriptor_limit()?;
    let open = open_of(std::fs::read_dir(folder).map(Iterator::count), limit)?;
    are_nearly_all(open, limit).then(|| {
        let evidence =
            format!("{open} of the {limit} descriptors that this process may have are open");
        Finding::with(FindingKind::Descriptors, &[], &evidence)
    })
}

/// How many are open where the system lists so many, or does not.
#[cfg(unix)]
fn open_of(listed: io::Result<usize>, limit: u64) -> Option<u64> {
    match listed {
        // Less the one that lists.
        Ok(count) => Some(count.saturating_sub(1) as u64),
        Err(error) => (error.raw_os_error() == Some(libc::EMFILE)).then_some(limit),
    }
}

/// Nine of ten.
#[cfg(unix)]
fn are_nearly_all(open: u64, limit: u64) -> bool {
    open >= limit - limit / 10
}

#[cfg(not(unix))]
fn descriptors() -> Option<Finding> {
    None
}

/// A number that is never reached, where there is none; `None`: it is not told.
#[cfg(unix)]
fn descriptor_limit() -> Option<u64> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is written to.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    #[allow(clippy::unnecessary_cast)] // its type is the system's
    let told = limit.rlim_cur as u64;
    (result == 0).then_some(told)
}

/// Of a runtime without a watch: the tasks that were in the same poll at both looks, if these were long enough `apart`.
pub(super) fn still_polled(
    handle: &Handle,
    before: &TaskList,
    after: &TaskList,
    apart: Duration,
) -> Vec<Finding> {
    let Some(counters) = sole_counters(handle) else {
        return Vec::new();
    };
    if !is_stall(&apart.saturating_sub(counters.waited_since())) {
        return Vec::new();
    }
    let is_polled =
        |task: &TaskInfo| matches!(task.state(), TaskState::Running { worker: Some(_) });
    let still = after.iter().filter(|task| {
        let earlier = before.get(task.id());
        is_polled(task)
            && earlier.is_some_and(|earlier| is_polled(earlier) && earlier.polls() == task.polls())
    });
    still
        .map(|task| {
            let evidence = format!("it has been in one poll for {apart:.1?} or longer");
            let finding = Finding::with(FindingKind::Stall, &[task], &evidence);
            finding.with_stack(stack_of(counters.system_thread.get()))
        })
        .collect()
}

/// Of a runtime without a watch: a look has been taken. What its thread waits for a processor from now on is the next look's.
pub(super) fn note_look(handle: &Handle) {
    if let Some(counters) = sole_counters(handle) {
        counters.note_wait();
    }
}

/// Of the only thread of a runtime, which no watch looks after.
fn sole_counters(handle: &Handle) -> Option<&WorkerCounters> {
    match &handle.shared.policy {
        Policy::MultiThread(policy) if policy.remotes.len() > 1 => None,
        Policy::MultiThread(policy) => Some(&policy.remotes[0].counters),
        Policy::CurrentThread(policy) => Some(&policy.counters),
    }
}

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/conditions.rs"]
mod tests;
