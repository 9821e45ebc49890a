//! Copies the workspace with the faults woven in, and builds the judges from the copy.
//!
//! Some faults do not compile. The compiler's messages name places; the faults at these places are banned until the copy builds.
//! The banned faults of a file are stored under a hash of its text, so that only the first run needs the search.

use super::find::{Found, find};
use super::weave::{Woven, weave};
use crate::env;
use crate::mutants::{krate, tree};
use serde_json::Value;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The number of builds after which the search fails.
const ROUNDS: usize = 40;

/// A file and its faults.
pub struct File {
    pub name: String,
    pub source: String,
    pub found: Found,
    /// The number of its first fault.
    pub base: usize,
    pub banned: BTreeSet<usize>,
    woven: Option<Woven>,
}

/// The copy of the workspace.
pub struct Tree {
    pub files: Vec<File>,
    root: PathBuf,
    target: PathBuf,
    /// The integration tests of all sections.
    tests: BTreeSet<String>,
}

/// The parts of the copy to build.
#[derive(Default)]
pub struct Wanted {
    pub crates: BTreeSet<String>,
    pub tests: BTreeSet<String>,
}

/// A test or a model.
pub struct Test {
    pub name: String,
    pub executable: PathBuf,
    pub is_model: bool,
    /// The crate whose library is tested, or the integration test.
    pub target: String,
}

/// A place that a compiler's message points to.
struct Place {
    /// The index of the file.
    at: usize,
    range: Range<usize>,
    is_primary: bool,
    /// Here a value is moved or changed, although a later use needs it unmoved or unchanged.
    is_cause: bool,
}

impl File {
    /// The innermost fault around a range of the woven text.
    fn innermost_around(&self, range: &Range<usize>) -> Option<usize> {
        let woven = self.woven.as_ref().expect("written");
        let covers = |place: &Range<usize>| place.start <= range.start && range.end <= place.end;
        let around = woven
            .places
            .iter()
            .rev()
            .filter(|(fault, place)| covers(place) && !self.banned.contains(fault));
        around.map(|(fault, _)| *fault).next()
    }

    /// The faults of a function that are banned together: first all swaps, then all deletions, then the rest.
    fn suspects(&self, body: Option<&(Range<usize>, Vec<usize>)>) -> Vec<usize> {
        let faults = body.map(|(_, faults)| faults.clone()).unwrap_or_default();
        let alive = faults
            .into_iter()
            .filter(|fault| !self.banned.contains(fault));
        let alive: Vec<usize> = alive.collect();
        let what = |fault: &usize| self.found.faults[*fault].what.as_str();
        for kind in ["swapped", "left out", ""] {
            let some: Vec<usize> = alive
                .iter()
                .copied()
                .filter(|f| what(f).contains(kind))
                .collect();
            if !some.is_empty() {
                return some;
            }
        }
        Vec::new()
    }

    /// The next fault in the function that leaves out a `return`, `break` or `continue` and is not `banned`.
    fn leaving_after(&self, range: &Range<usize>, banned: &BTreeSet<usize>) -> Option<usize> {
        let woven = self.woven.as_ref().expect("written");
        let (body, _) = woven.body_around(range)?;
        let leaves = |fault: usize| {
            let what = self.found.faults[fault].what.as_str();
            ["return left out", "break left out", "continue left out"].contains(&what)
        };
        let next = woven.places.iter().filter(|(fault, place)| {
            let is_after = place.start >= range.start && place.end <= body.end;
            is_after && leaves(*fault) && !banned.contains(fault)
        });
        next.map(|(fault, _)| *fault).next()
    }
}

impl Tree {
    /// Reads the files (names below the root). `tests`: the integration tests to copy.
    pub fn new(names: &[String], tests: BTreeSet<String>) -> Result<Self, Box<dyn Error>> {
        let dir = env::target_dir().join("mutants").join("logic");
        let mut tree = Tree {
            files: Vec::new(),
            root: dir.join("tree"),
            target: dir.join("build"),
            tests,
        };
        let known = tree.remembered();
        // The number zero means no fault.
        let mut base = 1;
        for name in names {
            let source = fs::read_to_string(env::root().join(name))?;
            let found = find(&source).map_err(|e| format!("{name}: {e}"))?;
            let key = key(name, &source, &found);
            let banned = known.get(&key).cloned().unwrap_or_default();
            let count = found.faults.len();
            tree.files.push(File {
                name: name.clone(),
                source,
                found,
                base,
                banned,
                woven: None,
            });
            base += count;
        }
        Ok(tree)
    }

