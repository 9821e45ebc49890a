//! The list of workloads, and what a workload is: a function from a runtime and a number of iterations to
//! the time those took. Set-up (sockets, files, background tasks) happens inside the function and is not timed.

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
    /// What it runs on.
    pub flavor: Flavor,
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
    let row = |name, flavor, run| Workload { name, flavor, run };
    vec![
        row("spawn_local", all, spawn::from_worker),
        row("spawn_remote", all, spawn::from_outside),
        row("spawn_idle", all, spawn::onto_idle),
        row(
            "spawn_current_thread",
            Flavor::Current,
            spawn::from_block_on,
        ),
        row("chained_spawn", all, spawn::chained),
        row("yield_many", all, spawn::yields),
        row("ping_pong", all, spawn::ping_pong),
        row("request_reply_block_on", all, spawn::request_reply),
        row("join_set", all, spawn::join_set),
        row("spawn_blocking_1", all, spawn::blocking_1),
        row("spawn_blocking_16", all, spawn::blocking_16),
        row("timeout_1_worker", one, time::timeouts_one_task),
        row("timeout_all_workers", all, time::timeouts_every_worker),
        row("sleep_many", all, time::many_sleeps),
        row("mpsc_bounded", all, sync::mpsc_bounded),
        row("mpsc_bounded_4_senders", all, sync::mpsc_bounded_4),
        row("mpsc_recv_many", all, sync::mpsc_recv_many),
        row("mpsc_unbounded", all, sync::mpsc_unbounded),
        row("oneshot", all, sync::oneshot),
        row("mutex_uncontended", all, sync::mutex_uncontended),
        row("mutex_contended", all, sync::mutex_contended),
        row("semaphore_contended", all, sync::semaphore),
        row("rwlock_uncontended", all, sync::rwlock_uncontended),
        row("rwlock_mostly_read", all, sync::rwlock),
        row("rwlock_half_write", all, sync::rwlock_half_write),
        row("watch", all, sync::watch),
        row("broadcast", all, sync::broadcast),
        row("notify", all, sync::notify),
        row("barrier_4", all, sync::barrier),
        row("once_cell", all, sync::once_cell),
        row("set_once_4", all, sync::set_once),
        row("tcp_echo_1", all, net::echo_1),
        row("tcp_echo_256", all, net::echo_256),
        row("tcp_accept", all, net::accept),
        row("hyper_http1_16", all, http::keep_alive_16),
        row("duplex_copy_64k", two, net::duplex_copy),
        row("buf_reader_lines", all, io::lines),
        row("read_to_end_64k", all, io::read_to_end),
        row("copy_1m", all, io::copy),
        row("copy_bidirectional_4k", all, io::copy_bidirectional),
        row("buf_writer_16", all, io::buf_writer),
        row("integers", all, io::integers),
        row("split_64", all, io::split),
        row("fs_read_64k", all, fs::read),
        row("fs_write_64k", all, fs::write),
        row("fs_read_64k_16", all, fs::read_16),
        row("fs_write_64k_16", all, fs::write_16),
        row("fs_file_read_4k", all, fs::file_read),
        row("fs_file_write_4k", all, fs::file_write),
        row("fs_metadata", all, fs::metadata),
        row("fs_read_dir_1000", all, fs::read_dir),
        row("fs_create_remove", all, fs::create_remove),
        row("process_spawn", all, lifecycle::process),
        row("process_output_4", all, lifecycle::process_output),
        row(
            "runtime_create_drop",
            Flavor::Current,
            lifecycle::create_drop,
        ),
    ]
}

/// A workload that is counted, not timed: a server with clients elsewhere, or one of [`all`].
pub fn counted(name: &str) -> Option<fn(&rt::runtime::Runtime, u64) -> Duration> {
    Some(match name {
        "http" => servers::http,
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
