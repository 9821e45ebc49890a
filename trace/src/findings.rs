//! What is wrong: each finding with its evidence and a cure.
//!
//! A finding is reported only if the events have no other explanation: a service that does well has none.

use crate::analysis::{Analysis, Poll, TaskTrack, Waiting, Waker};
use crate::event::{PollKind, WaitKind};
use crate::format::Recording;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A poll this long, in nanoseconds, keeps its worker from other tasks.
const LONG_POLL: u64 = 10_000_000;
/// A task that was ready this long and not polled.
const LONG_DELAY: u64 = 20_000_000;
/// A closure that waited this long for a thread of the pool.
const LONG_QUEUE: u64 = 50_000_000;
/// Wake-ups in one poll.
const STORM: usize = 500;
/// The number of tasks of one place that are there at the end, if none of that place has ended.
const LEAK: usize = 1_000;
/// The number of a task's polls that ended because its budget was spent, if they are most of its polls.
const SPENT: u64 = 100;
/// The most findings of one kind.
const MOST: usize = 20;

/// The kind of a finding.
///
/// ```
/// assert_eq!(selvedge_trace::FindingKind::Stall.to_string(), "stall");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingKind {
    /// Tasks wait for each other's end in a ring.
    JoinCycle,
    /// A poll that keeps its thread.
    Stall,
    /// A task that was ready for long before it was polled.
    Delay,
    /// Closures that wait for a thread of the blocking pool.
    FullPool,
    /// A poll that wakes very many tasks.
    WakeStorm,
    /// A task that uses up its budget poll after poll: its source always has more.
    BudgetHog,
    /// Tasks that are made and do not end.
    Leak,
    /// A task that panicked.
    Panic,
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FindingKind::JoinCycle => "join cycle",
            FindingKind::Stall => "stall",
            FindingKind::Delay => "delay",
            FindingKind::FullPool => "full pool",
            FindingKind::WakeStorm => "wake storm",
            FindingKind::BudgetHog => "budget hog",
            FindingKind::Leak => "leak",
            FindingKind::Panic => "panic",
        })
    }
}

/// Something that is wrong.
///
/// ```no_run
/// # let bytes = std::fs::read("server.recording")?;
/// # let recording = selvedge_trace::Recording::read(&bytes)?;
/// for finding in selvedge_trace::Analysis::of(&recording).findings {
///     println!("{}: {}\n  {}", finding.kind, finding.what, finding.cure);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of thing.
    pub kind: FindingKind,
    /// What was seen, with the figures.
    pub what: String,
    /// What to do.
    pub cure: String,
    /// The task that it is about; 0: none in particular.
    pub task: u64,
    /// Where that task was spawned.
    pub place: String,
    /// When, in nanoseconds since the recording's begin.
    pub at: u64,
    /// What it cost, in nanoseconds; findings are ranked by it.
    pub cost: u64,
    /// How often.
    pub times: u64,
}

pub(crate) fn find(recording: &Recording, analysis: &Analysis) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(join_cycles(analysis));
    findings.extend(stalls(analysis));
    findings.extend(delays(analysis));
    findings.extend(full_pool(analysis));
    findings.extend(wake_storms(analysis));
    findings.extend(budget_hogs(analysis));
    findings.extend(leaks(recording, analysis));
    findings.extend(panics(analysis));
    findings.sort_by(|a, b| b.cost.cmp(&a.cost).then(a.kind.cmp(&b.kind)));
    findings
}

/// A task's name in messages.
fn called(task: &TaskTrack) -> String {
    match &task.name {
        Some(name) => format!("task {} \"{name}\" (spawned at {})", task.id, task.place),
        None => format!("task {} (spawned at {})", task.id, task.place),
    }
}

fn ms(nanos: u64) -> String {
    format!("{:.1} ms", nanos as f64 / 1e6)
}

/// The polls that are too long, by place and kind: one finding for each.
fn stalls(analysis: &Analysis) -> Vec<Finding> {
    let mut by_place: BTreeMap<(&str, u8), Vec<&Poll>> = BTreeMap::new();
    for poll in &analysis.polls {
        if poll.kind == PollKind::Blocking || poll.time.nanos() < LONG_POLL {
            continue;
        }
        // A `block_on` on a thread that is no worker holds up no task.
        let thread = analysis.threads.get(&poll.thread);
        if poll.kind == PollKind::BlockOn && thread.is_none_or(|t| t.worker.is_none()) {
            continue;
        }
        if let Some(task) = analysis.tasks.get(&poll.task) {
            // The innermost of nested polls is to blame.
            if !has_long_inner(analysis, poll) {
                let key = (task.place.as_str(), poll.kind as u8);
                by_place.entry(key).or_default().push(poll);
            }
        }
    }
    let stalls = by_place.into_values().filter_map(|polls| {
        let worst = polls.iter().max_by_key(|poll| poll.time.nanos())?;
        let task = analysis.tasks.get(&worst.task)?;
        let total = polls.iter().map(|poll| poll.time.nanos()).sum();
        let thread = analysis.threads.get(&worst.thread);
        let thread = thread.map_or("?", |thread| thread.name.as_str());
        Some(Finding {
            kind: FindingKind::Stall,
            what: format!(
                "{} kept thread {thread:?} for {} in one poll; {} such polls of tasks from there took {}",
                called(task),
                ms(worst.time.nanos()),
                polls.len(),
                ms(total)
            ),
            cure: "move what blocks or computes to `spawn_blocking` or `block_in_place`, or give up turns with \
                   `task::yield_now`"
                .into(),
            task: task.id,
            place: task.place.clone(),
            at: worst.time.begin,
            cost: total,
            times: polls.len() as u64,
        })
    });
    most_costly(stalls.collect())
}

