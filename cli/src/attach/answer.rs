//! The inspector's answers, as types. Members that later versions add are left out.

use serde::{Deserialize, Serialize};

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
