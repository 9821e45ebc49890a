//! Findings about tasks: tasks that wait for each other, and tasks that nothing can wake.
//!
//! A task is *stuck* if it is idle and each thing that it waits for is a lock that a stuck task holds, or a stuck task's end. The stuck tasks are the
//! largest set for which that is true. To find it, start with all idle tasks that wait for locks and tasks only, and remove those with a wait that
//! may end, again and again. A task that waits for a semaphore's permit or a message is not stuck: any task may give it.

use super::json::Json;
use super::tasks::{TaskInfo, TaskList, TaskState, Wait, WaitKind};
use crate::base::waits;
use crate::task::Id;
use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// What kind of fault it is.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::runtime::tasks::FindingKind;
/// let lock = std::sync::Arc::new(selvedge::sync::Mutex::new(0));
/// let task = selvedge::spawn(async move {
///     let _first = lock.lock().await;
///     let _second = lock.lock().await; // never
/// });
/// selvedge::task::yield_now().await;
/// let findings = selvedge::runtime::Handle::current().findings();
/// assert_eq!(findings[0].kind(), FindingKind::Deadlock);
/// # drop(task);
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FindingKind {
    /// Tasks wait for each other in a circle; or a task waits for a lock that it holds.
    Deadlock,
    /// A lock was handed to a future that its own task does not poll, while the task waits for the same lock: the other branch of a `select!`
    /// that is kept but not polled, or a member of a `FuturesUnordered` while another one's body runs.
    Futurelock,
    /// Nothing holds a waker of the task: nothing will ever wake it.
    LostTask,
    /// A worker is stuck in a poll or in other code of the program, and its other tasks wait.
    Stall,
    /// All threads of the blocking pool are busy, and closures wait.
    FullPool,
    /// Timers that are due do not fire.
    LateTimers,
    /// Nearly all descriptors that the process may have are open.
    Descriptors,
}

impl FindingKind {
    /// May the fault be over a moment later? Stuck and lost tasks stay so; a stall has lasted for some time when it is found.
    pub(super) fn may_be_brief(self) -> bool {
        matches!(
            self,
            FindingKind::FullPool | FindingKind::LateTimers | FindingKind::Descriptors
        )
    }
}

/// One fault, the tasks that it concerns, and what to do.
///
/// As text it is a few lines for people.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// let lock = std::sync::Arc::new(selvedge::sync::Mutex::new(0));
/// let task = selvedge::spawn(async move {
///     let _first = lock.lock().await;
///     let _second = lock.lock().await; // never
/// });
/// selvedge::task::yield_now().await;
/// let findings = selvedge::runtime::Handle::current().findings();
/// println!("{}", findings[0]);
/// # drop(task);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Finding {
    kind: FindingKind,
    tasks: Vec<Id>,
    evidence: String,
    stack: Vec<String>,
}

impl Finding {
    /// What kind of fault it is.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let lock = std::sync::Arc::new(selvedge::sync::Mutex::new(0));
    /// let task = selvedge::spawn(async move {
    ///     let _first = lock.lock().await;
    ///     let _second = lock.lock().await; // never
    /// });
    /// selvedge::task::yield_now().await;
    /// let findings = selvedge::runtime::Handle::current().findings();
    /// assert_eq!(findings[0].kind().to_string(), "deadlock");
    /// # drop(task);
    /// # }
    /// ```
    pub fn kind(&self) -> FindingKind {
        self.kind
    }

    /// The tasks that it concerns; in a circle each waits for the next.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let lock = std::sync::Arc::new(selvedge::sync::Mutex::new(0));
    /// let task = selvedge::spawn(async move {
    ///     let _first = lock.lock().await;
    ///     let _second = lock.lock().await; // never
    /// });
    /// selvedge::task::yield_now().await;
    /// let findings = selvedge::runtime::Handle::current().findings();
    /// assert_eq!(findings[0].tasks(), [task.id()]);
    /// # }
    /// ```
    pub fn tasks(&self) -> &[Id] {
        &self.tasks
    }

    /// What was seen: the tasks with their places and what they wait for.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let lock = std::sync::Arc::new(selvedge::sync::Mutex::new(0));
    /// let task = selvedge::spawn(async move {
    ///     let _first = lock.lock().await;
    ///     let _second = lock.lock().await; // never
    /// });
    /// selvedge::task::yield_now().await;
    /// let findings = selvedge::runtime::Handle::current().findings();
    /// assert!(findings[0].evidence().contains("mutex"));
    /// # drop(task);
    /// # }
    /// ```
    pub fn evidence(&self) -> &str {
        &self.evidence
    }

