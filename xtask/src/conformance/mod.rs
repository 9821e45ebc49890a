//! `cargo xtask conformance`: the published test files of tokio, unmodified, against the drop-in.
//!
//! ```text
//! fetch: cargo metadata of a throw-away package ──▶ where tokio's sources lie, its dependencies
//! suite: a generated package, [[test]] path = the published files, tokio patched with drop-in
//! build: cargo build --keep-going, messages as JSON ──▶ executable or first error, per file
//! run:   each executable in a process group, with a limit; tests without a result after
//!        a hang or a crash are run again one by one
//! report: a line per file, a total
//! ```
//!
//! All generated files lie in `target/conformance`. The tests are never copied into the project.

pub mod build;
mod fetch;
pub mod report;
pub mod run;
mod suite;

use crate::{Outcome, env};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The release that the drop-in stands in for.
const VERSION: &str = "1.54.1";

#[derive(clap::Args)]
pub struct Args {
    /// Only test files whose name contains one of these (`=name` for exactly that name).
    filter: Vec<String>,
    /// Compile with `--cfg tokio_unstable` and the features that need it.
    #[arg(long)]
    unstable: bool,
    /// Print the results as JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Only build; do not run.
    #[arg(long)]
    no_run: bool,
    /// Seconds that one test file may take.
    #[arg(long, default_value_t = 120)]
    timeout: u64,
    /// Seconds that a test run by itself may take, after its file hung or crashed.
    #[arg(long, default_value_t = 15)]
    single_timeout: u64,
    /// Run against the real tokio instead of the drop-in (to check the harness itself).
    #[arg(long)]
    reference: bool,
    /// Also list every failed test with its message.
    #[arg(long, short)]
    verbose: bool,
}

/// The version of tokio that cargo finds for `asked` (`*` is the newest), and its features.
pub fn published(
    dir: &Path,
    asked: &str,
) -> Result<(String, Vec<String>), Box<dyn std::error::Error>> {
    let tokio = fetch::fetch(dir, asked)?;
    Ok((tokio.version, tokio.features))
}

/// Builds the published files that `filter` names, in `dir`; `cargo` makes the command for a subcommand. Returns their working folder and the files.
pub fn built_by(
    dir: &Path,
    filter: &[String],
    cargo: impl Fn(&str) -> Command,
) -> Result<(PathBuf, Vec<build::Built>), Box<dyn std::error::Error>> {
    let tokio = fetch::fetch(dir, &format!("={VERSION}"))?;
    let files = tokio.tests.iter().filter(|f| wanted(&f.name, filter));
    let files: Vec<_> = files.collect();
    let suite = suite::generate(dir, &tokio, false, false)?;
    if !suite.dir.join("Cargo.lock").exists() {
        let mut lock = cargo("generate-lockfile");
        if !lock.current_dir(&suite.dir).status()?.success() {
            return Err("no versions for tokio's tests".into());
        }
    }
    let built = build::build_by(cargo("build"), &suite, &files)?;
    Ok((suite.dir, built))
}

pub fn run(args: &Args) -> Outcome {
    let dir = env::target_dir().join("conformance");
    let tokio = fetch::fetch(&dir, &format!("={VERSION}"))?;
    let files: Vec<_> = tokio
        .tests
        .iter()
        .filter(|f| wanted(&f.name, &args.filter))
        .collect();
    if files.is_empty() {
        return Err("no test file has such a name".into());
    }
    let suite = suite::generate(&dir, &tokio, args.unstable, args.reference)?;
    let built = build::build(&suite, &files)?;
    let place = run::Place {
        dir: &suite.dir,
        log: suite.dir.join("run.log"),
        runner: None,
    };
    let mut results = Vec::new();
    for file in &built {
        let result = if args.no_run {
            report::FileResult::only_built(file)
        } else {
            run::run_file(
                &place,
                file,
                Duration::from_secs(args.timeout),
                Duration::from_secs(args.single_timeout),
            )?
        };
        if !args.json {
            report::print_line(&result, args.verbose);
        }
        results.push(result);
    }
    if args.json {
        println!("{}", report::as_json(&results));
    } else {
        report::print_total(&results);
    }
    Ok(results.iter().all(report::FileResult::is_good))
}

fn wanted(name: &str, filter: &[String]) -> bool {
    filter.is_empty()
        || filter.iter().any(|f| match f.strip_prefix('=') {
            Some(exact) => name == exact,
            None => name.contains(f.as_str()),
        })
}