    fn copy(&self) -> Result<(), Box<dyn Error>> {
        let from = env::root();
        let mutated: BTreeSet<&str> = self.files.iter().map(|f| f.name.as_str()).collect();
        tree::copy(&from, &self.root, &|relative| {
            let name = relative.to_string_lossy();
            let mut parts = name.split('/');
            let is_foreign = match (parts.next(), parts.next()) {
                (Some("tests"), Some(test)) => {
                    let test = test.trim_end_matches(".rs");
                    test != "support" && !self.tests.contains(test)
                }
                (Some("examples" | "benches"), _) => true,
                _ => false,
            };
            is_foreign
                || mutated.contains(&*name)
                || [
                    "Cargo.toml",
                    "models/Cargo.toml",
                    "runtime-core/src/lib.rs",
                    "runtime-core/src/mutated.rs",
                ]
                .contains(&&*name)
        })?;
        let question = include_str!("mutated.rs.txt");
        env::write_if_changed(&self.root.join("runtime-core/src/mutated.rs"), question)?;
        let lib = fs::read_to_string(from.join("runtime-core/src/lib.rs"))?;
        let lib = format!("{lib}\npub mod mutated;\n");
        env::write_if_changed(&self.root.join("runtime-core/src/lib.rs"), &lib)?;
        let used = self.text_of_tests()?;
        for name in ["Cargo.toml", "models/Cargo.toml"] {
            let manifest = fs::read_to_string(from.join(name))?;
            let manifest = without_unused(&manifest, &used);
            env::write_if_changed(&self.root.join(name), &manifest)?;
        }
        Ok(())
    }

    fn text_of_tests(&self) -> std::io::Result<String> {
        let mut text = String::new();
        for file in env::files_below(&self.root.join("tests"), "rs")? {
            text.push_str(&fs::read_to_string(file)?);
        }
        Ok(text)
    }

    /// Copies the workspace and builds the judges: unit tests and integration tests, and the models.
    pub fn build(&mut self, wanted: &Wanted) -> Result<Vec<Test>, Box<dyn Error>> {
        self.copy()?;
        let mut tests = Vec::new();
        for is_loom in [false, true] {
            println!("building the {}", if is_loom { "models" } else { "tests" });
            for line in self.settle(wanted, is_loom)?.lines() {
                tests.extend(list_tests(line, is_loom)?);
            }
        }
        Ok(tests)
    }

    fn cargo(&self, wanted: &Wanted, is_loom: bool) -> Command {
        let mut command = env::cargo();
        command
            .current_dir(match is_loom {
                true => self.root.join("models"),
                false => self.root.clone(),
            })
            // A mutant needs no debug information, and building the long woven text takes most of a short run.
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .args(["test", "--no-run", "--lib", "--message-format=json"])
            .arg("--target-dir")
            .arg(self.target.join(if is_loom { "loom" } else { "native" }));
        for name in &wanted.crates {
            command.args(["-p", &env::package(name)]);
        }
        if is_loom {
            let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
            command
                .env("RUSTFLAGS", format!("{flags} --cfg runtime_loom"))
                .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true")
                .args(["--release", "--all-features"]);
        } else {
            command.args(["-p", "selvedge"]);
            command.args(["--features", &features(wanted)]);
            for test in &wanted.tests {
                command.args(["--test", test]);
            }
        }
        command
    }

    /// Builds again and again, and bans faults, until the build succeeds. Returns cargo's messages.
    fn settle(&mut self, wanted: &Wanted, is_loom: bool) -> Result<String, Box<dyn Error>> {
        for round in 0..ROUNDS {
            self.write()?;
            let output = self.cargo(wanted, is_loom).output()?;
            let messages = String::from_utf8_lossy(&output.stdout).into_owned();
            if output.status.success() {
                self.remember()?;
                return Ok(messages);
            }
            fs::write(
                self.target.with_file_name(format!("errors-{round}.json")),
                &*messages,
            )?;
            let banned = self.ban(&messages);
            println!("round {round}: {banned} mutants do not compile");
            self.remember()?;
            if banned == 0 {
                let errors = rendered(&messages);
                let said = String::from_utf8_lossy(&output.stderr);
                return Err(if errors.is_empty() {
                    said.into()
                } else {
                    errors.into()
                });
            }
        }
        Err("the mutants that do not compile cannot be told from the others".into())
    }

    fn write(&mut self) -> Result<(), Box<dyn Error>> {
        for file in &mut self.files {
            let is = match krate(&file.name) {
                "runtime-core" => "crate::mutated::is",
                _ => "::runtime_core::mutated::is",
            };
            let woven = weave(&file.source, &file.found, &file.banned, file.base, is);
            env::write_if_changed(&self.root.join(&file.name), &woven.text)?;
            file.woven = Some(woven);
        }
        Ok(())
    }

