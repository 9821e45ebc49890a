//! `cargo xtask loom`: builds the crates under `--cfg runtime_loom` and runs their models.
//!
//! The sources are built by the manifests in `models/`, which add the model checkers to the dependencies.
//! A model is a test in a module named `loom`. Each model runs in a process of its own, with a limit, so
//! that its time can be measured, and so that one state explosion does not hide the other models. The build is a
//! release, as loom is slow, with debug assertions, as they are part of what is checked. The bound on
//! preemptions is `LOOM_MAX_PREEMPTIONS`, 2 unless the environment says otherwise.

use crate::{Outcome, env};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const CRATES: [&str; 3] = ["runtime-core", "runtime-time", "runtime-io"];

#[derive(clap::Args)]
pub struct Args {
    /// Only models whose path contains one of these.
    filter: Vec<String>,
    /// Seconds that one model may take.
    #[arg(long, default_value_t = 600)]
    timeout: u64,
}

/// A built model.
pub struct Model {
    pub name: String,
    krate: String,
    pub executable: PathBuf,
}

pub fn run(args: &Args) -> Outcome {
    let dir = env::target_dir().join("loom");
    let start = Instant::now();
    let mut failed = 0;
    let mut count = 0;
    let mut models = Vec::new();
    for name in CRATES {
        // One crate at a time: a crate that does not build affects only its own models.
        match build(&env::root(), &dir, &[name]) {
            Ok(built) => models.extend(built),
            Err(error) => {
                failed += 1;
                println!("NO BUILD {name}");
                let text = error.to_string();
                let errors = text.lines().skip_while(|l| !l.starts_with("error"));
                errors.take(8).for_each(|line| println!("    {line}"));
            }
        }
    }
    println!("built in {:.0}s", start.elapsed().as_secs_f64());
    let log = dir.join("model.log");
    for model in models.iter().filter(|m| wanted(&m.name, &args.filter)) {
        count += 1;
        let ended = model.check(Duration::from_secs(args.timeout), &log)?;
        let verdict = match ended.status {
            None => "TIMEOUT",
            Some(status) if status.success() => "ok",
            Some(_) => "FAILED",
        };
        println!(
            "{verdict:<8} {:>7.2}s {}::{}",
            ended.took.as_secs_f64(),
            model.krate,
            model.name
        );
        if verdict != "ok" {
            failed += 1;
            for line in ended.output.lines().filter(|l| !l.is_empty()).take(40) {
                println!("    {line}");
            }
        }
    }
    println!(
        "{count} models, {failed} failed, {:.0}s",
        start.elapsed().as_secs_f64()
    );
    if count == 0 && !args.filter.is_empty() {
        return Err("no model has such a name".into());
    }
    Ok(failed == 0)
}

pub fn wanted(name: &str, filter: &[String]) -> bool {
    filter.is_empty() || filter.iter().any(|f| name.contains(f.as_str()))
}

/// Builds the models of `crates` (names of folders) in the tree at `root`. An error holds rustc's messages.
pub fn build(
    root: &Path,
    target_dir: &Path,
    crates: &[&str],
) -> Result<Vec<Model>, Box<dyn std::error::Error>> {
    build_with(root, target_dir, crates, "--cfg runtime_loom", "loom")
}

/// As [`build`], with other flags; the models are the tests in modules whose name is `room` or begins with `room_`.
pub fn build_with(
    root: &Path,
    target_dir: &Path,
    crates: &[&str],
    flags: &str,
    room: &str,
) -> Result<Vec<Model>, Box<dyn std::error::Error>> {
    let own = std::env::var("RUSTFLAGS").unwrap_or_default();
    let mut command = env::cargo();
    command
        .current_dir(root.join("models"))
        .env("RUSTFLAGS", format!("{own} {flags}"))
        .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true")
        .args([
            "test",
            "--release",
            "--lib",
            "--no-run",
            "--message-format=json-render-diagnostics",
            "--all-features",
        ])
        .arg("--target-dir")
        .arg(target_dir);
    for name in crates {
        command.args(["-p", &env::package(name)]);
    }
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let mut models = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Ok(message) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let Some(executable) = message["executable"].as_str() else {
            continue;
        };
        let krate = message["target"]["name"].as_str().unwrap_or_default();
        let listing = Command::new(executable).arg("--list").output()?;
        for line in String::from_utf8_lossy(&listing.stdout).lines() {
            let Some(name) = line.strip_suffix(": test") else {
                continue;
            };
            let is_of_room = |part: &str| {
                let rest = part.strip_prefix(room);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
            };
            if name.split("::").any(is_of_room) {
                models.push(Model {
                    name: name.to_owned(),
                    krate: krate.to_owned(),
                    executable: executable.into(),
                });
            }
        }
    }
    Ok(models)
}

impl Model {
    pub fn check(&self, limit: Duration, log: &Path) -> std::io::Result<env::Ended> {
        self.check_mutant(None, limit, log)
    }

    /// As `check`, with a mutant chosen.
    pub fn check_mutant(
        &self,
        mutant: Option<&str>,
        limit: Duration,
        log: &Path,
    ) -> std::io::Result<env::Ended> {
        let mut command = Command::new(&self.executable);
        if let Some(mutant) = mutant {
            command.env("RUNTIME_MUTANT", mutant);
        }
        command
            .args(["--exact", &self.name, "--nocapture"])
            .env("RUST_BACKTRACE", "0");
        if std::env::var_os("LOOM_MAX_PREEMPTIONS").is_none() {
            command.env("LOOM_MAX_PREEMPTIONS", "2");
        }
        env::run_limited(&mut command, limit, log)
    }
}

#[cfg(test)]
mod tests {
    use super::CRATES;
    use crate::env;
    use std::collections::BTreeSet;
    use std::fs;

    /// The lines of the sections on features and dependencies, each with its section.
    fn lines(manifest: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut section = "";
        for line in manifest.lines() {
            if line.starts_with('[') {
                section = line;
            } else if !line.is_empty()
                && !line.starts_with('#')
                && !section.contains("dev-")
                && (section == "[features]" || section.ends_with("dependencies]"))
            {
                found.insert(format!("{section} {line}"));
            }
        }
        found
    }

    #[test]
    fn a_manifest_of_the_models_adds_only_the_checkers() {
        for folder in CRATES {
            let short = folder.trim_start_matches("runtime-");
            let read = |path: String| fs::read_to_string(env::root().join(path)).unwrap();
            let published = lines(&read(format!("{folder}/Cargo.toml")));
            let models = lines(&read(format!("models/{short}/Cargo.toml")));
            assert!(published.len() > 2, "{folder}");
            let missing: Vec<_> = published.difference(&models).collect();
            assert!(missing.is_empty(), "{folder}: {missing:?}");
            let added: Vec<_> = models.difference(&published).collect();
            let is_checker = |line: &&&String| line.contains("cfg(runtime_");
            assert!(
                added.iter().all(|line| is_checker(&line)),
                "{folder}: {added:?}"
            );
            let is_free = |line: &String| !line.contains("loom") && !line.contains("shuttle");
            assert!(published.iter().all(is_free), "{folder}: {published:?}");
        }
    }
}
