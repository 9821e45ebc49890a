//! `cargo xtask mutants`: do the models bite?
//!
//! `xtask/mutants.txt` names files and the models that speak for them. Every atomic operation in such
//! a file is a site; each mutant weakens one ordering by a step, or leaves out one fence or the notify of one
//! condition variable, and the models run. The models are built once: the mutant is chosen by a variable
//! that the shim reads. A mutant that no model can tell from the original survives: then the ordering is over-strong,
//! or unproved. Survivors fail the run unless the table lists the site with a written reason. Mutants
//! that are nothing of that kind (a skipped re-check) are written out in the table, and built from a copy of the tree.
//!
//! ```text
//! [runtime-core/src/task/state.rs]
//! models = task::                       (which models to run; default: all of the crate)
//! replace = TEXT => OTHER TEXT          (a mutant of its own; TEXT occurs once)
//! allow = TEXT | reason                 (survivors whose call, on one line, holds TEXT are accepted;
//!                                        `TEXT [WHAT] | reason`: only this weakening of it)
//! ```

use crate::loom::{Model, build, wanted};
use crate::{Outcome, env};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

#[derive(clap::Args)]
pub struct Args {
    /// Only mutants whose site (`file:line: text`) contains one of these.
    filter: Vec<String>,
    /// Seconds that one model may take; beyond that the mutant counts as killed.
    #[arg(long, default_value_t = 300)]
    timeout: u64,
    /// Mutants to judge at a time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Only list the mutants.
    #[arg(long)]
    list: bool,
}

#[derive(Default)]
struct Section {
    file: String,
    models: Vec<String>,
    replaces: Vec<(String, String)>,
    allowed: Vec<(String, String)>,
}

struct Mutant {
    site: String,
    what: String,
    change: Change,
    allowed: Option<String>,
}

enum Change {
    /// The value of `RUNTIME_MUTANT`: see runtime-core/src/shim/mutant.rs.
    Site(String),
    /// The whole file, to be built.
    Text(String),
}

/// What the models say of a mutant.
enum Verdict {
    KilledBy(String),
    Survived,
    /// No model comes by the site.
    Unreached,
}

pub fn run(args: &Args) -> Outcome {
    let root = env::root();
    let sections = read_table(&fs::read_to_string(root.join("xtask/mutants.txt"))?)?;
    let mut work = Vec::new();
    for (at, section) in sections.iter().enumerate() {
        let source = fs::read_to_string(root.join(&section.file))?;
        for mutant in mutants(section, &source)? {
            if wanted(&format!("{} [{}]", mutant.site, mutant.what), &args.filter) {
                work.push((at, mutant));
            }
        }
    }
    if args.list {
        for (_, mutant) in &work {
            println!("{} [{}]", mutant.site, mutant.what);
        }
        return Ok(true);
    }
    let mut built = Vec::new();
    for section in &sections {
        let krate = krate(&section.file);
        if !built.iter().any(|(name, _)| name == krate) {
            let models = build(&root, &env::target_dir().join("loom"), &[krate])?;
            built.push((krate.to_owned(), models));
        }
    }
    let (next, lost) = (AtomicUsize::new(0), Mutex::new(Tally::default()));
    thread::scope(|scope| {
        for worker in 0..args.jobs.max(1) {
            let (sections, work, built, next, lost) = (&sections, &work, &built, &next, &lost);
            scope.spawn(move || {
                // Ordering: Relaxed; a ticket.
                while let Some((at, mutant)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let section = &sections[*at];
                    let models = &built
                        .iter()
                        .find(|(name, _)| name == krate(&section.file))
                        .expect("built above")
                        .1;
                    let verdict = judge(section, mutant, models, args.timeout, worker);
                    let mut tally = lost.lock().unwrap_or_else(|e| e.into_inner());
                    tally.count(mutant, verdict.map_err(|e| e.to_string()));
                }
            });
        }
    });
    let tally = lost.into_inner().unwrap_or_else(|e| e.into_inner());
    println!(
        "{} killed, {} accepted with a reason, {} survived",
        tally.killed,
        tally.accepted,
        tally.survived.len()
    );
    for name in &tally.survived {
        println!("    {name}");
    }
    for allowed in sections.iter().flat_map(|s| &s.allowed) {
        if args.filter.is_empty() && !tally.used.contains(&allowed.1) {
            println!(
                "    no survivor needs: allow = {} | {}",
                allowed.0, allowed.1
            );
        }
    }
    Ok(tally.survived.is_empty())
}

#[derive(Default)]
struct Tally {
    killed: usize,
    accepted: usize,
    survived: Vec<String>,
    /// Reasons that were needed.
    used: Vec<String>,
}

