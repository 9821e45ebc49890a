//! Runs a scenario under shuttle: what `cargo xtask shuttle` asks for in the environment, and the choices that a scenario makes.
//!
//! | variable | what for |
//! |---|---|
//! | `RUNTIME_SHUTTLE_MILLIS` | how long a scenario is tried |
//! | `RUNTIME_SHUTTLE_SEED` | where the choices start |
//! | `RUNTIME_SHUTTLE_SCHEDULER` | `random` or `pct`; else both, half of the time each |
//! | `RUNTIME_SHUTTLE_DIR` | where the schedule of a failure is written |
//! | `RUNTIME_SHUTTLE_REPLAY` | such a schedule, to be run again |

use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};
use std::env;
use std::sync::Arc;
use std::time::Duration;

/// Switches that PCT forces in one schedule, plus one. Each depth has its share of the time.
const DEPTHS: [usize; 3] = [2, 4, 8];
/// A schedule of more steps than that counts as one that never ends.
const STEPS: usize = 400_000;
const STACK: usize = 256 * 1024;

/// A number below `n`, which is part of the schedule.
pub(crate) fn below(n: usize) -> usize {
    thread_rng().gen_range(0..n)
}

/// True once in `n` times, as part of the schedule.
pub(crate) fn one_in(n: usize) -> bool {
    below(n) == 0
}

/// Tries `scenario` under as many schedules as there is time for, and prints their number.
pub(crate) fn explore(scenario: impl Fn() + Send + Sync + 'static) {
    let scenario = Arc::new(move || scenario());
    if let Some(file) = env::var_os("RUNTIME_SHUTTLE_REPLAY") {
        let scheduler = ReplayScheduler::new_from_file(file).expect("the schedule can be read");
        run(scheduler, Duration::MAX, scenario);
        return;
    }
    let (time, seed) = (
        number("RUNTIME_SHUTTLE_MILLIS", 1_000),
        number("RUNTIME_SHUTTLE_SEED", 0),
    );
    let time = Duration::from_millis(time);
    let random = |time| {
        let scheduler = RandomScheduler::new_from_seed(seed, usize::MAX);
        run(scheduler, time, scenario.clone())
    };
    let pct = |time: Duration| {
        let time = time / DEPTHS.len() as u32;
        let schedulers = DEPTHS.map(|depth| PctScheduler::new_from_seed(seed, depth, usize::MAX));
        schedulers
            .into_iter()
            .map(|scheduler| run(scheduler, time, scenario.clone()))
            .sum::<usize>()
    };
    let schedules = match env::var("RUNTIME_SHUTTLE_SCHEDULER").as_deref() {
        Ok("random") => random(time),
        Ok("pct") => pct(time),
        _ => random(time / 2) + pct(time / 2),
    };
    println!("{schedules} schedules");
}

fn number(variable: &str, otherwise: u64) -> u64 {
    match env::var(variable) {
        Ok(text) => text.parse().expect("a number"),
        Err(_) => otherwise,
    }
}

fn run(
    scheduler: impl Scheduler + 'static,
    time: Duration,
    scenario: Arc<impl Fn() + Send + Sync + 'static>,
) -> usize {
    let mut config = Config::new();
    config.stack_size = STACK;
    config.max_steps = MaxSteps::FailAfter(STEPS);
    config.max_time = Some(time);
    // Said in docs/verification.md.
    config.silence_warnings = true;
    if let Some(dir) = env::var_os("RUNTIME_SHUTTLE_DIR") {
        config.failure_persistence = FailurePersistence::File(Some(dir.into()));
    }
    Runner::new(scheduler, config).run(move || scenario())
}
