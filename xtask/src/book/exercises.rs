//! Runs the exercises of the book and compares the results with the printed answers.
//!
//! `docs/book/exercises.txt` says what each exercise does. There are two kinds:
//!
//! ```text
//! [NAME]
//! file = src/queues.rs                  (in the book's package, which is copied; or tutorial/src/.., seen/src/..)
//! change = TEXT ==> OTHER TEXT          (TEXT occurs once)
//! test = queues::                       (the tests to run, of the library; or `--bin NAME TEST`)
//! expect = fails a_test                 (or: holds)
//!
//! [NAME]
//! mutant = idle.rs > fn announce > fence(Ordering::SeqCst)    (file, item, text of the line)
//! what = fence left out                 (the weakening)
//! expect = killed a_model               (or: accepted)
//! ```
//! The second kind asks `cargo xtask mutants` about one mutant of the runtime itself.

use super::{chapters, listings, package, shown};
use crate::{Outcome, env};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// How long the tests or models of one exercise may take.
const LIMIT: Duration = Duration::from_secs(150);
/// How long the compiler may take.
const BUILD_LIMIT: Duration = Duration::from_secs(900);

#[derive(Default)]
struct Exercise {
    name: String,
    file: String,
    changes: Vec<(String, String)>,
    test: String,
    mutant: String,
    what: String,
    expect: String,
}

pub fn run(names: &[String], list: bool) -> Outcome {
    let root = env::root();
    let all = read(&root)?;
    if let Some(name) = names.iter().find(|n| !all.iter().any(|e| &e.name == *n)) {
        return Err(format!("no exercise is called {name}").into());
    }
    let mut failed = 0;
    for exercise in &all {
        if !names.is_empty() && !names.contains(&exercise.name) {
            continue;
        }
        if list {
            println!("{}", exercise.name);
            continue;
        }
        let start = Instant::now();
        println!("== {}", exercise.name);
        let happened = match exercise.mutant.is_empty() {
            true => exercise.patch(&root)?,
            false => exercise.ask_models(&root)?,
        };
        let verdict = match exercise.is_expected(&happened) {
            true => "as the book says",
            false => "NOT WHAT THE BOOK SAYS",
        };
        failed += usize::from(!exercise.is_expected(&happened));
        println!("   the book: {}", exercise.expect);
        happened.iter().for_each(|line| println!("   here: {line}"));
        println!("   {verdict}, {:.1}s", start.elapsed().as_secs_f64());
    }
    Ok(failed == 0)
}

/// Every exercise is set in one chapter, and every one that a chapter sets exists.
pub fn check_names(root: &Path) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let all = read(root)?;
    let mut problems = Vec::new();
    let mut set = Vec::new();
    for (path, text) in chapters(root)? {
        for line in text.lines() {
            let Some(name) = line.strip_prefix("cargo xtask book exercise ") else {
                continue;
            };
            if name.starts_with('[') {
                continue; // a synopsis
            }
            if !all.iter().any(|e| e.name == name) {
                problems.push(format!("{}: no exercise {name}", shown(root, &path)));
            }
            set.push(name.to_owned());
        }
    }
    for exercise in &all {
        if set.iter().filter(|name| **name == exercise.name).count() != 1 {
            problems.push(format!("exercises.txt: {} is not set once", exercise.name));
        }
    }
    Ok(problems)
}

fn read(root: &Path) -> Result<Vec<Exercise>, Box<dyn std::error::Error>> {
    let text = fs::read_to_string(root.join("docs/book/exercises.txt"))?;
    let mut all: Vec<Exercise> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let wrong = || format!("exercises.txt:{}: cannot read {line:?}", number + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            all.push(Exercise {
                name: name.to_owned(),
                ..Exercise::default()
            });
            continue;
        }
        let (key, value) = line.split_once(" = ").ok_or_else(wrong)?;
        let exercise = all.last_mut().ok_or_else(wrong)?;
        let value = value.to_owned();
        match key {
            "file" => exercise.file = value,
            "change" => {
                let (from, to) = value.split_once(" ==> ").ok_or_else(wrong)?;
                exercise.changes.push((from.to_owned(), to.to_owned()));
            }
            "test" => exercise.test = value,
            "mutant" => exercise.mutant = value,
            "what" => exercise.what = value,
            "expect" => exercise.expect = value,
            _ => return Err(wrong().into()),
        }
    }
    Ok(all)
}

impl Exercise {
    fn is_expected(&self, happened: &[String]) -> bool {
        happened.iter().any(|line| line.starts_with(&self.expect))
    }

