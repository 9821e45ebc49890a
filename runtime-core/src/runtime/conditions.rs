//! Findings about the runtime and its process, beside those about tasks: a stuck worker, a full pool, late timers, too few descriptors.
//!
//! All of these may pass by themselves: a caller gets what is true at the moment of the call.

use super::findings::{self, Finding, FindingKind};
use super::tasks::{TaskInfo, TaskList, TaskState};
use crate::handle::{Handle, Policy};
use crate::scheduler::counters::WorkerCounters;
use crate::scheduler::watch::STALL;
#[cfg(unix)]
use std::io;
use std::time::Duration;

/// Timers that are later than this are reported.
const LATE: Duration = Duration::from_millis(100);

/// How often the clock and the system's figure for a thread are read until they agree.
const LOOKS: u32 = 8;

impl Handle {
    /// What is wrong at the moment: tasks that wait for each other in a circle, for a lock that was handed to a future of their own
    /// which they do not poll, or for nothing that could ever wake them; a worker that is stuck in a poll, a full blocking pool, timers that are
    /// late, a process that has nearly no descriptors left.
    ///
    /// Tasks that seem to wait for each other are read twice: only those that have not moved are reported. A stuck worker is found where there are
    /// two workers or more. [`Builder::on_finding`](../struct.Builder.html#method.on_finding) reports findings without being asked.
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
            // The worker went on before its task was read.
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

/// Since when a worker is stuck, and for how long, if that is a stall. The time in which its thread waits for a processor does not count: the
/// program cannot change it.
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
        // Between the clock reads this thread had to wait, and perhaps the worker too: neither figure is reliable.
    }
    None
}

/// The functions that a thread is in, if stacks were asked for.
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

/// What the system tells about a thread; empty if it tells nothing.
fn thread_does(id: u64) -> String {
    let place = std::fs::read_to_string(format!("/proc/self/task/{id}/wchan"));
    place.map_or_else(|_| String::new(), |place| thread_is_at(id, place.trim()))
}

/// `place`: the function of the system in which the thread waits; empty or `0` if it does not wait, or the system does not tell.
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

/// While there are fewer threads than the cap, new threads are on their way.
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

/// Are nearly all descriptors open? Only where the system lists and limits them.
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

/// How many descriptors are open. If none is left to list them with, all are.
#[cfg(unix)]
fn open_of(listed: io::Result<usize>, limit: u64) -> Option<u64> {
    match listed {
        // Without the descriptor of the listing itself.
        Ok(count) => Some(count.saturating_sub(1) as u64),
        Err(error) => (error.raw_os_error() == Some(libc::EMFILE)).then_some(limit),
    }
}

/// At least nine of ten.
#[cfg(unix)]
fn are_nearly_all(open: u64, limit: u64) -> bool {
    open >= limit - limit / 10
}

#[cfg(not(unix))]
fn descriptors() -> Option<Finding> {
    None
}

/// The limit; a number that is never reached, where there is none. `None`: the system does not tell.
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

/// For a runtime without a watch: the tasks that are in the same poll in both lists, if the lists were taken long enough `apart`.
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

/// For a runtime without a watch: a list was taken. From now on the thread's waits for a processor count for the next list.
pub(super) fn note_look(handle: &Handle) {
    if let Some(counters) = sole_counters(handle) {
        counters.note_wait();
    }
}

/// The counters of a runtime's only thread, which no watch observes.
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
