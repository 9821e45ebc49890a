//! `cargo xtask mutants`: do the models bite?
//!
//! `xtask/mutants.txt` names files and the models that speak for them. Every atomic operation in such
//! a file is a site; each mutant weakens one ordering by a step or deletes one fence, in a copy of the
//! tree, and the models run. A mutant that no model can tell from the original survives: then the
//! ordering is over-strong, or unproved. Survivors fail the run unless the table lists the site with a
//! written reason. Mutants that are no weakened ordering (a dropped notify, a skipped re-check) are
//! written out in the table.
//!
//! ```text
//! [runtime-core/src/task/state.rs]
//! models = task::                       (which models to run; default: all of the crate)
//! replace = TEXT => OTHER TEXT          (a mutant of its own; TEXT occurs once)
//! allow = TEXT | reason                 (survivors on lines holding TEXT are accepted)
//! ```

use crate::loom::{build, wanted};
use crate::{Outcome, env};
use std::fs;
use std::path::Path;
use std::time::Duration;

#[derive(clap::Args)]
pub struct Args {
    /// Only mutants whose site (`file:line: text`) contains one of these.
    filter: Vec<String>,
    /// Seconds that one model may take; beyond that the mutant counts as killed.
    #[arg(long, default_value_t = 300)]
    timeout: u64,
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
    text: String,
    allowed: Option<String>,
}

pub fn run(args: &Args) -> Outcome {
    let root = env::root();
    let dir = env::target_dir().join("mutants");
    let tree = dir.join("tree");
    let sections = read_table(&fs::read_to_string(root.join("xtask/mutants.txt"))?)?;
    if !args.list {
        copy_tree(&root, &tree)?;
    }
    let (mut killed, mut accepted, mut survivors) = (0, 0, Vec::new());
    for section in &sections {
        let source = fs::read_to_string(root.join(&section.file))?;
        let krate = section.file.split('/').next().unwrap_or_default();
        for mutant in mutants(section, &source)? {
            if !wanted(&mutant.site, &args.filter) {
                continue;
            }
            let name = format!("{} [{}]", mutant.site, mutant.what);
            if args.list {
                println!("{name}");
                continue;
            }
            fs::write(tree.join(&section.file), &mutant.text)?;
            let killer = killer(&tree, &dir, krate, &section.models, args.timeout);
            fs::write(tree.join(&section.file), &source)?;
            match (killer?, mutant.allowed) {
                (Some(model), _) => {
                    killed += 1;
                    println!("killed    {name} by {model}");
                }
                (None, Some(reason)) => {
                    accepted += 1;
                    println!("accepted  {name}: {reason}");
                }
                (None, None) => {
                    println!("SURVIVED  {name}");
                    survivors.push(name);
                }
            }
        }
    }
    println!(
        "{killed} killed, {accepted} accepted with a reason, {} survived",
        survivors.len()
    );
    Ok(survivors.is_empty())
}

/// The model that tells the mutant from the original.
fn killer(
    tree: &Path,
    dir: &Path,
    krate: &str,
    filter: &[String],
    timeout: u64,
) -> Result<Option<String>, Box<dyn std::error::Error>> {
    let models = build(tree, &dir.join("build"), &[krate])?;
    let mut any = false;
    for model in models.iter().filter(|m| wanted(&m.name, filter)) {
        any = true;
        let ended = model.check(Duration::from_secs(timeout), &dir.join("model.log"))?;
        if !ended.status.is_some_and(|s| s.success()) {
            return Ok(Some(model.name.clone()));
        }
    }
    if any {
        Ok(None)
    } else {
        Err(format!("no model of {krate} matches {filter:?}").into())
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
    let lines: Vec<&str> = source.lines().collect();
    for (number, line) in lines.iter().enumerate() {
        if line.trim_start().starts_with("//") || line.trim_start().starts_with("use ") {
            continue;
        }
        for (what, weaker) in weakened(line) {
            let mut text = lines.clone();
            text[number] = &weaker;
            found.push(Mutant {
                site: format!("{}:{}: {}", section.file, number + 1, line.trim()),
                what,
                text: text.join("\n") + "\n",
                allowed: reason(section, line),
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
            text: source.replacen(from.as_str(), to, 1),
            allowed: reason(section, from),
        });
    }
    Ok(found)
}

fn reason(section: &Section, text: &str) -> Option<String> {
    section
        .allowed
        .iter()
        .find(|(site, _)| text.contains(site.as_str()))
        .map(|(_, why)| why.clone())
}

/// Every way to weaken one ordering on this line by a step.
fn weakened(line: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    if line.trim_start().starts_with("fence(") {
        return vec![("fence deleted".into(), String::new())];
    }
    let steps: [(&str, &[&str]); 4] = [
        ("AcqRel", &["Acquire", "Release"]),
        ("Acquire", &["Relaxed"]),
        ("Release", &["Relaxed"]),
        (
            "SeqCst",
            if line.contains(".load(") {
                &["Acquire"]
            } else if line.contains(".store(") {
                &["Release"]
            } else {
                &["AcqRel"]
            },
        ),
    ];
    for (from, weaker) in steps {
        let full = format!("Ordering::{from}");
        for (at, _) in line.match_indices(&full) {
            for to in weaker {
                let mut text = line.to_owned();
                text.replace_range(at..at + full.len(), &format!("Ordering::{to}"));
                found.push((format!("{from} -> {to}"), text));
            }
        }
    }
    found
}

/// Copies what the models need. Unchanged files keep their time stamps, for cargo.
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
            }
        } else if source.exists() {
            env::write_if_changed(&to.join(name), &fs::read_to_string(&source)?)?;
        }
    }
    Ok(())
}
