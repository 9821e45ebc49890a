//! `selvedge top`: what a process does in an interval, from two looks at its counters.

use super::answer::{Metrics, Runtime, RuntimeMetrics, Worker};
use super::client::{Client, Problem};
use super::find::{self, Target};
use super::{duration, screen};
use crate::Failure;
use serde::Serialize;
use serde_json::json;
use std::io::{self, IsTerminal, Write};
use std::thread;
use std::time::{Duration, Instant};

/// The version of the object's shape: it grows when something is renamed or left out.
const VERSION: u32 = 1;

#[derive(clap::Args)]
pub struct Args {
    /// The process's number, or the path of its socket.
    #[arg(value_name = "PID", value_parser = find::target)]
    target: Target,
    /// The time between two looks: 2s, 500ms, 1m.
    #[arg(long, default_value = "1s", value_parser = duration)]
    interval: Duration,
    /// Only the first interval.
    #[arg(long)]
    once: bool,
    /// One line with a JSON object for each interval; so it is also where the output is no terminal.
    #[arg(long)]
    json: bool,
}

/// What a process did in an interval: one line of `--json`, `cli/schema/top.json`.
#[derive(Debug, Serialize)]
pub struct Top {
    version: u32,
    pub pid: u32,
    pub program: Option<String>,
    pub interval_nanos: u64,
    pub runtimes: Vec<RuntimeTop>,
}

#[derive(Debug, Serialize)]
pub struct RuntimeTop {
    pub id: u64,
    pub name: Option<String>,
    pub flavor: String,
    pub uptime_nanos: u64,
    pub alive_tasks: u64,
    pub spawned_per_second: f64,
    pub polls_per_second: f64,
    pub remote_schedules_per_second: f64,
    pub budget_forced_yields_per_second: f64,
    pub global_queue_depth: u64,
    pub blocking_threads: u64,
    pub idle_blocking_threads: u64,
    pub blocking_queue_depth: u64,
    pub io_events_per_second: f64,
    pub io_registered: u64,
    pub workers: Vec<WorkerTop>,
}

#[derive(Debug, Serialize)]
pub struct WorkerTop {
    pub index: u64,
    pub state: String,
    /// From 0 to 1.
    pub busy: f64,
    pub polls_per_second: f64,
    pub mean_poll_nanos: u64,
    pub parks_per_second: f64,
    pub steals_per_second: f64,
    pub stolen_tasks_per_second: f64,
    pub local_schedules_per_second: f64,
    pub overflows_per_second: f64,
    pub queue_depth: u64,
}

/// A process whose counters are read again and again.
pub struct Watched {
    client: Client,
    last: Metrics,
    at: Instant,
    runtimes: Vec<Runtime>,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let client = Client::connect(&args.target)?;
    let mut watched = Watched::new(client)?;
    let is_terminal = io::stdout().is_terminal();
    if is_terminal && !args.json && !args.once {
        return screen::run(&mut watched, args.interval);
    }
    loop {
        thread::sleep(args.interval);
        let top = watched.look()?;
        let mut out = io::stdout().lock();
        if is_terminal && !args.json {
            write!(out, "{}", screen::text(&top))?;
        } else {
            serde_json::to_writer(&mut out, &top)?;
            writeln!(out)?;
        }
        out.flush()?;
        if args.once {
            return Ok(());
        }
    }
}

#[cfg(test)]
impl Top {
    pub fn of_one(runtime: RuntimeTop) -> Top {
        Top {
            version: VERSION,
            pid: 1,
            program: None,
            interval_nanos: 1_000_000_000,
            runtimes: vec![runtime],
        }
    }
}

impl Watched {
    pub fn new(mut client: Client) -> Result<Watched, Problem> {
        let last = client.ask(json!({ "request": "metrics" }))?;
        Ok(Watched {
            runtimes: client.hello.runtimes.clone(),
            client,
            last,
            at: Instant::now(),
        })
    }

    /// What happened since the last look.
    pub fn look(&mut self) -> Result<Top, Problem> {
        let now: Metrics = self.client.ask(json!({ "request": "metrics" }))?;
        let at = Instant::now();
        let interval = at - self.at;
        let known = |id| self.runtimes.iter().any(|runtime| runtime.id == id);
        if !now.runtimes.iter().all(|runtime| known(runtime.id)) {
            let hello: super::answer::Hello = self.client.ask(json!({ "request": "hello" }))?;
            self.runtimes = hello.runtimes;
        }
        let runtimes = now.runtimes.iter().map(|runtime| {
            let before = self.last.runtimes.iter().find(|r| r.id == runtime.id);
            let named = self.runtimes.iter().find(|r| r.id == runtime.id);
            RuntimeTop::between(before, runtime, named, interval)
        });
        let top = Top {
            version: VERSION,
            pid: self.client.hello.pid,
            program: self.client.hello.program.clone(),
            interval_nanos: interval.as_nanos() as u64,
            runtimes: runtimes.collect(),
        };
        (self.last, self.at) = (now, at);
        Ok(top)
    }
}

/// Rates per second, from two counts.
struct Rate {
    seconds: f64,
}

