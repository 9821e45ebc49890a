//! `cargo xtask observers`: runs tools that were published for tokio on the drop-in: tokio-metrics, console-subscriber,
//! dial9-tokio-telemetry, and a server for Prometheus.
//!
//! `observers/` is a workspace of its own, as it is compiled with `--cfg tokio_unstable` (its `.cargo/config.toml`). Its tests
//! compare what each tool reports with what was done. Then the examples that end by themselves are run, and must end well.
//! With `--screens`, pictures of tokio-console are drawn for the book instead (`screens`).

mod screens;
mod svg;
mod terminal;

use crate::{Outcome, env};
use std::path::Path;
use std::process::Command;

#[derive(clap::Args)]
pub struct Args {
    /// Draw the book's pictures of tokio-console, and do nothing else: needs tmux.
    #[arg(long)]
    screens: bool,
    /// Only tests whose name contains this, and no examples.
    filter: Option<String>,
}

/// The examples, with an argument each: `{}` is a file below the target directory.
const EXAMPLES: [(&str, &str); 3] = [("metrics", ""), ("dial9", "{}"), ("console", "1")];

pub fn run(args: &Args) -> Outcome {
    let package = env::root().join("observers");
    let target = env::target_dir().join("observers");
    let cargo = |verb: &str| {
        let mut command = env::cargo();
        command
            .current_dir(&package)
            .args([verb, "--locked", "--target-dir"])
            .arg(&target);
        command
    };
    if args.screens {
        let mut build = cargo("build");
        build.args(["--example", "console"]);
        return Ok(succeeds(&mut build)? && screens::take(&target)?);
    }
    let mut format = env::cargo();
    format.current_dir(&package).args(["fmt", "--check"]);
    let mut holds = succeeds(&mut format)?;
    let mut test = cargo("test");
    test.arg("--no-fail-fast").args(&args.filter);
    holds &= succeeds(&mut test)?;
    if args.filter.is_some() {
        return Ok(holds);
    }
    for (name, argument) in EXAMPLES {
        let mut command = cargo("run");
        command.args(["--quiet", "--example", name]);
        command.args(given(argument, &target));
        println!("== {name}");
        holds &= succeeds(&mut command)?;
    }
    Ok(holds)
}

fn given(argument: &str, target: &Path) -> Option<String> {
    let file = target.join("example.bin").display().to_string();
    (!argument.is_empty()).then(|| argument.replace("{}", &file))
}

fn succeeds(command: &mut Command) -> std::io::Result<bool> {
    Ok(command.status()?.success())
}
