//! Logic mutants: one small fault in the logic of a protocol file. Models, unit tests and a quick set of integration tests judge it.
//!
//! ```text
//! find   a file's syntax tree        -> the faults that can be planted
//! weave  faults and text             -> one text with all faults in it, each behind `is(NUMBER)`
//! build  a copy of the workspace     -> the judges, built once for all mutants
//! judge  each judge, no fault chosen -> which faults it reaches, and how long it takes
//!        each fault                  -> killed by the first judge that fails or hangs, of those that reach it
//! ```
//!
//! Not mutated: code that macros define (`macro_rules!`, `const_fn!`, `pin_project!`), constants and `const fn`.

mod build;
mod find;
mod judge;
mod weave;

use super::table::Section;
use super::{Args, krate};
use crate::loom::wanted;
use crate::{Outcome, env};
use build::{File, Tree};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

/// A mutant to be judged.
struct Mutant<'a> {
    /// The number that selects the mutant in the woven text.
    number: u32,
    file: &'a str,
    section: &'a Section,
    /// `file:line: fn name: text [what]`.
    name: String,
    allow: Option<usize>,
}

pub fn run(args: &Args, sections: &[Section]) -> Outcome {
    let sections: Vec<&Section> = sections.iter().filter(|s| s.is_logic).collect();
    let names = files(&sections)?;
    let tests = sections
        .iter()
        .flat_map(|s| s.tests.iter().cloned())
        .collect();
    let mut tree = Tree::new(&names, tests)?;
    if args.list {
        for mutant in mutants(&tree.files, &sections, &args.filter) {
            println!("{}", mutant.name);
        }
        return Ok(true);
    }
    let mut wanted = build::Wanted::default();
    for mutant in mutants(&tree.files, &sections, &args.filter) {
        wanted.crates.insert(krate(mutant.file).to_owned());
        wanted.tests.extend(mutant.section.tests.iter().cloned());
    }
    let tests = tree.build(&wanted)?;
    let mut work = mutants(&tree.files, &sections, &args.filter);
    let all = work.len();
    if let Some(count) = args.sample {
        draw(&mut work, count, args.seed);
    }
    println!("{} of {all} mutants", work.len());
    let judges = judge::Judges::measure(tests, &work, args)?;
    let tally = judges.judge(&work, args);
    let is_all = args.filter.is_empty() && args.sample.is_none();
    let stale: Vec<String> = sections.iter().flat_map(|s| s.stale(is_all)).collect();
    println!("{}", report(&work, &tally, &stale, judges.failing()));
    let holds = tally
        .iter()
        .all(|t| !matches!(t.verdict, judge::Verdict::Lives { .. }));
    Ok(holds && stale.is_empty() && judges.failing().is_empty())
}

/// The files of the sections, without their tests.
fn files(sections: &[&Section]) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let root = env::root();
    let mut names = BTreeSet::new();
    for section in sections {
        let path = root.join(&section.file);
        let found = if path.is_dir() {
            env::files_below(&path, "rs")?
        } else if path.exists() {
            vec![path]
        } else {
            return Err(format!("mutants.txt: there is no {}", section.file).into());
        };
        for file in found {
            let name = file.strip_prefix(&root)?.display().to_string();
            if !name.contains("/tests") {
                names.insert(name);
            }
        }
    }
    Ok(names.into_iter().collect())
}

