//! `cargo run --release --bin footprint`: memory per parked task, worst timer lateness while a task blocks its
//! worker, and wake-ups of an idle runtime, for both. Each figure comes from a fresh process.

use std::process::{Command, ExitCode};

use selvedge_benches::{on_selvedge, on_tokio};

const TASKS: u64 = 1_000_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [] => table(),
        ["memory", "selvedge"] => println!(
            "{:.0}",
            on_selvedge::suite::footprint::bytes_per_task(TASKS)
        ),
        ["memory", "tokio"] => println!("{:.0}", on_tokio::suite::footprint::bytes_per_task(TASKS)),
        ["stall", "selvedge"] => println!("{:?}", on_selvedge::suite::footprint::worst_lateness()),
        ["stall", "tokio"] => println!("{:?}", on_tokio::suite::footprint::worst_lateness()),
        ["idle", "selvedge"] => println!(
            "{:.1}",
            on_selvedge::suite::footprint::idle_wakeups_per_second()
        ),
        ["idle", "tokio"] => println!(
            "{:.1}",
            on_tokio::suite::footprint::idle_wakeups_per_second()
        ),
        _ => {
            eprintln!("usage: footprint [memory|stall|idle selvedge|tokio]");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn table() {
    println!("| | selvedge | tokio |\n|---|---:|---:|");
    for (what, title) in [
        ("memory", "bytes per parked task (1M tasks)"),
        (
            "stall",
            "worst lateness of a 1 ms interval, sibling blocks 200 ms",
        ),
        (
            "idle",
            "voluntary context switches per second, 1,000 sleeping tasks",
        ),
    ] {
        println!(
            "| {title} | {} | {} |",
            child(what, "selvedge"),
            child(what, "tokio")
        );
    }
}

fn child(what: &str, runtime: &str) -> String {
    let program = std::env::current_exe().expect("path of this program");
    let output = Command::new(program)
        .args([what, runtime])
        .output()
        .expect("run a child");
    if output.status.success() {
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    } else {
        format!("failed ({})", output.status)
    }
}
