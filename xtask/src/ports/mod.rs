//! `cargo xtask ports`: checks that the facade compiles for other systems and processors, without a warning.
//!
//! The compiler is that of `cargo xtask msrv`; its standard library is built from Debian's package of its sources (`-Zbuild-std`,
//! which `RUSTC_BOOTSTRAP` permits), so nothing is installed. `cargo check` needs no linker and nothing of the other system,
//! and runs nothing. With `--run`, tests are run on the processors that can be emulated (`machine`, `suites`, `results`).
//! Writes docs/ports.md: the table of targets if all were checked, and the results of the tests that were run. The rest of the page stays.

mod machine;
mod results;
mod suites;

use crate::{Outcome, env, msrv};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(clap::Args)]
pub struct Args {
    /// Write nothing.
    #[arg(long)]
    check: bool,
    /// Run tests on other Linux processors, and check nothing else: needs a linker for each, qemu-user, and half an hour for each.
    #[arg(long)]
    run: bool,
    /// With `--run`: only these suites (`sync`, `runtime_core`; `published`: tokio's test files).
    #[arg(long)]
    suite: Vec<String>,
    /// This compiler in place of Debian's, with the standard library's sources (`rustup component add rust-src`). Nothing is written.
    #[arg(long)]
    rustc: Option<PathBuf>,
    /// Only targets whose name contains one of these.
    filter: Vec<String>,
}

/// The features without sockets, files, signals and children.
const WITHOUT_SYSTEM: &str = "io-util,macros,rt,sync,time";
/// All features that Linux has.
const ALL: &str = "full,io-uring,schedule-latency,test-util,tracing";

/// The targets, and the features that each must have.
const TARGETS: [(&str, &str); 10] = [
    ("x86_64-apple-darwin", "full"),
    ("aarch64-apple-darwin", "full"),
    ("x86_64-unknown-freebsd", "full"),
    ("aarch64-linux-android", "full"),
    ("wasm32-wasip1", WITHOUT_SYSTEM),
    ("aarch64-unknown-linux-gnu", ALL),
    ("s390x-unknown-linux-gnu", ALL),
    ("armv7-unknown-linux-gnueabihf", ALL),
    ("i686-unknown-linux-gnu", ALL),
    ("powerpc-unknown-linux-gnu", ALL),
];

/// The heading of the page's section on tests.
const TESTS: &str = "\n## Tests of other processors\n";

struct Port {
    target: &'static str,
    features: &'static str,
    errors: usize,
    warnings: usize,
}

pub fn run(args: &Args) -> Outcome {
    let version = msrv::promised()?;
    let rustc = match &args.rustc {
        Some(rustc) => fs::canonicalize(rustc)?,
        None => {
            let rustc = msrv::fetched(&version)?;
            msrv::fetch_sources(&version)?;
            rustc
        }
    };
    let is_wanted = |target: &str| {
        args.filter.is_empty() || args.filter.iter().any(|f| target.contains(f.as_str()))
    };
    let kept = match args.check || args.rustc.is_some() {
        true => None,
        false => Some(env::root().join("docs/ports.md")),
    };
    match args.run {
        true => run_tests(&rustc, &args.suite, is_wanted, kept.as_deref()),
        false => check_all(
            &version,
            &rustc,
            args.filter.is_empty(),
            is_wanted,
            kept.as_deref(),
        ),
    }
}

/// Compiles for all wanted targets. The page's table is written only if all targets were compiled.
fn check_all(
    version: &str,
    rustc: &Path,
    are_all: bool,
    is_wanted: impl Fn(&str) -> bool,
    page: Option<&Path>,
) -> Outcome {
    let mut ports = Vec::new();
    for (target, features) in TARGETS {
        if is_wanted(target) {
            ports.push(check(rustc, target, features)?);
        }
    }
    if ports.is_empty() {
        return Err("no target is called so".into());
    }
    let table = table(&ports);
    print!("{table}");
    if let Some(path) = page.filter(|_| are_all) {
        let old = fs::read_to_string(path).unwrap_or_default();
        let (_, tests) = parts(&old);
        env::write_if_changed(path, &(page_of_targets(version, &table) + tests))?;
    }
    Ok(ports.iter().all(Port::is_fine))
}

/// Runs the wanted suites on the wanted processors. This machine's own kind is one of them; the others are compared with it.
fn run_tests(
    rustc: &Path,
    suites: &[String],
    is_wanted: impl Fn(&str) -> bool,
    page: Option<&Path>,
) -> Outcome {
    let is_suite = |suite: &str| {
        let word = |word: &String| match word == "published" {
            true => suite == suites::PUBLISHED,
            false => word == suite,
        };
        suites.is_empty() || suites.iter().any(word)
    };
    let mut results = results::Results::kept();
    let mut are_fine = true;
    for machine in machine::MACHINES.iter().filter(|m| is_wanted(m.target)) {
        suites::run_all(rustc, machine, is_suite, |ran| {
            results.add(ran)?;
            let Some(path) = page else { return Ok(()) };
            let old = fs::read_to_string(path).unwrap_or_default();
            let (compiled, tests) = parts(&old);
            let tests = page_of_tests(&results.section(tests));
            Ok(env::write_if_changed(
                path,
                &(compiled.to_owned() + &tests),
            )?)
        })?;
        are_fine &= results.are_fine(machine);
    }
    Ok(are_fine)
}

