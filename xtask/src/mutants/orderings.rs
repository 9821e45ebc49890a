//! Ordering mutants: each atomic operation of a listed file is a site; the models judge the mutants.
//!
//! The models are built once: a variable that the shim reads chooses the mutant (`runtime-core/src/base/shim/mutant.rs`).
//! Other mutants (a skipped re-check) are written out in the table, and built from a copy of the tree.

use super::calls::calls;
use super::table::Section;
use super::{Args, krate, tree};
use crate::loom::{Model, build, wanted};
use crate::{Outcome, env};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

struct Mutant<'a> {
    section: &'a Section,
    site: String,
    what: String,
    change: Change,
    allow: Option<usize>,
}

enum Change {
    /// The value of `RUNTIME_MUTANT`: see runtime-core/src/base/shim/mutant.rs.
    Site(String),
    /// The text of the whole mutated file.
    Text(String),
}

/// The models' verdict on a mutant.
enum Verdict {
    KilledBy(String),
    Survived,
    /// No model reaches the site.
    Unreached,
}

pub fn run(args: &Args, sections: &[Section]) -> Outcome {
    let root = env::root();
    let mut work = Vec::new();
    for section in sections.iter().filter(|s| !s.is_logic) {
        let source = fs::read_to_string(root.join(&section.file))?;
        for mutant in mutants(section, &source)? {
            if wanted(&mutant.name(), &args.filter) {
                work.push(mutant);
            }
        }
    }
    if args.list {
        for mutant in &work {
            println!("{}", mutant.name());
        }
        return Ok(true);
    }
    let mut built: Vec<(&str, Vec<Model>)> = Vec::new();
    for mutant in &work {
        let krate = krate(&mutant.section.file);
        if !built.iter().any(|(name, _)| *name == krate) {
            let models = build(&root, &env::target_dir().join("loom"), &[krate])?;
            built.push((krate, models));
        }
    }
    let (next, tally) = (AtomicUsize::new(0), Mutex::new(Tally::default()));
    thread::scope(|scope| {
        for worker in 0..args.jobs.max(1) {
            let (work, built, next, tally) = (&work, &built, &next, &tally);
            scope.spawn(move || {
                // Ordering: Relaxed; a ticket.
                while let Some(mutant) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let krate = krate(&mutant.section.file);
                    let mut models = built.iter().filter(|(name, _)| *name == krate);
                    let models = &models.next().expect("built above").1;
                    let verdict = judge(mutant, models, args.timeout, worker);
                    let mut tally = tally.lock().unwrap_or_else(|e| e.into_inner());
                    tally.count(mutant, verdict.map_err(|e| e.to_string()));
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap_or_else(|e| e.into_inner());
    let stale: Vec<String> = sections
        .iter()
        .filter(|s| !s.is_logic)
        .flat_map(|s| s.stale(args.filter.is_empty()))
        .collect();
    println!("{}", tally.report(&stale));
    Ok(tally.holds() && stale.is_empty())
}

#[derive(Default)]
struct Tally {
    killed: usize,
    accepted: usize,
    survived: Vec<String>,
    /// Mutants that the models could not run.
    untried: Vec<String>,
}

impl Tally {
    fn count(&mut self, mutant: &Mutant<'_>, verdict: Result<Verdict, String>) {
        let name = mutant.name();
        let how = match verdict {
            Ok(Verdict::KilledBy(model)) => {
                self.killed += 1;
                return println!("killed    {name} by {model}");
            }
            Ok(Verdict::Survived) => "SURVIVED ",
            Ok(Verdict::Unreached) => "UNREACHED",
            Err(error) => {
                // A reason accepts what the models cannot see; it does not excuse that they were not run.
                println!("UNTRIED   {name}\n{error}");
                return self.untried.push(name);
            }
        };
        match mutant.allow {
            Some(at) => {
                self.accepted += 1;
                println!("accepted  {name}: {}", mutant.section.accept(at));
            }
            None => {
                println!("{how} {name}");
                self.survived.push(format!("{how} {name}"));
            }
        }
    }

    fn holds(&self) -> bool {
        self.survived.is_empty() && self.untried.is_empty()
    }

    fn report(&self, stale: &[String]) -> String {
        let mut text = format!(
            "{} killed, {} accepted with a reason, {} survived, {} could not be tried, {} reasons out of date",
            self.killed,
            self.accepted,
            self.survived.len(),
            self.untried.len(),
            stale.len()
        );
        let untried = self.untried.iter().map(|name| format!("UNTRIED   {name}"));
        for line in self
            .survived
            .iter()
            .cloned()
            .chain(untried)
            .chain(stale.iter().cloned())
        {
            text.push_str("\n    ");
            text.push_str(&line);
        }
        text
    }
}

/// Runs the models on the mutant. An error: they could not be run.
fn judge(
    mutant: &Mutant<'_>,
    models: &[Model],
    timeout: u64,
    worker: usize,
) -> Result<Verdict, Box<dyn std::error::Error>> {
    let section = mutant.section;
    let dir = env::target_dir().join("mutants");
    fs::create_dir_all(&dir)?;
    let log = dir.join(format!("model-{worker}.log"));
    let limit = Duration::from_secs(timeout);
    let fresh;
    let (models, variable) = match &mutant.change {
        Change::Site(site) => (models, Some(site.as_str())),
        Change::Text(text) => {
            let copy = dir.join(format!("tree-{worker}"));
            let is_mutated = |name: &Path| name == Path::new(&section.file);
            tree::copy(&env::root(), &copy, &is_mutated)?;
            env::write_if_changed(&copy.join(&section.file), text)?;
            // For cargo, copies of the tree are the same package: in one target directory, a build would replace another copy's models.
            let target = dir.join(format!("build-{worker}"));
            fresh = build(&copy, &target, &[krate(&section.file)])?;
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

impl Mutant<'_> {
    fn name(&self) -> String {
        format!("{} [{}]", self.site, self.what)
    }
}

fn mutants<'a>(section: &'a Section, source: &str) -> Result<Vec<Mutant<'a>>, String> {
    let mut found = Vec::new();
    for call in calls(source) {
        let line = source.lines().nth(call.line - 1).unwrap_or_default();
        for (at, what, weaker) in call.weakened() {
            found.push(Mutant {
                section,
                site: format!("{}:{}: {}", section.file, call.line, line.trim()),
                change: Change::Site(format!(
                    "{}:{}:{}:{at}:{weaker}",
                    section.file, call.line, call.column
                )),
                allow: section.allow(&call.text, &what),
                what,
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
            section,
            site: format!("{}: {from}", section.file),
            what: format!("=> {to}"),
            change: Change::Text(source.replacen(from.as_str(), to, 1)),
            allow: section.allow(from, ""),
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::{Tally, Verdict, mutants};
    use crate::mutants::table;

    const SOURCE: &str = "fn f() {
        a.store(1, Ordering::Release);
        b.load(Ordering::Acquire);
        step();
    }";

    #[test]
    fn a_mutant_that_could_not_be_tried_fails_the_run_and_is_named() {
        let table = "[a/src/x.rs]\nallow = a.store( | hint\nallow = step(); | why\nallow = gone( | old\nreplace = step(); => ;";
        let sections = table::read(table).unwrap();
        let found = mutants(&sections[0], SOURCE).unwrap();
        assert_eq!(found.len(), 3);
        let mut tally = Tally::default();
        tally.count(&found[0], Ok(Verdict::Survived));
        tally.count(&found[1], Ok(Verdict::KilledBy("model".to_owned())));
        assert!(tally.holds());
        // A written reason does not make up for a build that failed.
        tally.count(&found[2], Err("no such file or directory".to_owned()));
        assert!(!tally.holds());
        assert_eq!((tally.killed, tally.accepted), (1, 1));
        let stale = sections[0].stale(true);
        let report = tally.report(&stale);
        assert!(
            report.contains("UNTRIED   a/src/x.rs: step(); [=> ;]"),
            "{report}"
        );
        assert!(
            report.contains("means no mutant: allow = gone("),
            "{report}"
        );
        assert!(
            report.contains("is needed by no survivor: allow = step();"),
            "{report}"
        );
    }

    #[test]
    fn a_replacement_whose_text_is_gone_is_an_error() {
        let sections = table::read("[a/src/x.rs]\nreplace = gone(); => ;").unwrap();
        assert!(mutants(&sections[0], SOURCE).is_err());
    }
}