/// Is most of a poll's time that of a poll inside?
fn has_long_inner(analysis: &Analysis, outer: &Poll) -> bool {
    let from = analysis
        .polls
        .partition_point(|poll| poll.time.begin < outer.time.begin);
    let inside = analysis.polls[from..]
        .iter()
        .take_while(|poll| poll.time.begin < outer.time.end)
        .filter(|poll| poll.thread == outer.thread && poll.task != outer.task);
    let inner: u64 = inside.map(|poll| poll.time.nanos()).sum();
    inner * 2 > outer.time.nanos()
}

fn delays(analysis: &Analysis) -> Vec<Finding> {
    let mut by_place: BTreeMap<&str, Vec<&Poll>> = BTreeMap::new();
    for poll in &analysis.polls {
        if poll.kind == PollKind::Task && poll.delay >= LONG_DELAY {
            if let Some(task) = analysis.tasks.get(&poll.task) {
                by_place.entry(&task.place).or_default().push(poll);
            }
        }
    }
    let delays = by_place.into_values().filter_map(|polls| {
        let worst = polls.iter().max_by_key(|poll| poll.delay)?;
        let task = analysis.tasks.get(&worst.task)?;
        let total = polls.iter().map(|poll| poll.delay).sum();
        Some(Finding {
            kind: FindingKind::Delay,
            what: format!(
                "{} was ready for {} before it was polled; {} such waits of tasks from there took {}",
                called(task),
                ms(worst.delay),
                polls.len(),
                ms(total)
            ),
            cure: "look at the stalls of the same time: a worker was kept, or there is more work than workers".into(),
            task: task.id,
            place: task.place.clone(),
            at: worst.time.begin - worst.delay,
            cost: total,
            times: polls.len() as u64,
        })
    });
    most_costly(delays.collect())
}

fn full_pool(analysis: &Analysis) -> Vec<Finding> {
    let mut waits: Vec<(&TaskTrack, u64, u64)> = Vec::new();
    for poll in &analysis.polls {
        let Some(task) = analysis.tasks.get(&poll.task) else {
            continue;
        };
        if let (PollKind::Blocking, Some(spawned)) = (poll.kind, task.spawned) {
            let waited = poll.time.begin.saturating_sub(spawned);
            if waited >= LONG_QUEUE {
                waits.push((task, spawned, waited));
            }
        }
    }
    let Some((task, at, longest)) = waits.iter().max_by_key(|wait| wait.2) else {
        return Vec::new();
    };
    let total = waits.iter().map(|wait| wait.2).sum();
    vec![Finding {
        kind: FindingKind::FullPool,
        what: format!(
            "{} closures waited {} for a thread of the blocking pool, the closure of {} for {}",
            waits.len(),
            ms(total),
            called(task),
            ms(*longest)
        ),
        cure: "raise `max_blocking_threads`, or bound what is submitted with a semaphore; closures that run for ever \
               belong on threads of their own"
            .into(),
        task: task.id,
        place: task.place.clone(),
        at: *at,
        cost: total,
        times: waits.len() as u64,
    }]
}

fn wake_storms(analysis: &Analysis) -> Vec<Finding> {
    // Wake-ups within one poll: of one thread, by one task, without another poll of it between.
    let mut storms: BTreeMap<u64, (usize, u64)> = BTreeMap::new();
    let mut running: BTreeMap<u16, (u64, u64, usize)> = BTreeMap::new();
    // When each thread's last poll before the wake began.
    let mut began: BTreeMap<u16, u64> = BTreeMap::new();
    let mut polls = analysis.polls.iter().peekable();
    for wake in &analysis.wakes {
        while let Some(poll) = polls.next_if(|poll| poll.time.begin < wake.nanos) {
            began.insert(poll.thread, poll.time.begin);
        }
        let Waker::Task(by) = wake.by else { continue };
        let run = running.entry(wake.thread).or_insert((by, wake.nanos, 0));
        let is_between = began.get(&wake.thread).is_some_and(|began| *began > run.1);
        match run.0 == by && !is_between {
            true => run.2 += 1,
            false => *run = (by, wake.nanos, 1),
        }
        run.1 = wake.nanos;
        if run.2 >= STORM {
            let storm = storms.entry(by).or_insert((0, wake.nanos));
            storm.0 = storm.0.max(run.2);
        }
    }
    let storms = storms.into_iter().filter_map(|(by, (count, at))| {
        let task = analysis.tasks.get(&by)?;
        Some(Finding {
            kind: FindingKind::WakeStorm,
            what: format!("{} woke {count} tasks in one poll", called(task)),
            cure: "wake one (`notify_one`, a channel with one message for each) where only one can go on".into(),
            task: by,
            place: task.place.clone(),
            at,
            cost: count as u64 * 1_000,
            times: count as u64,
        })
    });
    most_costly(storms.collect())
}