impl Rate {
    fn of(&self, before: Option<u64>, now: u64) -> f64 {
        match before {
            Some(before) => now.saturating_sub(before) as f64 / self.seconds,
            // A new runtime: its interval is not known.
            None => 0.0,
        }
    }
}

impl RuntimeTop {
    pub fn between(
        before: Option<&RuntimeMetrics>,
        now: &RuntimeMetrics,
        named: Option<&Runtime>,
        interval: Duration,
    ) -> RuntimeTop {
        // By the process's own clock, if there is an earlier answer.
        let nanos = match before {
            Some(before) => now.uptime_nanos.saturating_sub(before.uptime_nanos).max(1),
            None => interval.as_nanos() as u64,
        };
        let rate = Rate {
            seconds: nanos as f64 / 1e9,
        };
        let of = |f: fn(&RuntimeMetrics) -> u64| rate.of(before.map(f), f(now));
        let workers: Vec<WorkerTop> = now
            .workers
            .iter()
            .map(|worker| {
                let before = before.and_then(|runtime| {
                    let mut workers = runtime.workers.iter();
                    workers.find(|w| w.index == worker.index)
                });
                WorkerTop::between(before, worker, &rate)
            })
            .collect();
        RuntimeTop {
            id: now.id,
            name: named.and_then(|runtime| runtime.name.clone()),
            flavor: named.map_or("unknown".to_owned(), |runtime| runtime.flavor.clone()),
            uptime_nanos: now.uptime_nanos,
            alive_tasks: now.alive_tasks,
            spawned_per_second: of(|r| r.spawned_tasks),
            polls_per_second: workers.iter().map(|w| w.polls_per_second).sum(),
            remote_schedules_per_second: of(|r| r.remote_schedules),
            budget_forced_yields_per_second: of(|r| r.budget_forced_yields),
            global_queue_depth: now.global_queue_depth,
            blocking_threads: now.blocking_threads,
            idle_blocking_threads: now.idle_blocking_threads,
            blocking_queue_depth: now.blocking_queue_depth,
            io_events_per_second: of(|r| r.io_events),
            io_registered: now.io_registered.saturating_sub(now.io_deregistered),
            workers,
        }
    }
}

impl WorkerTop {
    fn between(before: Option<&Worker>, now: &Worker, rate: &Rate) -> WorkerTop {
        let of = |f: fn(&Worker) -> u64| rate.of(before.map(f), f(now));
        WorkerTop {
            index: now.index,
            state: now.state.clone(),
            busy: busy(before, now, rate),
            polls_per_second: of(|w| w.polls),
            mean_poll_nanos: now.mean_poll_nanos,
            parks_per_second: of(|w| w.parks),
            steals_per_second: of(|w| w.steals),
            stolen_tasks_per_second: of(|w| w.stolen_tasks),
            local_schedules_per_second: of(|w| w.local_schedules),
            overflows_per_second: of(|w| w.overflows),
            queue_depth: now.queue_depth,
        }
    }
}

/// The part of the interval in which the worker was awake. A worker updates its counters when it parks, and now and then in between: if an
/// awake worker has done neither all the while, it is in one long poll.
fn busy(before: Option<&Worker>, now: &Worker, rate: &Rate) -> f64 {
    let Some(before) = before else {
        return 0.0;
    };
    let is_still =
        (before.parks_and_unparks, before.busy_nanos) == (now.parks_and_unparks, now.busy_nanos);
    if is_still {
        return match now.state.as_str() {
            "awake" => 1.0,
            _ => 0.0,
        };
    }
    (rate.of(Some(before.busy_nanos), now.busy_nanos) / 1e9).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::{Rate, Worker, WorkerTop};

    fn worker(state: &str, busy_nanos: u64, parks_and_unparks: u64, polls: u64) -> Worker {
        Worker {
            index: 0,
            state: state.to_owned(),
            busy_nanos,
            polls,
            mean_poll_nanos: 0,
            parks: parks_and_unparks / 2,
            parks_and_unparks,
            stolen_tasks: 0,
            steals: 0,
            local_schedules: 0,
            overflows: 0,
            queue_depth: 0,
        }
    }

    fn between(before: &Worker, now: &Worker) -> (f64, f64) {
        let top = WorkerTop::between(Some(before), now, &Rate { seconds: 2.0 });
        (top.busy, top.polls_per_second)
    }

    #[test]
    fn a_worker_in_one_long_poll_is_busy_and_one_that_sleeps_is_not() {
        let still = |state| between(&worker(state, 5, 2, 7), &worker(state, 5, 2, 7));
        assert_eq!(still("awake"), (1.0, 0.0));
        assert_eq!(still("parked"), (0.0, 0.0));
        assert_eq!(still("not_driven"), (0.0, 0.0));
    }

    #[test]
    fn rates_are_those_of_a_second_and_the_ratio_is_at_most_one() {
        let before = worker("awake", 0, 0, 100);
        assert_eq!(
            between(&before, &worker("parked", 500_000_000, 1, 300)),
            (0.25, 100.0)
        );
        // It has come out of a poll that began before the interval.
        let (busy, _) = between(&before, &worker("parked", 9_000_000_000, 1, 101));
        assert_eq!(busy, 1.0);
    }
}
