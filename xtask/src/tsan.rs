//! `cargo xtask tsan`: unit tests and random operations under ThreadSanitizer. Needs nightly.
//!
//! The standard library is not instrumented, and ThreadSanitizer knows no fences. So the shim makes a fence an access
//! under `--cfg runtime_tsan`, and `tsan.supp` beside this crate lists what is silenced, each with its reason.

use crate::{Outcome, env};

#[derive(clap::Args)]
pub struct Args {
    /// Passed to `cargo test` in place of the usual packages and tests, for instance `-p selvedge-core --lib`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// What is run unless something is asked for: folder, and what cargo is told. The random operations are built in
/// `fuzz`, where they need nothing but the runtime.
const USUAL: &[(&str, &[&str])] = &[
    ("", &["-p", "selvedge-core", "--lib", "--all-features"]),
    ("", &["-p", "selvedge-time", "--lib", "--all-features"]),
    ("", &["-p", "selvedge-io", "--lib", "--all-features"]),
    ("fuzz", &["--no-default-features", "--test", "random"]),
];

pub fn run(args: &Args) -> Outcome {
    let asked: Vec<&str> = args.rest.iter().map(String::as_str).collect();
    let all = match asked.is_empty() {
        true => USUAL.to_vec(),
        false => vec![("", asked.as_slice())],
    };
    let suppressions = env::root().join("xtask/tsan.supp");
    let flags = "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer --cfg runtime_tsan";
    let mut holds = true;
    for (folder, words) in all {
        println!("cargo test {}", words.join(" "));
        let options = format!("suppressions={} history_size=4", suppressions.display());
        let status = env::cargo_of("nightly")
            .current_dir(env::root().join(folder))
            .args(["test", "--no-fail-fast", "--target", &env::host()?])
            .arg("--target-dir")
            .arg(env::target_dir().join("tsan"))
            .args(words)
            .env("RUSTFLAGS", flags)
            .env("TSAN_OPTIONS", options)
            .status()?;
        holds &= status.success();
    }
    Ok(holds)
}
