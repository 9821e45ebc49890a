//! `cargo xtask mutants`: checks that the models and the tests find planted faults.
//!
//! A mutant is the runtime with one small planted fault. Its judges (models, tests) run; a judge that fails kills the mutant. A mutant
//! that no judge can tell from the original survives: then the code is stronger than it must be, or no judge proves it. A survivor
//! fails the run, unless the table lists its site with a reason. Mutants that could not be tried, and reasons that no survivor
//! needs, fail the run too.
//!
//! There are two kinds. *Ordering mutants* ([`orderings`]) weaken one atomic ordering by a step, or leave out one fence or notify;
//! the models judge them. *Logic mutants* (`--logic`, [`logic`]) leave out a statement, move a comparison by one, and the like;
//! models, unit tests and a quick set of integration tests judge them.
//!
//! `xtask/mutants.txt` names the files and their judges:
//!
//! ```text
//! [runtime-core/src/task/state.rs]      the ordering mutants of a file
//! models = task::                       (which models to run; default: all of the crate)
//! replace = TEXT => OTHER TEXT          (a mutant of its own; TEXT occurs once)
//! allow = TEXT | reason                 (survivors whose call, on one line, contains TEXT are accepted;
//!                                        `TEXT [WHAT] | reason`: only this weakening of the call)
//! [logic runtime-core/src/task]         the logic mutants of all files below
//! models = task::
//! tests = tasks                         (integration tests of the root package; default: none)
//! allow = TEXT | reason                 (TEXT: a part of `file: fn name: line of source`)
//! ```

mod calls;
mod logic;
mod orderings;
mod table;
mod tree;

use crate::{Outcome, env};
use std::fs;

#[derive(clap::Args)]
pub struct Args {
    /// Only mutants whose site (`file:line: text`) contains one of these.
    filter: Vec<String>,
    /// Seconds that one model may take; beyond that the mutant counts as killed.
    #[arg(long, default_value_t = 300)]
    timeout: u64,
    /// Mutants to judge at a time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Only list the mutants.
    #[arg(long)]
    list: bool,
    /// Logic mutants instead: statements left out or swapped, comparisons off by one, and their like.
    #[arg(long)]
    logic: bool,
    /// With `--logic`: judge only so many, drawn at random.
    #[arg(long)]
    sample: Option<usize>,
    /// What the draw begins with.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub fn run(args: &Args) -> Outcome {
    let table = fs::read_to_string(env::root().join("xtask/mutants.txt"))?;
    let sections = table::read(&table)?;
    if args.logic {
        logic::run(args, &sections)
    } else {
        orderings::run(args, &sections)
    }
}

fn krate(file: &str) -> &str {
    file.split('/').next().unwrap_or_default()
}
