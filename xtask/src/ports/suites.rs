//! The suites that run on other processors: which they are, how they are built and run, and their known failures.
//!
//! One cargo command builds all suites of the project for a processor, another one builds tokio's published files. Each test program runs once.
//! Tests that fail, hang or have no result after a crash are run again by themselves, as an emulator on a busy machine makes tests late.

use super::machine::Machine;
use super::results::Ran;
use crate::conformance::{self, build, report, run};
use crate::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Limits for a whole test program, and for a test by itself. An emulated test is about ten times as slow.
const LIMIT: Duration = Duration::from_secs(600);
const LIMIT_ALONE: Duration = Duration::from_secs(300);

/// The name of the suite of tokio's published tests.
pub(super) const PUBLISHED: &str = "tokio's own";

/// Test programs of the project: the packages' own, then the rooms.
pub(super) const SUITES: [&str; 19] = [
    "runtime_core",
    "runtime_io",
    "runtime_time",
    "sync",
    "tasks",
    "time",
    "local",
    "fs",
    "io",
    "net",
    "limits",
    "shutdown",
    "panics",
    "regressions",
    "recorder",
    "waits",
    "process",
    "signal",
    "fork",
];

/// The page's text on the tests that are not run.
pub(super) const LEFT_OUT: &str = "\
Left out are `io_uring` (qemu has none of its calls), `kernels` (the calls that it refuses are named by x86-64's numbers), `dumps` and `spans` \
(features of their own), under qemu `fork` (where the child of a fork starts a thread, qemu ends by an assertion of its own), `examples` and `macros` (they start cargo, for this machine); \
`inspect`, `memory`, `messages`, `random` and `test_limit` are not run to keep it short.\n\n";

/// How many of the `SUITES` are packages' own; they come first.
const PACKAGES: usize = 3;

/// Tests that are known to fail or to be absent: where (`qemu`, or the beginning of a target), the suite, the test or module, and why.
const KNOWN: &[(&str, &str, &str, &str)] = &[
    (
        "qemu",
        "fs",
        "files::answers_at_once_are_the_pools_answers",
        "qemu looks for `/` below its folder of libraries when it is opened, and not when its metadata is asked for: two folders",
    ),
    (
        "qemu",
        "io",
        "closed_sides::a_full_stream_with_an_error_queue_is_waited_for",
        "qemu does not know the socket option `SO_TIMESTAMPING`, which the test sets",
    ),
    (
        "qemu",
        "process",
        "children::a_program_that_is_not_there_is_an_error",
        "qemu makes a fork of a vfork, so that the C library does not learn that the program could not be started",
    ),
    (
        "qemu",
        "signal",
        "streams::interrupt_is_awaited_and_the_last_number_is_a_signal",
        "qemu keeps the last real-time signals to itself: the test cannot send the last one",
    ),
    ("qemu", "limits", "no_thread", NO_LIMIT),
    ("qemu", "limits", "no_thread_for_a_call", NO_LIMIT),
    (
        "qemu",
        "waits",
        "told::the_system_gives_no_thread_that_would_tell",
        NO_LIMIT,
    ),
];

const NO_LIMIT: &str = "qemu passes over a limit of the address space, by which the test has the system refuse threads";

/// Can the suite be run there?
pub(super) fn is_for(machine: &Machine, suite: &str) -> bool {
    !(machine.is_emulated() && suite == "fork")
}

/// The known reason why this test does not pass there.
pub(super) fn why(machine: &Machine, suite: &str, test: &str) -> Option<&'static str> {
    let is_here = |on: &str| match on {
        "qemu" => machine.is_emulated(),
        _ => machine.target.starts_with(on),
    };
    let is_it = |name: &str| {
        test.strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    let mut known = KNOWN.iter();
    let found = known.find(|(on, of, name, _)| is_here(on) && *of == suite && is_it(name));
    found.map(|(.., why)| *why)
}

