//! `cargo xtask ports`: the facade compiles for other systems, without a warning.
//!
//! The compiler is that of `cargo xtask msrv`, its standard library is built from Debian's package of its sources (`-Zbuild-std`,
//! which `RUSTC_BOOTSTRAP` permits): nothing is installed. `cargo check`, so no linker and nothing of the other system is
//! needed, and nothing is run. Writes docs/ports.md if all are asked for.

use crate::{Outcome, env, msrv};
use std::path::Path;

#[derive(clap::Args)]
pub struct Args {
    /// Write nothing.
    #[arg(long)]
    check: bool,
    /// Only targets whose name contains one of these.
    filter: Vec<String>,
}

/// What there is without sockets, files, signals and children.
const WITHOUT_SYSTEM: &str = "io-util,macros,rt,sync,time";

/// A target, and the features that it is to have.
const TARGETS: [(&str, &str); 5] = [
    ("x86_64-apple-darwin", "full"),
    ("aarch64-apple-darwin", "full"),
    ("x86_64-unknown-freebsd", "full"),
    ("aarch64-linux-android", "full"),
    ("wasm32-wasip1", WITHOUT_SYSTEM),
];

struct Port {
    target: &'static str,
    features: &'static str,
    errors: usize,
    warnings: usize,
}

pub fn run(args: &Args) -> Outcome {
    let version = msrv::promised()?;
    let rustc = msrv::fetched(&version)?;
    msrv::fetch_sources(&version)?;
    let is_wanted = |target: &str| {
        args.filter.is_empty() || args.filter.iter().any(|f| target.contains(f.as_str()))
    };
    let mut ports = Vec::new();
    for (target, features) in TARGETS {
        if is_wanted(target) {
            ports.push(check(&rustc, target, features)?);
        }
    }
    if ports.is_empty() {
        return Err("no target is called so".into());
    }
    let table = table(&ports);
    print!("{table}");
    if !args.check && args.filter.is_empty() {
        let page = page(&version, &table);
        env::write_if_changed(&env::root().join("docs/ports.md"), &page)?;
    }
    Ok(ports.iter().all(Port::is_fine))
}

impl Port {
    fn is_fine(&self) -> bool {
        self.errors + self.warnings == 0
    }
}

/// Compiles for one target; tells what the compiler says if it is not content.
fn check(
    rustc: &Path,
    target: &'static str,
    features: &'static str,
) -> Result<Port, Box<dyn std::error::Error>> {
    let output = env::cargo()
        .current_dir(env::root())
        .args(["check", "--locked", "-p", "selvedge", "--lib"])
        .args(["--features", features, "--target", target])
        .arg("-Zbuild-std=std,panic_abort")
        .arg("--target-dir")
        .arg(env::target_dir().join("ports"))
        .env("RUSTC", rustc)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let (errors, warnings) = told(&text, output.status.success());
    if errors + warnings > 0 {
        println!("{target} [{features}]");
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

/// The errors and warnings that cargo told of, each counted once; a failure is an error at least.
fn told(text: &str, is_success: bool) -> (usize, usize) {
    let count = |word: &str| {
        // The last ones sum up: "could not compile", "generated 2 warnings".
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

fn page(version: &str, table: &str) -> String {
    format!(
        "# Other systems\n\n\
         selvedge is written for Linux, and only there are its tests run. What is told here is that it *compiles* elsewhere: \
         `cargo check` of the facade, with the compiler of `cargo xtask msrv` ({version}) and a standard library built from Debian's \
         package of its sources. Nothing is linked or run.\n\n{table}\n\
         Where there are no pidfds (all but Linux and Android), a child's end is told by SIGCHLD. On WASI there are no sockets, \
         files, signals or children, and no threads, so no multi-thread runtime.\n\n\
         Written by `cargo xtask ports` on {}\n",
        env::machine()
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
