//! `cargo xtask faults`: lets system calls fail. strace traces the small programs of `xtask/faults` and answers chosen
//! calls with errors that a kernel really gives. The operation must then work all the same or return the error, and
//! it must work once the fault is over. No hang, no spinning, no crash, nothing lost, no descriptor leaked.
//!
//! Without `--all`, only the first error and the first count of each line of the table are tried, in less than a minute.

mod cases;
mod trace;
mod verdict;

use crate::{Outcome, env};
use cases::Case;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub struct Args {
    /// Only cases whose line contains all of these.
    filter: Vec<String>,
    /// Every error and every count of the table.
    #[arg(long)]
    all: bool,
    /// Seconds that one case may take.
    #[arg(long, default_value_t = 10)]
    timeout: u64,
    /// Cases at a time.
    #[arg(long, default_value_t = 4)]
    jobs: usize,
    /// How often each case is run.
    #[arg(long, default_value_t = 1)]
    times: usize,
    /// Also print the cases that went well.
    #[arg(long, short)]
    verbose: bool,
    /// Name the cases, run none.
    #[arg(long)]
    list: bool,
}

pub fn run(args: &Args) -> Outcome {
    let start = Instant::now();
    let cases: Vec<Case> = cases::cases(args.all)
        .into_iter()
        .filter(|case| {
            let name = case.to_string();
            args.filter.iter().all(|f| name.contains(f.as_str()))
        })
        .flat_map(|case| std::iter::repeat_n(case, args.times))
        .collect();
    if cases.is_empty() {
        return Err("no case has such a name".into());
    }
    if args.list {
        cases.iter().for_each(|case| println!("{case}"));
        return Ok(true);
    }
    let strace = Command::new("strace")
        .arg("-V")
        .stdout(Stdio::null())
        .status();
    if !strace.is_ok_and(|status| status.success()) {
        return Err("strace is missing: `apt-get install strace`".into());
    }
    let program = build()?;
    let dir = env::target_dir().join("faults/runs");
    std::fs::create_dir_all(&dir)?;
    let limit = Duration::from_secs(args.timeout);
    let next = Mutex::new(cases.iter().enumerate());
    let failed = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..args.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let Some((at, case)) = next.lock().unwrap().next() else {
                        return;
                    };
                    let verdict = match trace::run(&program, case, limit, &dir.join(at.to_string()))
                    {
                        Ok(seen) => verdict::judge(case, &seen),
                        Err(error) => Err(format!("could not be run: {error}")),
                    };
                    match verdict {
                        Ok(text) if args.verbose => println!("ok       {case}: {text}"),
                        Ok(_) => {}
                        Err(text) => {
                            println!("DEVIATES {case}\n{text}");
                            failed.lock().unwrap().insert(at, case.to_string());
                        }
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    println!(
        "{} cases, {} deviate, {:.0}s (what they did is in {})",
        cases.len(),
        failed.len(),
        start.elapsed().as_secs_f64(),
        dir.display()
    );
    for (at, case) in &failed {
        println!("  {at}: {case}");
    }
    Ok(failed.is_empty())
}

fn build() -> Result<PathBuf, Box<dyn std::error::Error>> {
    let target = env::target_dir().join("faults");
    let status = env::cargo()
        .current_dir(env::root().join("xtask/faults"))
        .args(["build", "--locked"])
        .env("CARGO_TARGET_DIR", &target)
        .status()?;
    if !status.success() {
        return Err("the programs do not build".into());
    }
    Ok(target.join("debug/selvedge-faults"))
}
