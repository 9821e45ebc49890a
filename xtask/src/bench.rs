//! `cargo xtask bench`: runs the paired benches and writes `docs/BENCHMARKS.md`.
//!
//! The benches are a workspace of their own, with the real tokio beside selvedge. Three programs are run: `paired`
//! (the ratios), `footprint` (memory, stalls, idle wake-ups) and the criterion bench `limits` (what the machine itself
//! charges). What they print is kept under the target folder, so that a page can be written again without measuring,
//! and so that a filtered run replaces only the rows it measured. The table shows every workload, losses first: what
//! is not flattering is on top. `benches/NOTES.md`, where the time goes in the losing rows, is appended.

use crate::{Outcome, env};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

#[derive(clap::Args)]
pub struct Args {
    /// Only workloads whose name contains this; commas separate alternatives.
    filter: Option<String>,
    /// Rounds of each workload.
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// Do not measure: write the page from what was measured last.
    #[arg(long)]
    report_only: bool,
}

pub fn run(args: &Args) -> Outcome {
    let benches = env::root().join("benches");
    let target = env::target_dir().join("benches");
    fs::create_dir_all(&target)?;
    let (ratios, footprint) = (target.join("paired.txt"), target.join("footprint.txt"));
    if !args.report_only {
        let cargo = |words: &[&str]| -> Result<String, Box<dyn std::error::Error>> {
            let mut command = env::cargo();
            command.current_dir(&benches).args(words);
            command.env("CARGO_TARGET_DIR", &target);
            command.env("CRITERION_HOME", target.join("criterion"));
            let output = command.stderr(std::process::Stdio::inherit()).output()?;
            if !output.status.success() {
                return Err(format!("cargo {} failed", words.join(" ")).into());
            }
            Ok(String::from_utf8(output.stdout)?)
        };
        let rounds = args.rounds.to_string();
        let mut paired = vec!["run", "--release", "--bin", "paired", "--", &rounds];
        let mut measured = String::new();
        if let Some(filter) = &args.filter {
            paired.push(filter);
            measured = fs::read_to_string(&ratios).unwrap_or_default();
        }
        measured.push_str(&cargo(&paired)?);
        fs::write(&ratios, measured)?;
        if args.filter.is_none() {
            fs::write(
                &footprint,
                cargo(&["run", "--release", "--bin", "footprint"])?,
            )?;
            cargo(&["bench", "--bench", "limits"])?;
        }
    }
    let notes = fs::read_to_string(benches.join("NOTES.md"))?;
    let page = page(
        &rows(&fs::read_to_string(&ratios)?),
        &notes,
        &fs::read_to_string(&footprint).unwrap_or_default(),
        &limits(&target.join("criterion/limits")),
    )?;
    env::write_if_changed(&env::root().join("docs/BENCHMARKS.md"), &page)?;
    print!("{page}");
    Ok(true)
}

/// One line of what `paired` prints.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Row {
    ours: f64,
    theirs: f64,
    ratio: f64,
    quartiles: (f64, f64),
}

/// The rows by name; of a workload measured twice the later.
fn rows(text: &str) -> BTreeMap<&str, Row> {
    let row = |line: &'_ str| -> Option<Row> {
        let mut cells = line.split('|').map(str::trim).skip(2);
        let mut number = || cells.next()?.parse().ok();
        let (ours, theirs, ratio) = (number()?, number()?, number()?);
        let (low, high) = cells.next()?.split_once("..")?;
        Some(Row {
            ours,
            theirs,
            ratio,
            quartiles: (low.parse().ok()?, high.parse().ok()?),
        })
    };
    text.lines()
        .filter_map(|line| Some((line.split('|').nth(1)?.trim(), row(line)?)))
        .collect()
}

/// Medians of the criterion group `limits`, in nanoseconds.
fn limits(dir: &Path) -> BTreeMap<String, f64> {
    let median = |path: &Path| -> Option<f64> {
        let text = fs::read_to_string(path.join("new/estimates.json")).ok()?;
        serde_json::from_str::<Value>(&text).ok()?["median"]["point_estimate"].as_f64()
    };
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            Some((name, median(&entry.path())?))
        })
        .collect()
}

fn page(
    rows: &BTreeMap<&str, Row>,
    notes: &str,
    footprint: &str,
    limits: &BTreeMap<String, f64>,
) -> Result<String, Box<dyn std::error::Error>> {
    if rows.is_empty() {
        return Err("nothing has been measured".into());
    }
    let mut sorted: Vec<(&str, Row)> = rows.iter().map(|(name, row)| (*name, *row)).collect();
    sorted.sort_by(|a, b| b.1.ratio.total_cmp(&a.1.ratio));
    let logs = sorted.iter().map(|r| r.1.ratio.ln()).sum::<f64>();
    let mean = (logs / sorted.len() as f64).exp();
    let slower = sorted.iter().filter(|r| r.1.ratio > 1.05).count();

    let mut out = String::from("# Benchmarks against tokio 1.54.1\n\n");
    writeln!(out, "Written by `cargo xtask bench`. {}\n", env::machine())?;
    writeln!(
        out,
        "Each workload is one source (`benches/src/suite/`), compiled for both runtimes and measured in one process, in\n\
         turn. The ratio is selvedge's median time over tokio's: below 1 selvedge is faster. Worst first. The quartiles\n\
         are those of the ratios of neighbouring rounds; where they lie on both sides of 1, the row says \"unclear\".\n"
    )?;
    writeln!(
        out,
        "**Geometric mean {mean:.2}** over {} workloads; {slower} above 1.05.\n",
        sorted.len()
    )?;
    out.push_str(
        "| workload | selvedge | tokio | ratio | quartiles | |\n|---|---:|---:|---:|---:|---|\n",
    );
    for (name, row) in &sorted {
        let (low, high) = row.quartiles;
        let remark = match () {
            () if low <= 1.0 && high >= 1.0 => "unclear",
            () if row.ratio > 1.0 => "slower",
            () => "",
        };
        let (a, b, ratio) = (duration(row.ours), duration(row.theirs), row.ratio);
        writeln!(
            out,
            "| {name} | {a} | {b} | {ratio:.2} | {low:.2}..{high:.2} | {remark} |"
        )?;
    }
    if !footprint.is_empty() {
        writeln!(
            out,
            "\n## Memory, stalls and rest\n\n{}",
            footprint.trim_end()
        )?;
    }
    if !limits.is_empty() {
        out.push_str("\n## What the machine itself charges\n\n| operation | time |\n|---|---:|\n");
        for (name, median) in limits {
            writeln!(out, "| {name} | {} |", duration(*median))?;
        }
    }
    writeln!(out, "\n{}", notes.trim())?;
    Ok(out)
}

fn duration(ns: f64) -> String {
    match ns {
        _ if ns < 1e3 => format!("{ns:.1} ns"),
        _ if ns < 1e6 => format!("{:.2} us", ns / 1e3),
        _ if ns < 1e9 => format!("{:.2} ms", ns / 1e6),
        _ => format!("{:.2} s", ns / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_rows_replace_earlier_ones_and_headings_are_skipped() {
        let text = "| workload | a | b | ratio | quartiles |\n|---|---:|---:|---:|---:|\n\
                    | x | 10 | 20 | 0.50 | 0.40..0.60 |\n| x | 30 | 20 | 1.50 | 1.40..1.60 |\n";
        let rows = rows(text);
        assert_eq!(rows.len(), 1);
        assert_eq!(rows["x"].ratio, 1.5);
        assert_eq!(rows["x"].quartiles, (1.4, 1.6));
    }
}