    /// Bans the faults that the compiler's errors name. Returns their number.
    fn ban(&mut self, messages: &str) -> usize {
        let before: Vec<BTreeSet<usize>> = self.files.iter().map(|f| f.banned.clone()).collect();
        let mut count = 0;
        for line in messages.lines() {
            let Ok(message) = serde_json::from_str::<Value>(line) else {
                continue;
            };
            let message = &message["message"];
            if message["level"] != "error" {
                continue;
            }
            let code = message["code"]["code"].as_str().unwrap_or_default();
            let is_move = ["E0382", "E0505", "E0381"].contains(&code);
            let is_borrow = ["E0499", "E0502", "E0506"].contains(&code);
            let spans = message["spans"].as_array().cloned().unwrap_or_default();
            let mut named = Vec::new();
            for mut span in &spans {
                let label = span["label"].as_str().unwrap_or_default();
                let is_primary = span["is_primary"] == true;
                let is_cause = is_move && label.contains("moved") || is_borrow && is_primary;
                // The text of a macro is not mutated: the place of its call counts.
                while span["expansion"]["span"].is_object() {
                    span = &span["expansion"]["span"];
                }
                let name = span["file_name"].as_str().unwrap_or_default();
                let name = below_root(name);
                let offset = |key: &str| span[key].as_u64().unwrap_or_default() as usize;
                if let Some(at) = self.files.iter().position(|f| f.name == name) {
                    named.push(Place {
                        at,
                        range: offset("byte_start")..offset("byte_end"),
                        is_primary,
                        is_cause,
                    });
                }
            }
            count += self.ban_named(&named, &before);
        }
        count
    }

    /// Bans the faults behind one message. If a value is used after a move or change, a `return` in between is most likely left out.
    /// Else: the innermost faults around the places; if there are none, the faults within them; if there are none, the function's, by kind.
    /// `before`: the faults, by file, that were banned before these messages, as several messages may have one cause.
    fn ban_named(&mut self, named: &[Place], before: &[BTreeSet<usize>]) -> usize {
        let (mut count, mut has_cause) = (0, false);
        for place in named.iter().filter(|place| place.is_cause) {
            let file = &mut self.files[place.at];
            if let Some(fault) = file.leaving_after(&place.range, &before[place.at]) {
                has_cause = true;
                count += usize::from(file.banned.insert(fault));
            }
        }
        if has_cause {
            return count;
        }
        for place in named {
            let file = &mut self.files[place.at];
            if let Some(fault) = file.innermost_around(&place.range) {
                count += usize::from(file.banned.insert(fault));
            }
        }
        if count > 0 {
            return count;
        }
        for place in named.iter().filter(|place| place.is_primary) {
            let file = &mut self.files[place.at];
            let woven = file.woven.as_ref().expect("written");
            let range = &place.range;
            let inside = woven.places.iter().filter(|(fault, place)| {
                let lies = range.start <= place.start && place.end <= range.end;
                lies && !file.banned.contains(fault)
            });
            let mut faults: Vec<usize> = inside.map(|(fault, _)| *fault).collect();
            if faults.is_empty() {
                faults = file.suspects(woven.body_around(range));
            }
            for fault in faults {
                count += usize::from(file.banned.insert(fault));
            }
        }
        count
    }

    fn memory(&self) -> PathBuf {
        self.target.with_file_name("banned.json")
    }

    fn remembered(&self) -> BTreeMap<String, BTreeSet<usize>> {
        let text = fs::read_to_string(self.memory()).unwrap_or_default();
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        let mut known = BTreeMap::new();
        for (key, faults) in value.as_object().into_iter().flatten() {
            let faults = faults.as_array().into_iter().flatten();
            let faults = faults.filter_map(Value::as_u64).map(|fault| fault as usize);
            known.insert(key.clone(), faults.collect());
        }
        known
    }

    fn remember(&self) -> std::io::Result<()> {
        let mut known = self.remembered();
        for file in &self.files {
            known.insert(
                key(&file.name, &file.source, &file.found),
                file.banned.clone(),
            );
        }
        let text = serde_json::to_string(&known).map_err(std::io::Error::other)?;
        env::write_if_changed(&self.memory(), &text)
    }
}

/// A file's name below the root. In builds of the models it is `core/../../runtime-core/src/..`.
fn below_root(name: &str) -> &str {
    name.rsplit_once("../").map_or(name, |(_, inside)| inside)
}

fn features(wanted: &Wanted) -> String {
    let mut features = vec!["selvedge/full", "selvedge/test-util", "selvedge/io-uring"];
    if wanted.tests.contains("dumps") {
        features.push("selvedge/taskdump");
    }
    if wanted.crates.contains("runtime-io") {
        features.extend([
            "selvedge-io/io-util",
            "selvedge-io/net",
            "selvedge-io/fs",
            "selvedge-io/io-uring",
            "selvedge-io/signal",
            "selvedge-io/process",
        ]);
    }
    features.join(",")
}