    /// For a stall: the functions that its thread is in, the innermost first, down to the task's future; each with its place in the source where the
    /// program has symbols. Empty unless [`stall_stacks`](../struct.Builder.html#method.stall_stacks) was asked for.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let lock = std::sync::Arc::new(selvedge::sync::Mutex::new(0));
    /// let task = selvedge::spawn(async move {
    ///     let _first = lock.lock().await;
    ///     let _second = lock.lock().await; // never
    /// });
    /// selvedge::task::yield_now().await;
    /// let findings = selvedge::runtime::Handle::current().findings();
    /// assert!(findings[0].stack().is_empty()); // no stall
    /// # drop(task);
    /// # }
    /// ```
    pub fn stack(&self) -> &[String] {
        &self.stack
    }

    /// What to do about faults of this kind.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let lock = std::sync::Arc::new(selvedge::sync::Mutex::new(0));
    /// let task = selvedge::spawn(async move {
    ///     let _first = lock.lock().await;
    ///     let _second = lock.lock().await; // never
    /// });
    /// selvedge::task::yield_now().await;
    /// let findings = selvedge::runtime::Handle::current().findings();
    /// println!("cure: {}", findings[0].cure());
    /// # drop(task);
    /// # }
    /// ```
    pub fn cure(&self) -> &'static str {
        match self.kind {
            FindingKind::Deadlock => {
                "take the locks in the same order everywhere, or let one go before the next is taken"
            }
            FindingKind::Futurelock => {
                "poll or drop every future that may hold or be handed a lock: spawn it as a task of its own, or do not await inside of the other branch"
            }
            FindingKind::LostTask => {
                "a future that returns `Pending` must keep the waker; abort the task if it was only to keep something alive"
            }
            FindingKind::Stall => {
                "move what blocks or computes to `spawn_blocking` or `block_in_place`, or give up turns with `yield_now`"
            }
            FindingKind::FullPool => {
                "raise `max_blocking_threads`, or bound what is submitted with a semaphore; closures that run for ever belong on threads of their own"
            }
            FindingKind::LateTimers => {
                "look for a poll that blocks: on a current-thread runtime, or with all workers kept, nobody fires timers"
            }
            FindingKind::Descriptors => {
                "close what is not used (idle connections, files in a list), bound how many are accepted, or raise the limit (`ulimit -n`)"
            }
        }
    }

    /// The finding as JSON; `docs/tasks.md` describes the fields.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let lock = std::sync::Arc::new(selvedge::sync::Mutex::new(0));
    /// let task = selvedge::spawn(async move {
    ///     let _first = lock.lock().await;
    ///     let _second = lock.lock().await; // never
    /// });
    /// selvedge::task::yield_now().await;
    /// let findings = selvedge::runtime::Handle::current().findings();
    /// assert!(findings[0].to_json().contains("\"deadlock\""));
    /// # drop(task);
    /// # }
    /// ```
    pub fn to_json(&self) -> String {
        let mut json = Json::new();
        json.object(|object| {
            object.text("kind", &self.kind.to_string());
            let tasks: Vec<u64> = self.tasks.iter().map(|id| id.as_u64()).collect();
            object.numbers("tasks", &tasks);
            object.text("evidence", &self.evidence);
            object.text("cure", self.cure());
            object.texts("stack", &self.stack);
        });
        json.finish()
    }
}

/// The findings in a list. `again` makes a second list, if tasks in the first seem to wait for each other.
pub(super) fn of(tasks: &TaskList, again: impl FnOnce() -> TaskList) -> Vec<Finding> {
    let mut findings = Vec::new();
    let stuck = stuck(tasks);
    if !stuck.is_empty() {
        let after = again();
        // What both lists show with the same polls was true at one moment between them.
        let stuck = stuck_in_both(tasks, &stuck, &after);
        findings.extend(circles(tasks, &stuck));
    }
    for task in tasks.iter().filter(|task| task.is_lost()) {
        findings.push(Finding::new(FindingKind::LostTask, &[task]));
    }
    findings
}

/// The stuck tasks by their ids, each with the task that it waits for.
type Stuck = BTreeMap<Id, Id>;

