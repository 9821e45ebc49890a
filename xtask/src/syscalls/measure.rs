//! Runs the programs: a server under a tool that counts, and its client beside it.

use super::parse::{self, Workload};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

pub type Error = Box<dyn std::error::Error>;

/// What one operation costs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Costs {
    /// System calls by name.
    pub calls: BTreeMap<String, f64>,
    pub voluntary: f64,
    pub involuntary: f64,
    pub instructions: Option<f64>,
}

impl Costs {
    pub fn all_calls(&self) -> f64 {
        self.calls.values().sum()
    }

    pub fn call(&self, name: &str) -> f64 {
        self.calls.get(name).copied().unwrap_or(0.0)
    }
}

pub struct Programs {
    /// The program `count` of the benches.
    pub program: PathBuf,
    /// For the tools' output.
    pub folder: PathBuf,
}

/// Kills the child when dropped, for the case that something else has failed.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Programs {
    /// The median of `rounds`, taken for each figure separately.
    pub fn cost(&self, workload: &Workload, runtime: &str, rounds: usize) -> Result<Costs, Error> {
        let mut all = Vec::new();
        for _ in 0..rounds.max(1) {
            let calls = |operations| {
                let log = self.folder.join("strace");
                let mut tool = Command::new("strace");
                tool.args(["-f", "-c", "-o"]).arg(&log).arg("--");
                self.run(workload, tool, runtime, operations)?;
                parse::calls(&fs::read_to_string(&log)?)
            };
            let switches = |operations| {
                let tool = Command::new("env");
                parse::switches(&self.run(workload, tool, runtime, operations)?)
            };
            let (few, many) = (calls(workload.few)?, calls(workload.many)?);
            let names: BTreeSet<_> = few.keys().chain(many.keys()).collect();
            let calls = names
                .into_iter()
                .map(|name| {
                    let of = |calls: &BTreeMap<_, u64>| calls.get(name).copied().unwrap_or(0);
                    (name.clone(), workload.cost_of_one(of(&few), of(&many)))
                })
                .collect();
            let (few, many) = (switches(workload.few)?, switches(workload.many)?);
            all.push(Costs {
                calls,
                voluntary: workload.cost_of_one(few.0, many.0),
                involuntary: workload.cost_of_one(few.1, many.1),
                instructions: None,
            });
        }
        Ok(medians(&all))
    }

    /// Instructions, counted by callgrind. The count is repeatable, so one pair of shorter runs is enough.
    pub fn instructions(&self, workload: &Workload, runtime: &str) -> Result<f64, Error> {
        let count = |operations| {
            let log = self.folder.join("callgrind.log");
            let mut tool = Command::new("valgrind");
            tool.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
                .arg(format!("--log-file={}", log.display()));
            self.run(workload, tool, runtime, operations)?;
            parse::instructions(&fs::read_to_string(&log)?)
        };
        let shorter = Workload {
            few: workload.few / 2,
            many: workload.few,
            ..workload.clone()
        };
        Ok(shorter.cost_of_one(count(shorter.few)?, count(shorter.many)?))
    }

    /// Runs the workload under `tool`, and its client if it is a server. Returns what the workload printed.
    fn run(
        &self,
        workload: &Workload,
        mut tool: Command,
        runtime: &str,
        operations: u64,
    ) -> Result<String, Error> {
        let operations = operations.to_string();
        tool.arg(&self.program)
            .args([&workload.name, runtime, &operations])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = Ended(tool.spawn()?);
        let stdout = child.0.stdout.take().ok_or("no output")?;
        let mut said = BufReader::new(stdout).lines();
        if workload.listeners > 0 {
            let mut client = Command::new(&self.program);
            client.args(["client", &workload.name, &operations]);
            for _ in 0..workload.listeners {
                let line = said.next().ok_or("the server said nothing")??;
                let address = line.strip_prefix("listening ").ok_or(line.clone())?;
                client.arg(address);
            }
            if !client.status()?.success() {
                return Err(format!("the client of {} failed", workload.name).into());
            }
        }
        let mut text = String::new();
        for line in said {
            text.push_str(&line?);
            text.push('\n');
        }
        match child.0.wait()?.success() {
            true => Ok(text),
            false => Err(format!("{} on {runtime} failed", workload.name).into()),
        }
    }
}

fn medians(all: &[Costs]) -> Costs {
    let names: BTreeSet<_> = all.iter().flat_map(|costs| costs.calls.keys()).collect();
    Costs {
        calls: names
            .into_iter()
            .map(|name| (name.clone(), median(all.iter().map(|c| c.call(name)))))
            .collect(),
        voluntary: median(all.iter().map(|c| c.voluntary)),
        involuntary: median(all.iter().map(|c| c.involuntary)),
        instructions: None,
    }
}

/// The median; of two values in the middle, the lower.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
        .get(values.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_figure_has_its_own_median_and_a_missing_call_is_none() {
        let costs = |read: Option<f64>, voluntary| Costs {
            calls: read
                .map(|read| ("read".to_owned(), read))
                .into_iter()
                .collect(),
            voluntary,
            ..Costs::default()
        };
        let all = [
            costs(Some(1.0), 9.0),
            costs(Some(3.0), 7.0),
            costs(None, 8.0),
        ];
        let median = medians(&all);
        assert_eq!(median.call("read"), 1.0);
        assert_eq!(median.voluntary, 8.0);
        assert_eq!(median.all_calls(), 1.0);
    }
}
