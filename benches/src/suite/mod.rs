//! The list of workloads, and what a workload is: a function from a runtime and a number of iterations to
//! the time those took. Set-up (sockets, files, background tasks) happens inside the function and is not timed.

use std::time::Duration;

use super::rt;
use crate::Flavor;

pub mod footprint;
mod fs;
mod http;
mod lifecycle;
mod net;
mod spawn;
mod sync;
mod time;

/// One thing to measure.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// Also the name of the criterion group.
    pub name: &'static str,
    /// What it runs on.
    pub flavor: Flavor,
    /// Iterations that make a sample of some milliseconds; the quick runner uses it as its unit.
    pub unit: u64,
    run: fn(&rt::runtime::Runtime, u64) -> Duration,
}

impl Workload {
    /// Runs `iterations` of it and says how long they took.
    pub fn run(&self, runtime: &rt::runtime::Runtime, iterations: u64) -> Duration {
        (self.run)(runtime, iterations)
    }
}

/// A runtime of the given kind with everything enabled.
pub fn runtime(flavor: Flavor) -> rt::runtime::Runtime {
    let mut builder = match flavor {
        Flavor::Current => rt::runtime::Builder::new_current_thread(),
        Flavor::Multi(workers) => {
            let mut builder = rt::runtime::Builder::new_multi_thread();
            builder.worker_threads(workers);
            builder
        }
    };
    builder.enable_all().build().expect("runtime")
}

/// All workloads, in the order they are reported.
pub fn all() -> Vec<Workload> {
    let all = Flavor::Multi(crate::all_workers());
    let two = Flavor::Multi(2);
    let one = Flavor::Multi(1);
    let row = |name, flavor, unit, run| Workload {
        name,
        flavor,
        unit,
        run,
    };
    vec![
        row("spawn_local", all, 10_000, spawn::from_worker),
        row("spawn_remote", all, 10_000, spawn::from_outside),
        row("spawn_idle", all, 500, spawn::onto_idle),
        row(
            "spawn_current_thread",
            Flavor::Current,
            10_000,
            spawn::from_block_on,
        ),
        row("chained_spawn", all, 10_000, spawn::chained),
        row("yield_many", all, 50_000, spawn::yields),
        row("ping_pong", all, 5_000, spawn::ping_pong),
        row("request_reply_block_on", all, 1_000, spawn::request_reply),
        row("join_set", all, 10_000, spawn::join_set),
        row("spawn_blocking_1", all, 1_000, spawn::blocking_1),
        row("spawn_blocking_16", all, 1_600, spawn::blocking_16),
        row("timeout_1_worker", one, 20_000, time::timeouts_one_task),
        row(
            "timeout_all_workers",
            all,
            20_000,
            time::timeouts_every_worker,
        ),
        row("sleep_many", all, 1, time::many_sleeps),
        row("mpsc_bounded", all, 20_000, sync::mpsc_bounded),
        row("mpsc_bounded_4_senders", all, 20_000, sync::mpsc_bounded_4),
        row("mpsc_unbounded", all, 20_000, sync::mpsc_unbounded),
        row("oneshot", all, 10_000, sync::oneshot),
        row("mutex_uncontended", all, 50_000, sync::mutex_uncontended),
        row("mutex_contended", all, 10_000, sync::mutex_contended),
        row("semaphore_contended", all, 10_000, sync::semaphore),
        row("rwlock_mostly_read", all, 10_000, sync::rwlock),
        row("watch", all, 5_000, sync::watch),
        row("broadcast", all, 5_000, sync::broadcast),
        row("notify", all, 5_000, sync::notify),
        row("tcp_echo_1", all, 500, net::echo_1),
        row("tcp_echo_256", all, 2_560, net::echo_256),
        row("tcp_accept", all, 200, net::accept),
        row("hyper_http1_16", all, 1_600, http::keep_alive_16),
        row("duplex_copy_64k", two, 50, net::duplex_copy),
        row("fs_read_64k", all, 200, fs::read),
        row("fs_write_64k", all, 100, fs::write),
        row("process_spawn", all, 10, lifecycle::process),
        row(
            "runtime_create_drop",
            Flavor::Current,
            20,
            lifecycle::create_drop,
        ),
    ]
}
