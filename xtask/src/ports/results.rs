//! The results of the tests, kept between runs below the target directory, and the page's section about them.

use super::machine::{MACHINES, Machine};
use super::suites::{PUBLISHED, SUITES, is_for, why};
use crate::env;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

/// The results of a suite on a processor.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Ran {
    pub(super) target: String,
    pub(super) suite: String,
    by: String,
    date: String,
    pub(super) passed: BTreeSet<String>,
    /// Tests that passed by themselves, after they had failed beside others.
    pub(super) again: BTreeSet<String>,
    pub(super) ignored: BTreeSet<String>,
    /// Failed tests, with the reason.
    pub(super) failed: BTreeMap<String, String>,
}

impl Ran {
    pub(super) fn new(machine: &Machine, suite: &str) -> Ran {
        Ran {
            target: machine.target.to_owned(),
            suite: suite.to_owned(),
            by: machine.by(),
            date: env::date(),
            ..Ran::default()
        }
    }

    fn has_passed(&self, test: &str) -> bool {
        self.passed.contains(test) || self.again.contains(test)
    }

    fn as_json(&self) -> Value {
        json!({
            "target": self.target, "suite": self.suite, "by": self.by, "date": self.date,
            "passed": self.passed, "again": self.again, "ignored": self.ignored, "failed": self.failed,
        })
    }

    fn from_json(value: &Value) -> Ran {
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let set = |name: &str| {
            let names = value[name].as_array().into_iter().flatten();
            names
                .filter_map(|name| Some(name.as_str()?.to_owned()))
                .collect()
        };
        let failed = value["failed"].as_object().into_iter().flatten();
        let failed =
            failed.map(|(test, why)| (test.clone(), why.as_str().unwrap_or_default().to_owned()));
        Ran {
            target: text("target"),
            suite: text("suite"),
            by: text("by"),
            date: text("date"),
            passed: set("passed"),
            again: set("again"),
            ignored: set("ignored"),
            failed: failed.collect(),
        }
    }
}

/// The newest result of each suite on each processor.
#[derive(Default)]
pub(super) struct Results(Vec<Ran>);

impl Results {
    fn path() -> PathBuf {
        env::target_dir().join("ports/results.json")
    }

    pub(super) fn kept() -> Results {
        let text = fs::read_to_string(Results::path()).unwrap_or_default();
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        Results(
            value
                .as_array()
                .into_iter()
                .flatten()
                .map(Ran::from_json)
                .collect(),
        )
    }

    /// Adds a result in place of an older one, and stores all. It first reads what commands that run at the same time have stored.
    pub(super) fn add(&mut self, ran: Ran) -> std::io::Result<()> {
        *self = Results::kept();
        self.put(ran);
        let all: Vec<Value> = self.0.iter().map(Ran::as_json).collect();
        fs::write(Results::path(), Value::Array(all).to_string())
    }

    fn put(&mut self, ran: Ran) {
        self.0
            .retain(|old| (&old.target, &old.suite) != (&ran.target, &ran.suite));
        self.0.push(ran);
    }

    fn of(&self, target: &str, suite: &str) -> Option<&Ran> {
        self.0
            .iter()
            .find(|ran| ran.target == target && ran.suite == suite)
    }

    /// Did all tests pass there, except those with a known reason?
    pub(super) fn are_fine(&self, machine: &Machine) -> bool {
        let is_known = |ran: &Ran| {
            ran.failed
                .keys()
                .all(|test| why(machine, &ran.suite, test).is_some())
        };
        self.0
            .iter()
            .filter(|ran| ran.target == machine.target && is_for(machine, &ran.suite))
            .all(is_known)
    }

    /// The page's section. For processors without a kept result, it takes the part of `old`.
    pub(super) fn section(&self, old: &str) -> String {
        let mut text = String::new();
        for machine in &MACHINES {
            let heading = format!("### {}\n", machine.target);
            let block = match self.block(machine) {
                Some(block) => format!("{heading}\n{block}\n"),
                None => old_block(old, &heading),
            };
            text.push_str(&block);
        }
        text
    }

