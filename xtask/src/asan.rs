//! `cargo xtask asan`: the tests under AddressSanitizer, and with it LeakSanitizer. Needs nightly.

use crate::{Outcome, env};

#[derive(clap::Args)]
pub struct Args {
    /// Passed to `cargo test`, for instance `-p selvedge-core` or `-- FILTER`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

pub fn run(args: &Args) -> Outcome {
    let mut command = env::cargo_of("nightly");
    command
        .current_dir(env::root())
        .args(["test", "--lib", "--tests", "--no-fail-fast"]);
    if !args.rest.iter().any(|a| a == "-p" || a == "--package") {
        command.args([
            "--workspace",
            "--exclude",
            "xtask",
            // Its chapters run loom's checker, whose coroutines' stacks are never freed.
            "--exclude",
            "book-code",
            "--features",
            "full,test-util",
        ]);
    }
    let status = command
        .args(["--target", &env::host()?])
        .arg("--target-dir")
        .arg(env::target_dir().join("asan"))
        .args(&args.rest)
        .env("RUSTFLAGS", "-Zsanitizer=address")
        .env("ASAN_OPTIONS", "detect_stack_use_after_return=1")
        .status()?;
    Ok(status.success())
}