fn stuck(tasks: &TaskList) -> Stuck {
    let idle = tasks.iter().filter(|task| task.state() == TaskState::Idle);
    let mut stuck: Stuck = idle
        .filter_map(|task| Some((task.id(), blocker(task.waits().first()?)?)))
        .filter(|(id, _)| {
            let waits = tasks.get(*id).map_or(&[][..], TaskInfo::waits);
            // If a task waits for many things, only some of them are known.
            waits.len() < waits::MOST && waits.iter().all(|wait| blocker(wait).is_some())
        })
        .collect();
    keep_stuck(tasks, &mut stuck);
    stuck
}

/// Removes the tasks that wait for a task outside of the set, until there are none.
fn keep_stuck(tasks: &TaskList, stuck: &mut Stuck) {
    loop {
        let free: Vec<Id> = stuck
            .keys()
            .filter(|id| {
                let waits = tasks.get(**id).map_or(&[][..], TaskInfo::waits);
                let mut blockers = waits.iter().filter_map(blocker);
                blockers.any(|blocker| !stuck.contains_key(&blocker))
            })
            .copied()
            .collect();
        if free.is_empty() {
            return;
        }
        for id in free {
            stuck.remove(&id);
        }
    }
}

/// The task without which the wait does not end.
fn blocker(wait: &Wait) -> Option<Id> {
    match wait.kind() {
        WaitKind::Join => wait.task(),
        WaitKind::Mutex | WaitKind::Read | WaitKind::Write => wait.holder(),
        _ => None,
    }
}

fn stuck_in_both(before: &TaskList, stuck_before: &Stuck, after: &TaskList) -> Stuck {
    let stands_still = |id: Id| {
        let looks = before.get(id).zip(after.get(id));
        looks.is_some_and(|(before, after)| {
            before.polls() == after.polls() && before.waits().iter().zip(after.waits()).all(same)
        })
    };
    let mut both = stuck(after);
    both.retain(|id, blocker| stuck_before.get(id) == Some(blocker) && stands_still(*id));
    // A task that waits for a task that has moved may go on, too.
    keep_stuck(after, &mut both);
    both
}

fn same((a, b): (&Wait, &Wait)) -> bool {
    a.kind() == b.kind() && a.object() == b.object() && blocker(a) == blocker(b)
}

/// Each circle once. Tasks that wait for a circle without being in it are not reported.
fn circles(tasks: &TaskList, stuck: &Stuck) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen: Vec<Id> = Vec::new();
    for start in stuck.keys() {
        let mut path = Vec::new();
        let mut at = *start;
        while let Some(next) = stuck.get(&at).filter(|_| !seen.contains(&at)) {
            seen.push(at);
            path.push(at);
            at = *next;
        }
        let Some(first) = path.iter().position(|id| *id == at) else {
            continue;
        };
        let circle: Vec<&TaskInfo> = path[first..]
            .iter()
            .filter_map(|id| tasks.get(*id))
            .collect();
        let handed_over = circle
            .iter()
            .any(|task| task.waits().iter().any(Wait::is_handed_over));
        let kind = match handed_over {
            true => FindingKind::Futurelock,
            false => FindingKind::Deadlock,
        };
        findings.push(Finding::new(kind, &circle));
    }
    findings
}

impl Finding {
    fn new(kind: FindingKind, tasks: &[&TaskInfo]) -> Finding {
        let mut evidence = String::new();
        for (at, task) in tasks.iter().enumerate() {
            let end = if at + 1 < tasks.len() { "\n" } else { "" };
            let _ = write!(evidence, "{task}{end}");
        }
        Finding {
            kind,
            tasks: tasks.iter().map(|task| task.id()).collect(),
            evidence,
            stack: Vec::new(),
        }
    }

    /// With a line of evidence after the lines of the tasks.
    pub(super) fn with(kind: FindingKind, tasks: &[&TaskInfo], evidence: &str) -> Finding {
        let mut finding = Finding::new(kind, tasks);
        if !tasks.is_empty() {
            finding.evidence.push('\n');
        }
        finding.evidence.push_str(evidence);
        finding
    }

    pub(super) fn with_stack(mut self, stack: Vec<String>) -> Finding {
        self.stack = stack;
        self
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            FindingKind::Deadlock => "deadlock",
            FindingKind::Futurelock => "futurelock",
            FindingKind::LostTask => "lost task",
            FindingKind::Stall => "stall",
            FindingKind::FullPool => "full pool",
            FindingKind::LateTimers => "late timers",
            FindingKind::Descriptors => "descriptors",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}:\n{}", self.kind, self.evidence)?;
        for function in &self.stack {
            writeln!(f, "    in {function}")?;
        }
        write!(f, "cure: {}", self.cure())
    }
}
