//! The events of a recording as lines, below the names of their threads.
//!
//! The lines of one thread are in the order of the events. Between threads, the reader infers the order from what must come first: a task is
//! queued before it is polled.

use selvedge_trace::{EventKind, Outcome, PollKind, Queue, Recording, WaitKind};
use std::collections::BTreeMap;

/// Returns the events that name one of `tasks`, and what the same thread did right before: it woke up, stole, got I/O events or fired timers.
/// Returns all events if there are no `tasks`.
pub fn told(recording: &Recording, tasks: &[u64]) -> Vec<String> {
    let names = Names::of(recording);
    let mut lanes: Vec<(String, Vec<String>)> = Vec::new();
    // For each thread, what it has just done that may lead to its next poll.
    let mut before: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for event in &recording.events {
        let Some(line) = names.line(event.kind) else {
            continue;
        };
        let before = before.entry(event.thread).or_default();
        let is_told = tasks.is_empty() || task_of(event.kind).is_some_and(|id| tasks.contains(&id));
        if is_told {
            let lane = lane(&mut lanes, names.thread(recording, event.thread));
            lane.append(before);
            lane.push(line);
        } else if leads_to_a_poll(event.kind) {
            before.push(line);
        } else {
            before.clear();
        }
    }
    let mut lines = Vec::new();
    for (thread, told) in lanes {
        lines.push(thread);
        lines.extend(told.into_iter().map(|line| format!("  {line}")));
    }
    lines
}

/// Returns the lines of a thread. The list is empty at first.
fn lane(lanes: &mut Vec<(String, Vec<String>)>, name: String) -> &mut Vec<String> {
    let at = lanes.iter().position(|(thread, _)| *thread == name);
    let at = at.unwrap_or_else(|| {
        lanes.push((name, Vec::new()));
        lanes.len() - 1
    });
    &mut lanes[at].1
}

fn leads_to_a_poll(kind: EventKind) -> bool {
    use EventKind::*;
    matches!(
        kind,
        Unpark { .. } | Stolen { .. } | Io { .. } | Timers { .. }
    )
}

/// The task that an event names.
fn task_of(kind: EventKind) -> Option<u64> {
    match kind {
        EventKind::Spawned { task, .. }
        | EventKind::Queued { task, .. }
        | EventKind::PollBegin { task, .. }
        | EventKind::PollEnd { task, .. }
        | EventKind::Woken { task }
        | EventKind::Cancelled { task } => Some(task),
        _ => None,
    }
}

/// The kinds of tasks, and the indices of worker threads.
struct Names {
    kinds: BTreeMap<u64, PollKind>,
    workers: BTreeMap<u16, u64>,
}

impl Names {
    fn of(recording: &Recording) -> Names {
        let (mut kinds, mut workers) = (BTreeMap::new(), BTreeMap::new());
        for event in &recording.events {
            match event.kind {
                EventKind::PollBegin { task, poll, .. } => drop(kinds.insert(task, poll)),
                EventKind::Worker { index, .. } => drop(workers.insert(event.thread, index)),
                _ => {}
            }
        }
        Names { kinds, workers }
    }

    fn thread(&self, recording: &Recording, number: u16) -> String {
        let name = recording
            .threads
            .get(&number)
            .map_or("", |thread| &thread.name);
        match self.workers.get(&number) {
            // The thread of a current-thread runtime keeps its own name.
            Some(index) if name == "selvedge-worker" => format!("worker {index}"),
            _ if name.is_empty() => format!("thread {number}"),
            _ => name.to_owned(),
        }
    }

    fn task(&self, id: u64) -> String {
        let kind = self.kinds.get(&id).copied().unwrap_or_default();
        format!("{kind} {id}")
    }

    /// Returns an event in words, or `None` for an event that is not listed.
    fn line(&self, kind: EventKind) -> Option<String> {
        Some(match kind {
            EventKind::Spawned { task, .. } => format!("spawns {}", self.task(task)),
            EventKind::Queued { task, queue } => {
                let place = match queue {
                    Queue::Slot => "in its LIFO slot",
                    Queue::Local => "in its own queue",
                    Queue::Injector => "in the injector",
                };
                format!("queues {} {place}", self.task(task))
            }
            EventKind::Woken { task } => format!("wakes {}", self.task(task)),
            EventKind::PollBegin { task, .. } => format!("begins a poll of {}", self.task(task)),
            EventKind::PollEnd {
                task,
                outcome,
                wait,
            } => {
                format!(
                    "ends the poll of {}: {}",
                    self.task(task),
                    self.end(outcome, wait)
                )
            }
            EventKind::Stolen { tasks, victim } => format!("steals {tasks} from worker {victim}"),
            EventKind::Park { .. } => "goes to sleep".into(),
            EventKind::Unpark { .. } => "comes from its sleep".into(),
            EventKind::Io { fd, .. } => format!("is told that descriptor {fd} is ready"),
            EventKind::Timers { count } => match count {
                1 => "fires a timer".into(),
                _ => format!("fires {count} timers"),
            },
            EventKind::Cancelled { task } => format!("cancels {}", self.task(task)),
            EventKind::Stuck { worker, .. } => format!("takes worker {worker} for stuck"),
            _ => return None,
        })
    }

    fn end(&self, outcome: Outcome, wait: Option<(WaitKind, u64)>) -> String {
        match (outcome, wait) {
            (Outcome::Pending, Some((WaitKind::Join, id))) => {
                format!("it waits for the end of {}", self.task(id))
            }
            (Outcome::Pending, Some((kind, _))) => format!("it waits for a {kind}"),
            (Outcome::Pending, None) => "it waits".into(),
            (Outcome::Ready, _) => "it is ready".into(),
            (Outcome::Panicked, _) => "it has panicked".into(),
            (Outcome::Cancelled, _) => "it is cancelled".into(),
        }
    }
}
