//! `cargo run --release --bin curves`: figures that depend on a parameter, for both runtimes, as tables.
//!
//! `workers`: the cost of an operation with 1 to 16 workers, also with more workers than processors. `load`: how long an HTTP request takes
//! while more and more clients ask at once. The clients run in this process, the server in another.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use selvedge_benches::{Flavor, all_workers, clients, on_selvedge, on_tokio};

const WORKERS: [usize; 5] = [1, 2, 4, 8, 16];
const WORKLOADS: [&str; 6] = [
    "spawn_local",
    "mpsc_fan_in",
    "semaphore_contended",
    "notify_storm",
    "timeout_all_workers",
    "spawn_blocking_16",
];
/// Rounds of each workload on each runtime.
const ROUNDS: usize = 7;
/// A round lasts at least about half of this.
const ROUND: Duration = Duration::from_millis(24);

const CONNECTIONS: [u64; 8] = [1, 2, 4, 8, 16, 32, 64, 128];
/// A server is asked for this time, `TURNS` times.
const ASKED: Duration = Duration::from_millis(500);
const TURNS: usize = 3;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [] => {
            workers();
            load();
        }
        ["serve", runtime @ ("selvedge" | "tokio"), connections] => {
            serve(runtime, connections.parse().expect("a number"));
        }
        _ => {
            eprintln!("usage: curves [serve selvedge|tokio CONNECTIONS]");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn workers() {
    println!("| workers | workload | selvedge ns | tokio ns |\n|---|---|---:|---:|");
    let pairs = on_selvedge::suite::all()
        .into_iter()
        .zip(on_tokio::suite::all());
    for (ours, theirs) in pairs.filter(|(ours, _)| WORKLOADS.contains(&ours.name)) {
        for count in WORKERS {
            let flavor = Flavor::Multi(count);
            let mine = |n| ours.run(&on_selvedge::suite::runtime(flavor), n);
            let other = |n| theirs.run(&on_tokio::suite::runtime(flavor), n);
            let mut unit = 1;
            while mine(unit).max(other(unit)) < ROUND {
                unit *= 2;
            }
            let (mut left, mut right): (Vec<_>, Vec<_>) =
                (0..ROUNDS).map(|_| (mine(unit), other(unit))).unzip();
            left.sort();
            right.sort();
            let each = |times: &[Duration]| times[ROUNDS / 2].as_nanos() as f64 / unit as f64;
            println!(
                "| {count} | {} | {:.0} | {:.0} |",
                ours.name,
                each(&left),
                each(&right)
            );
        }
    }
}

/// What a server's clients measured.
#[derive(Clone, Copy)]
struct Seen {
    rate: f64,
    median: Duration,
    tail: Duration,
}

fn load() {
    println!(
        "| connections | runtime | requests a second | p50 us | p99 us |\n|---|---|---:|---:|---:|"
    );
    for connections in CONNECTIONS {
        let mut seen = [Vec::new(), Vec::new()];
        for _ in 0..TURNS {
            for (at, runtime) in ["selvedge", "tokio"].into_iter().enumerate() {
                seen[at].push(ask(runtime, connections));
            }
        }
        for (runtime, mut seen) in ["selvedge", "tokio"].into_iter().zip(seen) {
            seen.sort_by(|a, b| a.rate.total_cmp(&b.rate));
            let Seen { rate, median, tail } = seen[TURNS / 2];
            println!(
                "| {connections} | {runtime} | {rate:.0} | {:.1} | {:.1} |",
                median.as_secs_f64() * 1e6,
                tail.as_secs_f64() * 1e6
            );
        }
    }
}

fn ask(runtime: &str, connections: u64) -> Seen {
    let (mut server, address) = start(runtime, connections);
    let taken = clients::latencies(&address, connections, ASKED);
    let status = server.wait().expect("the server's end");
    assert!(status.success(), "the server of {runtime}: {status}");
    let at = |share: f64| taken[((taken.len() - 1) as f64 * share) as usize];
    Seen {
        rate: taken.len() as f64 / ASKED.as_secs_f64(),
        median: at(0.5),
        tail: at(0.99),
    }
}

/// Starts a server in a process of its own; returns it with its address. It ends when its clients have closed.
fn start(runtime: &str, connections: u64) -> (Child, String) {
    let program = std::env::current_exe().expect("path of this program");
    let mut server = Command::new(program)
        .args(["serve", runtime, &connections.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("a server");
    let mut line = String::new();
    let said = server.stdout.take().expect("its output is piped");
    BufReader::new(said)
        .read_line(&mut line)
        .expect("where it listens");
    let address = line
        .trim()
        .strip_prefix("listening ")
        .expect("where it listens");
    (server, address.to_owned())
}

fn serve(runtime: &str, connections: u64) {
    macro_rules! serve {
        ($suite:path) => {{
            use $suite as suite;
            let runtime = suite::runtime(Flavor::Multi(all_workers()));
            suite::counted("http_of").expect("a server")(&runtime, connections)
        }};
    }
    match runtime {
        "selvedge" => serve!(on_selvedge::suite),
        _ => serve!(on_tokio::suite),
    };
}