/// Builds and runs the wanted suites for a processor; calls `done` with each result.
pub(super) fn run_all(
    rustc: &Path,
    machine: &Machine,
    is_wanted: impl Fn(&str) -> bool,
    mut done: impl FnMut(Ran) -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    machine.assert_tools()?;
    let runner = machine.runner()?;
    let wanted: Vec<&str> = SUITES
        .into_iter()
        .filter(|suite| is_wanted(suite) && is_for(machine, suite))
        .collect();
    // Another command may run tests for another processor at the same time.
    let log = format!("ports/{}.{}.log", machine.target, std::process::id());
    let log = env::target_dir().join(log);
    let place = |dir: PathBuf| (dir, log.clone());
    if !wanted.is_empty() {
        println!("{}: building {} suites", machine.target, wanted.len());
        let (dir, log) = place(env::root());
        let place = run::Place {
            dir: &dir,
            log,
            runner: runner.as_deref(),
        };
        for file in built(rustc, machine, &wanted)? {
            let mut ran = Ran::new(machine, &file.name);
            add(&mut ran, &place, &file, "")?;
            done(ran)?;
        }
    }
    if is_wanted(PUBLISHED) {
        println!("{}: building tokio's published tests", machine.target);
        let (dir, files) = published(rustc, machine)?;
        let (dir, log) = place(dir);
        let place = run::Place {
            dir: &dir,
            log,
            runner: runner.as_deref(),
        };
        let mut ran = Ran::new(machine, PUBLISHED);
        for file in files {
            add(&mut ran, &place, &file, &format!("{}::", file.name))?;
        }
        done(ran)?;
    }
    Ok(())
}

fn built(
    rustc: &Path,
    machine: &Machine,
    wanted: &[&str],
) -> Result<Vec<build::Built>, Box<dyn Error>> {
    let mut cargo = machine.cargo(rustc, "test");
    cargo.args([
        "--no-run",
        "--no-fail-fast",
        "--message-format=json",
        "-p",
        "selvedge",
    ]);
    cargo.args(["--features", "selvedge/full,selvedge/test-util"]);
    let is_package = |suite: &&str| SUITES[..PACKAGES].contains(suite);
    if wanted.iter().any(is_package) {
        cargo.arg("--lib");
    }
    // All packages, whatever is wanted: with another set of packages, features change and dependencies are built again.
    for package in &SUITES[..PACKAGES] {
        cargo.args(["-p", &package.replace("runtime_", "selvedge-")]);
    }
    for suite in wanted.iter().filter(|suite| !is_package(suite)) {
        cargo.args(["--test", suite]);
    }
    build::executables(
        cargo,
        wanted,
        &env::target_dir().join(format!("ports/{}.build.log", machine.target)),
    )
}

/// tokio's published tests on the drop-in, and where they are to run.
fn published(
    rustc: &Path,
    machine: &Machine,
) -> Result<(PathBuf, Vec<build::Built>), Box<dyn Error>> {
    let cargo = |what: &str| match what {
        // Picks versions of the dependencies that this compiler can compile.
        "generate-lockfile" => {
            let mut cargo = env::cargo();
            cargo.arg(what).env("RUSTC", rustc);
            cargo.env("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS", "fallback");
            cargo
        }
        _ => machine.cargo(rustc, what),
    };
    let script = std::fs::read_to_string(env::root().join(".ci/run"))?;
    let dir = env::target_dir().join("ports/conformance");
    conformance::built_by(&dir, &files_of_ci(&script), cargo)
}

/// The published files that have to pass on x86-64 before a change is taken, as filters.
fn files_of_ci(script: &str) -> Vec<String> {
    let list = script
        .split_once("conformance_files=(")
        .map_or("", |(_, rest)| rest);
    let list = list.split(')').next().unwrap_or_default();
    list.split_whitespace().map(str::to_owned).collect()
}

/// Runs a test program, and adds its results to `ran`.
fn add(
    ran: &mut Ran,
    place: &run::Place<'_>,
    file: &build::Built,
    prefix: &str,
) -> Result<(), Box<dyn Error>> {
    let result = run::run_file(place, file, LIMIT, LIMIT_ALONE)?;
    report::print_line(&result, true);
    let full = |name: &String| format!("{prefix}{name}");
    ran.passed.extend(result.passed.iter().map(full));
    ran.ignored.extend(result.ignored.iter().map(full));
    if let Some(error) = result.compile_error {
        ran.failed.insert(full(&"was not built".to_owned()), error);
    }
    for failure in result.failures {
        let executable = file.executable.as_ref().map_err(String::clone)?;
        if run::passes_alone(place, executable, &failure.name, LIMIT_ALONE)? {
            ran.again.insert(full(&failure.name));
        } else {
            ran.failed.insert(full(&failure.name), failure.reason);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::files_of_ci;

    #[test]
    fn the_files_of_ci_are_read() {
        let script = "a=1\nconformance_files=(\n    =one =two\n    =three\n)\nb=(=four)\n";
        assert_eq!(files_of_ci(script), ["=one", "=two", "=three"]);
        let script = std::fs::read_to_string(crate::env::root().join(".ci/run")).unwrap();
        let files = files_of_ci(&script);
        assert!(files.len() > 20 && files.iter().all(|file| file.starts_with('=')));
    }
}
