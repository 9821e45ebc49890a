//! `cargo run --release --bin count WORKLOAD selvedge|tokio OPERATIONS`: a fixed number of operations on one runtime.
//! `cargo xtask syscalls` counts its system calls. At the end it prints its context switches.
//!
//! `count list` lists the workloads, one a line: the name, two numbers of operations to compare, and words. `client`: the
//! workload is a server, which needs `count client WORKLOAD OPERATIONS ADDRESS..` as soon as it has printed its addresses
//! (`listeners=N` of them). `single`: all of the workload runs on one thread.

use std::process::ExitCode;

use selvedge_benches::clients::{self, Client};
use selvedge_benches::{Flavor, all_workers, on_selvedge, on_tokio};

struct Counted {
    name: &'static str,
    flavor: Flavor,
    operations: (u64, u64),
    client: Option<Client>,
    listeners: u64,
}

const fn server(
    name: &'static str,
    flavor: Flavor,
    operations: (u64, u64),
    client: Client,
) -> Counted {
    Counted {
        name,
        flavor,
        operations,
        client: Some(client),
        listeners: 1,
    }
}

const fn alone(name: &'static str, flavor: Flavor, operations: (u64, u64)) -> Counted {
    Counted {
        name,
        flavor,
        operations,
        client: None,
        listeners: 0,
    }
}

fn counted() -> Vec<Counted> {
    let all = Flavor::Multi(all_workers());
    let many = (1_280, 7_680);
    vec![
        server("http", all, many, Client::Http),
        server("http_current", Flavor::Current, many, Client::Http),
        Counted {
            listeners: 2,
            ..server("local_sets", Flavor::Current, many, Client::Http)
        },
        server("quiet", all, (100, 500), Client::Paced),
        server("echo", all, many, Client::Echo),
        server("echo_current", Flavor::Current, many, Client::Echo),
        server("unix_echo", all, many, Client::Echo),
        server("unix_echo_current", Flavor::Current, many, Client::Echo),
        alone("tcp_accept", all, (200, 1_200)),
        alone("request_reply_block_on", all, (1_000, 5_000)),
        alone("spawn_idle", all, (1_000, 5_000)),
        alone("spawn_blocking_1", all, (1_000, 5_000)),
        alone("fs_read_64k", all, (200, 1_200)),
        alone("fs_write_64k", all, (200, 1_200)),
        alone("fs_file_read_4k", all, (800, 4_000)),
        alone("fs_file_write_4k", all, (800, 4_000)),
        alone("ticks", all, (50, 450)),
    ]
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["list"] => list(),
        ["client", name, operations, ..] => {
            let client = find(name).client.expect("a server");
            clients::run(client, &arguments[3..], number(operations));
        }
        [name, runtime @ ("selvedge" | "tokio"), operations] => {
            run(&find(name), runtime == "selvedge", number(operations));
            switches();
        }
        _ => {
            eprintln!(
                "usage: count list | WORKLOAD selvedge|tokio OPERATIONS | client WORKLOAD OPERATIONS ADDRESS.."
            );
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number of operations")
}

fn find(name: &str) -> Counted {
    let found = counted().into_iter().find(|counted| counted.name == name);
    found.expect("a workload of that name")
}

fn list() {
    for counted in counted() {
        let (few, many) = counted.operations;
        print!("{} {few} {many}", counted.name);
        if counted.client.is_some() {
            print!(" client listeners={}", counted.listeners);
        }
        if counted.flavor == Flavor::Current && counted.listeners < 2 {
            print!(" single");
        }
        println!();
    }
}

fn run(counted: &Counted, on_selvedge: bool, operations: u64) {
    macro_rules! run {
        ($suite:path) => {{
            use $suite as suite;
            let runtime = suite::runtime(counted.flavor);
            let name = counted.name.trim_end_matches("_current");
            suite::counted(name).expect("a workload of that name")(&runtime, operations)
        }};
    }
    match on_selvedge {
        true => run!(on_selvedge::suite),
        false => run!(on_tokio::suite),
    };
}

/// Prints the context switches of all threads of this process, ended threads included.
fn switches() {
    // SAFETY: an all-zero rusage is a valid one.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is valid for writes.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    println!("voluntary {}", usage.ru_nvcsw);
    println!("involuntary {}", usage.ru_nivcsw);
}
