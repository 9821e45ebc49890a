//! The inspector's answers, as types. Members that later versions add are ignored.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// The version of the protocol that this command speaks.
pub const PROTOCOL: u64 = 1;

#[derive(Debug, Deserialize)]
pub struct Hello {
    pub pid: u32,
    pub program: Option<String>,
    pub version: String,
    pub recording: bool,
    pub runtimes: Vec<Runtime>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Runtime {
    pub id: u64,
    pub name: Option<String>,
    pub flavor: String,
    pub workers: u64,
    pub uptime_nanos: u64,
}

#[derive(Debug, Deserialize)]
pub struct Metrics {
    pub runtimes: Vec<RuntimeMetrics>,
}

#[derive(Debug, Deserialize)]
pub struct RuntimeMetrics {
    pub id: u64,
    pub uptime_nanos: u64,
    pub alive_tasks: u64,
    pub spawned_tasks: u64,
    pub global_queue_depth: u64,
    pub remote_schedules: u64,
    pub budget_forced_yields: u64,
    pub blocking_threads: u64,
    pub idle_blocking_threads: u64,
    pub blocking_queue_depth: u64,
    pub io_registered: u64,
    pub io_deregistered: u64,
    pub io_events: u64,
    pub workers: Vec<Worker>,
}

#[derive(Debug, Deserialize)]
pub struct Worker {
    pub index: u64,
    pub state: String,
    pub busy_nanos: u64,
    pub polls: u64,
    pub mean_poll_nanos: u64,
    pub parks: u64,
    pub parks_and_unparks: u64,
    pub stolen_tasks: u64,
    pub steals: u64,
    pub local_schedules: u64,
    pub overflows: u64,
    pub queue_depth: u64,
}

#[derive(Debug, Deserialize)]
pub struct Record {
    pub bytes: u64,
}

/// The answer to `tasks`.
#[derive(Debug, Deserialize)]
pub struct Tasks {
    pub runtimes: Vec<TaskList>,
}

#[derive(Debug, Deserialize)]
pub struct TaskList {
    pub runtime: u64,
    pub tasks: Vec<Task>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Task {
    pub id: u64,
    pub kind: String,
    pub name: Option<String>,
    pub parent: Option<u64>,
    pub spawned_at: Place,
    pub state: String,
    pub worker: Option<u64>,
    pub queued_ns: Option<u64>,
    pub polls: u64,
    /// Only if the process keeps times; older runtimes do not.
    #[serde(default)]
    pub age_ns: Option<u64>,
    #[serde(default)]
    pub busy_ns: Option<u64>,
    #[serde(default)]
    pub longest_poll_ns: Option<u64>,
    #[serde(default)]
    pub since_poll_ns: Option<u64>,
    pub lost: bool,
    pub waits: Vec<Wait>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Place {
    pub file: String,
    pub line: u64,
    pub column: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Wait {
    pub kind: String,
    pub object: Option<u64>,
    pub holder: Option<u64>,
    pub handed_over: bool,
    pub task: Option<u64>,
    pub descriptor: Option<u64>,
    pub peer: Option<String>,
    pub remaining_ms: Option<u64>,
    pub number: Option<u64>,
}

/// The answer to `findings`.
#[derive(Debug, Deserialize)]
pub struct Findings {
    pub runtimes: Vec<FindingList>,
}

#[derive(Debug, Deserialize)]
pub struct FindingList {
    pub runtime: u64,
    pub findings: Vec<Finding>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Finding {
    pub kind: String,
    pub tasks: Vec<u64>,
    pub evidence: String,
    pub cure: String,
    /// Older runtimes have none.
    #[serde(default)]
    pub stack: Vec<String>,
}

impl fmt::Display for Place {
    /// For a file of a registry's package, leaves out the path of the registry.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, line) = (self.file.as_str(), self.line);
        let short = file.split_once("/registry/src/").map(|(_, rest)| rest);
        let short = short.and_then(|rest| rest.split_once('/'));
        write!(f, "{}:{line}", short.map_or(file, |(_, package)| package))
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if let Some(number) = self.task.or(self.descriptor).or(self.number) {
            write!(f, " {number}")?;
        }
        if let Some(peer) = &self.peer {
            write!(f, " of {peer}")?;
        }
        if let Some(remaining) = self.remaining_ms {
            write!(f, ", {} more", span(Duration::from_millis(remaining)))?;
        }
        if let Some(object) = self.object {
            write!(f, " {object:#x}")?;
        }
        match (self.holder, self.handed_over) {
            (Some(holder), false) => write!(f, ", held by {holder}"),
            (Some(holder), true) => {
                write!(f, ", handed to a future of {holder} that is not polled")
            }
            (None, _) => Ok(()),
        }
    }
}

impl Task {
    /// What it does, in some words.
    pub fn doing(&self) -> String {
        match (self.state.as_str(), self.worker, self.queued_ns) {
            ("running", Some(worker), _) => format!("runs on {worker}"),
            ("running", None, _) => "runs".to_owned(),
            ("queued", _, Some(nanos)) => format!("queued {}", span(Duration::from_nanos(nanos))),
            (state, ..) => state.to_owned(),
        }
    }

    /// What it waits for, in some words; empty for nothing.
    pub fn waiting(&self) -> String {
        let waits: Vec<String> = self.waits.iter().map(Wait::to_string).collect();
        match (waits.is_empty(), self.lost) {
            (_, true) => "nothing can wake it".to_owned(),
            (false, _) => waits.join(" or "),
            (true, false) => String::new(),
        }
    }
}

/// A time in its two largest units.
pub fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{:.1}s", time.as_secs_f64()),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, ..) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}
