//! `cargo xtask asan`: runs the tests under AddressSanitizer and LeakSanitizer. Needs nightly. Leaks that tests make on purpose are
//! listed in `xtask/lsan.supp`.

use crate::{Outcome, env};
use serde_json::Value;
use std::collections::BTreeSet;
use std::error::Error;

#[derive(clap::Args)]
pub struct Args {
    /// Passed to `cargo test`, for instance `-p selvedge-core` or `-- FILTER`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Packages that are left out. The chapters in `book-code` run loom's checker, which never frees the stacks of its coroutines.
const PACKAGES: [&str; 2] = ["xtask", "book-code"];
/// Test targets that are left out: they run programs that are built without the sanitizer.
const PROGRAMS: [&str; 1] = ["examples"];
/// Test targets that run without leak checks: a forked child has only one thread, so the memory of other threads seems leaked.
const FORKING: [&str; 1] = ["fork"];
/// Tests that only run the compiler.
const COMPILING: &str = "refused::";

pub fn run(args: &Args) -> Outcome {
    if args.rest.iter().any(|a| a == "-p" || a == "--package") {
        return test(&["--lib", "--tests"], &args.rest, true);
    }
    let mut words = vec!["--workspace", "--lib", "--features", "full,test-util"];
    for package in PACKAGES {
        words.extend(["--exclude", package]);
    }
    let targets = targets()?;
    let is_left_out = |target: &str| PROGRAMS.contains(&target) || FORKING.contains(&target);
    for target in targets.iter().filter(|target| !is_left_out(target)) {
        words.extend(["--test", target]);
    }
    let mut all_hold = test(&words, &args.rest, true)?;
    for target in FORKING {
        let words = ["--features", "full,test-util", "--test", target];
        all_hold &= test(&words, &args.rest, false)?;
    }
    Ok(all_hold)
}

/// The test targets of all packages that are not left out.
fn targets() -> Result<BTreeSet<String>, Box<dyn Error>> {
    let output = env::cargo()
        .current_dir(env::root())
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()?;
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().ok_or("no packages")?;
    let is_in = |package: &&Value| !PACKAGES.iter().any(|name| package["name"] == *name);
    let targets = packages.iter().filter(is_in).flat_map(|package| {
        let targets = package["targets"].as_array();
        targets.into_iter().flatten()
    });
    let tests = targets.filter(|target| target["kind"][0] == "test");
    Ok(tests
        .filter_map(|target| target["name"].as_str().map(str::to_owned))
        .collect())
}

fn test(words: &[&str], rest: &[String], looks_for_leaks: bool) -> Outcome {
    let mut command = env::cargo_of("nightly");
    command
        .current_dir(env::root())
        .args(["test", "--no-fail-fast"])
        .args(words)
        .args(["--target", &env::host()?])
        .arg("--target-dir")
        .arg(env::target_dir().join("asan"))
        .args(rest);
    if !rest.iter().any(|word| word == "--") {
        command.arg("--");
    }
    let leaks = u8::from(looks_for_leaks);
    let status = command
        .args(["--skip", COMPILING])
        .env("RUSTFLAGS", "-Zsanitizer=address")
        .env(
            "ASAN_OPTIONS",
            format!("detect_stack_use_after_return=1:detect_leaks={leaks}"),
        )
        .env(
            "LSAN_OPTIONS",
            format!(
                "print_suppressions=0:suppressions={}",
                env::root().join("xtask/lsan.supp").display()
            ),
        )
        .status()?;
    Ok(status.success())
}