/// The page's two sections.
fn parts(page: &str) -> (&str, &str) {
    page.split_at(page.find(TESTS).unwrap_or(page.len()))
}

impl Port {
    fn is_fine(&self) -> bool {
        self.errors + self.warnings == 0
    }
}

/// Compiles for one target; prints the compiler's messages if there are any errors or warnings.
fn check(
    rustc: &Path,
    target: &'static str,
    features: &'static str,
) -> Result<Port, Box<dyn std::error::Error>> {
    // The check takes a minute and prints nothing until then.
    println!("checking {target} [{features}]");
    let output = cargo(rustc, "check", target, "std,panic_abort")
        .args(["-p", "selvedge", "--lib", "--features", features])
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let (errors, warnings) = told(&text, output.status.success());
    if errors + warnings > 0 {
        let is_progress = |line: &&str| {
            let word = line.trim_start().split(' ').next().unwrap_or_default();
            ["Compiling", "Checking", "Downloading", "Downloaded"].contains(&word)
        };
        for line in text.lines().filter(|line| !is_progress(line)).take(80) {
            println!("    {line}");
        }
    }
    Ok(Port {
        target,
        features,
        errors,
        warnings,
    })
}

/// A cargo command with that compiler, which builds its standard library for the target too.
fn cargo(rustc: &Path, what: &str, target: &str, parts: &str) -> Command {
    let mut command = env::cargo();
    command
        .current_dir(env::root())
        .args([what, "--locked", "--target", target])
        .arg(format!("-Zbuild-std={parts}"))
        .arg("--target-dir")
        .arg(env::target_dir().join("ports"))
        .env("RUSTC", rustc)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        // Builds are rare: incremental files would only take space.
        .env("CARGO_INCREMENTAL", "0");
    command
}

/// The numbers of errors and warnings that cargo printed. A failed build has at least one error.
fn told(text: &str, is_success: bool) -> (usize, usize) {
    let count = |word: &str| {
        // The last lines are summaries: "could not compile", "generated 2 warnings".
        let sums_up =
            |line: &&str| line.contains("could not compile") || line.contains("generated");
        let starts = |line: &&str| {
            let rest = line.strip_prefix(word);
            rest.is_some_and(|rest| rest.starts_with([':', '[']))
        };
        text.lines()
            .filter(starts)
            .filter(|line| !sums_up(line))
            .count()
    };
    let errors = count("error").max(usize::from(!is_success));
    (errors, count("warning"))
}

fn table(ports: &[Port]) -> String {
    let mut text = String::from("| target | features | errors | warnings |\n|---|---|---|---|\n");
    for port in ports {
        text.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            port.target,
            port.features.replace(',', ", "),
            port.errors,
            port.warnings
        ));
    }
    text
}

fn page_of_targets(version: &str, table: &str) -> String {
    format!(
        "# Other systems\n\n\
         selvedge is written for Linux, and only there are its tests run. What is told first is that it *compiles* elsewhere: \
         `cargo check` of the facade, with the compiler of `cargo xtask msrv` ({version}) and a standard library built from Debian's \
         package of its sources. For other systems, nothing is linked or run.\n\n{table}\n\
         Where there are no pidfds (all but Linux and Android), a child's end is told by SIGCHLD. The finding that a process has nearly \
         no descriptors left is for systems that list them all: Linux, Android, macOS. On WASI there are no sockets, \
         files, signals or children, and no threads, so no multi-thread runtime and no inspector. 32-bit PowerPC has no atomics of 64 bits, nor have \
         MIPS and ARMv5: such words are kept by locks there (`base::shim::atomic64`). io_uring is for those with 64 bits and little-endian; on others the feature `io-uring` changes nothing.\n\n\
         Written by `cargo xtask ports` on {}\n",
        env::machine()
    )
}

/// The page's section of tests, with its heading.
fn page_of_tests(section: &str) -> String {
    format!(
        "{TESTS}\nTests are also run for other processors on Linux, built as above: by qemu's user mode on the kernel of this machine, those of \
         x86-64 and i686 by this machine itself. That shows faults of byte order and of sizes. It shows few of weak memory orders, \
         which are the models' task (`cargo xtask loom`).\n\n\
         A suite is a package's own tests (`runtime_core`, `runtime_io`, `runtime_time`), a room of [tests/](../tests/README.md), \
         or {} of its release 1.54.1 on the drop-in: those that `.ci/run` holds to pass on x86-64. A test that fails is run once more by itself. \
         Under qemu, tests beside a model try {} random lists of steps in place of 256.\n\n{}{section}\
         Written by `cargo xtask ports --run [TARGET] [--suite SUITE]`.\n",
        "tokio's published test files",
        machine::CASES,
        suites::LEFT_OUT,
    )
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn errors_and_warnings_are_counted_once() {
        let text = "   Checking a v1\nwarning: unused import\n --> x\nerror[E0425]: no\nerror: b\n\
                    warning: `a` (lib) generated 1 warning\nerror: could not compile `a` (lib)\n";
        assert_eq!(told(text, false), (2, 1));
        assert_eq!(told("    Finished\n", true), (0, 0));
        assert_eq!(told("", false), (1, 0));
    }
}