    fn block(&self, machine: &Machine) -> Option<String> {
        let suites = SUITES.into_iter().chain([PUBLISHED]);
        let suites = suites.filter(|suite| is_for(machine, suite));
        let rows: Vec<&Ran> = suites
            .filter_map(|suite| self.of(machine.target, suite))
            .collect();
        let mut table = String::from(
            "| tests | passed | of these at the second try | failed | ignored | pass on x86-64, not here | run by | on |\n|---|---|---|---|---|---|---|---|\n",
        );
        let mut total = [0; 5];
        let mut common = (0, 0);
        let (mut failed, mut absent, mut again) = (String::new(), String::new(), String::new());
        for ran in rows.iter().copied() {
            let missing = self.missing(ran);
            if let Some(model) = self.of(MACHINES[0].target, &ran.suite) {
                let asked = model.passed.len() + model.again.len();
                common = (common.0 + asked - missing.len(), common.1 + asked);
            }
            let figures = [
                ran.passed.len() + ran.again.len(),
                ran.again.len(),
                ran.failed.len(),
                ran.ignored.len(),
                missing.len(),
            ];
            let [a, b, c, d, e] = figures;
            let _ = writeln!(
                table,
                "| `{}` | {a} | {b} | {c} | {d} | {e} | {} | {} |",
                ran.suite, ran.by, ran.date
            );
            total
                .iter_mut()
                .zip(figures)
                .for_each(|(sum, figure)| *sum += figure);
            for (test, told) in &ran.failed {
                let why = why(machine, &ran.suite, test)
                    .map_or_else(|| format!("not yet known why: {told}"), str::to_owned);
                let _ = writeln!(failed, "- `{}`, `{test}`: {why}", ran.suite);
            }
            for test in missing
                .iter()
                .filter(|test| !ran.failed.contains_key(**test))
            {
                let why = why(machine, &ran.suite, test).unwrap_or("without a result here");
                let _ = writeln!(absent, "- `{}`, `{test}`: {why}", ran.suite);
            }
            for test in &ran.again {
                let _ = writeln!(again, "- `{}`, `{test}`", ran.suite);
            }
        }
        if rows.is_empty() {
            return None;
        }
        let [a, b, c, d, e] = total;
        let _ = writeln!(table, "| all | {a} | {b} | {c} | {d} | {e} | | |");
        if machine.target != MACHINES[0].target {
            let share = 100.0 * common.0 as f64 / common.1.max(1) as f64;
            let _ = write!(
                table,
                "\nOf {} tests that pass on x86-64, {} pass here ({share:.2} %).\n",
                common.1, common.0
            );
        }
        for (what, list) in [
            ("What fails", failed),
            ("What is not there", absent),
            ("What passed at the second try, by itself", again),
        ] {
            if !list.is_empty() {
                let _ = write!(table, "\n{what}:\n{list}");
            }
        }
        Some(table)
    }

    /// Tests that passed on x86-64 and did not pass here.
    fn missing<'a>(&'a self, ran: &Ran) -> Vec<&'a str> {
        let model = self.of(MACHINES[0].target, &ran.suite);
        let asked = model
            .into_iter()
            .flat_map(|model| model.passed.iter().chain(&model.again));
        asked
            .map(String::as_str)
            .filter(|test| !ran.has_passed(test))
            .collect()
    }
}

/// The part of `old` from that heading to the next.
fn old_block(old: &str, heading: &str) -> String {
    let Some(start) = old.find(heading) else {
        return String::new();
    };
    let rest = &old[start..];
    let body = &rest[heading.len()..];
    let end = body.find("\n### ").or_else(|| body.find("\nWritten by"));
    rest[..end.map_or(rest.len(), |end| heading.len() + end + 1)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::{MACHINES, PUBLISHED, Ran, Results, SUITES, old_block};

    fn ran(target: &str, suite: &str, passed: &[&str], failed: &[&str]) -> Ran {
        Ran {
            target: target.to_owned(),
            suite: suite.to_owned(),
            passed: passed.iter().map(|&test| test.to_owned()).collect(),
            failed: failed
                .iter()
                .map(|&test| (test.to_owned(), "left: 1".to_owned()))
                .collect(),
            ..Ran::default()
        }
    }

    #[test]
    fn what_passes_on_x86_64_is_asked_of_the_others() {
        let mut results = Results::default();
        let [model, other] = [MACHINES[0].target, MACHINES[1].target];
        results.put(ran(model, SUITES[0], &["a", "b", "c", "d"], &[]));
        results.put(ran(other, SUITES[0], &["old"], &[]));
        let mut new = ran(other, SUITES[0], &["a"], &["b"]);
        new.again.insert("c".to_owned());
        results.put(new);
        assert!(!results.are_fine(&MACHINES[1]) && results.are_fine(&MACHINES[0]));
        let block = results.block(&MACHINES[1]).unwrap();
        let all = block
            .lines()
            .find(|line| line.starts_with("| all |"))
            .unwrap();
        assert_eq!(all, "| all | 2 | 1 | 1 | 0 | 2 | | |");
        assert!(block.contains("Of 4 tests that pass on x86-64, 2 pass here (50.00 %)."));
        assert!(block.contains("`b`: not yet known why: left: 1\n"));
        assert!(block.contains("`d`: without a result here\n"));
        assert!(block.contains("itself:\n- `runtime_core`, `c`\n"));
    }

    #[test]
    fn what_is_kept_is_read_as_it_was() {
        let mut one = ran("x", PUBLISHED, &["a::b"], &["c"]);
        one.ignored.insert("d".to_owned());
        assert_eq!(Ran::from_json(&one.as_json()), one);
    }

    #[test]
    fn of_processors_that_were_not_run_the_old_text_stays() {
        let first = MACHINES[1].target;
        let mut results = Results::default();
        results.put(ran(first, SUITES[0], &["a"], &[]));
        let mut others = Results::default();
        others.put(ran(MACHINES[2].target, SUITES[0], &["z"], &["y"]));
        let old = format!("text\n\n{}Written by x.\n", others.section(""));
        let text = results.section(&old);
        assert!(text.contains(&format!("### {first}\n")) && text.contains("`y`"));
        assert_eq!(
            old_block(&old, &format!("### {}\n", MACHINES[2].target)),
            others.section("")
        );
        assert_eq!(results.section(&format!("{text}Written by x.\n")), text);
    }
}
