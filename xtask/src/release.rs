//! `cargo xtask release`: checks what a release needs, then does its steps.
//!
//! ```text
//! versions    the same in the workspace, in its members' dependencies on each other, and in the lock files
//! changelog   an entry for the version with a date, or a text under `Unreleased` that will become the entry
//! tag         there is no tag of that version yet
//! tree        everything is committed
//! package     the packages are built from their packed form (`cargo xtask package`)
//! ```
//! With `--dry-run` it says what it would do. Without it, and if all checks pass, it dates the entry of the changelog,
//! commits and tags. It prints the commands for publishing and pushing, in their order, for a person who has the rights.

use crate::{Outcome, deny, env, package};
use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::process::Command;

#[derive(clap::Args)]
pub struct Args {
    /// Change nothing; say what would be done.
    #[arg(long)]
    dry_run: bool,
}

const CHANGELOG: &str = "CHANGELOG.md";
const UNRELEASED: &str = "## [Unreleased]";

type Text = Result<String, Box<dyn Error>>;

pub fn run(args: &Args) -> Outcome {
    let metadata = metadata()?;
    let version = version_of(&metadata, "selvedge").ok_or("no package is called selvedge")?;
    println!("selvedge {version}");
    let changelog = fs::read_to_string(env::root().join(CHANGELOG))?;
    let mut holds = true;
    let mut tell = |name: &str, problems: Vec<String>| {
        holds &= problems.is_empty();
        match problems.is_empty() {
            true => println!("  holds  {name}"),
            false => println!("  FAILS  {name}: {}", problems.join("; ")),
        }
    };
    let mut differing = versions(&metadata, &version);
    let beside = deny::BESIDE.iter().map(|(folder, _)| *folder);
    for folder in beside.chain(["."]) {
        let lock = fs::read_to_string(env::root().join(folder).join("Cargo.lock"))?;
        let old = locked(&lock, &version).into_iter();
        differing.extend(old.map(|name| format!("{folder}/Cargo.lock has another {name}")));
    }
    tell("versions", differing);
    tell(
        "changelog",
        entry(&changelog, &version).err().into_iter().collect(),
    );
    let tag = format!("v{version}");
    let tags = git(&["tag", "--list", &tag])?;
    let is_there = (!tags.is_empty()).then(|| format!("{tag} is there already"));
    tell("tag", is_there.into_iter().collect());
    let changed = git(&["status", "--porcelain"])?;
    tell("tree", changed.lines().map(str::to_owned).collect());
    let packed = match package::run(&package::Args::for_release()) {
        Ok(true) => None,
        Ok(false) => Some("see above".to_owned()),
        Err(error) => Some(error.to_string()),
    };
    tell("package", packed.into_iter().collect());
    let steps = steps(&metadata, &changelog, &version)?;
    if !holds {
        println!("no release: see above");
        return Ok(false);
    }
    if args.dry_run {
        println!("would do:");
    } else {
        if let Ok(Entry::Unreleased) = entry(&changelog, &version) {
            let dated = dated(&changelog, &version, &today()?);
            fs::write(env::root().join(CHANGELOG), dated)?;
            git(&[
                "commit",
                "--all",
                "--message",
                &format!("Release {version}"),
            ])?;
        }
        git(&["tag", "--annotate", &tag, "--message", &tag])?;
        println!("done: the changelog is dated, the commit is tagged. Left to do:");
    }
    let from = if args.dry_run { 0 } else { steps.local };
    for step in &steps.all[from..] {
        println!("  {step}");
    }
    Ok(true)
}

struct Steps {
    all: Vec<String>,
    /// The number of steps, from the first on, that change only this repository.
    local: usize,
}

fn steps(metadata: &Value, changelog: &str, version: &str) -> Result<Steps, Box<dyn Error>> {
    let mut all = Vec::new();
    if let Ok(Entry::Unreleased) = entry(changelog, version) {
        all.push(format!(
            "in {CHANGELOG}: {UNRELEASED} becomes ## [{version}] - {}",
            today()?
        ));
        all.push(format!("git commit --all --message 'Release {version}'"));
    }
    all.push(format!(
        "git tag --annotate v{version} --message v{version}"
    ));
    let local = all.len();
    for name in order(metadata)? {
        all.push(format!("cargo publish --locked --package {name}"));
    }
    all.push(format!("git push origin HEAD v{version}"));
    Ok(Steps { all, local })
}

/// The state of a version's entry in the changelog.
#[derive(Debug, PartialEq)]
enum Entry {
    Dated,
    /// There are changes that are not released yet.
    Unreleased,
}

fn entry(changelog: &str, version: &str) -> Result<Entry, String> {
    let has_items = |heading: &str| {
        let mut lines = changelog.lines().skip_while(|line| *line != heading);
        lines.next();
        lines
            .take_while(|line| !line.starts_with("## "))
            .any(|line| line.starts_with("- "))
    };
    let headings = changelog.lines().filter(|line| line.starts_with("## "));
    for heading in headings {
        let Some(rest) = heading.strip_prefix(&format!("## [{version}]")) else {
            continue;
        };
        let date = rest.strip_prefix(" - ").unwrap_or_default();
        if !is_date(date) {
            return Err(format!("{heading:?} has no date"));
        }
        return match has_items(heading) {
            true => Ok(Entry::Dated),
            false => Err(format!("{heading:?} is empty")),
        };
    }
    match has_items(UNRELEASED) {
        true => Ok(Entry::Unreleased),
        false => Err(format!("nothing for {version}, and nothing unreleased")),
    }
}

fn is_date(text: &str) -> bool {
    let is_digit = |(at, c): (usize, char)| match at {
        4 | 7 => c == '-',
        _ => c.is_ascii_digit(),
    };
    text.len() == 10 && text.chars().enumerate().all(is_digit)
}

