//! `cargo run --release --bin one WORKLOAD selvedge|tokio ITERATIONS`: one workload on one runtime, for perf, strace
//! or callgrind. Prints nanoseconds per iteration.

use std::process::ExitCode;

use selvedge_benches::{on_selvedge, on_tokio};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [name, runtime, iterations] = words[..] else {
        eprintln!("usage: one WORKLOAD selvedge|tokio ITERATIONS");
        return ExitCode::from(2);
    };
    let iterations: u64 = iterations.parse().expect("a number of iterations");
    let elapsed = match runtime {
        "selvedge" => on_selvedge::suite::all()
            .into_iter()
            .find(|workload| workload.name == name)
            .map(|w| w.run(&on_selvedge::suite::runtime(w.flavor), iterations)),
        _ => on_tokio::suite::all()
            .into_iter()
            .find(|workload| workload.name == name)
            .map(|w| w.run(&on_tokio::suite::runtime(w.flavor), iterations)),
    };
    let elapsed = elapsed.expect("a workload of that name");
    println!("{}", elapsed.as_nanos() / u128::from(iterations));
    ExitCode::SUCCESS
}
