//! `cargo xtask tsan`: runs unit tests and random operations under ThreadSanitizer. Needs nightly.
//!
//! The standard library is not instrumented, and ThreadSanitizer does not understand fences. So under `--cfg runtime_tsan` the shim
//! adds an atomic access to each fence, and `xtask/tsan.supp` lists the silenced reports, each with its reason.

use crate::{Outcome, env};

#[derive(clap::Args)]
pub struct Args {
    /// Passed to `cargo test` in place of the usual packages and tests, for instance `-p selvedge-core --lib`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// What runs by default: folders and cargo's arguments. The random operations are built in `fuzz`, where they need only
/// the runtime.
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