impl Tally {
    fn count(&mut self, mutant: &Mutant, verdict: Result<Verdict, String>) {
        let name = format!("{} [{}]", mutant.site, mutant.what);
        let how = match verdict {
            Ok(Verdict::KilledBy(model)) => {
                self.killed += 1;
                return println!("killed    {name} by {model}");
            }
            Ok(Verdict::Survived) => "SURVIVED ",
            Ok(Verdict::Unreached) => "UNREACHED",
            Err(error) => {
                println!("{error}");
                "NO MODELS"
            }
        };
        match &mutant.allowed {
            Some(reason) => {
                self.accepted += 1;
                self.used.push(reason.clone());
                println!("accepted  {name}: {reason}");
            }
            None => {
                println!("{how} {name}");
                self.survived.push(format!("{how} {name}"));
            }
        }
    }
}

fn krate(file: &str) -> &str {
    file.split('/').next().unwrap_or_default()
}

/// Has the models tell the mutant from the original.
fn judge(
    section: &Section,
    mutant: &Mutant,
    models: &[Model],
    timeout: u64,
    worker: usize,
) -> Result<Verdict, Box<dyn std::error::Error>> {
    let dir = env::target_dir().join("mutants");
    fs::create_dir_all(&dir)?;
    let log = dir.join(format!("model-{worker}.log"));
    let limit = Duration::from_secs(timeout);
    let fresh;
    let (models, variable) = match &mutant.change {
        Change::Site(site) => (models, Some(site.as_str())),
        Change::Text(text) => {
            let tree = dir.join(format!("tree-{worker}"));
            copy_tree(&env::root(), &tree)?;
            fs::write(tree.join(&section.file), text)?;
            // To cargo two trees are one package: in one directory, a build would replace the other's models.
            let target = dir.join(format!("build-{worker}"));
            fresh = build(&tree, &target, &[krate(&section.file)])?;
            (&fresh[..], None)
        }
    };
    let (mut any, mut reached) = (false, variable.is_none());
    for model in models.iter().filter(|m| wanted(&m.name, &section.models)) {
        any = true;
        let ended = model.check_mutant(variable, limit, &log)?;
        reached |= ended.output.contains("mutant reached");
        if !ended.status.is_some_and(|s| s.success()) {
            return Ok(Verdict::KilledBy(model.name.clone()));
        }
    }
    match (any, reached) {
        (false, _) => Err(format!("no model matches {:?}", section.models).into()),
        (true, true) => Ok(Verdict::Survived),
        (true, false) => Ok(Verdict::Unreached),
    }
}

fn read_table(text: &str) -> Result<Vec<Section>, String> {
    let mut sections: Vec<Section> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let wrong = || format!("mutants.txt:{}: cannot read {line:?}", number + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(file) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            sections.push(Section {
                file: file.to_owned(),
                ..Section::default()
            });
            continue;
        }
        let (key, value) = line.split_once(" = ").ok_or_else(wrong)?;
        let section = sections.last_mut().ok_or_else(wrong)?;
        let pair = |separator: &str| {
            let (a, b) = value.split_once(separator).ok_or_else(wrong)?;
            Ok::<_, String>((a.trim().to_owned(), b.trim().to_owned()))
        };
        match key {
            "models" => section
                .models
                .extend(value.split_whitespace().map(str::to_owned)),
            "replace" => section.replaces.push(pair(" => ")?),
            "allow" => section.allowed.push(pair(" | ")?),
            _ => return Err(wrong()),
        }
    }
    Ok(sections)
}

fn mutants(section: &Section, source: &str) -> Result<Vec<Mutant>, String> {
    let mut found = Vec::new();
    for call in calls(source) {
        let line = source.lines().nth(call.line - 1).unwrap_or_default();
        for (at, what, weaker) in call.weakened() {
            let allowed = reason(section, &call.text, &what);
            found.push(Mutant {
                site: format!("{}:{}: {}", section.file, call.line, line.trim()),
                what,
                change: Change::Site(format!(
                    "{}:{}:{}:{at}:{weaker}",
                    section.file, call.line, call.column
                )),
                allowed,
            });
        }
    }
    for (from, to) in &section.replaces {
        if source.matches(from.as_str()).count() != 1 {
            return Err(format!(
                "{}: {from:?} does not occur exactly once",
                section.file
            ));
        }
        found.push(Mutant {
            site: format!("{}: {from}", section.file),
            what: format!("=> {to}"),
            change: Change::Text(source.replacen(from.as_str(), to, 1)),
            allowed: reason(section, from, ""),
        });
    }
    Ok(found)
}

