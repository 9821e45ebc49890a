//! `cargo xtask syscalls`: counts the system calls and context switches of servers, on selvedge and on tokio.
//!
//! The programs are the workloads of `benches/src/bin/count.rs`. Each runs with few and with many operations. The
//! difference of the counts, divided by the difference of the operations, is the cost of one operation: start and end
//! cancel out. strace counts system calls in one pair of runs; getrusage counts context switches in another pair, which
//! strace does not slow down. The median of several rounds counts. The results are written to `docs/SYSCALLS.md`.

mod measure;
mod page;
mod parse;

use crate::{Outcome, env};
use measure::Programs;
use page::{Row, Tolerance};
use parse::Workload;
use std::path::PathBuf;
use std::process::{Command, Stdio};

#[derive(clap::Args)]
pub struct Args {
    /// Only workloads whose name contains this; commas separate alternatives. The page is not written then.
    filter: Option<String>,
    /// Pairs of runs of each workload on each runtime; their median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Also count instructions of the workloads with one thread (needs valgrind).
    #[arg(long)]
    instructions: bool,
    /// Fail where a total of system calls, futex calls or voluntary switches is above tokio's by more than the tolerance.
    /// The page is not written. For a machine that has nothing else to do: elsewhere who sleeps when is chance.
    #[arg(long)]
    check: bool,
    /// With --check: how much above tokio's a total may be, in per cent of it ..
    #[arg(long, default_value_t = 25.0)]
    percent: f64,
    /// .. plus so much for each operation.
    #[arg(long, default_value_t = 0.1)]
    slack: f64,
    /// Name the workloads, run none.
    #[arg(long)]
    list: bool,
}

pub fn run(args: &Args) -> Outcome {
    let program = build()?;
    let workloads: Vec<Workload> = list(&program)?
        .into_iter()
        .filter(|workload| match &args.filter {
            Some(filter) => filter.split(',').any(|f| workload.name.contains(f)),
            None => true,
        })
        .collect();
    if workloads.is_empty() {
        return Err("no workload has such a name".into());
    }
    if args.list {
        workloads.iter().for_each(|w| println!("{}", w.name));
        return Ok(true);
    }
    require("strace", "-V")?;
    if args.instructions {
        require("valgrind", "--version")?;
    }
    let folder = env::target_dir().join("syscalls");
    std::fs::create_dir_all(&folder)?;
    let programs = Programs { program, folder };
    let mut rows = Vec::new();
    for workload in &workloads {
        eprintln!("{} ..", workload.name);
        let of = |runtime| {
            let mut costs = programs.cost(workload, runtime, args.rounds)?;
            if args.instructions && workload.is_single {
                costs.instructions = Some(programs.instructions(workload, runtime)?);
            }
            Ok::<_, measure::Error>(costs)
        };
        rows.push(Row {
            name: workload.name.clone(),
            ours: of("selvedge")?,
            theirs: of("tokio")?,
        });
    }
    print!("{}", page::tables(&rows));
    if args.check {
        let tolerance = Tolerance {
            percent: args.percent,
            slack: args.slack,
        };
        let above = page::above(&rows, tolerance);
        above.iter().for_each(|line| println!("ABOVE {line}"));
        return Ok(above.is_empty());
    }
    if args.filter.is_none() {
        let path = env::root().join("docs/SYSCALLS.md");
        let page = page::page(&rows, &env::machine(), args.rounds);
        env::write_if_changed(&path, &page)?;
    }
    Ok(true)
}

fn require(tool: &str, version: &str) -> Result<(), measure::Error> {
    let status = Command::new(tool)
        .arg(version)
        .stdout(Stdio::null())
        .status();
    match status.is_ok_and(|status| status.success()) {
        true => Ok(()),
        false => Err(format!("{tool} is missing: `apt-get install {tool}`").into()),
    }
}

fn build() -> Result<PathBuf, measure::Error> {
    let target = env::target_dir().join("benches");
    let status = env::cargo()
        .current_dir(env::root().join("benches"))
        .args(["build", "--release", "--locked", "--bin", "count"])
        .env("CARGO_TARGET_DIR", &target)
        .status()?;
    match status.success() {
        true => Ok(target.join("release/count")),
        false => Err("the programs do not build".into()),
    }
}

fn list(program: &std::path::Path) -> Result<Vec<Workload>, measure::Error> {
    let output = Command::new(program).arg("list").output()?;
    let text = String::from_utf8(output.stdout)?;
    text.lines().map(parse::workload).collect()
}