/// The compiler's errors as text.
fn rendered(messages: &str) -> String {
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let errors = messages.filter(|message| message["message"]["level"] == "error");
    let texts = errors.map(|error| {
        error["message"]["rendered"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    });
    texts.take(5).collect()
}

/// A key for a file's text and the faults found in it.
fn key(name: &str, source: &str, found: &Found) -> String {
    let mut hasher = DefaultHasher::new();
    (source, format!("{:?}", found.points)).hash(&mut hasher);
    format!("{name} {:x}", hasher.finish())
}

/// Packages that are not copied.
const FOREIGN: [&str; 2] = ["examples", "tests/web"];

/// A list of packages, in one line, without those that are not copied.
fn without_foreign(list: &str) -> String {
    let is_foreign = |part: &&str| FOREIGN.iter().any(|name| part.contains(name));
    let (key, list) = list.split_once('[').unwrap_or((list, ""));
    let parts = list.trim_end_matches(']').split(',').map(str::trim);
    let kept: Vec<&str> = parts
        .filter(|part| !part.is_empty() && !is_foreign(part))
        .collect();
    format!("{key}[{}]\n", kept.join(", "))
}

/// The manifest without its lints and the packages that are not copied. Development dependencies that `used` does not name
/// are removed too, as they take long to build.
fn without_unused(manifest: &str, used: &str) -> String {
    let mut out = String::new();
    let (mut in_dev, mut in_lints) = (false, false);
    let mut lines = manifest.lines();
    while let Some(line) = lines.next() {
        if line.starts_with('[') {
            in_dev = line == "[dev-dependencies]";
            in_lints = line.starts_with("[workspace.lints");
        } else if in_lints && !line.contains("unexpected_cfgs") {
            continue;
        }
        if line.starts_with("members = ") || line.starts_with("default-members = ") {
            let mut list = line.to_owned();
            while !list.contains(']') {
                list.push_str(lines.next().unwrap_or("]"));
            }
            out.push_str(&without_foreign(&list));
            continue;
        }
        let name = line.split([' ', '.', '=']).next().unwrap_or_default();
        let is_dependency = in_dev && !name.is_empty() && !name.starts_with(['[', '#']);
        if !is_dependency || used.contains(&format!("{}::", name.replace('-', "_"))) {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// The tests of the executable that one of cargo's messages names.
fn list_tests(line: &str, is_loom: bool) -> Result<Vec<Test>, Box<dyn Error>> {
    let message: Value = serde_json::from_str(line).unwrap_or_default();
    let (Some(executable), Some(target)) = (
        message["executable"].as_str(),
        message["target"]["name"].as_str(),
    ) else {
        return Ok(Vec::new());
    };
    let listing = Command::new(executable).arg("--list").output()?;
    let listing = String::from_utf8_lossy(&listing.stdout).into_owned();
    let names = listing.lines().filter_map(|l| l.strip_suffix(": test"));
    let is_model = |name: &str| name.split("::").any(|part| part.starts_with("loom"));
    Ok(names
        .filter(|name| !is_loom || is_model(name))
        .map(|name| Test {
            name: name.to_owned(),
            executable: Path::new(executable).to_owned(),
            is_model: is_loom,
            target: target.to_owned(),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::{below_root, without_unused};

    #[test]
    fn a_place_is_found_by_its_name_among_the_models_and_among_the_tests() {
        let name = "runtime-core/src/lib.rs";
        assert_eq!(below_root("core/../../runtime-core/src/lib.rs"), name);
        assert_eq!(below_root(name), name);
    }

    #[test]
    fn only_the_development_dependencies_that_tests_name_are_kept() {
        let manifest = "[dependencies]\na = \"1\"\n[dev-dependencies]\nb-c.workspace = true\nd = \"1\"\n[lints]\ne = 1\n[workspace.lints.rust]\nf = \"deny\"\n";
        let kept = without_unused(manifest, "use b_c::X;");
        assert_eq!(
            kept,
            manifest
                .replace("d = \"1\"\n", "")
                .replace("f = \"deny\"\n", "")
        );
    }

    #[test]
    fn packages_that_are_not_copied_are_no_members() {
        let manifest = "members = [\"a\", \"examples\", \"tests/web\"]\ndefault-members = [\".\", \"examples\"]\n";
        let kept = "members = [\"a\"]\ndefault-members = [\".\"]\n";
        assert_eq!(without_unused(manifest, ""), kept);
        let lines =
            "members = [\n    \"a\", \"examples\",\n    \"b\",\n]\nexclude = [\"examples\"]\n";
        let kept = "members = [\"a\", \"b\"]\nexclude = [\"examples\"]\n";
        assert_eq!(without_unused(lines, ""), kept);
    }
}