fn reason(section: &Section, text: &str, what: &str) -> Option<String> {
    let is_meant = |site: &str| match site.split_once(" [") {
        Some((site, only)) => text.contains(site) && only.trim_end_matches(']') == what,
        None => text.contains(site),
    };
    let entry = section.allowed.iter().find(|(site, _)| is_meant(site));
    entry.map(|(_, why)| why.clone())
}

/// A call of an atomic operation, a fence or a notify.
struct Call {
    /// The name's place, from 1.
    line: usize,
    column: usize,
    name: String,
    /// The whole call on one line, its receiver on the same line included.
    text: String,
    orderings: Vec<String>,
}

const OPERATIONS: [&str; 13] = [
    "load",
    "store",
    "swap",
    "compare_exchange",
    "compare_exchange_weak",
    "fetch_add",
    "fetch_sub",
    "fetch_and",
    "fetch_or",
    "fetch_update",
    "fence",
    "notify_one",
    "notify_all",
];

fn calls(source: &str) -> Vec<Call> {
    let mut found = Vec::new();
    let mut start = 0;
    for (number, line) in source.split_inclusive('\n').enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for name in OPERATIONS {
            for (column, _) in code.match_indices(&format!("{name}(")) {
                let before = code[..column].trim_end();
                let is_method = before.ends_with('.');
                let is_call = match name {
                    "fence" => before.is_empty(),
                    _ => is_method,
                };
                if !is_call {
                    continue;
                }
                let arguments = arguments(&source[start + column + name.len()..]);
                let receiver = before.rsplit([' ', '(']).next().unwrap_or_default();
                let text = format!("{receiver}{name}{arguments}");
                found.push(Call {
                    line: number + 1,
                    column: column + 1,
                    name: name.to_owned(),
                    text: text.split_whitespace().collect::<Vec<_>>().join(" "),
                    orderings: orderings(arguments),
                });
            }
        }
        start += line.len();
    }
    found
}

/// From the opening parenthesis to the one that closes it.
fn arguments(text: &str) -> &str {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[..=at];
        }
    }
    text
}

/// The orderings among the arguments, not those of calls within them.
fn orderings(arguments: &str) -> Vec<String> {
    let mut depth = 0;
    let mut found = Vec::new();
    for (at, c) in arguments.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            'O' if depth == 1 => {
                if let Some(rest) = arguments[at..].strip_prefix("Ordering::") {
                    let end = rest.find(|c: char| !c.is_alphanumeric());
                    found.push(rest[..end.unwrap_or(rest.len())].to_owned());
                }
            }
            _ => {}
        }
    }
    found
}

impl Call {
    /// Every way to weaken one ordering by a step: which, what it is called, the weaker one.
    fn weakened(&self) -> Vec<(usize, String, &'static str)> {
        if matches!(self.name.as_str(), "fence" | "notify_one" | "notify_all") {
            return vec![(0, format!("{} left out", self.name), "None")];
        }
        let mut found = Vec::new();
        for (at, order) in self.orderings.iter().enumerate() {
            let steps: &[&'static str] = match (order.as_str(), self.name.as_str()) {
                ("AcqRel", _) => &["Acquire", "Release"],
                ("Acquire" | "Release", _) | ("SeqCst", "load" | "store") => &["Relaxed"],
                // loom takes a SeqCst access for an AcqRel one: a step further.
                ("SeqCst", _) => &["Acquire", "Release"],
                _ => &[],
            };
            for &weaker in steps {
                let side = if at == 1 { " on failure" } else { "" };
                found.push((at, format!("{order} -> {weaker}{side}"), weaker));
            }
        }
        found
    }
}

/// Makes `to` a copy of what the models need. Unchanged files keep their time stamps, for cargo.
fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    for name in [
        "Cargo.toml",
        "Cargo.lock",
        "src",
        "drop-in",
        "runtime-core",
        "runtime-io",
        "runtime-time",
        "runtime-macros",
        "xtask",
        "tests",
        "examples",
        ".cargo",
    ] {
        let source = from.join(name);
        if source.is_dir() {
            for suffix in ["rs", "toml", "md", "txt"] {
                for file in env::files_below(&source, suffix)? {
                    let relative = file.strip_prefix(from).expect("below the root");
                    env::write_if_changed(&to.join(relative), &fs::read_to_string(&file)?)?;
                }
                // What is gone here is a module too many there.
                for file in env::files_below(&to.join(name), suffix)? {
                    let relative = file.strip_prefix(to).expect("below the copy");
                    if !from.join(relative).exists() {
                        fs::remove_file(&file)?;
                    }
                }
            }
        } else if source.exists() {
            env::write_if_changed(&to.join(name), &fs::read_to_string(&source)?)?;
        }
    }
    Ok(())
}