fn budget_hogs(analysis: &Analysis) -> Vec<Finding> {
    let is_hog =
        |task: &&TaskTrack| task.budget_spent >= SPENT && task.budget_spent * 2 > task.polls;
    let hogs = analysis.tasks.values().filter(is_hog).map(|task| Finding {
        kind: FindingKind::BudgetHog,
        what: format!(
            "{} used up its budget in {} of {} polls, which took {}",
            called(task),
            task.budget_spent,
            task.polls,
            ms(task.busy)
        ),
        cure: "it always finds more to do: let its source wait (a bounded channel, a limit on what is in flight), or share the \
               work among tasks"
            .into(),
        task: task.id,
        place: task.place.clone(),
        at: task.spawned.unwrap_or(0),
        cost: task.busy,
        times: task.budget_spent,
    });
    most_costly(hogs.collect())
}

fn leaks(recording: &Recording, analysis: &Analysis) -> Vec<Finding> {
    if recording.lost > 0 {
        // Ends of tasks may be among the lost events.
        return Vec::new();
    }
    let mut by_place: BTreeMap<&str, (Vec<&TaskTrack>, usize)> = BTreeMap::new();
    for task in analysis.tasks.values().filter(|t| t.spawned.is_some()) {
        let place = by_place.entry(&task.place).or_default();
        match task.ended {
            None => place.0.push(task),
            Some(_) => place.1 += 1,
        }
    }
    let leaks = by_place.into_iter().filter_map(|(place, (there, ended))| {
        let first = there.first()?;
        (there.len() >= LEAK && ended == 0).then(|| Finding {
            kind: FindingKind::Leak,
            what: format!(
                "{} tasks were spawned at {place}, and none of them has ended{}",
                there.len(),
                match first.waits.first() {
                    Some(wait) => format!("; the first waits for a {}", wait.kind),
                    None => String::new(),
                }
            ),
            cure: "abort them when nobody needs them: keep them in a `JoinSet`, or let them wait for a \
                   `CancellationToken` as well"
                .into(),
            task: first.id,
            place: place.to_owned(),
            at: first.spawned.unwrap_or(0),
            cost: there.len() as u64 * 1_000,
            times: there.len() as u64,
        })
    });
    leaks.collect()
}

fn panics(analysis: &Analysis) -> Vec<Finding> {
    let panicked = analysis.tasks.values().filter(|task| task.panicked);
    let panics = panicked.map(|task| Finding {
        kind: FindingKind::Panic,
        what: format!("{} panicked", called(task)),
        cure: "look at its `JoinHandle`: the error has the panic's message".into(),
        task: task.id,
        place: task.place.clone(),
        at: task.ended.unwrap_or(0),
        cost: 0,
        times: 1,
    });
    most_costly(panics.collect())
}

/// Tasks in a ring, each of which waits for nothing but the next one's end.
fn join_cycles(analysis: &Analysis) -> Vec<Finding> {
    let next = |id: u64| {
        let task = analysis.tasks.get(&id).filter(|t| t.ended.is_none())?;
        match task.waits.as_slice() {
            [
                Waiting {
                    kind: WaitKind::Join,
                    what,
                },
            ] => Some(*what),
            _ => None,
        }
    };
    let mut told = BTreeSet::new();
    let mut findings = Vec::new();
    for &start in analysis.tasks.keys() {
        let mut path = vec![start];
        while let Some(to) = next(path[path.len() - 1]) {
            if let Some(at) = path.iter().position(|id| *id == to) {
                let ring = path.split_off(at);
                let is_new = ring.iter().all(|id| told.insert(*id));
                let tasks: Vec<&TaskTrack> = ring
                    .iter()
                    .filter_map(|id| analysis.tasks.get(id))
                    .collect();
                if let (true, Some(first)) = (is_new, tasks.first()) {
                    let names: Vec<String> = tasks.iter().map(|task| called(task)).collect();
                    findings.push(Finding {
                        kind: FindingKind::JoinCycle,
                        what: format!("these wait for each other's end: {}", names.join(", ")),
                        cure: "let one of them not wait: none can end before the next".into(),
                        task: first.id,
                        place: first.place.clone(),
                        at: first.spawned.unwrap_or(0),
                        cost: u64::MAX,
                        times: 1,
                    });
                }
                break;
            }
            path.push(to);
        }
    }
    findings
}

fn most_costly(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.cost));
    findings.truncate(MOST);
    findings
}
