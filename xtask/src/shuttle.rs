//! `cargo xtask shuttle`: builds runtime-core under `--cfg runtime_shuttle` and tries its scenarios under random schedules.
//!
//! A scenario is a test in a module named `shuttle`. All scenarios get the same share of the minutes. A scenario runs in two
//! processes at a time, one for each of shuttle's schedulers: `random` and `pct`. The schedule of a failure is written below
//! the target directory; `--replay` runs it again.

use crate::loom::{Model, build_with, wanted};
use crate::{Outcome, env};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const CRATES: [&str; 1] = ["runtime-core"];
const FLAGS: &str = "--cfg runtime_loom --cfg runtime_shuttle";
const SCHEDULERS: [&str; 2] = ["random", "pct"];
/// A process that takes longer than its time by this much hangs.
const GRACE: Duration = Duration::from_secs(60);

#[derive(clap::Args)]
pub struct Args {
    /// Only scenarios whose path contains one of these.
    filter: Vec<String>,
    /// Minutes for all scenarios together, the build aside.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Where the random choices start: another one each time, unless told.
    #[arg(long)]
    seed: Option<u64>,
    /// Run the schedule in this file again, which a failure of the one scenario chosen has left.
    #[arg(long)]
    replay: Option<PathBuf>,
}

/// The result of one scheduler.
struct Tried {
    schedules: u64,
    /// The output, if it failed.
    failure: Option<String>,
}

pub fn run(args: &Args) -> Outcome {
    let dir = env::target_dir().join("shuttle");
    let start = Instant::now();
    let mut scenarios = build_with(&env::root(), &dir, &CRATES, FLAGS, "shuttle")?;
    scenarios.retain(|scenario| wanted(&scenario.name, &args.filter));
    println!("built in {:.0}s", start.elapsed().as_secs_f64());
    if scenarios.is_empty() {
        return Err("no scenario has such a name".into());
    }
    if let Some(file) = &args.replay {
        return match &scenarios[..] {
            [scenario] => replay(scenario, file),
            _ => Err("a schedule is of one scenario: name it".into()),
        };
    }
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let seed = args.seed.unwrap_or(seconds);
    println!("seed {seed}");
    let time = Duration::from_secs_f64(args.minutes * 60.0 / scenarios.len() as f64);
    let (start, mut failed) = (Instant::now(), 0);
    for scenario in &scenarios {
        failed += usize::from(!explore(scenario, time, seed, &dir)?);
    }
    println!(
        "{} scenarios, {failed} failed, {:.0}s",
        scenarios.len(),
        start.elapsed().as_secs_f64()
    );
    Ok(failed == 0)
}

/// Runs a scenario for that time, under both schedulers at once, and prints the result.
fn explore(scenario: &Model, time: Duration, seed: u64, dir: &Path) -> Outcome {
    let runs = thread::scope(|scope| {
        let runs =
            SCHEDULERS.map(|name| scope.spawn(move || try_one(scenario, name, time, seed, dir)));
        runs.map(|run| run.join().expect("a run does not panic"))
    });
    let mut tried = Vec::new();
    for run in runs {
        tried.push(run?);
    }
    let verdict = match tried.iter().all(|tried| tried.failure.is_none()) {
        true => "ok",
        false => "FAILED",
    };
    println!(
        "{verdict:<8} {:>8} random, {:>8} pct  {}",
        tried[0].schedules, tried[1].schedules, scenario.name
    );
    for failure in tried.iter().filter_map(|tried| tried.failure.as_ref()) {
        let lines = failure.lines().filter(|l| !l.is_empty());
        lines.take(40).for_each(|line| println!("    {line}"));
        println!(
            "    again: cargo xtask shuttle {} --replay FILE",
            scenario.name
        );
    }
    Ok(verdict == "ok")
}

fn try_one(
    scenario: &Model,
    scheduler: &str,
    time: Duration,
    seed: u64,
    dir: &Path,
) -> std::io::Result<Tried> {
    let place = dir.join("failures").join(scenario.name.replace("::", "-"));
    let place = place.join(scheduler);
    // Removes the schedules of the run before.
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::create_dir_all(&place)?;
    let mut command = command(scenario);
    command
        .env("RUNTIME_SHUTTLE_SCHEDULER", scheduler)
        .env("RUNTIME_SHUTTLE_MILLIS", time.as_millis().to_string())
        .env("RUNTIME_SHUTTLE_SEED", seed.to_string())
        .env("RUNTIME_SHUTTLE_DIR", &place)
        // The panic comes from shuttle, so a backtrace says nothing.
        .env("RUST_BACKTRACE", "0");
    let ended = env::run_limited(&mut command, time + GRACE, &place.join("log"))?;
    let count = |line: &str| line.strip_suffix(" schedules")?.parse().ok();
    let failure = match ended.status {
        Some(status) if status.success() => None,
        Some(_) => Some(ended.output.clone()),
        None => Some(format!("it hangs\n{}", ended.output)),
    };
    Ok(Tried {
        schedules: ended.output.lines().find_map(count).unwrap_or(0),
        failure,
    })
}

fn replay(scenario: &Model, file: &Path) -> Outcome {
    let mut command = command(scenario);
    command
        .env("RUNTIME_SHUTTLE_REPLAY", fs::canonicalize(file)?)
        // A deadlock shows where each thread waits.
        .env("SHUTTLE_CAPTURE_BACKTRACE", "1");
    let holds = command.status()?.success();
    println!(
        "{}",
        if holds {
            "it does not fail"
        } else {
            "FAILED again"
        }
    );
    Ok(holds)
}

fn command(scenario: &Model) -> Command {
    let mut command = Command::new(&scenario.executable);
    command
        .args(["--exact", &scenario.name, "--nocapture"])
        // It would replace the seed given here.
        .env_remove("SHUTTLE_RANDOM_SEED");
    command
}
