//! The list of workloads. A workload is a function from a runtime and a number of iterations to
//! the time that they took. Set-up (sockets, files, background tasks) happens inside the function and is not timed.

use std::time::Duration;

use super::rt;
use crate::Flavor;

pub mod footprint;
mod fs;
pub(crate) mod http;
mod io;
mod lifecycle;
mod net;
mod servers;
mod spawn;
mod sync;
mod time;

/// One thing to measure.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// Also the name of the criterion group.
    pub name: &'static str,
    /// The group of the table in which the workload is summed up.
    pub group: &'static str,
    /// The kind of runtime that it runs on.
    pub flavor: Flavor,
    run: fn(&rt::runtime::Runtime, u64) -> Duration,
}

impl Workload {
    /// Runs so many iterations; returns how long they took.
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
    [
        tasks(),
        blocking(),
        timers(),
        sync(),
        crowds(),
        network(),
        http(),
        utilities(),
        files(),
        whole(),
    ]
    .concat()
}

/// A row of a group.
type Row = (
    &'static str,
    Flavor,
    fn(&rt::runtime::Runtime, u64) -> Duration,
);

fn group(group: &'static str, rows: &[Row]) -> Vec<Workload> {
    let row = |&(name, flavor, run): &Row| Workload {
        name,
        group,
        flavor,
        run,
    };
    rows.iter().map(row).collect()
}

fn every() -> Flavor {
    Flavor::Multi(crate::all_workers())
}

fn tasks() -> Vec<Workload> {
    let all = every();
    group(
        "task",
        &[
            ("spawn_local", all, spawn::from_worker),
            ("spawn_remote", all, spawn::from_outside),
            ("spawn_idle", all, spawn::onto_idle),
            (
                "spawn_current_thread",
                Flavor::Current,
                spawn::from_block_on,
            ),
            ("chained_spawn", all, spawn::chained),
            ("yield_many", all, spawn::yields),
            ("ping_pong", all, spawn::ping_pong),
            ("request_reply_block_on", all, spawn::request_reply),
            ("join_set", all, spawn::join_set),
        ],
    )
}

fn blocking() -> Vec<Workload> {
    let all = every();
    group(
        "blocking",
        &[
            ("spawn_blocking_1", all, spawn::blocking_1),
            ("spawn_blocking_16", all, spawn::blocking_16),
        ],
    )
}

fn timers() -> Vec<Workload> {
    let all = every();
    group(
        "time",
        &[
            (
                "timeout_1_worker",
                Flavor::Multi(1),
                time::timeouts_one_task,
            ),
            ("timeout_all_workers", all, time::timeouts_every_worker),
            ("sleep_many", all, time::many_sleeps),
        ],
    )
}

fn sync() -> Vec<Workload> {
    let all = every();
    group(
        "sync",
        &[
            ("mpsc_bounded", all, sync::mpsc_bounded),
            ("mpsc_bounded_4_senders", all, sync::mpsc_bounded_4),
            ("mpsc_recv_many", all, sync::mpsc_recv_many),
            ("mpsc_unbounded", all, sync::mpsc_unbounded),
            ("oneshot", all, sync::oneshot),
            ("mutex_uncontended", all, sync::mutex_uncontended),
            ("mutex_contended", all, sync::mutex_contended),
            ("semaphore_contended", all, sync::semaphore),
            ("rwlock_uncontended", all, sync::rwlock_uncontended),
            ("rwlock_mostly_read", all, sync::rwlock),
            ("rwlock_half_write", all, sync::rwlock_half_write),
            ("watch", all, sync::watch),
            ("broadcast", all, sync::broadcast),
            ("notify", all, sync::notify),
            ("barrier_4", all, sync::barrier),
            ("once_cell", all, sync::once_cell),
            ("set_once_4", all, sync::set_once),
        ],
    )
}

/// Contention: many tasks, or more workers than there are processors, use the same object.
fn crowds() -> Vec<Workload> {
    let (all, eight) = (every(), Flavor::Multi(8));
    group(
        "crowd",
        &[
            ("notify_storm", all, sync::notify_storm),
            ("broadcast_storm", all, sync::broadcast_storm),
            ("mpsc_fan_in", all, sync::fan_in_unbounded),
            ("semaphore_8_workers", eight, sync::semaphore),
            ("mutex_8_workers", eight, sync::mutex_contended),
            ("ping_pong_8_workers", eight, spawn::ping_pong),
            ("notify_storm_8_workers", eight, sync::notify_storm),
            ("mpsc_fan_in_8_workers", eight, sync::fan_in_unbounded),
            ("mpsc_fan_in_bounded_8_workers", eight, sync::fan_in_bounded),
            ("yield_many_8_workers", eight, spawn::yields),
        ],
    )
}

fn network() -> Vec<Workload> {
    let all = every();
    group(
        "net",
        &[
            ("tcp_echo_1", all, net::echo_1),
            ("tcp_echo_256", all, net::echo_256),
            ("tcp_accept", all, net::accept),
        ],
    )
}

fn http() -> Vec<Workload> {
    let all = every();
    group(
        "http",
        &[
            ("hyper_http1_16", all, http::keep_alive_16),
            ("hyper_http1_64", all, http::keep_alive_64),
            (
                "hyper_http1_64_current_thread",
                Flavor::Current,
                http::keep_alive_64,
            ),
        ],
    )
}

fn utilities() -> Vec<Workload> {
    let all = every();
    group(
        "io",
        &[
            ("duplex_copy_64k", Flavor::Multi(2), net::duplex_copy),
            ("buf_reader_lines", all, io::lines),
            ("read_to_end_64k", all, io::read_to_end),
            ("copy_1m", all, io::copy),
            ("copy_bidirectional_4k", all, io::copy_bidirectional),
            ("buf_writer_16", all, io::buf_writer),
            ("integers", all, io::integers),
            ("split_64", all, io::split),
        ],
    )
}

fn files() -> Vec<Workload> {
    let all = every();
    group(
        "fs",
        &[
            ("fs_read_64k", all, fs::read),
            ("fs_write_64k", all, fs::write),
            ("fs_read_64k_16", all, fs::read_16),
            ("fs_write_64k_16", all, fs::write_16),
            ("fs_file_read_4k", all, fs::file_read),
            ("fs_file_write_4k", all, fs::file_write),
            ("fs_metadata", all, fs::metadata),
            ("fs_read_dir_1000", all, fs::read_dir),
            ("fs_create_remove", all, fs::create_remove),
        ],
    )
}

fn whole() -> Vec<Workload> {
    let all = every();
    group(
        "process",
        &[
            ("process_spawn", all, lifecycle::process),
            ("process_output_4", all, lifecycle::process_output),
            (
                "runtime_create_drop",
                Flavor::Current,
                lifecycle::create_drop,
            ),
        ],
    )
}

/// A workload that is counted, not timed: a server with clients in another process, or one of [`all`].
pub fn counted(name: &str) -> Option<fn(&rt::runtime::Runtime, u64) -> Duration> {
    Some(match name {
        "http" => servers::http,
        "http_of" => servers::http_of,
        "quiet" => servers::quiet,
        "echo" => servers::echo,
        "unix_echo" => servers::unix_echo,
        "local_sets" => servers::local_sets,
        "ticks" => servers::ticks,
        _ => {
            all()
                .into_iter()
                .find(|workload| workload.name == name)?
                .run
        }
    })
}
