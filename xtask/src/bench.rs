//! `cargo xtask bench`: runs the paired benches and writes `docs/BENCHMARKS.md`.
//!
//! The benches are a workspace of their own, with the real tokio beside selvedge. A criterion group is
//! one workload, with the functions `selvedge` and `tokio`; the group `limits` holds what the machine
//! itself charges. `benches/NOTES.md`, what is known of the losses, is appended. The table shows every workload, losses first: what is not flattering is on top.

use crate::{Outcome, env};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(clap::Args)]
pub struct Args {
    /// Only workloads whose name contains this.
    filter: Option<String>,
    /// Do not measure: write the page from what was measured last.
    #[arg(long)]
    report_only: bool,
}

/// Where the table of the last footprints is kept.
const FOOTPRINT: &str = "footprint.md";

/// Median of one function, with its confidence interval, in nanoseconds.
struct Median {
    value: f64,
    low: f64,
    high: f64,
}

pub fn run(args: &Args) -> Outcome {
    let benches = env::root().join("benches");
    let target = env::target_dir().join("benches");
    let results = target.join("criterion");
    if !args.report_only {
        if args.filter.is_none() {
            let _ = fs::remove_dir_all(&results);
        }
        let mut command = env::cargo();
        command
            .current_dir(&benches)
            .args(["bench", "--target-dir"])
            .arg(&target)
            .env("CRITERION_HOME", &results);
        command.args(["--bench", "suite", "--bench", "limits"]);
        if let Some(filter) = &args.filter {
            command.args(["--", filter]);
        }
        if !command.status()?.success() {
            return Err("the benches failed".into());
        }
        if args.filter.is_none() {
            let output = env::cargo()
                .current_dir(&benches)
                .args(["run", "--release", "--bin", "footprint", "--target-dir"])
                .arg(&target)
                .output()?;
            if !output.status.success() {
                return Err("the footprints could not be taken".into());
            }
            fs::write(target.join(FOOTPRINT), &output.stdout)?;
        }
    }
    let mut groups = BTreeMap::new();
    collect(&results, &results, &mut groups)?;
    if groups.is_empty() {
        return Err("nothing has been measured".into());
    }
    let mut page = page(&groups)?;
    if let Ok(footprint) = fs::read_to_string(target.join(FOOTPRINT)) {
        writeln!(page, "\n## Memory, stalls and rest\n\n{}", footprint.trim())?;
    }
    let notes = fs::read_to_string(benches.join("NOTES.md"))?;
    writeln!(page, "\n{}", notes.trim())?;
    let path = env::root().join("docs/BENCHMARKS.md");
    env::write_if_changed(&path, &page)?;
    print!("{page}");
    Ok(true)
}

type Groups = BTreeMap<String, BTreeMap<String, Median>>;

/// Finds `GROUP/FUNCTION/new/estimates.json`; a parameter below a function belongs to the group.
fn collect(root: &Path, dir: &Path, groups: &mut Groups) -> Result<(), Box<dyn std::error::Error>> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry?.path();
        if !path.is_dir() {
            continue;
        }
        let estimates = path.join("estimates.json");
        if path.ends_with("new") && estimates.exists() {
            let relative: PathBuf = dir.strip_prefix(root)?.to_path_buf();
            let mut parts: Vec<String> = relative
                .iter()
                .map(|p| p.to_string_lossy().into_owned())
                .collect();
            let at = parts
                .iter()
                .position(|p| p == "selvedge" || p == "tokio")
                .unwrap_or(parts.len() - 1);
            let function = parts.remove(at);
            groups
                .entry(parts.join("/"))
                .or_default()
                .insert(function, median(&estimates)?);
        } else {
            collect(root, &path, groups)?;
        }
    }
    Ok(())
}

fn median(path: &Path) -> Result<Median, Box<dyn std::error::Error>> {
    let json: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
    let median = &json["median"];
    let number = |v: &Value| v.as_f64().ok_or("estimates.json holds no median");
    Ok(Median {
        value: number(&median["point_estimate"])?,
        low: number(&median["confidence_interval"]["lower_bound"])?,
        high: number(&median["confidence_interval"]["upper_bound"])?,
    })
}

fn page(groups: &Groups) -> Result<String, std::fmt::Error> {
    let mut rows: Vec<(&str, &Median, &Median, f64)> = groups
        .iter()
        .filter_map(|(name, functions)| {
            let (ours, theirs) = (functions.get("selvedge")?, functions.get("tokio")?);
            Some((name.as_str(), ours, theirs, theirs.value / ours.value))
        })
        .collect();
    rows.sort_by(|a, b| a.3.total_cmp(&b.3));
    let mean = (rows.iter().map(|r| r.3.ln()).sum::<f64>() / rows.len().max(1) as f64).exp();
    let losses = rows.iter().filter(|r| r.3 < 1.0).count();

    let mut out = String::from("# Benchmarks against tokio 1.54.1\n\n");
    writeln!(out, "Written by `cargo xtask bench`. {}\n", machine())?;
    writeln!(
        out,
        "Each workload is one source, compiled for both runtimes and measured in one process, one right\n\
         after the other. The ratio is tokio's median over selvedge's: above 1 selvedge is faster. Worst first.\n\
         \"unclear\" marks pairs whose confidence intervals overlap.\n"
    )?;
    writeln!(
        out,
        "**Geometric mean {mean:.2}** over {} workloads; selvedge is slower in {losses}.\n",
        rows.len()
    )?;
    out.push_str("| workload | selvedge | tokio | ratio | |\n|---|---:|---:|---:|---|\n");
    for (name, ours, theirs, ratio) in &rows {
        let unclear = ours.low <= theirs.high && theirs.low <= ours.high;
        let remark = if unclear {
            "unclear"
        } else if *ratio < 1.0 {
            "slower"
        } else {
            ""
        };
        let (a, b) = (duration(ours.value), duration(theirs.value));
        writeln!(out, "| {name} | {a} | {b} | {ratio:.2} | {remark} |")?;
    }
    let singles: Vec<(&str, &Median)> = groups
        .iter()
        .filter(|(name, _)| name.as_str() == "limits")
        .flat_map(|(_, functions)| functions.iter().map(|(f, m)| (f.as_str(), m)))
        .collect();
    if !singles.is_empty() {
        out.push_str("\n## What the machine itself charges\n\n| operation | time |\n|---|---:|\n");
        for (name, median) in singles {
            writeln!(out, "| {name} | {} |", duration(median.value))?;
        }
    }
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

fn machine() -> String {
    let text = |command: &str, args: &[&str]| {
        let output = Command::new(command).args(args).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned()).filter(|t| !t.is_empty())
    };
    let unknown = || "unknown".to_owned();
    let cpu = fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|t| {
            t.lines().find_map(|l| {
                l.strip_prefix("model name")?
                    .split_once(": ")
                    .map(|(_, n)| n.to_owned())
            })
        })
        .unwrap_or_else(unknown);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = text("uname", &["-sr"]).unwrap_or_else(unknown);
    let rustc = text("rustc", &["--version"]).unwrap_or_else(unknown);
    let date = text("date", &["-u", "+%F"]).unwrap_or_else(unknown);
    format!("{date}; {cpu}, {cores} cores; {kernel}; {rustc}.")
}