/// The changelog with the unreleased changes as the entry of that version.
fn dated(changelog: &str, version: &str, date: &str) -> String {
    let headings = format!("{UNRELEASED}\n\n## [{version}] - {date}");
    changelog.replacen(UNRELEASED, &headings, 1)
}

/// The members, and dependencies between members, that have another version.
fn versions(metadata: &Value, version: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let published: Vec<&str> = package::PUBLISHED.to_vec();
    for package in members(metadata) {
        let name = package["name"].as_str().unwrap_or_default();
        if published.contains(&name) && package["version"] != version {
            problems.push(format!("{name} is {}", package["version"]));
        }
        for dependency in list(&package["dependencies"]) {
            let asked = dependency["name"].as_str().unwrap_or_default();
            let req = dependency["req"].as_str().unwrap_or_default();
            let is_one = published.contains(&asked) && dependency["path"].is_string();
            if is_one && req != "*" && req != format!("^{version}") {
                problems.push(format!("{name} asks for {asked} {req}"));
            }
        }
    }
    problems
}

/// The project's packages that a lock file has in another version.
fn locked<'a>(lock: &'a str, version: &str) -> Vec<&'a str> {
    let version = format!("version = {version:?}");
    let lines: Vec<&str> = lock.lines().collect();
    let others = lines.windows(2).filter_map(|pair| {
        let name = pair[0].strip_prefix("name = \"")?.strip_suffix('"')?;
        (package::PUBLISHED.contains(&name) && pair[1] != version).then_some(name)
    });
    others.collect()
}

/// The published packages, each after its dependencies.
fn order(metadata: &Value) -> Result<Vec<&str>, Box<dyn Error>> {
    let mut waiting: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in members(metadata) {
        let name = package["name"].as_str().unwrap_or_default();
        if package::PUBLISHED.contains(&name) {
            // Cargo does not publish a development dependency without a version.
            let needed = list(&package["dependencies"])
                .iter()
                .filter(|it| it["kind"].is_null() || it["req"] != "*")
                .filter_map(|it| it["name"].as_str())
                .filter(|it| *it != name && package::PUBLISHED.contains(it));
            waiting.insert(name, needed.collect());
        }
    }
    let mut order = Vec::new();
    while !waiting.is_empty() {
        let is_ready = |needed: &Vec<&str>| needed.iter().all(|name| order.contains(name));
        let ready = waiting.iter().find(|(_, needed)| is_ready(needed));
        let name = *ready
            .ok_or("the packages depend on each other in a circle")?
            .0;
        waiting.remove(name);
        order.push(name);
    }
    Ok(order)
}

fn metadata() -> Result<Value, Box<dyn Error>> {
    let output = env::cargo()
        .current_dir(env::root())
        .args(["metadata", "--format-version", "1", "--no-deps", "--locked"])
        .output()?;
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout)?),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned().into()),
    }
}

fn members(metadata: &Value) -> &[Value] {
    list(&metadata["packages"])
}

fn version_of(metadata: &Value, name: &str) -> Option<String> {
    let package = members(metadata).iter().find(|it| it["name"] == name)?;
    Some(package["version"].as_str()?.to_owned())
}

fn git(arguments: &[&str]) -> Text {
    output(Command::new("git").current_dir(env::root()).args(arguments))
}

fn today() -> Text {
    Ok(output(Command::new("date").args(["-u", "+%F"]))?
        .trim()
        .to_owned())
}

fn output(command: &mut Command) -> Text {
    let output = command.output()?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned().into()),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::{Entry, dated, entry, locked, order, versions};
    use serde_json::json;

    const LOG: &str = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A thing.\n";

    #[test]
    fn an_entry_needs_a_date_and_a_word() {
        assert_eq!(entry(LOG, "1.0.0"), Ok(Entry::Unreleased));
        let log = dated(LOG, "1.0.0", "2026-11-26");
        assert_eq!(entry(&log, "1.0.0"), Ok(Entry::Dated));
        // Nothing is left under `Unreleased`.
        assert!(entry(&log, "1.1.0").is_err());
        assert!(entry("## [1.0.0], unreleased\n\n- A thing.\n", "1.0.0").is_err());
        assert!(entry("## [1.0.0] - 2026-11-26\n\n## [0.9.0]\n\n- A.\n", "1.0.0").is_err());
    }

    #[test]
    fn a_lock_file_that_was_left_behind_is_found() {
        let lock = "[[package]]\nname = \"mio\"\nversion = \"1.2.5\"\n\n\
                    [[package]]\nname = \"selvedge\"\nversion = \"1.0.0\"\n";
        assert!(locked(lock, "1.0.0").is_empty());
        assert_eq!(locked(lock, "1.1.0"), ["selvedge"]);
    }

    #[test]
    fn a_version_that_differs_is_found() {
        let metadata = |core: &str, asked: &str| {
            json!({"packages": [
                {"name": "selvedge-core", "version": core, "dependencies": []},
                {"name": "selvedge", "version": "1.0.0", "dependencies": [
                    {"name": "selvedge-core", "req": asked, "path": "/x", "kind": null},
                    {"name": "mio", "req": "^1", "kind": null},
                ]},
            ]})
        };
        assert!(versions(&metadata("1.0.0", "^1.0.0"), "1.0.0").is_empty());
        assert_eq!(versions(&metadata("0.9.0", "^1.0.0"), "1.0.0").len(), 1);
        assert_eq!(versions(&metadata("1.0.0", "^0.9.0"), "1.0.0").len(), 1);
        assert_eq!(
            order(&metadata("1.0.0", "^1.0.0")).unwrap(),
            ["selvedge-core", "selvedge"]
        );
    }
}
