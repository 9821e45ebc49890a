//! `cargo xtask deny`: licences, bans and sources of all dependencies, by cargo-deny and `deny.toml`.
//!
//! It checks the workspace and each package beside it. The dependencies of those packages are compiled here but never distributed,
//! so more licences are allowed for them (`BESIDE`). The advisories of RustSec are not checked: their database is on GitHub,
//! and this command must work where only crates.io can be reached.

use crate::tools::{Tool, install};
use crate::{Outcome, env};
use std::fs;
use std::process::Command;

#[derive(clap::Args)]
pub struct Args {
    /// Only the workspace, which is what is published, and what its tests and examples need.
    #[arg(long)]
    workspace: bool,
}

const CARGO_DENY: Tool = Tool {
    package: "cargo-deny",
    version: "0.20.2",
    says: "cargo-deny 0.20.2",
};

/// The packages beside the workspace, and the licences that are allowed for them besides those of `deny.toml`.
pub const BESIDE: [(&str, &[&str]); 6] = [
    ("benches", &[]),
    ("benches/apps", &["BSD-3-Clause", "Zlib"]),
    ("fuzz", &["NCSA"]),
    ("models", &[]),
    ("observers", &["BSD-3-Clause", "Zlib"]),
    ("xtask/faults", &[]),
];

pub fn run(args: &Args) -> Outcome {
    let root = env::root();
    let program = install(&CARGO_DENY)?;
    let rules = fs::read_to_string(root.join("deny.toml"))?;
    let mut holds = true;
    let beside: &[_] = if args.workspace { &[] } else { &BESIDE };
    for (folder, more) in [(".", &[] as &[&str])].iter().chain(beside) {
        let config = env::target_dir().join("deny.toml");
        env::write_if_changed(&config, &with_licences(&rules, more))?;
        println!("== {folder}");
        let status = Command::new(&program)
            .current_dir(root.join(folder))
            .args(["--workspace", "--locked", "--config"])
            .arg(&config)
            .args(["check", "--hide-inclusion-graph"])
            .args(["licenses", "bans", "sources"])
            .status()?;
        holds &= status.success();
    }
    Ok(holds)
}

/// The rules, with more licences in the list of allowed ones.
fn with_licences(rules: &str, more: &[&str]) -> String {
    let list: String = more.iter().map(|name| format!("    {name:?},\n")).collect();
    rules.replacen("allow = [\n", &format!("allow = [\n{list}"), 1)
}

#[cfg(test)]
mod tests {
    use super::with_licences;

    #[test]
    fn licences_are_added_to_the_list() {
        let rules = "[licenses]\nallow = [\n    \"MIT\",\n]\n";
        let more = with_licences(rules, &["ISC"]);
        assert_eq!(
            more,
            "[licenses]\nallow = [\n    \"ISC\",\n    \"MIT\",\n]\n"
        );
    }
}