    /// Changes a copy of the book's package, and runs its tests.
    fn patch(&self, root: &Path) -> Result<Vec<String>, Box<dyn std::error::Error>> {
        let (package, name) = package(root, &self.file);
        let work = env::target_dir().join("book/exercise");
        let _ = fs::remove_dir_all(work.join("src"));
        for file in env::files_below(&package.join("src"), "rs")? {
            let place = work.join(file.strip_prefix(&package)?);
            fs::create_dir_all(place.parent().unwrap_or(&work))?;
            fs::copy(&file, place)?;
        }
        let manifest = fs::read_to_string(package.join("Cargo.toml"))?;
        let above = root.display().to_string();
        let manifest = manifest.replace("../../..", &above);
        env::write_if_changed(
            &work.join("Cargo.toml"),
            &format!("{manifest}\n[workspace]\n"),
        )?;
        fs::copy(root.join("Cargo.lock"), work.join("Cargo.lock"))?;
        let file = work.join(name);
        let mut text = fs::read_to_string(&file)?;
        for (from, to) in &self.changes {
            if text.matches(from.as_str()).count() != 1 {
                return Err(format!("{}: {from:?} does not occur exactly once", self.file).into());
            }
            println!("   {}: {from}  ==>  {to}", self.file);
            text = text.replacen(from.as_str(), to, 1);
        }
        fs::write(&file, text)?;
        let (target, test_name) = match self.test.strip_prefix("--bin ") {
            Some(rest) => {
                let (program, test) = rest.split_once(' ').unwrap_or((rest, ""));
                (vec!["--bin", program], test)
            }
            None => (vec!["--lib"], self.test.as_str()),
        };
        println!("   cargo test {} {test_name}", target.join(" "));
        // In the workspace's own target directory, where the package's dependencies are built already.
        let test = |arguments: &[&str], limit| {
            let mut command = env::cargo();
            command
                .current_dir(&work)
                .args(["test", "--quiet"])
                .args(&target)
                .arg("--target-dir")
                .arg(env::target_dir())
                .args(arguments)
                .env("RUST_BACKTRACE", "0");
            env::run_limited(&mut command, limit, &work.join("test.log"))
        };
        test(&["--no-run"], BUILD_LIMIT)?;
        let ended = test(&[test_name, "--", "--format=pretty"], LIMIT)?;
        let mut happened: Vec<String> = ended
            .output
            .lines()
            .filter_map(|line| line.strip_prefix("test ")?.split_once(" ..."))
            .filter(|(_, how)| how.ends_with("FAILED"))
            .filter_map(|(name, _)| name.split(" - ").next()?.rsplit("::").next())
            .map(|name| format!("fails {name}"))
            .collect();
        if ended.status.is_some_and(|status| status.success()) {
            happened.push("holds".to_owned());
        } else if happened.is_empty() {
            let errors = ended.output.lines().filter(|line| !line.is_empty());
            happened.extend(errors.take(20).map(|line| format!("no verdict: {line}")));
        }
        Ok(happened)
    }

    /// Runs the runtime's models on one mutant of the runtime.
    fn ask_models(&self, root: &Path) -> Result<Vec<String>, Box<dyn std::error::Error>> {
        let site = self.site(root)?;
        println!("   cargo xtask mutants '{site}'");
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["mutants", "--jobs", "1", &site]);
        let log = env::target_dir().join("book/mutant.log");
        fs::create_dir_all(env::target_dir().join("book"))?;
        let ended = env::run_limited(&mut command, LIMIT + BUILD_LIMIT, &log)?;
        let mut happened = Vec::new();
        for line in ended.output.lines() {
            if line.starts_with("killed ") {
                let model = line.rsplit(" by ").next().unwrap_or_default();
                let model = model.rsplit("::").next().unwrap_or_default();
                happened.push(format!("killed {model}"));
            } else if let Some(reason) = line.strip_prefix("accepted ") {
                let reason = reason.rsplit("]: ").next().unwrap_or_default();
                happened.push(format!("accepted: {reason}"));
            } else if line.starts_with("SURVIVED") {
                happened.push("survived".to_owned());
            }
        }
        if happened.is_empty() {
            let said = ended.output.lines().take(20);
            happened.extend(said.map(|line| format!("no verdict: {line}")));
        }
        Ok(happened)
    }

    /// The mutant's site, in the form of `cargo xtask mutants`.
    fn site(&self, root: &Path) -> Result<String, Box<dyn std::error::Error>> {
        let mut parts = self.mutant.splitn(2, " > ");
        let file = parts.next().unwrap_or_default();
        let (item, text) = parts
            .next()
            .and_then(|rest| rest.rsplit_once(" > "))
            .ok_or("a mutant is: file > item > text")?;
        let table = fs::read_to_string(root.join("xtask/mutants.txt"))?;
        let path = table
            .lines()
            .filter_map(|line| line.strip_prefix('[')?.strip_suffix(']'))
            .find(|path| path.ends_with(file))
            .map(PathBuf::from)
            .ok_or_else(|| format!("mutants.txt lists no {file}"))?;
        let source = fs::read_to_string(root.join(&path))?;
        let lines: Vec<&str> = source.lines().collect();
        let at = listings::find(&lines, item)
            .and_then(|mut range| range.find(|&at| lines[at].contains(text)))
            .ok_or_else(|| format!("{} has no {item} with {text}", path.display()))?;
        let line = lines[at].trim();
        Ok(format!(
            "{}:{}: {line} [{}]",
            path.display(),
            at + 1,
            self.what
        ))
    }
}