/// The mutants that compile. The section of a file is the one with the longest prefix.
fn mutants<'a>(files: &'a [File], sections: &[&'a Section], filter: &[String]) -> Vec<Mutant<'a>> {
    let mut found = Vec::new();
    for file in files {
        let meant = sections
            .iter()
            .filter(|s| Path::new(&file.name).starts_with(&s.file));
        let section = meant
            .max_by_key(|s| s.file.len())
            .expect("listed by a section");
        let lines: Vec<&str> = file.source.lines().collect();
        for (at, fault) in file.found.faults.iter().enumerate() {
            if file.banned.contains(&at) {
                continue;
            }
            let line = lines.get(fault.line - 1).unwrap_or(&"").trim();
            let (what, function) = (&fault.what, &fault.function);
            let text = format!("{}: fn {function}: {line}", file.name);
            let allow = section.allow(&text, what);
            let name = format!(
                "{}:{}: fn {function}: {line} [{what}]",
                file.name, fault.line
            );
            if wanted(&name, filter) {
                found.push(Mutant {
                    number: (file.base + at) as u32,
                    file: &file.name,
                    section,
                    name,
                    allow,
                });
            }
        }
    }
    found
}

/// Keeps `count` of them, drawn at random; the same seed gives the same choice.
fn draw<T>(work: &mut Vec<T>, count: usize, seed: u64) {
    let mut state = seed;
    for at in 0..count.min(work.len()) {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let other = at + ((mixed ^ (mixed >> 31)) as usize) % (work.len() - at);
        work.swap(at, other);
    }
    work.truncate(count);
}

fn report(
    work: &[Mutant<'_>],
    tally: &[judge::Judged],
    stale: &[String],
    failing: &[String],
) -> String {
    use judge::Verdict;
    let mut text = String::from("\n killed  accepted  survived  unreached  seconds  file\n");
    let mut files: BTreeMap<&str, ([usize; 4], Duration)> = BTreeMap::new();
    let mut alive = BTreeSet::new();
    for judged in tally {
        let mutant = &work[judged.at];
        let (counts, took) = files.entry(mutant.file).or_default();
        *took += judged.took;
        let which = match &judged.verdict {
            Verdict::Killed => 0,
            Verdict::Accepted => 1,
            Verdict::Lives { is_reached } => {
                let how = if *is_reached {
                    "SURVIVED "
                } else {
                    "UNREACHED"
                };
                alive.insert((mutant.number, format!("    {how} {}\n", mutant.name)));
                if *is_reached { 2 } else { 3 }
            }
        };
        counts[which] += 1;
    }
    for (file, (counts, took)) in files {
        let [killed, accepted, survived, unreached] = counts;
        let took = took.as_secs();
        text += &format!("{killed:7} {accepted:9} {survived:9} {unreached:10} {took:8}  {file}\n");
    }
    alive.into_iter().for_each(|(_, line)| text += &line);
    for line in stale {
        text += &format!("    {line}\n");
    }
    for name in failing {
        text += &format!("    fails without a mutant, and did not judge: {name}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::find::find;
    use super::weave::weave;
    use std::collections::BTreeSet;

    fn woven(source: &str, banned: &[usize]) -> (String, Vec<String>) {
        let found = find(source).unwrap();
        let banned: BTreeSet<usize> = banned.iter().copied().collect();
        let woven = weave(source, &found, &banned, 0, "is");
        let text = woven.text.split_whitespace().collect::<Vec<_>>().join(" ");
        (text, found.faults.into_iter().map(|f| f.what).collect())
    }

    #[test]
    fn faults_are_woven_behind_questions() {
        let (text, faults) = woven("fn f() -> bool { a < b }", &[]);
        assert_eq!(
            text,
            "fn f() -> bool { (is(0) ^ ((if is(1) { a <= b } else { a < b }))) }"
        );
        assert_eq!(faults, ["comparison negated", "< -> <="]);
    }

    #[test]
    fn statements_are_left_out_and_swapped() {
        let (text, faults) = woven("fn f() { a(); b(); }", &[]);
        assert_eq!(
            text,
            "fn f() { if is(1) { b();; a();; } else { if !is(0) { a();; } if !is(2) { b();; }} }"
        );
        assert_eq!(faults, ["left out", "swapped with the next", "left out"]);
        let (text, _) = woven("fn f() { a(); b(); }", &[0, 1]);
        assert_eq!(text, "fn f() { a(); if !is(2) { b();; } }");
    }

    #[test]
    fn values_and_constants_stay_whole() {
        for source in [
            "const A: usize = 1 + 2;",
            "const fn f() -> usize { 1 + 2 }",
            "fn f() -> [u8; 4] { g() }",
            "#[cfg(test)] mod tests { fn f() { a(); } }",
            "impl Debug for X { fn fmt(&self) { a(); } }",
            "fn f() -> X { let Some(x) = y else { panic() }; x }",
        ] {
            let (text, faults) = woven(source, &[]);
            assert_eq!((text.as_str(), faults.len()), (source, 0));
        }
    }

    #[test]
    fn early_returns_arms_and_booleans_are_found() {
        let (_, faults) = woven(
            "fn f() { if a && b { return; } match x { 1 => g(), _ => h(true) } }",
            &[],
        );
        for fault in [
            "condition negated",
            "&& -> ||",
            "return left out",
            "arm left out",
            "true -> false",
        ] {
            assert!(
                faults.iter().any(|f| f == fault),
                "{fault} is not in {faults:?}"
            );
        }
    }

    #[test]
    fn a_draw_is_the_same_for_the_same_seed() {
        let draw = |seed| {
            let mut all: Vec<u32> = (0..100).collect();
            super::draw(&mut all, 10, seed);
            all
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_eq!(draw(1).iter().collect::<BTreeSet<_>>().len(), 10);
    }
}
