//! Development commands, run as `cargo xtask COMMAND`.
//!
//! One module per command. Each returns `Ok(true)` when what it checked holds, `Ok(false)` when it
//! does not (exit status 1), and an error when it could not find out (exit status 2). Commands work
//! in a clean clone with nothing but cargo, and write only below the target directory, except
//! `bench`, `ports`, `syscalls` and `weight`, which rewrite `docs/BENCHMARKS.md`, `docs/ports.md`, `docs/SYSCALLS.md` and
//! `docs/weight.md`, `book --update`, which rewrites the book's listings, and `release`, which dates the changelog.

mod asan;
mod bench;
mod book;
mod conformance;
mod deny;
mod docs;
mod env;
mod faults;
mod features;
mod fuzz;
mod loom;
mod msrv;
mod mutants;
mod newer;
mod observers;
mod package;
mod ports;
mod release;
mod shuttle;
mod syscalls;
mod tidy;
mod tools;
mod tsan;
mod weight;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

type Outcome = Result<bool, Box<dyn std::error::Error>>;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Development commands of selvedge")]
struct Cli {
    #[command(subcommand)]
    command: Cmd,
}

#[derive(Subcommand)]
enum Cmd {
    /// Build and run tokio's own published test files against the drop-in.
    Conformance(conformance::Args),
    /// Run the loom models, and tell how long each takes.
    Loom(loom::Args),
    /// Try larger scenarios under random schedules.
    Shuttle(shuttle::Args),
    /// Weaken one atomic ordering at a time and see whether a model notices.
    Mutants(mutants::Args),
    /// Check the mechanical part of the house style.
    Tidy(tidy::Args),
    /// Compile with the oldest compiler that is promised.
    Msrv(msrv::Args),
    /// Compile subsets of the features, warnings denied.
    Features(features::Args),
    /// Run the tests under AddressSanitizer (needs nightly).
    Asan(asan::Args),
    /// Run unit tests and random operations under ThreadSanitizer (needs nightly).
    Tsan(tsan::Args),
    /// Fuzz against simple models (needs nightly).
    Fuzz(fuzz::Args),
    /// Let system calls fail, one after the other (needs strace).
    Faults(faults::Args),
    /// Measure against tokio and write docs/BENCHMARKS.md.
    Bench(bench::Args),
    /// Count the public items without an example.
    Docs(docs::Args),
    /// Pack what is published, and build it from its packed form.
    Package(package::Args),
    /// Compile for other systems, with the oldest compiler that is promised.
    Ports(ports::Args),
    /// Compare what a program takes on with tokio, and write docs/weight.md.
    Weight(weight::Args),
    /// Count system calls and context switches beside tokio, and write docs/SYSCALLS.md (needs strace).
    Syscalls(syscalls::Args),
    /// Check and build the book, or do its exercises.
    Book(book::Args),
    /// Run tools that were published for tokio on the drop-in: tokio-metrics, console-subscriber, dial9, Prometheus.
    Observers(observers::Args),
    /// Check licences, bans and sources of what is depended on.
    Deny(deny::Args),
    /// Tell what a newer tokio has that the drop-in lacks.
    Newer(newer::Args),
    /// Go through what a release needs, and tell or do its steps.
    Release(release::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Cmd::Conformance(args) => conformance::run(&args),
        Cmd::Loom(args) => loom::run(&args),
        Cmd::Shuttle(args) => shuttle::run(&args),
        Cmd::Mutants(args) => mutants::run(&args),
        Cmd::Tidy(args) => tidy::run(&args),
        Cmd::Msrv(args) => msrv::run(&args),
        Cmd::Features(args) => features::run(&args),
        Cmd::Asan(args) => asan::run(&args),
        Cmd::Tsan(args) => tsan::run(&args),
        Cmd::Fuzz(args) => fuzz::run(&args),
        Cmd::Faults(args) => faults::run(&args),
        Cmd::Bench(args) => bench::run(&args),
        Cmd::Docs(args) => docs::run(&args),
        Cmd::Package(args) => package::run(&args),
        Cmd::Ports(args) => ports::run(&args),
        Cmd::Weight(args) => weight::run(&args),
        Cmd::Syscalls(args) => syscalls::run(&args),
        Cmd::Book(args) => book::run(&args),
        Cmd::Observers(args) => observers::run(&args),
        Cmd::Deny(args) => deny::run(&args),
        Cmd::Newer(args) => newer::run(&args),
        Cmd::Release(args) => release::run(&args),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::from(2)
        }
    }
}
